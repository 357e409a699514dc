// SPDX-License-Identifier: GPL-2.0

//! Time as the datapath tells it.

/// Milliseconds on the monotonic clock, the one `OVS_FLOW_ATTR_USED` is given on.
pub type Millis = u64;

/// The time now.
pub fn now() -> Millis {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid place for a `timespec`. The call fails for unknown clocks only.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    let seconds = Millis::try_from(time.tv_sec).unwrap_or(0);
    let nanoseconds = Millis::try_from(time.tv_nsec).unwrap_or(0);
    seconds * 1000 + nanoseconds / 1_000_000
}
