// SPDX-License-Identifier: GPL-2.0

//! Ports whose devices go away.
//!
//! A device that is being unregistered is given back at once, in the notifier, where the RTNL is
//! held. The port is removed by a work item, since that needs the lock of the configuration, which
//! comes before the RTNL.
//!
//! C version of this file: [`net/openvswitch/dp_notify.c`](srctree/net/openvswitch/dp_notify.c).

use crate::{
    cmd::vport,
    datapath::OvsGuard,
    net::{
        device::{
            Event,
            NetDevice,
            Notifier,
            NotifierRegistration, //
        },
        rtnetlink::RtnlGuard, //
    },
    sync::work::{
        Work,
        WorkItem, //
    },
    vport::Vport,
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// Removes ports that have lost their devices, and tells user space.
struct RemovePorts;

impl WorkItem for RemovePorts {
    fn run(&self) {
        let guard = OvsGuard::lock();
        for dp in guard.datapaths() {
            vport::remove_where(dp, &guard, |port| !port.is_internal() && !port.is_linked());
        }
    }
}

/// Hears of devices.
struct Events(Arc<Work<RemovePorts>>);

impl Notifier for Events {
    fn event(&self, event: Event, dev: &NetDevice, rtnl: &RtnlGuard) {
        if event != Event::Unregister {
            return;
        }
        if let Some(port) = Vport::of_device(dev) {
            port.unlink(rtnl);
            self.0.schedule();
        }
    }
}

/// The notifier, registered, and its work.
pub(crate) struct Registration {
    _notifier: NotifierRegistration<Events>,
}

impl Registration {
    /// Starts to listen.
    pub(crate) fn new() -> Result<Self> {
        let work = Arc::pin_init(Work::new(RemovePorts), GFP_KERNEL)?;
        Ok(Self {
            _notifier: NotifierRegistration::new(Events(work))?,
        })
    }
}
