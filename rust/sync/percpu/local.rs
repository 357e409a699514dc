// SPDX-License-Identifier: GPL-2.0

//! Values that only their own CPU may touch.
//!
//! With bottom halves disabled one thread of execution has the CPU, so what belongs to this CPU
//! needs no lock. It can still be asked for twice: sending a packet may come back with another one
//! before the first call returns. So, as with a `RefCell`, a borrow is counted where the value is.

use super::Bh;
use core::{
    cell::{
        Cell,
        UnsafeCell, //
    },
    marker::PhantomData,
    ops::{
        Deref,
        DerefMut, //
    }, //
};
use kernel::{
    prelude::*,
    types::NotThreadSafe, //
};
use zerocopy::FromZeros;

/// A value that one CPU may borrow, exclusively.
///
/// # Invariants
///
/// `busy` and `value` are only accessed by the CPU `cpu` with bottom halves disabled. `busy` is
/// true exactly while there is a [`RefMut`] of the value.
pub(crate) struct CpuLocal<T> {
    cpu: u32,
    busy: Cell<bool>,
    value: UnsafeCell<T>,
}

// SAFETY: By the type invariant the value is accessed by one CPU, one thread of execution at a
// time. That may not be the one that made it or will drop it, hence `Send`.
unsafe impl<T: Send> Sync for CpuLocal<T> {}

impl<T> CpuLocal<T> {
    /// A value for `cpu`.
    pub(crate) fn new<E>(cpu: u32, value: impl Init<T, E>) -> impl Init<Self, E> {
        // SAFETY: The closure initialises all fields, or leaves nothing initialised if it fails.
        unsafe {
            pin_init::init_from_closure(move |slot: *mut Self| {
                // CAST: `UnsafeCell` is a transparent wrapper.
                value.__init((&raw mut (*slot).value).cast::<T>())?;
                (&raw mut (*slot).cpu).write(cpu);
                (&raw mut (*slot).busy).write(Cell::new(false));
                Ok(())
            })
        }
    }

    /// Borrows the value, unless it is borrowed, or belongs to another CPU.
    #[inline]
    pub(crate) fn try_borrow_mut<'a>(&'a self, bh: Bh<'a>) -> Option<RefMut<'a, T>> {
        if self.cpu != bh.cpu() || self.busy.replace(true) {
            return None;
        }
        // INVARIANT: This is the CPU of the value, bottom halves are disabled for `'a`, and `busy`
        // was false.
        Some(RefMut(self, PhantomData))
    }
}

/// The borrow of a [`CpuLocal`].
///
/// # Invariants
///
/// This is the only borrow of the value, on the value's CPU with bottom halves disabled.
pub(crate) struct RefMut<'a, T>(&'a CpuLocal<T>, PhantomData<NotThreadSafe>);

impl<T> Deref for RefMut<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: By the type invariant there is no other reference.
        unsafe { &*self.0.value.get() }
    }
}

impl<T> DerefMut for RefMut<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: By the type invariant there is no other reference.
        unsafe { &mut *self.0.value.get() }
    }
}

impl<T> Drop for RefMut<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // INVARIANT: The borrow ends here.
        self.0.busy.set(false);
    }
}

/// `N` values for one CPU, handed out to one level of recursion each.
///
/// # Invariants
///
/// `used` and `slots` are only accessed by the CPU `cpu` with bottom halves disabled. One of the
/// lower 32 bits of `used` is set exactly while there is a [`Slot`] of that number; the one 32
/// above it as well if the slot is a marked one.
pub(crate) struct CpuStack<T, const N: usize> {
    cpu: u32,
    used: Cell<u64>,
    slots: [UnsafeCell<T>; N],
}

// SAFETY: By the type invariant the values are accessed by one CPU, one thread of execution at a
// time. That may not be the one that made them, hence `Send`.
unsafe impl<T: Send, const N: usize> Sync for CpuStack<T, N> {}

impl<T: FromZeros, const N: usize> CpuStack<T, N> {
    /// Zeroed values for `cpu`.
    pub(crate) fn new(cpu: u32) -> impl Init<Self> {
        const {
            assert!(N > 0 && N < 32);
        }
        // SAFETY: The closure initialises all fields: zeroes are valid for those it does not write.
        unsafe {
            pin_init::init_from_closure(move |slot: *mut Self| {
                slot.write_bytes(0, 1);
                (&raw mut (*slot).cpu).write(cpu);
                Ok::<(), core::convert::Infallible>(())
            })
        }
    }
}

impl<T, const N: usize> CpuStack<T, N> {
    /// Takes a value, or returns `None` if all are taken or they belong to another CPU.
    ///
    /// It has the content that it was given back with.
    #[inline]
    pub(crate) fn push<'a>(&'a self, bh: Bh<'a>) -> Option<Slot<'a, T>> {
        self.take(bh, 1)
    }

    /// The same, and marks the value until it is given back.
    #[inline]
    pub(crate) fn push_marked<'a>(&'a self, bh: Bh<'a>) -> Option<Slot<'a, T>> {
        self.take(bh, 1 | 1 << 32)
    }

    /// Takes the next value; `bits` are what is set in `used` for the first.
    #[inline]
    fn take<'a>(&'a self, bh: Bh<'a>, bits: u64) -> Option<Slot<'a, T>> {
        let used = self.used.get();
        let index = used.trailing_ones();
        let cell = self.slots.get(index as usize)?;
        if self.cpu != bh.cpu() {
            return None;
        }
        // Cannot overflow: the index is less than `N`, which is less than 32.
        let bits = bits.wrapping_shl(index);
        // INVARIANT: The bits were not set, so nobody else has this value.
        self.used.set(used | bits);
        Some(Slot {
            used: &self.used,
            bits,
            cell,
            _cpu: PhantomData,
        })
    }

    /// The number of values that are taken, or `None` on another CPU.
    #[inline]
    pub(crate) fn depth(&self, bh: Bh<'_>) -> Option<u32> {
        // CAST: The lower half.
        (self.cpu == bh.cpu()).then(|| (self.used.get() as u32).count_ones())
    }

    /// The number of values that are marked, or `None` on another CPU.
    #[inline]
    pub(crate) fn marked(&self, bh: Bh<'_>) -> Option<u32> {
        (self.cpu == bh.cpu()).then(|| (self.used.get() >> 32).count_ones())
    }
}

/// A value taken from a [`CpuStack`], given back when it is dropped.
///
/// # Invariants
///
/// Nobody else has the value in `cell`. This is the value's CPU, with bottom
/// halves disabled. `bits` are the value's in `used`.
pub(crate) struct Slot<'a, T> {
    used: &'a Cell<u64>,
    bits: u64,
    cell: &'a UnsafeCell<T>,
    _cpu: PhantomData<NotThreadSafe>,
}

impl<T> Deref for Slot<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: By the type invariant there is no other reference.
        unsafe { &*self.cell.get() }
    }
}

impl<T> DerefMut for Slot<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: By the type invariant there is no other reference.
        unsafe { &mut *self.cell.get() }
    }
}

impl<T> Drop for Slot<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // INVARIANT: The value is given back here.
        self.used.set(self.used.get() & !self.bits);
    }
}
