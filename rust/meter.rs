// SPDX-License-Identifier: GPL-2.0

//! Meters: what limits the rate of the packets that pass a METER action.
//!
//! The arithmetic is in [`odp::meter`]. A CPU that has tokens left counts and lets pass, in memory of
//! its own; the lock of the bucket is taken a few times per millisecond at most, by all CPUs
//! together, however many packets there are.
//!
//! C version of this file: [`net/openvswitch/meter.c`](srctree/net/openvswitch/meter.c).
//!
//! [`odp::meter`]: crate::odp::meter

mod table;

pub(crate) use self::table::Meters;

use crate::{
    odp::{
        meter::{
            Bucket,
            Limit,
            Share, //
        },
        uapi::FlowStats, //
    },
    sync::{
        bh::Bh,
        clock,
        jiffies,
        lock_bh::SpinLockBh,
        once::Shared,
        percpu::{
            nr_cpu_ids,
            possible_cpus,
            Counter,
            CpuLocal,
            PerCpu, //
        }, //
    },
};
use core::convert::Infallible;
use kernel::{
    prelude::*,
    static_lock_class,
    sync::Arc, //
};

/// The most bands that a meter can have (`DP_MAX_BANDS`).
pub(crate) const MAX_BANDS: usize = 1;

/// What a rate counts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Thousands of bits.
    Kilobits,
    /// Packets.
    Packets,
}

impl Unit {
    /// What a packet of `len` bytes costs.
    #[inline]
    fn cost(self, len: u32) -> u64 {
        match self {
            Self::Kilobits => u64::from(len).wrapping_mul(8),
            Self::Packets => 1000,
        }
    }
}

/// A limit, and what becomes of packets above it.
#[derive(Clone, Copy)]
pub(crate) struct Band {
    /// In the meter's unit per second.
    pub(crate) rate: u32,
    /// In the meter's unit.
    pub(crate) burst: u32,
    /// They are dropped, or else just counted.
    pub(crate) drops: bool,
}

/// What a meter is to be like.
pub(crate) struct Params {
    /// What its rate counts.
    pub(crate) unit: Unit,
    /// Its band.
    pub(crate) band: Option<Band>,
    /// Its statistics are told when it is replaced.
    pub(crate) keep_stats: bool,
    /// What its statistics start from.
    pub(crate) stats: FlowStats,
}

/// What a meter has of each CPU.
struct Cpu {
    share: CpuLocal<Share>,
    packets: Counter,
    bytes: Counter,
    band_packets: Counter,
    band_bytes: Counter,
    /// The clock tick of the last packet; that of the meter's making if there was none.
    used: Shared<u64>,
}

/// A band that is at work.
#[pin_data]
struct Active {
    limit: Limit,
    drops: bool,
    #[pin]
    bucket: SpinLockBh<Bucket>,
}

/// A meter.
pub(crate) struct Meter {
    unit: Unit,
    band: Option<Pin<KBox<Active>>>,
    keep_stats: bool,
    stats: FlowStats,
    cpus: PerCpu<Cpu>,
}

/// The statistics of a meter.
pub(crate) struct Totals {
    /// Packets that came to the meter.
    pub(crate) all: FlowStats,
    /// Those above the limit of the band, if the meter has one.
    pub(crate) band: Option<FlowStats>,
    /// When the last one came, or else the meter was made, in milliseconds of the monotonic clock.
    pub(crate) used_ms: u64,
}

impl Meter {
    /// The memory that a meter takes, in bytes.
    fn size() -> usize {
        let cpus = possible_cpus().count();
        (size_of::<Self>() + size_of::<Active>())
            .saturating_add(size_of::<Cpu>().saturating_mul(cpus))
    }

    /// Makes a meter.
    pub(crate) fn new(params: &Params) -> Result<Arc<Self>> {
        let band = match params.band {
            Some(band) => {
                let limit = Limit::new(band.rate, band.burst, nr_cpu_ids());
                let bucket = Bucket::new(&limit, clock::monotonic_us());
                Some(KBox::pin_init(
                    pin_init!(Active {
                        limit,
                        drops: band.drops,
                        bucket <- SpinLockBh::new(bucket, c"ovs_meter", static_lock_class!()),
                    }),
                    GFP_KERNEL,
                )?)
            }
            None => None,
        };
        let now = jiffies::now() as u64;
        let cpus = PerCpu::new(|cpu| {
            init!(Cpu {
                share <- CpuLocal::new::<Infallible>(cpu, Share::new()),
                packets: Counter::new(),
                bytes: Counter::new(),
                band_packets: Counter::new(),
                band_bytes: Counter::new(),
                used: Shared::new(now),
            })
        })?;
        Ok(Arc::new(
            Self {
                unit: params.unit,
                band,
                keep_stats: params.keep_stats,
                stats: params.stats,
                cpus,
            },
            GFP_KERNEL,
        )?)
    }

    /// Whether its statistics are to be told when it is replaced.
    pub(crate) fn keeps_stats(&self) -> bool {
        self.keep_stats
    }

    /// Counts a packet of `len` bytes, and decides whether it passes.
    #[inline]
    pub(crate) fn passes(&self, len: u32, bh: Bh<'_>) -> bool {
        let cpu = self.cpus.get(bh);
        cpu.packets.inc(bh);
        cpu.bytes.add(len.into(), bh);
        cpu.used.store(jiffies::now() as u64);
        let Some(band) = &self.band else {
            return true;
        };
        if within(band, cpu, self.unit.cost(len), bh) {
            return true;
        }
        cpu.band_packets.inc(bh);
        cpu.band_bytes.add(len.into(), bh);
        !band.drops
    }

    /// The statistics.
    pub(crate) fn totals(&self) -> Totals {
        let mut all = self.stats;
        let mut band = FlowStats::default();
        let mut used = None;
        for cpu in self.cpus.iter() {
            let add = |sum: &mut u64, counter: &Counter| *sum = sum.wrapping_add(counter.get());
            add(&mut all.n_packets, &cpu.packets);
            add(&mut all.n_bytes, &cpu.bytes);
            add(&mut band.n_packets, &cpu.band_packets);
            add(&mut band.n_bytes, &cpu.band_bytes);
            let tick = cpu.used.load();
            // The ticks may have wrapped around: the later one is less far behind.
            used = Some(match used {
                Some(last) if tick.wrapping_sub(last) as i64 <= 0 => last,
                _ => tick,
            });
        }
        Totals {
            all,
            band: self.band.is_some().then_some(band),
            used_ms: jiffies::to_monotonic_ms(used.unwrap_or(0)),
        }
    }
}

/// Whether a packet is within the limit of a band.
#[inline]
fn within(band: &Active, cpu: &Cpu, cost: u64, bh: Bh<'_>) -> bool {
    // Nothing that runs here comes back here.
    let Some(mut share) = cpu.share.try_borrow_mut(bh) else {
        return true;
    };
    if share.spend(cost) {
        return true;
    }
    let now = clock::monotonic_us();
    !share.is_hopeless(&band.limit, cost, now)
        && share.draw(&mut band.bucket.lock(), &band.limit, cost, now)
}
