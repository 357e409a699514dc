// SPDX-License-Identifier: GPL-2.0

//! Time as the datapath tells it.

use rustix::time::{
    ClockId,
    clock_gettime, //
};

/// Milliseconds on the monotonic clock, the one `OVS_FLOW_ATTR_USED` is given on.
pub type Millis = u64;

/// The time now.
pub fn now() -> Millis {
    let time = clock_gettime(ClockId::Monotonic);
    // The monotonic clock starts at zero and does not go back.
    let seconds = Millis::try_from(time.tv_sec).unwrap_or(0);
    let nanoseconds = Millis::try_from(time.tv_nsec).unwrap_or(0);
    seconds * 1000 + nanoseconds / 1_000_000
}
