// SPDX-License-Identifier: GPL-2.0

//! Loading modules when they are needed.

use crate::bindings;

/// Loads the module with the alias `vport-type-KIND`, if there is one. May sleep, and takes the locks
/// that modules take when they start.
pub(crate) fn vport_type(kind: u32) {
    // SAFETY: The function has no preconditions.
    unsafe { bindings::request_vport_type(kind) };
}
