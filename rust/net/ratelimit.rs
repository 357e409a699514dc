// SPDX-License-Identifier: GPL-2.0

//! The limit on messages that packets cause.
//!
//! C header: [`include/linux/net.h`](srctree/include/linux/net.h)

use crate::bindings;

/// Whether one more message may be logged now (`net_ratelimit()`).
pub(crate) fn allowed() -> bool {
    // SAFETY: No requirements.
    unsafe { bindings::net_ratelimit() != 0 }
}
