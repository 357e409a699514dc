// SPDX-License-Identifier: GPL-2.0

//! What the threads of an engine have in common.

use super::{
    flow::{
        Flow,
        Phase, //
    },
    flow_cache::FlowCache,
    limit::FlowLimit,
    orders::Orders,
    policy::Policy,
    ports::Ports,
    rate_limit::RateLimit,
    stats::{
        Counters,
        HandlerCounters,
        RoundCounters, //
    },
    ufid::Ufids,
    wakeup::Stop,
};
use crate::client::{
    Families,
    KernelError, //
};
use odp::uapi::ufid_flags;
use std::sync::{
    Arc,
    atomic::{
        AtomicBool,
        Ordering, //
    },
};

/// What the threads of an engine have in common.
pub(super) struct Shared {
    /// The datapath's name.
    pub(super) name: String,
    /// The datapath: the interface index of its local port.
    pub(super) dp_ifindex: i32,
    pub(super) families: Families,
    pub(super) policy: Arc<dyn Policy>,
    pub(super) ports: Ports,
    pub(super) flows: FlowCache,
    pub(super) ufids: Ufids,
    pub(super) counters: Counters,
    /// Those of each handler.
    pub(super) handlers: Vec<HandlerCounters>,
    /// The number of revalidators.
    pub(super) revalidators: usize,
    pub(super) rounds: RoundCounters,
    pub(super) limit: FlowLimit,
    /// Whether flows match no more than decisions depend on.
    pub(super) megaflows: AtomicBool,
    /// Whether the datapath tells of flows no more than identifier and statistics.
    pub(super) terse: AtomicBool,
    pub(super) stop: Stop,
    /// What the revalidator is asked for.
    pub(super) orders: Orders,
    /// The upcalls that the datapath had lost before.
    pub(super) lost_before: u64,
    /// Complaints about single flows and packets.
    pub(super) complaints: RateLimit,
    /// Complaints that there are too many flows.
    pub(super) crowded: RateLimit,
}

impl Shared {
    /// Whether another flow may be put.
    pub(super) fn has_room(&self) -> bool {
        self.flows.len() < self.limit.current()
    }

    /// What is left out of what the datapath tells of flows.
    pub(super) fn ufid_flags(&self) -> u32 {
        match self.terse.load(Ordering::Relaxed) {
            true => ufid_flags::OMIT_KEY | ufid_flags::OMIT_MASK | ufid_flags::OMIT_ACTIONS,
            false => 0,
        }
    }

    /// A flow is gone from the datapath, or never came there.
    pub(super) fn gone(&self, flow: &Arc<Flow>) {
        flow.advance(Phase::Gone);
        self.flows.remove(flow);
    }

    /// Complains that the datapath has refused something.
    pub(super) fn complain(&self, what: &str, error: &KernelError) {
        self.complaints
            .warn(format_args!("{}: {what}: {error}", self.name));
    }
}
