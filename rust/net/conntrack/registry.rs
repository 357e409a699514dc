// SPDX-License-Identifier: GPL-2.0

//! What is kept of connection tracking for each namespace.
//!
//! C header: [`include/net/netfilter/nf_conntrack_count.h`](srctree/include/net/netfilter/nf_conntrack_count.h)

use super::{
    bindings,
    Version, //
};
use crate::{
    net::{
        namespace::{
            Net,
            NetId,
            PerNet,
            PerNetId, //
        },
        skbuff::SkBuff, //
    },
    sync::{
        once::Shared,
        rcu::Read, //
    }, //
};
use core::ptr::{
    self,
    NonNull, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

static ID: PerNetId = PerNetId::new();

/// The use of connection tracking in a namespace: labels, and numbers of connections by zone.
///
/// # Invariants
///
/// `counts` is from `nf_conncount_init()` for this namespace, or null from [`PerNet::exit`] on. That
/// comes a grace period after `net` does not find the namespace any more.
pub(crate) struct Tracking {
    net: NetId,
    counts: Shared<*mut bindings::nf_conncount_data>,
    labels: bool,
}

// SAFETY: The counts have locks of their own.
unsafe impl Send for Tracking {}
// SAFETY: As above.
unsafe impl Sync for Tracking {}

impl Tracking {
    /// Whether connections can have labels.
    pub(crate) fn has_labels(&self) -> bool {
        self.labels
    }

    /// The number of connections that were counted in a zone and still exist.
    ///
    /// With a packet, its connection is counted from now on.
    pub(crate) fn count(
        &self,
        zone: u16,
        packet: Option<(&SkBuff, Version)>,
        rcu: Read<'_>,
    ) -> Option<u32> {
        let key = u32::from(zone);
        let net = self.net.get(rcu)?;
        let (skb, family) = match packet {
            Some((skb, version)) => (skb.as_ptr().cast_const(), version.family()),
            None => (ptr::null(), 0),
        };
        // SAFETY: The namespace was found in this section, so that by the type invariant the counts
        // are valid during it. The key has the length they were made for.
        Some(unsafe {
            bindings::nf_conncount_count_skb(
                net.as_ptr(),
                skb,
                family.into(),
                self.counts.load(),
                &key,
            )
        })
    }
}

impl PerNet for Tracking {
    fn id() -> &'static PerNetId {
        &ID
    }

    fn new(net: &Net, id: NetId) -> Result<Arc<Self>> {
        const LABELS: c_uint = 128;

        // SAFETY: The namespace is valid, and `exit()` frees the counts before it goes.
        let counts =
            unsafe { bindings::nf_conncount_init(net.as_ptr(), size_of::<u32>() as c_uint) };
        let counts = kernel::error::from_err_ptr(counts)?;
        // SAFETY: The namespace is valid.
        let labels = unsafe { bindings::nf_connlabels_get(net.as_ptr(), LABELS - 1) } == 0;
        // INVARIANT: Made just now.
        let this = Self {
            net: id,
            counts: Shared::new(counts),
            labels,
        };
        Arc::new(this, GFP_KERNEL).map_err(|err| {
            // SAFETY: The namespace is valid; both were had just now, and nobody else has them.
            unsafe {
                bindings::nf_conncount_destroy(net.as_ptr(), counts);
                if labels {
                    bindings::nf_connlabels_put(net.as_ptr());
                }
            }
            err.into()
        })
    }

    fn exit(&self, net: &Net) {
        let Some(counts) = NonNull::new(self.counts.load()) else {
            return;
        };
        self.counts.store(ptr::null_mut());
        // SAFETY: The namespace is valid, and by the type invariant nobody uses the counts any more.
        unsafe {
            bindings::nf_conncount_destroy(net.as_ptr(), counts.as_ptr());
            if self.labels {
                bindings::nf_connlabels_put(net.as_ptr());
            }
        }
    }
}
