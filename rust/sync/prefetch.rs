// SPDX-License-Identifier: GPL-2.0

//! Fetching memory before it is needed.
//!
//! C header: [`include/linux/prefetch.h`](srctree/include/linux/prefetch.h)

/// Asks the processor to have the cache line in which `value` begins at hand.
///
/// This changes nothing but the time that a later access takes, and does nothing on processors that
/// are not known here.
#[inline(always)]
pub(crate) fn prefetch<T>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: The instruction has no effect that a program could notice, whatever the address.
    unsafe {
        core::arch::asm!(
            "prefetcht0 [{}]",
            in(reg) value,
            options(nostack, preserves_flags, readonly)
        );
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}
