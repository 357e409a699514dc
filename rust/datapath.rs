// SPDX-License-Identifier: GPL-2.0

//! Datapaths: sets of ports with a table of flows between them.
//!
//! # Locking
//!
//! - [`OvsGuard`], the guard of one mutex for the whole module, is held by whoever adds or removes a
//!   datapath or a port, or changes their configuration. The RTNL nests inside it.
//! - Each flow table has a mutex of its own ([`FlowTable::write`]). Nothing nests inside it, the
//!   RTNL in particular: installing a flow never waits for the configuration of a device.
//! - Readers take no lock: they hold a [`Read`] or a [`Bh`] token, and what they reach is freed a
//!   grace period after it was taken away. Packets are processed with bottom halves disabled.
//!
//! C version of this file: [`net/openvswitch/datapath.c`](srctree/net/openvswitch/datapath.c).

pub(crate) mod errno;
mod lock;
mod namespace;
mod ports;
pub(crate) mod receive;
mod registry;
mod stats;
pub(crate) mod upcall;

pub(crate) use self::{
    lock::{
        Configuration,
        OvsGuard, //
    },
    namespace::Namespace,
    ports::Ports,
    registry::Registry,
    stats::Totals, //
};

/// Port numbers with a meaning.
pub(crate) mod port {
    pub(crate) use super::ports::{
        LOCAL,
        MAX, //
    };
}

use crate::{
    actions::Scratch,
    flow_table::FlowTable,
    meter::Meters,
    net::{
        device::Name,
        genetlink::Family,
        namespace::NetId,
        netlink::Body,
        tc, //
    },
    odp::uapi::user_features,
    sync::{
        bh::Bh,
        once::Shared,
        percpu::PerCpu,
        rcu::{
            HeaderSlice,
            RcuBox,
            RcuPtr,
            Read, //
        }, //
    },
    vport::Vport,
};
use kernel::{
    prelude::*,
    sync::{
        rcu,
        Arc, //
    },
};

/// A list of netlink port ids that upcalls go to.
pub(crate) type Pids = HeaderSlice<(), u32>;

/// A datapath.
#[pin_data]
pub(crate) struct Datapath {
    /// The namespace it is in. Its last port goes before the namespace does.
    net: NetId,
    /// The index of its internal device, which identifies it in messages; zero before there is one.
    ifindex: Shared<i32>,
    /// Its ports.
    ports: Ports,
    /// Its flows.
    #[pin]
    pub(crate) flows: FlowTable,
    /// Its meters.
    pub(crate) meters: Meters,
    /// What it counts.
    stats: PerCpu<stats::Counters>,
    /// `OVS_DP_F_*`, as user space set them.
    features: Shared<u32>,
    /// Where upcalls go, by CPU, if [`user_features::DISPATCH_UPCALL_PER_CPU`] is set.
    per_cpu_pids: RcuPtr<Pids>,
    /// The most headroom, in bytes, that a port wants before a packet.
    max_headroom: Shared<u16>,
    /// What each CPU needs while it executes actions, for all datapaths.
    scratch: Arc<Scratch>,
    /// The family of the messages that upcalls are.
    packet_family: &'static Family,
}

impl Datapath {
    /// The features that user space may ask for.
    pub(crate) const FEATURES: u32 = user_features::UNALIGNED
        | user_features::VPORT_PIDS
        | user_features::DISPATCH_UPCALL_PER_CPU
        | if tc::AVAILABLE {
            user_features::TC_RECIRC_SHARING
        } else {
            0
        };

    /// Makes a datapath without ports.
    pub(crate) fn new(
        net: NetId,
        packet_family: &'static Family,
        guard: &OvsGuard,
    ) -> Result<Arc<Self>> {
        let scratch = guard.scratch()?;
        Arc::pin_init(
            try_pin_init!(Self {
                net,
                ifindex: Shared::new(0),
                ports: Ports::new(),
                flows <- FlowTable::new(),
                meters: Meters::new(),
                stats: PerCpu::new(stats::Counters::new)?,
                features: Shared::new(0),
                per_cpu_pids: RcuPtr::null(),
                max_headroom: Shared::new(0),
                scratch,
                packet_family,
            }? Error),
            GFP_KERNEL,
        )
    }

    /// The namespace.
    #[inline]
    pub(crate) fn net(&self) -> &NetId {
        &self.net
    }

