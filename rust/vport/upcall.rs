// SPDX-License-Identifier: GPL-2.0

//! Where a port's upcalls go, and how many there were.

use super::Vport;
use crate::{
    datapath::{
        OvsGuard,
        Pids, //
    },
    net::skbuff::SkBuff,
    sync::{
        bh::Bh,
        percpu::Counter,
        rcu::{
            RcuBox,
            Read, //
        }, //
    },
};
use kernel::{
    prelude::*,
    sync::rcu, //
};

/// The counters of one CPU (`struct vport_upcall_stats_percpu`).
#[derive(Zeroable)]
pub(super) struct Counters {
    sent: Counter,
    failed: Counter,
}

impl Counters {
    /// Counters at zero, for any CPU.
    pub(super) fn new(_cpu: u32) -> impl Init<Self> {
        pin_init::init_zeroed()
    }
}

/// How many packets that came in by a port went to user space.
#[derive(Clone, Copy, Default)]
pub(crate) struct UpcallTotals {
    /// Packets that got there.
    pub(crate) sent: u64,
    /// Packets that did not.
    pub(crate) failed: u64,
}

impl Vport {
    /// Counts a packet for user space.
    #[inline]
    pub(crate) fn count_upcall(&self, sent: bool, bh: Bh<'_>) {
        let counters = self.upcalls.get(bh);
        if sent {
            counters.sent.inc(bh);
        } else {
            counters.failed.inc(bh);
        }
    }

    /// The packets for user space so far.
    pub(crate) fn upcalls(&self) -> UpcallTotals {
        self.upcalls
            .iter()
            .fold(UpcallTotals::default(), |sum, counters| UpcallTotals {
                sent: sum.sent.wrapping_add(counters.sent.get()),
                failed: sum.failed.wrapping_add(counters.failed.get()),
            })
    }

    /// The netlink port that a packet without a flow goes to; zero: none.
    ///
    /// With several to choose from, a connection keeps to one of them.
    pub(crate) fn upcall_pid(&self, skb: &mut SkBuff, rcu: Read<'_>) -> u32 {
        let Some(pids) = self.upcall_pids.get(rcu) else {
            return 0;
        };
        if let [pid] = pids.slice {
            return pid;
        }
        let index = (skb.get_hash() as usize).checked_rem(pids.slice.len());
        index
            .and_then(|index| pids.slice.get(index))
            .map_or(0, |pid| *pid)
    }

    /// Sets the netlink ports that packets without a flow go to.
    pub(crate) fn set_upcall_pids(&self, pids: RcuBox<Pids>, _guard: &OvsGuard) {
        self.upcall_pids.replace(Some(pids));
    }

    /// Looks at the netlink ports that packets without a flow go to.
    pub(crate) fn with_upcall_pids<R>(&self, look: impl FnOnce(&[u32]) -> R) -> R {
        let guard = rcu::read_lock();
        let pids = self.upcall_pids.get(Read::from(&guard));
        look(pids.map_or(&[], |pids| &pids.slice))
    }
}
