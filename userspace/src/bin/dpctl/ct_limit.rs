// SPDX-License-Identifier: GPL-2.0

//! The commands for limits of zones: ct-set-limits, ct-del-limits, ct-get-limits.

use crate::context::{
    Context,
    Outcome, //
};
use crate::json;
use odp::uapi::ZoneLimit;
use openvswitch::client::ct_limit::DEFAULT_ZONE;
use rustix::io::Errno;
use serde::Serialize;

/// The number of a zone.
fn zone(text: &str) -> Option<i32> {
    text.parse::<u16>().ok().map(i32::from)
}

/// `zone=N,limit=L`
fn zone_limit(text: &str) -> Result<ZoneLimit, String> {
    let (mut zone_id, mut limit) = (None, None);
    for field in text.split([',', ' ']).filter(|field| !field.is_empty()) {
        let (key, value) = field.split_once('=').unwrap_or((field, ""));
        let bad = || format!("failed to parse field {key}");
        match key {
            _ if value.is_empty() => return Err(format!("field {key} missing value")),
            "zone" => zone_id = Some(zone(value).ok_or_else(bad)?),
            "limit" => limit = Some(value.parse().map_err(|_| bad())?),
            _ => return Err(format!("invalid zone limit field: {key}")),
        }
    }
    match (zone_id, limit) {
        (Some(zone_id), Some(limit)) => Ok(ZoneLimit {
            zone_id,
            limit,
            count: 0,
        }),
        _ => Err("failed to parse zone limit".to_owned()),
    }
}

/// `zone=N[,N]...`
fn zones(text: &str) -> Result<Vec<i32>, String> {
    let Some(zones) = text.strip_prefix("zone=") else {
        return Err(format!("invalid argument {text}"));
    };
    let zones = zones.split(',').map(zone).collect::<Option<_>>();
    zones.ok_or_else(|| "invalid zone".to_owned())
}

/// The arguments after the datapath, of which there must be one.
///
/// The limits are those of the network namespace; the datapath must exist all the same.
fn without_datapath<'a>(context: &mut Context, args: &'a [&'a str]) -> Outcome<&'a [&'a str]> {
    match args {
        [name] if context.find(name).is_ok() => {
            context.fail_errno("too few arguments", Errno::INVAL)
        }
        _ => Ok(context.optional_datapath(args, usize::MAX)?.1),
    }
}

/// `ct-set-limits [DP] [default=L] [zone=N,limit=L]...`
pub(crate) fn set(context: &mut Context, args: &[&str]) -> Outcome {
    let args = without_datapath(context, args)?;
    let limit = |arg: &str| match arg.strip_prefix("default=").map(str::parse) {
        Some(Ok(limit)) => Ok(ZoneLimit {
            zone_id: DEFAULT_ZONE,
            limit,
            count: 0,
        }),
        Some(Err(_)) => Err("invalid default limit".to_owned()),
        None => zone_limit(arg),
    };
    let limits: Vec<_> = match args.iter().map(|arg| limit(arg)).collect() {
        Ok(limits) => limits,
        Err(why) => return context.fail_errno(why, Errno::INVAL),
    };
    let set = context.client().and_then(|c| c.set_ct_limits(&limits));
    set.or_else(|why| context.fail_with("failed to set conntrack limit", &why))
}

/// `ct-del-limits [DP] [default] [zone=N[,N]...]`
pub(crate) fn del(context: &mut Context, args: &[&str]) -> Outcome {
    let args = without_datapath(context, args)?;
    let mut named = Vec::new();
    for arg in args {
        match (*arg, zones(arg)) {
            ("default", _) => named.push(DEFAULT_ZONE),
            (_, Ok(zones)) => named.extend(zones),
            (_, Err(why)) => return context.fail_errno(why, Errno::INVAL),
        }
    }
    let deleted = context.client().and_then(|c| c.del_ct_limits(&named));
    deleted.or_else(|why| context.fail_with("failed to delete conntrack limit", &why))
}

/// `ct-get-limits [DP] [zone=N[,N]...]`
pub(crate) fn get(context: &mut Context, args: &[&str]) -> Outcome {
    let (_, args) = context.optional_datapath(args, 2)?;
    let mut named = Vec::new();
    for arg in args {
        // The default is told in any case.
        named.push(DEFAULT_ZONE);
        match zones(arg) {
            Ok(zones) => named.extend(zones),
            Err(why) => return context.fail_errno(why, Errno::INVAL),
        }
    }
    let mut limits = match context.client().and_then(|c| c.ct_limits(&named)) {
        Ok(limits) => limits,
        Err(why) => return context.fail_with("failed to get conntrack limit", &why),
    };
    limits.sort_by_key(|limit| limit.zone_id);
    if context.args.json {
        return json::print_all(context, limits.iter().map(Report::of));
    }
    for limit in limits {
        let ZoneLimit {
            zone_id,
            limit,
            count,
        } = limit;
        if zone_id == DEFAULT_ZONE {
            writeln!(context, "default limit={limit}")?;
        } else {
            writeln!(context, "zone={zone_id},limit={limit},count={count}")?;
        }
    }
    Ok(())
}

/// A limit as `--json` prints it.
#[derive(Serialize)]
struct Report {
    /// `null`: the default.
    zone: Option<i32>,
    limit: u32,
    count: Option<u32>,
}

impl Report {
    fn of(limit: &ZoneLimit) -> Self {
        let own = limit.zone_id != DEFAULT_ZONE;
        Self {
            zone: own.then_some(limit.zone_id),
            limit: limit.limit,
            count: own.then_some(limit.count),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read() {
        let limit = zone_limit("zone=65535,limit=4294967295").unwrap();
        assert_eq!((limit.zone_id, limit.limit), (65535, u32::MAX));
        for bad in [
            "zone=65536,limit=1",
            "zone=-1,limit=1",
            "zone=1",
            "zone=1,limit=",
            "zone=1,limit=1,count=1",
        ] {
            assert!(zone_limit(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn zones_are_read() {
        assert_eq!(zones("zone=1,0,7").unwrap(), [1, 0, 7]);
        for bad in ["zone=", "zone=1,", "1", "zone=x"] {
            assert!(zones(bad).is_err(), "{bad}");
        }
    }
}