    /// The family of the messages that upcalls are.
    pub(crate) fn packet_family(&self) -> &'static Family {
        self.packet_family
    }

    /// The interface index of the datapath's own device.
    pub(crate) fn ifindex(&self) -> i32 {
        self.ifindex.load()
    }

    /// The ports.
    pub(crate) fn ports(&self) -> &Ports {
        &self.ports
    }

    /// The counters of this CPU.
    pub(crate) fn counters<'a>(&'a self, bh: Bh<'a>) -> &'a stats::Counters {
        self.stats.get(bh)
    }

    /// The totals of all CPUs.
    pub(crate) fn totals(&self) -> Totals {
        Totals::sum(self.stats.iter())
    }

    /// The scratch memory of the executor.
    pub(crate) fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    /// Whether an internal port in the datapath's own namespace has an interface index.
    fn has_internal_port(&self, ifindex: i32, rcu: Read<'_>) -> bool {
        self.ports.iter_from(port::LOCAL, rcu).any(|port| {
            port.is_internal()
                && port.device().ifindex() == ifindex
                && self.net.is_of(port.device().net(rcu))
        })
    }

    /// The name of the datapath's own device.
    pub(crate) fn name(&self, rcu: Read<'_>) -> Option<Name> {
        Some(self.ports.get(port::LOCAL, rcu)?.device().name())
    }

    /// The features user space asked for.
    #[inline]
    pub(crate) fn features(&self) -> u32 {
        self.features.load()
    }

    /// Sets the features. [`Self::FEATURES`] has all that may be set. A datapath that goes must have
    /// none.
    pub(crate) fn set_features(&self, features: u32, _guard: &OvsGuard) {
        let shares = |features| features & user_features::TC_RECIRC_SHARING != 0;
        match (shares(self.features()), shares(features)) {
            (false, true) => tc::enable(),
            (true, false) => tc::disable(),
            _ => (),
        }
        self.features.store(features);
    }

    /// Whether upcalls go to the process that handles the CPU's, not the port's.
    #[inline]
    pub(crate) fn per_cpu_upcalls(&self) -> bool {
        self.features() & user_features::DISPATCH_UPCALL_PER_CPU != 0
    }

    /// The list of netlink port ids by CPU.
    pub(crate) fn per_cpu_pids<'a>(&'a self, rcu: Read<'a>) -> Option<&'a Pids> {
        self.per_cpu_pids.get(rcu)
    }

    /// Looks at the list of netlink port ids by CPU, if there is one.
    pub(crate) fn with_per_cpu_pids<R>(&self, look: impl FnOnce(Option<&[u32]>) -> R) -> R {
        let guard = rcu::read_lock();
        look(
            self.per_cpu_pids(Read::from(&guard))
                .map(|pids| &pids.slice),
        )
    }

    /// Sets the list of netlink port ids by CPU.
    pub(crate) fn set_per_cpu_pids(&self, pids: RcuBox<Pids>, _guard: &OvsGuard) {
        self.per_cpu_pids.replace(Some(pids));
    }

    /// Makes a datapath with its own device known.
    pub(crate) fn publish(self: &Arc<Self>, registry: &Registry, guard: &mut OvsGuard) -> Result {
        guard.insert(self.clone())?;
        if let Err(err) = registry.add(self, guard) {
            guard.remove(self);
            return Err(err);
        }
        Ok(())
    }

    /// Removes all ports and the datapath itself.
    ///
    /// Waits until no packet is in it any more. Its flows go with the last reference to it.
    pub(crate) fn destroy(self: &Arc<Self>, registry: &Registry, guard: &mut OvsGuard) {
        self.detach_where(|port| port.port_no() != port::LOCAL, guard);
        registry.remove(self, guard);
        self.detach(port::LOCAL, guard);
        self.set_features(0, guard);
        guard.remove(self);
    }

    /// Adds a port that is in place otherwise; the first one is the datapath's own device.
    pub(crate) fn attach(&self, port: Arc<Vport>, guard: &OvsGuard) -> Result {
        if port.port_no() == port::LOCAL {
            self.ifindex.store(port.device().ifindex());
        }
        let headroom = port.device().needed_headroom();
        self.ports.insert(port.clone(), guard)?;
        if headroom > self.max_headroom.load() {
            self.set_headroom(headroom);
        } else {
            port.device().set_rx_headroom(self.max_headroom.load());
        }
        Ok(())
    }

    /// Tells all ports how much headroom the packets they receive should have.
    fn set_headroom(&self, headroom: u16) {
        self.max_headroom.store(headroom);
        let guard = rcu::read_lock();
        for port in self.ports.iter_from(port::LOCAL, Read::from(&guard)) {
            port.device().set_rx_headroom(headroom);
        }
    }

    /// The most headroom that a port wants.
    fn wanted_headroom(&self) -> u16 {
        let guard = rcu::read_lock();
        self.ports
            .iter_from(port::LOCAL, Read::from(&guard))
            .map(|port| port.device().needed_headroom())
            .max()
            .unwrap_or(0)
    }

    /// Removes a port and gives its device back.
    ///
    /// Waits until no packet uses the port any more.
    pub(crate) fn detach(&self, port_no: u16, guard: &OvsGuard) {
        let Some(port) = self.ports.remove(port_no, guard) else {
            return;
        };
        port.as_arc_borrow().device().reset_rx_headroom();
        port.as_arc_borrow().release();
        drop(port.wait());
        let headroom = self.wanted_headroom();
        if headroom < self.max_headroom.load() {
            self.set_headroom(headroom);
        }
    }

    /// Removes all ports that `which` picks.
    pub(crate) fn detach_where(&self, which: impl Fn(&Vport) -> bool, guard: &OvsGuard) {
        let mut next = 0;
        while let Some(port) = self.ports.next(next) {
            next = port.port_no().saturating_add(1);
            if which(&port) {
                self.detach(port.port_no(), guard);
            }
        }
    }
}

/// Puts the interface index of the datapath that a message is about (`struct ovs_header`).
pub(crate) fn put_dp_ifindex(msg: &mut Body, ifindex: i32) {
    for (to, from) in msg.user_header_mut().iter_mut().zip(ifindex.to_ne_bytes()) {
        *to = from;
    }
}
