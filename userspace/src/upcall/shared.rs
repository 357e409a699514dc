// SPDX-License-Identifier: GPL-2.0

//! What the threads of an engine have in common.

use super::{
    engine::{
        Config,
        Result, //
    },
    flow::{
        Flow,
        Phase, //
    },
    flow_cache::FlowCache,
    limit::FlowLimit,
    orders::Orders,
    policy::Policy,
    ports::{
        Dispatch,
        Ports, //
    },
    rate_limit::RateLimit,
    revalidator,
    stats::{
        Counters,
        HandlerCounters,
        RoundCounters, //
    },
    ufid::Ufids,
    wakeup::Stop,
};
use crate::client::{
    Datapath,
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
    /// For a datapath whose upcalls go to the netlink ports `pids`, one of each handler.
    pub(super) fn new(
        datapath: &Datapath,
        families: &Families,
        policy: Arc<dyn Policy>,
        dispatch: Dispatch,
        pids: &[u32],
        config: &Config,
    ) -> Result<Self> {
        let revalidators = config.revalidators;
        Ok(Self {
            name: datapath.name.clone(),
            dp_ifindex: datapath.ifindex,
            families: families.clone(),
            policy,
            ports: Ports::new(dispatch),
            flows: FlowCache::new(),
            ufids: Ufids::new(),
            counters: Counters::default(),
            handlers: pids.iter().copied().map(HandlerCounters::new).collect(),
            revalidators: revalidators
                .unwrap_or_else(|| revalidator::default_threads(pids.len()))
                .max(1),
            rounds: RoundCounters::default(),
            limit: FlowLimit::new(config.flow_limit),
            megaflows: AtomicBool::new(true),
            terse: AtomicBool::new(true),
            stop: Stop::new()?,
            orders: Orders::default(),
            lost_before: datapath.stats.n_lost,
            complaints: RateLimit::new(5, 5_000),
            crowded: RateLimit::new(1, 60_000),
        })
    }

    /// Whether another flow may be put.
    ///
    /// The engine's own flows are counted, which it knows at any time without asking the datapath.
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
