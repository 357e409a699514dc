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

/// The arguments after the name of a datapath, if there is one.
///
/// The limits are those of the network namespace; the datapath must exist all the same.
fn without_datapath<'a>(context: &mut Context, args: &'a [&'a str]) -> Outcome<&'a [&'a str]> {
    let is_other = |arg: &str| arg.starts_with("default") || arg.starts_with("zone=");
    match args {
        [name, rest @ ..] if !is_other(name) => {
            context.datapath(Some(name))?;
            Ok(rest)
        }
        _ => {
            context.datapath(None)?;
            Ok(args)
        }
    }
}

/// The number of a zone.
fn zone(text: &str) -> Option<i32> {
    text.parse::<u16>().ok().map(i32::from)
}

/// `zone=N,limit=L`
fn zone_limit(text: &str) -> Option<ZoneLimit> {
    let (zone_id, limit) = text.strip_prefix("zone=")?.split_once(",limit=")?;
    Some(ZoneLimit {
        zone_id: zone(zone_id)?,
        limit: limit.parse().ok()?,
        count: 0,
    })
}

/// `zone=N[,N]...`
fn zones(text: &str) -> Option<Vec<i32>> {
    let zones = text.strip_prefix("zone=")?;
    zones.split(',').map(zone).collect()
}

/// `ct-set-limits [DP] [default=L] [zone=N,limit=L]...`
pub(crate) fn set(context: &mut Context, args: &[&str]) -> Outcome {
    let args = without_datapath(context, args)?;
    let mut limits = Vec::new();
    for arg in args {
        let limit = match arg.strip_prefix("default=") {
            Some(limit) => limit.parse().ok().map(|limit| ZoneLimit {
                zone_id: DEFAULT_ZONE,
                limit,
                count: 0,
            }),
            None => zone_limit(arg),
        };
        match limit {
            Some(limit) => limits.push(limit),
            None => {
                return context.fail_errno(
                    format_args!("{arg} is neither default=LIMIT nor zone=ZONE,limit=LIMIT"),
                    Errno::INVAL,
                );
            }
        }
    }
    if limits.is_empty() {
        return context.fail_errno("no limits are given", Errno::INVAL);
    }
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
            (_, Some(zones)) => named.extend(zones),
            (_, None) => {
                return context.fail_errno(
                    format_args!("{arg} is neither default nor zone=ZONE[,ZONE]..."),
                    Errno::INVAL,
                );
            }
        }
    }
    if named.is_empty() {
        return context.fail_errno("no zones are given", Errno::INVAL);
    }
    let deleted = context.client().and_then(|c| c.del_ct_limits(&named));
    deleted.or_else(|why| context.fail_with("failed to delete conntrack limit", &why))
}

/// `ct-get-limits [DP] [zone=N[,N]...]`
pub(crate) fn get(context: &mut Context, args: &[&str]) -> Outcome {
    let args = without_datapath(context, args)?;
    let mut named = Vec::new();
    for arg in args {
        match zones(arg) {
            Some(zones) => named.extend(zones),
            None => {
                return context.fail_errno(
                    format_args!("{arg} is not zone=ZONE[,ZONE]..."),
                    Errno::INVAL,
                );
            }
        }
    }
    if !named.is_empty() {
        // The default is told in any case.
        named.insert(0, DEFAULT_ZONE);
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
            "zone=1,limit=1,",
            "limit=1,zone=1",
        ] {
            assert!(zone_limit(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn zones_are_read() {
        assert_eq!(zones("zone=1,0,7").unwrap(), [1, 0, 7]);
        for bad in ["zone=", "zone=1,", "1", "zone=x"] {
            assert!(zones(bad).is_none(), "{bad}");
        }
    }
}
