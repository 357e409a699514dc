// SPDX-License-Identifier: GPL-2.0

//! Secrets.
//!
//! C header: [`include/linux/random.h`](srctree/include/linux/random.h)

use kernel::bindings;

/// 32 bits that nobody can guess.
pub(crate) fn number() -> u32 {
    // SAFETY: No requirements.
    unsafe { bindings::get_random_u32() }
}

/// 128 bits that nobody can guess, to seed a hash with.
pub(crate) fn seed() -> [u64; 2] {
    // SAFETY: No requirements.
    [(); 2].map(|()| unsafe { bindings::get_random_u64() })
}
