// SPDX-License-Identifier: GPL-2.0

//! What connections to be made are like.

use super::{
    bindings,
    Connection,
    Version, //
};
use crate::net::namespace::Net;
use core::{
    ffi::CStr,
    ptr::{
        self,
        NonNull, //
    }, //
};
use kernel::{
    error::to_result,
    prelude::*,
    str::CStrExt,
    sync::rcu, //
};

/// What a template is to say.
pub(crate) struct Setup<'a> {
    /// The number of the zone.
    pub(crate) zone: u16,
    /// The version of IP.
    pub(crate) version: Version,
    /// The IP protocol, which helper and timeout policy are for.
    pub(crate) protocol: u8,
    /// The name of the helper.
    pub(crate) helper: Option<&'a CStr>,
    /// The connections are translated: the helper must be one that changes packets.
    pub(crate) nat: bool,
    /// The name of the timeout policy.
    pub(crate) timeout: Option<&'a CStr>,
}

/// A template of connections: their zone, helper and timeout policy.
///
/// # Invariants
///
/// `ct` is a template that this value has a reference to, from `nf_ct_tmpl_alloc()`. `helper` is null
/// or a helper whose module this value keeps, and if `nat`, the module that goes with it, too.
pub(crate) struct Template {
    ct: NonNull<bindings::nf_conn>,
    helper: *mut bindings::nf_conntrack_helper,
    nat: bool,
    /// What the timeout policy is known by; null if there is none.
    policy: *const c_void,
}

// SAFETY: A template may be used and freed by any thread.
unsafe impl Send for Template {}
// SAFETY: It does not change any more; its references are counted by atomic operations.
unsafe impl Sync for Template {}

impl Template {
    /// Makes a template for connections of a namespace. May sleep, to load the module of a helper.
    ///
    /// A timeout policy that does not exist is not an error. A helper that does not is one.
    pub(crate) fn new(net: &Net, setup: &Setup<'_>) -> Result<Self> {
        // SAFETY: The namespace is valid. The template does not refer to it, except to compare.
        let ct = unsafe { bindings::nf_ct_tmpl_new(net.as_ptr(), setup.zone) };
        // INVARIANT: The function returns a template with one reference, or null.
        let mut this = Self {
            ct: NonNull::new(ct).ok_or(ENOMEM)?,
            helper: ptr::null_mut(),
            nat: setup.nat,
            policy: ptr::null(),
        };
        let family = setup.version.family();
        if let Some(name) = setup.timeout {
            // SAFETY: All is valid; the name is terminated.
            unsafe {
                bindings::nf_ct_set_timeout(
                    net.as_ptr(),
                    this.as_ptr(),
                    family,
                    setup.protocol,
                    name.as_char_ptr(),
                )
            };
            // SAFETY: The template is valid.
            this.policy = unsafe { bindings::nf_ct_timeout_policy(this.as_ptr()) };
        }
        if let Some(name) = setup.helper {
            // INVARIANT: On success the function has taken references to the modules.
            // SAFETY: All is valid; the name is terminated.
            to_result(unsafe {
                bindings::nf_ct_add_helper(
                    this.as_ptr(),
                    name.as_char_ptr(),
                    family,
                    setup.protocol,
                    setup.nat,
                    &mut this.helper,
                )
            })?;
        }
        Ok(this)
    }

    /// The pointer for C functions.
    #[inline]
    pub(super) fn as_ptr(&self) -> *mut bindings::nf_conn {
        self.ct.as_ptr()
    }

    /// Whether there is a helper.
    #[inline]
    pub(crate) fn has_helper(&self) -> bool {
        !self.helper.is_null()
    }

    /// Whether there is a timeout policy.
    pub(crate) fn has_policy(&self) -> bool {
        !self.policy.is_null()
    }

    /// Whether a connection has the zone, the timeout policy, and no other helper.
    #[inline]
    pub(super) fn describes(&self, ct: Connection<'_>) -> bool {
        // SAFETY: By the type invariant. The field does not change.
        let zone = unsafe { (*self.as_ptr()).zone.id };
        ct.zone() == zone
            && (!self.has_helper() || self.has_helper_of(ct))
            && self.has_policy_of(ct)
    }

    #[cold]
    fn has_helper_of(&self, ct: Connection<'_>) -> bool {
        // SAFETY: By the type invariant of `Connection`.
        let helper = unsafe { bindings::nf_ct_helper_of(ct.as_ptr()) };
        !ct.has_helper() || ptr::eq(helper.cast(), self.helper)
    }

    #[inline]
    fn has_policy_of(&self, ct: Connection<'_>) -> bool {
        if self.policy.is_null() {
            return true;
        }
        // SAFETY: By the type invariant of `Connection`.
        let policy = unsafe { bindings::nf_ct_timeout_policy(ct.as_ptr()) };
        ptr::eq(self.policy, policy)
    }
}

impl Drop for Template {
    fn drop(&mut self) {
        if self.has_helper() {
            // The module that goes with it is looked for in a list that RCU protects.
            let _guard = rcu::read_lock();
            // SAFETY: By the type invariant this gives back the references to the modules.
            unsafe {
                if self.nat {
                    bindings::nf_nat_helper_put(self.helper);
                }
                bindings::nf_conntrack_helper_put(self.helper);
            }
        }
        // SAFETY: By the type invariant. No packet has the template: they have it only in the course
        // of `nf_conntrack_in()`, and whoever calls that has a reference to `self`.
        unsafe {
            bindings::nf_ct_destroy_timeout(self.as_ptr());
            bindings::nf_ct_tmpl_free(self.as_ptr());
        }
    }
}
