// SPDX-License-Identifier: GPL-2.0

//! RCU: read-side evidence, and allocations that outlive their readers.
//!
//! A reader holds a [`Read`] token, which costs nothing to pass on, and follows pointers with it.
//! What it reaches stays valid for as long as the token, because an owner is only able to free what
//! it published a grace period after it took it back:
//!
//! - [`RcuBox`] is an allocation, of one value or of a header with a slice ([`HeaderSlice`]), that
//!   is freed by `call_rcu()`; an [`RcuShared`] is one with several owners. [`RcuPtr`] publishes
//!   either.
//! - [`RcuArc`] publishes an [`Arc`](kernel::sync::Arc); [`Retired`] is an `Arc` that was taken
//!   back and whose readers are not known to have finished.
//!
//! C header: [`include/linux/rcupdate.h`](srctree/include/linux/rcupdate.h)

mod arc;
mod boxed;
mod ptr;
mod shared;

pub(crate) use self::{
    arc::{
        RcuArc,
        Retired, //
    },
    boxed::{
        Content,
        HeaderSlice,
        RcuBox, //
    },
    ptr::RcuPtr,
    shared::{
        Counted,
        RcuShared, //
    }, //
};

use crate::bindings;
use core::marker::PhantomData;
use kernel::{
    sync::rcu::Guard,
    types::NotThreadSafe, //
};

/// Evidence of an RCU read-side section.
///
/// Unlike a `&Guard` it has no size, and it may come from another kind of section that implies one,
/// such as one with bottom halves disabled ([`Bh::rcu`](super::bh::Bh::rcu)).
///
/// # Invariants
///
/// The current context is in an RCU read-side section during `'rcu`.
#[derive(Clone, Copy)]
pub(crate) struct Read<'rcu>(PhantomData<&'rcu ()>, NotThreadSafe);

impl Read<'_> {
    /// Claims an RCU read-side section.
    ///
    /// # Safety
    ///
    /// The current context must be in an RCU read-side section during the token's lifetime.
    #[inline]
    pub(crate) unsafe fn assume() -> Self {
        // INVARIANT: By the requirements of this function.
        Self(PhantomData, NotThreadSafe)
    }
}

impl<'a> From<&'a Guard> for Read<'a> {
    #[inline]
    fn from(_: &'a Guard) -> Self {
        // INVARIANT: By the type invariant of `Guard`, which is borrowed for `'a`.
        Self(PhantomData, NotThreadSafe)
    }
}

/// Waits until every read-side section that has begun has ended.
///
/// Must not be called from a read-side section. Faster than `synchronize_rcu()` where the caller
/// holds the RTNL.
pub(crate) fn synchronize() {
    // SAFETY: Only requires a context that may sleep; a context that may not is a bug, which the
    // kernel reports, but does not make any memory invalid.
    unsafe { bindings::synchronize_net() };
}

/// Waits for all `call_rcu()` callbacks queued so far when it is dropped.
///
/// This is the last field of the module's type. Fields drop in the order of their declaration after
/// the destructor of the struct itself, so that only the last one comes after every other one has
/// queued its callbacks, which are in the text of the module.
///
/// What a callback frees may own an [`RcuBox`] itself, whose callback is queued only then: a flow
/// owns its actions, a directory its pages. `rcu_barrier()` waits for what is queued when it is
/// called, so it takes one call for each level of ownership.
pub(crate) struct Barrier;

impl Barrier {
    /// At least as many levels as there are of boxes that own boxes.
    const LEVELS: usize = 4;
}

impl Drop for Barrier {
    fn drop(&mut self) {
        for _ in 0..Self::LEVELS {
            // SAFETY: Only requires a context that may sleep, and a module is unloaded in one.
            unsafe { bindings::rcu_barrier() };
        }
    }
}
