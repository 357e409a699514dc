// SPDX-License-Identifier: GPL-2.0

//! What the module keeps for each network namespace.

use super::{
    OvsGuard,
    Registry, //
};
use crate::{
    conntrack::limit::Limits,
    net::namespace::{
        Net,
        NetId,
        PerNet,
        PerNetId, //
    }, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

static ID: PerNetId = PerNetId::new();

/// What the module keeps for a namespace: its datapaths, and the limits to its connections.
#[pin_data]
pub(crate) struct Namespace {
    id: NetId,
    datapaths: Registry,
    #[pin]
    ct_limits: Limits,
}

impl Namespace {
    /// What finds the namespace again.
    pub(crate) fn net(&self) -> &NetId {
        &self.id
    }

    /// The namespace's datapaths.
    pub(crate) fn datapaths(&self) -> &Registry {
        &self.datapaths
    }

    /// The limits to the connections of its zones.
    pub(crate) fn ct_limits(&self) -> &Limits {
        &self.ct_limits
    }
}

impl PerNet for Namespace {
    fn id() -> &'static PerNetId {
        &ID
    }

    fn new(_net: &Net, id: NetId) -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                id,
                datapaths: Registry::new(),
                ct_limits <- Limits::new(),
            }),
            GFP_KERNEL,
        )
    }

    /// Destroys the datapaths of the namespace, and removes the internal ports that were moved there
    /// from those of other namespaces, since their devices go.
    fn exit(&self, net: &Net) {
        let mut guard = OvsGuard::lock();
        while let Some((_, dp)) = self.datapaths.next(0) {
            dp.destroy(&self.datapaths, &mut guard);
        }
        for dp in guard.datapaths() {
            dp.detach_where(|port| port.is_internal() && port.is_in(net), &guard);
        }
    }
}
