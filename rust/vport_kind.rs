// SPDX-License-Identifier: GPL-2.0

//! Kinds of ports that other modules bring.

use crate::{
    cmd::vport,
    datapath::OvsGuard,
    vport::tunnel::Kind, //
};
use kernel::prelude::*;

/// The registration of a kind of ports. While it is there, user space can add such ports.
///
/// Dropping it removes all of them, and tells user space.
pub struct Registration(&'static Kind);

impl Registration {
    /// Makes a kind of ports known.
    ///
    /// Fails with `EEXIST` if there is one of the same number. May sleep.
    #[inline(never)]
    pub fn new(kind: &'static Kind) -> Result<Self> {
        OvsGuard::lock().add_kind(kind)?;
        Ok(Self(kind))
    }
}

impl Drop for Registration {
    #[inline(never)]
    fn drop(&mut self) {
        let mut guard = OvsGuard::lock();
        guard.remove_kind(self.0);
        for dp in guard.datapaths() {
            vport::remove_where(dp, &guard, |port| port.kind() == self.0.number);
        }
    }
}
