// SPDX-License-Identifier: GPL-2.0

//! The commands for the masks cache: cache-get-size, cache-set-size.

use crate::context::{
    Context,
    Outcome, //
};
use crate::{
    datapath,
    json, //
};
use openvswitch::client::{
    Datapath,
    DatapathChange,
    DatapathId, //
};
use rustix::io::Errno;
use serde::Serialize;

/// The only cache of a kernel datapath.
const CACHE: &str = "masks-cache";

/// `cache-get-size [DP]`
pub(crate) fn get(context: &mut Context, args: &[&str]) -> Outcome {
    let names = match args {
        [name] => vec![(*name).to_owned()],
        _ => datapath::names(context)?,
    };
    let mut found = Vec::new();
    for name in names {
        match context.find(&name) {
            Ok(dp) => found.push(dp),
            Err(why) => context.report(format_args!("Opening datapath {name} failed"), Some(&why)),
        }
    }
    if context.args.json {
        return json::print_all(context, found.iter().map(Report::of));
    }
    for dp in found {
        writeln!(context, "system@{}:", dp.name)?;
        print(context, &dp)?;
    }
    Ok(())
}

/// The size of a cache as `--json` prints it.
#[derive(Serialize)]
struct Report<'a> {
    datapath: &'a str,
    cache: &'static str,
    size: Option<u32>,
}

impl<'a> Report<'a> {
    fn of(dp: &'a Datapath) -> Self {
        Self {
            datapath: &dp.name,
            cache: CACHE,
            size: dp.masks_cache_size,
        }
    }
}

/// Prints the caches of a datapath, as `show` does too.
pub(crate) fn print(context: &mut Context, dp: &Datapath) -> Outcome {
    match dp.masks_cache_size {
        Some(size) => writeln!(context, "  caches:\n    {CACHE}: size:{size}"),
        None => Ok(()),
    }
}

/// `cache-set-size DP CACHE SIZE`
pub(crate) fn set(context: &mut Context, args: &[&str]) -> Outcome {
    let &[name, cache, size] = args else {
        return Ok(());
    };
    let Ok(size) = size.parse::<u32>() else {
        return context.fail_errno("size is malformed", Errno::INVAL);
    };
    let dp = match context.find(name) {
        Ok(dp) => dp,
        Err(why) => {
            let what = format!("Opening datapath {name} failed");
            return context.fail_with(what, &why);
        }
    };
    if cache != CACHE {
        return context.fail_errno(
            format_args!("Cache name \"{cache}\" not found on dpif"),
            Errno::INVAL,
        );
    }
    // The kernel takes powers of two alone, and forgets features that are not given again.
    let size = match size {
        0 => 0,
        _ => size.checked_next_power_of_two().unwrap_or(u32::MAX),
    };
    let change = DatapathChange {
        user_features: Some(dp.user_features),
        masks_cache_size: Some(size),
        ..DatapathChange::default()
    };
    let changed = context
        .client()
        .and_then(|client| client.set_datapath(DatapathId::Index(dp.ifindex), &change));
    match changed {
        Ok(_) if context.args.json => {
            let report = Report {
                size: Some(size),
                ..Report::of(&dp)
            };
            json::print(context, &report)
        }
        Ok(_) => writeln!(context, "Setting cache size successful, new size {size}"),
        Err(why) => context.fail_with("Setting cache size failed", &why),
    }
}
