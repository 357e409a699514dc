// SPDX-License-Identifier: GPL-2.0

//! Flow statistics without a lock.
//!
//! Each CPU has its own [`Counters`] for each flow number, which only it writes. They carry the
//! generation of the flow they were last written for: a flow whose statistics are cleared, and a new
//! flow that takes the number of one that has gone, get a new generation, and what was counted under
//! another one does not count. So nobody but their CPU ever has to reset counters; it does so with the
//! first packet of the new generation.

use super::super::cell::Cell64;

/// The most bits of a generation.
const GENERATION_BITS: u32 = 48;

/// What a CPU counted for a flow: half a cache line.
#[repr(C, align(32))]
pub struct Counters {
    packets: Cell64,
    bytes: Cell64,
    used: Cell64,
    /// The generation; in the lower 16 bits, the TCP flags. Zero while the others are being reset.
    stamp: Cell64,
}

/// What was counted for a flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Packets.
    pub packets: u64,
    /// Bytes.
    pub bytes: u64,
    /// When the last packet came, in the unit of what was recorded; zero: never.
    pub used: u64,
    /// The TCP flags of all packets, combined.
    pub tcp_flags: u16,
}

/// The number that tells flows and the times between clearing them apart; never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generation(u64);

impl Generation {
    /// The first one.
    pub const FIRST: Self = Self(1);

    /// The one after this. They repeat after some 10^14.
    #[must_use]
    pub const fn next(self) -> Self {
        let next = self.0.wrapping_add(1) & !(!0 << GENERATION_BITS);
        Self(if next == 0 { 1 } else { next })
    }

    /// The generation as a number of 48 bits.
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// The generation of which `bits` is the number.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }
}

impl Counters {
    /// Counters that nothing was counted on.
    pub const fn new() -> Self {
        Self {
            packets: Cell64::new(0),
            bytes: Cell64::new(0),
            used: Cell64::new(0),
            stamp: Cell64::new(0),
        }
    }

    /// Counts a packet of `bytes` bytes at the time `now`. For the owner of the counters only.
    #[inline(always)]
    pub fn record(&self, generation: Generation, bytes: u64, now: u64, tcp_flags: u16) {
        let stamp = self.stamp.load();
        if stamp >> 16 == generation.0 {
            self.packets.store(self.packets.load().wrapping_add(1));
            self.bytes.store(self.bytes.load().wrapping_add(bytes));
            self.used.store(now);
            self.stamp.store(stamp | u64::from(tcp_flags));
            return;
        }
        self.stamp.store(0);
        self.packets.store_release(1);
        self.bytes.store_release(bytes);
        self.used.store_release(now);
        self.stamp
            .store_release((generation.0 << 16) | u64::from(tcp_flags));
    }

    /// Adds what was counted for `generation` to `stats`.
    pub fn add_to(&self, generation: Generation, stats: &mut Stats) {
        let stamp = self.stamp.load_acquire();
        let packets = self.packets.load_acquire();
        let bytes = self.bytes.load_acquire();
        let used = self.used.load_acquire();
        // Unless the counters were being reset for another generation meanwhile.
        if stamp >> 16 == generation.0 && self.stamp.load() >> 16 == generation.0 {
            stats.packets = stats.packets.wrapping_add(packets);
            stats.bytes = stats.bytes.wrapping_add(bytes);
            stats.used = stats.used.max(used);
            stats.tcp_flags |= stamp as u16;
        }
    }
}

impl Default for Counters {
    fn default() -> Self {
        Self::new()
    }
}
