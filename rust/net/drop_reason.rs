// SPDX-License-Identifier: GPL-2.0

//! Reasons for dropping packets.
//!
//! Each buffer that is freed because its packet is dropped is freed with a reason, which tools
//! turn into a name. The core has reasons of its own, and a subsystem may register the names of its.
//!
//! C headers: [`include/net/dropreason.h`](srctree/include/net/dropreason.h),
//! [`include/net/dropreason-core.h`](srctree/include/net/dropreason-core.h)

use crate::bindings;
use kernel::{
    prelude::*,
    types::Opaque, //
};

/// A reason: the number of a subsystem, and within it of the reason.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Code(bindings::skb_drop_reason);

impl Code {
    /// None of the others.
    pub(crate) const NOT_SPECIFIED: Self =
        Self(bindings::skb_drop_reason_SKB_DROP_REASON_NOT_SPECIFIED);
    /// The device is not there, is down or has no carrier.
    pub(crate) const DEV_READY: Self = Self(bindings::skb_drop_reason_SKB_DROP_REASON_DEV_READY);
    /// The packet is too big.
    pub(crate) const PKT_TOO_BIG: Self =
        Self(bindings::skb_drop_reason_SKB_DROP_REASON_PKT_TOO_BIG);
    /// There was no memory.
    pub(crate) const NOMEM: Self = Self(bindings::skb_drop_reason_SKB_DROP_REASON_NOMEM);

    /// The reason with the number `reason` of the Open vSwitch subsystem.
    #[inline]
    pub(crate) const fn openvswitch(reason: u16) -> Self {
        const SUBSYS: u32 = bindings::skb_drop_reason_subsys_SKB_DROP_REASON_SUBSYS_OPENVSWITCH;
        Self((SUBSYS << bindings::SKB_DROP_REASON_SUBSYS_SHIFT) | reason as u32)
    }

    /// The number for C functions.
    #[inline]
    pub(in crate::net) fn as_raw(self) -> bindings::skb_drop_reason {
        self.0
    }
}

/// The names of the reasons of a subsystem, by number.
#[repr(transparent)]
pub(crate) struct Names<const N: usize>([*const c_char; N]);

// SAFETY: Immutable, and so are the strings.
unsafe impl<const N: usize> Sync for Names<N> {}

impl<const N: usize> Names<N> {
    /// Makes the list; a number without a name is not used.
    pub(crate) const fn new(names: [Option<&'static CStr>; N]) -> Self {
        let mut this = Self([core::ptr::null(); N]);
        let mut i = 0;
        while i < N {
            if let Some(name) = names[i] {
                this.0[i] = name.to_bytes_with_nul().as_ptr().cast();
            }
            i += 1;
        }
        this
    }
}

/// The names of the Open vSwitch subsystem, registered.
///
/// # Invariants
///
/// The list is registered, and does not move.
pub(crate) struct Registration {
    _list: KBox<Opaque<bindings::drop_reason_list>>,
}

// SAFETY: The registration may be dropped by any thread that may sleep.
unsafe impl Send for Registration {}
// SAFETY: A shared reference offers nothing.
unsafe impl Sync for Registration {}

impl Registration {
    /// Registers `names` for the Open vSwitch subsystem.
    ///
    /// There is one such subsystem, and one list of names for it.
    pub(crate) fn new<const N: usize>(names: &'static Names<N>) -> Result<Self> {
        let list = KBox::new(
            Opaque::new(bindings::drop_reason_list {
                reasons: names.0.as_ptr().cast_mut(),
                n_reasons: N,
            }),
            GFP_KERNEL,
        )?;
        // SAFETY: The list is valid until it is unregistered.
        unsafe {
            bindings::drop_reasons_register_subsys(
                bindings::skb_drop_reason_subsys_SKB_DROP_REASON_SUBSYS_OPENVSWITCH,
                list.get(),
            )
        };
        // INVARIANT: Registered just now.
        Ok(Self { _list: list })
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        // This waits for a grace period.
        // SAFETY: By the type invariant the list is registered.
        unsafe {
            bindings::drop_reasons_unregister_subsys(
                bindings::skb_drop_reason_subsys_SKB_DROP_REASON_SUBSYS_OPENVSWITCH,
            )
        };
    }
}
