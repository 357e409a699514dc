// SPDX-License-Identifier: GPL-2.0

//! Bottom halves.
//!
//! While bottom halves are disabled, the current task cannot migrate, no softirq runs on this CPU,
//! and, since all flavours of RCU are one, the section is also an RCU read-side section. [`Bh`] is
//! the evidence: what is exclusive to the softirqs of a CPU asks for it.
//!
//! With `CONFIG_PREEMPT_RT` a section with bottom halves disabled can be preempted by another one
//! on the same CPU, so [`percpu`](super::percpu) refuses to build there.
//!
//! C header: [`include/linux/bottom_half.h`](srctree/include/linux/bottom_half.h)

use super::rcu;
use crate::bindings;
use core::marker::PhantomData;
use kernel::{
    sync::rcu::{
        read_lock,
        Guard, //
    },
    types::NotThreadSafe, //
};

/// Evidence that bottom halves are disabled on this CPU.
///
/// # Invariants
///
/// Bottom halves are disabled on the current CPU during `'a`, or the code runs in a softirq during
/// `'a`.
#[derive(Clone, Copy)]
pub(crate) struct Bh<'a>(PhantomData<&'a ()>, NotThreadSafe);

impl<'a> Bh<'a> {
    /// Disables bottom halves until the guard is dropped.
    #[inline]
    pub(crate) fn disable() -> BhGuard {
        let guard = read_lock();
        // SAFETY: May be called anywhere but in a hard interrupt, where no Rust code of a module
        // that owns no interrupt runs.
        unsafe { bindings::local_bh_disable() };
        // INVARIANT: Bottom halves were disabled just now, and this guard enables them again.
        BhGuard(guard)
    }

    /// Claims that bottom halves are disabled.
    ///
    /// # Safety
    ///
    /// During `'a` bottom halves must be disabled on the current CPU, or the code must run in a
    /// softirq, and not in a hard interrupt above one.
    #[inline]
    pub(crate) unsafe fn assume() -> Self {
        // INVARIANT: By the requirements of this function.
        Self(PhantomData, NotThreadSafe)
    }

    /// The RCU read-side section that this section is.
    #[inline]
    pub(crate) fn rcu(self) -> rcu::Read<'a> {
        // SAFETY: A section with bottom halves disabled is an RCU read-side section, and by the
        // type invariant it lasts for `'a`.
        unsafe { rcu::Read::assume() }
    }

    /// The number of this CPU.
    #[inline]
    pub(crate) fn cpu(self) -> u32 {
        super::percpu::this_cpu()
    }
}

/// Keeps bottom halves disabled, in an RCU read-side section of its own: what the kernel calls
/// `rcu_dereference()` in wants to see one, and asks lockdep.
///
/// # Invariants
///
/// Bottom halves are disabled on the current CPU while a value of this type exists.
pub(crate) struct BhGuard(Guard);

impl BhGuard {
    /// The evidence, for as long as the guard is held.
    #[inline]
    pub(crate) fn bh(&self) -> Bh<'_> {
        // SAFETY: By the type invariant, and since the result borrows the guard.
        unsafe { Bh::assume() }
    }
}

impl Drop for BhGuard {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: By the type invariant this pairs with a `local_bh_disable()` on the same CPU.
        unsafe { bindings::local_bh_enable() };
    }
}
