// SPDX-License-Identifier: GPL-2.0

//! The lock of the configuration: which datapaths and ports there are, and how they are set up.

use super::Datapath;
use crate::{
    actions::Scratch,
    vport::tunnel::Kind, //
};
use kernel::{
    prelude::*,
    sync::{
        global_lock,
        Arc,
        GlobalGuard, //
    },
};

global_lock! {
    // SAFETY: `init()` is called by `Configuration::new()`, before anything can take the lock.
    unsafe(uninit) static OVS_MUTEX: Mutex<Option<State>> = None;
}

/// What the lock protects.
struct State {
    /// The datapaths of all namespaces.
    datapaths: KVec<Arc<Datapath>>,
    /// What is shared by all datapaths.
    scratch: Arc<Scratch>,
    /// The kinds of ports that other modules bring.
    kinds: KVec<&'static Kind>,
}

/// The guard of the lock, and evidence that it is held.
pub(crate) struct OvsGuard(GlobalGuard<OVS_MUTEX>);

impl OvsGuard {
    /// Takes the lock. May sleep; the RTNL must not be held.
    pub(crate) fn lock() -> Self {
        Self(OVS_MUTEX.lock())
    }

    /// What is shared by all datapaths, to hand it on to a new one.
    pub(crate) fn scratch(&self) -> Result<Arc<Scratch>> {
        let state = self.0.as_ref().ok_or(ENODEV)?;
        Ok(state.scratch.clone())
    }

    /// The datapaths of all namespaces.
    pub(crate) fn datapaths(&self) -> impl Iterator<Item = &Arc<Datapath>> {
        self.0.iter().flat_map(|state| state.datapaths.iter())
    }

    /// The kind of ports with a number, if a module has brought it.
    pub(crate) fn kind(&self, number: u32) -> Option<&'static Kind> {
        let mut kinds = self.0.iter().flat_map(|state| state.kinds.iter());
        kinds.find(|kind| kind.number == number).copied()
    }

    /// Remembers a kind of ports.
    pub(crate) fn add_kind(&mut self, kind: &'static Kind) -> Result {
        if self.kind(kind.number).is_some() {
            return Err(EEXIST);
        }
        let state = self.0.as_mut().ok_or(ENODEV)?;
        Ok(state.kinds.push(kind, GFP_KERNEL)?)
    }

    /// Forgets a kind of ports.
    pub(crate) fn remove_kind(&mut self, kind: &'static Kind) {
        if let Some(state) = self.0.as_mut() {
            state.kinds.retain(|other| other.number != kind.number);
        }
    }

    /// Remembers a new datapath.
    pub(super) fn insert(&mut self, dp: Arc<Datapath>) -> Result {
        let state = self.0.as_mut().ok_or(ENODEV)?;
        Ok(state.datapaths.push(dp, GFP_KERNEL)?)
    }

    /// Forgets a datapath.
    pub(super) fn remove(&mut self, dp: &Arc<Datapath>) {
        if let Some(state) = self.0.as_mut() {
            state.datapaths.retain(|other| !Arc::ptr_eq(other, dp));
        }
    }
}

/// The lock, from the start of the module to its end.
pub(crate) struct Configuration(());

impl Configuration {
    /// Sets the lock up.
    ///
    /// # Safety
    ///
    /// Must be called once only, and before [`OvsGuard::lock`].
    pub(crate) unsafe fn new() -> Result<Self> {
        // SAFETY: By the requirements of this function.
        unsafe { OVS_MUTEX.init() };
        *OVS_MUTEX.lock() = Some(State {
            datapaths: KVec::new(),
            scratch: Arc::new(Scratch::new()?, GFP_KERNEL)?,
            kinds: KVec::new(),
        });
        Ok(Self(()))
    }
}

impl Drop for Configuration {
    fn drop(&mut self) {
        *OVS_MUTEX.lock() = None;
    }
}
