// SPDX-License-Identifier: GPL-2.0

//! What a datapath counts.

use crate::sync::percpu::Counter;
use kernel::prelude::*;

/// The counters of one CPU (`struct dp_stats_percpu`).
#[derive(Zeroable)]
pub(crate) struct Counters {
    /// Packets that matched a flow.
    pub(crate) hit: Counter,
    /// Packets that matched no flow.
    pub(crate) missed: Counter,
    /// Packets for user space that it did not get.
    pub(crate) lost: Counter,
    /// Masks looked at to find flows; a flow found in the cache counts as one.
    pub(crate) mask_hit: Counter,
    /// Packets whose flow was found in the cache.
    pub(crate) cache_hit: Counter,
}

impl Counters {
    /// Counters at zero, for any CPU.
    pub(super) fn new(_cpu: u32) -> impl Init<Self> {
        pin_init::init_zeroed()
    }
}

/// The sums over all CPUs.
#[derive(Clone, Copy, Default)]
pub(crate) struct Totals {
    /// See [`Counters::hit`].
    pub(crate) hit: u64,
    /// See [`Counters::missed`].
    pub(crate) missed: u64,
    /// See [`Counters::lost`].
    pub(crate) lost: u64,
    /// See [`Counters::mask_hit`].
    pub(crate) mask_hit: u64,
    /// See [`Counters::cache_hit`].
    pub(crate) cache_hit: u64,
}

impl Totals {
    /// Adds up counters.
    pub(super) fn sum<'a>(counters: impl Iterator<Item = &'a Counters>) -> Self {
        counters.fold(Self::default(), |sum, counters| Self {
            hit: sum.hit.wrapping_add(counters.hit.get()),
            missed: sum.missed.wrapping_add(counters.missed.get()),
            lost: sum.lost.wrapping_add(counters.lost.get()),
            mask_hit: sum.mask_hit.wrapping_add(counters.mask_hit.get()),
            cache_hit: sum.cache_hit.wrapping_add(counters.cache_hit.get()),
        })
    }
}
