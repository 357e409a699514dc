// SPDX-License-Identifier: GPL-2.0

//! Changes of flows, and what they come to.

use super::super::{
    actions::Actions,
    engine::Result,
    flow::{
        Flow,
        Phase, //
    },
    shared::Shared,
    time::Millis,
};
use crate::client::{
    self,
    Client,
    FlowId,
    FlowPut,
    KernelError,
    Request,
    Ufid, //
};
use rustix::io::Errno;
use std::{
    iter,
    sync::Arc, //
};

/// What is to become of a flow.
pub(super) enum Change {
    /// It goes because it idles.
    Expire,
    /// It goes because it is wrong, or because of the crowd.
    Delete,
    /// It gets other actions, that are right in a generation of the policy.
    Modify(Actions, u64),
}

/// Has the datapath change and delete flows.
pub(super) fn carry_out(
    shared: &Shared,
    client: &mut Client,
    changes: Vec<(Arc<Flow>, Change)>,
) -> Result<()> {
    let mut requests = Vec::with_capacity(changes.len());
    for (flow, change) in &changes {
        requests.push(match change {
            Change::Modify(actions, _) => modify(shared, flow, actions)?,
            Change::Expire | Change::Delete => {
                flow.advance(Phase::Evicting);
                delete(shared, flow)?
            }
        });
    }
    let mut last_words = Vec::new();
    let outcomes = client.socket().batch(requests, |at, reply| {
        if let (Some((flow, _)), Ok(told)) = (changes.get(at), client::Flow::parse(reply)) {
            last_words.push((flow.clone(), told));
        }
    });
    let outcomes = match outcomes {
        Ok(outcomes) => outcomes,
        Err(client::Error::Overrun) => {
            // All that was to be changed will be looked at again.
            log::warn!("{}: answers of the datapath were lost", shared.name);
            vec![Err(KernelError::new(Errno::NOBUFS.raw_os_error())); changes.len()]
        }
        Err(error) => return Err(error.into()),
    };
    for (flow, told) in last_words {
        tell_traffic(shared, &flow, &told, None);
    }
    for ((flow, change), outcome) in iter::zip(changes, outcomes) {
        finish(shared, &flow, change, outcome);
    }
    Ok(())
}

/// Tells the policy what is new in the statistics of a flow, met in a dump if it is of one.
pub(super) fn tell_traffic(
    shared: &Shared,
    flow: &Flow,
    told: &client::Flow,
    dump: Option<(u64, Millis)>,
) {
    let traffic = flow.update(told.stats, told.used, dump);
    if traffic.packets > 0 {
        flow.with_installed(|installed| shared.policy.traffic(installed, &traffic));
    }
}

fn finish(shared: &Shared, flow: &Arc<Flow>, change: Change, outcome: Result<(), KernelError>) {
    let errno = outcome.as_ref().err().map(|error| error.errno);
    let vanished = errno == Some(Errno::NOENT.raw_os_error());
    match (change, outcome) {
        (_, Err(_)) if vanished => {
            shared.counters.vanished.count();
            shared.gone(flow);
        }
        (Change::Modify(actions, generation), Ok(())) => {
            shared.counters.modified.count();
            flow.modified(actions, generation);
        }
        // It is of another generation still, and will be asked about again.
        (Change::Modify(..), Err(error)) => shared.complain("cannot modify a flow", &error),
        (Change::Expire, Ok(())) => {
            shared.counters.expired.count();
            shared.gone(flow);
        }
        (Change::Delete, Ok(())) => {
            shared.counters.deleted.count();
            shared.gone(flow);
        }
        // The next round tries again.
        (Change::Expire | Change::Delete, Err(error)) => {
            shared.complain("cannot delete a flow", &error);
        }
    }
}

fn modify(shared: &Shared, flow: &Flow, actions: &Actions) -> client::Result<Request> {
    let mask = flow
        .with_installed(|installed| flow.mask_attrs(installed.key))
        .transpose()?
        .flatten();
    let put = FlowPut {
        id: FlowId {
            ufid: Some(flow.ufid),
            key: Some(&flow.key),
        },
        mask: mask.as_deref(),
        actions: Some(actions.as_bytes()),
        ..FlowPut::default()
    };
    shared.families.set_flow(shared.dp_ifindex, &put)
}

/// The request that deletes a flow and asks for its last statistics.
pub(in super::super) fn delete(shared: &Shared, flow: &Flow) -> client::Result<Request> {
    del(shared, flow.ufid, true)
}

/// The request that deletes a flow that nothing is known of but its identifier.
pub(super) fn forget(shared: &Shared, ufid: Ufid) -> client::Result<Request> {
    del(shared, ufid, false)
}

fn del(shared: &Shared, ufid: Ufid, reply: bool) -> client::Result<Request> {
    let id = FlowId {
        ufid: Some(ufid),
        key: None,
    };
    shared
        .families
        .del_flow(shared.dp_ifindex, id, shared.ufid_flags(), reply)
}
