// SPDX-License-Identifier: GPL-2.0

//! Grace periods that nobody waits for.
//!
//! Memory that is reused instead of freed needs to know when its readers have gone, and can do
//! without it for as long as they have not.
//!
//! C header: [`include/linux/rcupdate.h`](srctree/include/linux/rcupdate.h)

use kernel::bindings;
use kernel::ffi::c_ulong;

/// The grace period that begins next.
pub(crate) struct GracePeriod(c_ulong);

impl GracePeriod {
    /// The next grace period to begin from now on.
    pub(crate) fn next() -> Self {
        // SAFETY: No requirements.
        Self(unsafe { bindings::get_state_synchronize_rcu() })
    }

    /// Whether it is over: every read-side section has ended that ran when [`Self::next`] was called.
    pub(crate) fn is_over(&self) -> bool {
        // SAFETY: The state is from `get_state_synchronize_rcu()`.
        unsafe { bindings::poll_state_synchronize_rcu(self.0) }
    }
}
