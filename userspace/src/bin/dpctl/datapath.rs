// SPDX-License-Identifier: GPL-2.0

//! The commands for datapaths: add-dp, del-dp, dump-dps.

use crate::context::{
    Context,
    Outcome,
    datapath_name, //
};
use crate::{
    json,
    port, //
};
use openvswitch::client::{
    Client,
    DatapathChange,
    DatapathId,
    Error,
    Result, //
};
use openvswitch::odp::uapi::user_features;
use rustix::io::Errno;

/// `add-dp DP [IFACE...]`
pub(crate) fn add(context: &mut Context, args: &[&str]) -> Outcome {
    let (name, ifaces) = args.split_first().unwrap_or((&"", &[]));
    let made = datapath_name(name).and_then(|name| create(context.client()?, name));
    if let Err(why) = made {
        return context.fail_with("add_dp", &why);
    }
    match ifaces {
        [] => Ok(()),
        _ => port::add(context, args),
    }
}

/// Makes a datapath whose upcalls will go to a handler per processor, once there are handlers; on
/// kernels older than 5.15, to handlers per port.
fn create(client: &mut Client, name: &str) -> Result<()> {
    let mut change = DatapathChange {
        upcall_pid: Some(0),
        user_features: Some(user_features::UNALIGNED | user_features::DISPATCH_UPCALL_PER_CPU),
        ..DatapathChange::default()
    };
    match client.new_datapath(name, &change) {
        Err(error) if error.is(Errno::OPNOTSUPP) => {
            change.user_features = Some(user_features::UNALIGNED | user_features::VPORT_PIDS);
            client.new_datapath(name, &change).map(|_| ())
        }
        made => made.map(|_| ()),
    }
}

/// `del-dp DP`
pub(crate) fn del(context: &mut Context, args: &[&str]) -> Outcome {
    let dp = context.datapath(args.first().copied())?;
    let deleted = context
        .client()
        .and_then(|client| client.del_datapath(DatapathId::Index(dp.ifindex)));
    match deleted {
        Ok(()) => Ok(()),
        Err(why) => context.fail_with("del_dp", &why),
    }
}

/// `dump-dps`
pub(crate) fn dump(context: &mut Context, _: &[&str]) -> Outcome {
    let names = names(context)?;
    let names = names.iter().map(|name| format!("system@{name}"));
    if context.args.json {
        return json::print_all(context, names);
    }
    for name in names {
        writeln!(context, "{name}")?;
    }
    Ok(())
}

/// The names of all datapaths, sorted. Without the module there are none.
pub(crate) fn names(context: &mut Context) -> Outcome<Vec<String>> {
    let all = match context.client().and_then(Client::datapaths) {
        Err(Error::NoFamily(_)) => Vec::new(),
        Err(why) => return context.fail_with("listing datapaths", &why),
        Ok(all) => all,
    };
    let mut names: Vec<_> = all.into_iter().map(|dp| dp.name).collect();
    names.sort();
    Ok(names)
}
