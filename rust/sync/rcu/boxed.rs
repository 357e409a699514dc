// SPDX-License-Identifier: GPL-2.0

//! Allocations freed after a grace period.

use super::ptr::Owner;
use crate::{
    alloc::raw_try_init,
    bindings, //
};
use core::{
    alloc::Layout,
    marker::PhantomData,
    mem::{
        self,
        ManuallyDrop, //
    },
    ops::Deref,
    ptr::{
        self,
        NonNull, //
    }, //
};
use kernel::{
    alloc::{
        allocator::KVmalloc,
        AllocError,
        Allocator,
        Flags,
        NumaNode, //
    },
    prelude::*,
    types::Opaque, //
};

/// What `call_rcu()` links into its lists.
pub(super) type Head = Opaque<bindings::callback_head>;

/// The allocation of an [`RcuBox`].
#[repr(C)]
pub(crate) struct Inner<T: ?Sized> {
    head: Head,
    value: T,
}

/// Types that an [`RcuBox`] can hold: all sized ones, and [`HeaderSlice`].
///
/// An allocation is known by a thin pointer, so that publishing it is one store.
///
/// # Safety
///
/// For a `head` that is the first field of an initialised `Inner<Self>`, `inner_from_head()` must
/// return the pointer to the whole of that `Inner<Self>`.
pub(crate) unsafe trait Content: 'static {
    /// The pointer to the allocation that starts with `head`.
    ///
    /// # Safety
    ///
    /// `head` must be the first field of an initialised and live `Inner<Self>`.
    unsafe fn inner_from_head(head: *mut Head) -> *mut Inner<Self>;
}

// SAFETY: The cast adds nothing to the pointer, since the type is sized.
unsafe impl<T: 'static> Content for T {
    #[inline]
    unsafe fn inner_from_head(head: *mut Head) -> *mut Inner<Self> {
        head.cast()
    }
}

/// A header and a slice in one allocation.
///
/// # Invariants
///
/// `len` is the number of elements of `slice`.
#[repr(C)]
pub(crate) struct HeaderSlice<H, E> {
    len: usize,
    /// The header.
    pub(crate) header: H,
    /// The elements.
    pub(crate) slice: [E],
}

// SAFETY: By the type invariant `len` completes the pointer.
unsafe impl<H: 'static, E: 'static> Content for HeaderSlice<H, E> {
    #[inline]
    unsafe fn inner_from_head(head: *mut Head) -> *mut Inner<Self> {
        let empty = ptr::slice_from_raw_parts_mut(head, 0) as *mut Inner<Self>;
        // SAFETY: By the requirements of this function `head` starts an initialised allocation.
        // The place of `len` does not depend on the number of elements.
        let len = unsafe { (&raw const (*empty).value.len).read() };
        ptr::slice_from_raw_parts_mut(head, len) as *mut Inner<Self>
    }
}

/// An allocation that is freed a grace period after it is dropped.
///
/// The destructor of the content runs after the grace period too, in a softirq: it must not sleep.
///
/// # Invariants
///
/// The pointer is the head of a live `Inner<T>` in memory from [`KVmalloc`], which this value owns:
/// nobody else will free it. RCU readers may hold references to its content.
pub(crate) struct RcuBox<T: ?Sized + Content>(NonNull<Head>, PhantomData<T>);

// SAFETY: It owns a `T`, which is `Send`, and of which readers have shared references.
unsafe impl<T: ?Sized + Content + Send + Sync> Send for RcuBox<T> {}
// SAFETY: It gives shared references to a `T`, which is `Sync`.
unsafe impl<T: ?Sized + Content + Send + Sync> Sync for RcuBox<T> {}

/// Memory that is not an `Inner<T>` yet: freed at once if it never becomes one.
struct Memory(NonNull<u8>);

impl Memory {
    fn new(layout: Layout, flags: Flags) -> Result<Self, AllocError> {
        Ok(Self(
            KVmalloc::alloc(layout, flags, NumaNode::NO_NODE)?.cast(),
        ))
    }

    fn into_raw(self) -> NonNull<u8> {
        ManuallyDrop::new(self).0
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: The memory is from `KVmalloc` and nothing else has the pointer.
        unsafe { bindings::kvfree(self.0.as_ptr().cast()) };
    }
}

impl<T: Content + Send + Sync> RcuBox<T> {
    /// Allocates memory and moves `value` there.
    pub(crate) fn new(value: T, flags: Flags) -> Result<Self, AllocError> {
        // Moving a value cannot fail, so this can only for want of memory.
        Self::pin_init(value, flags).map_err(|_| AllocError)
    }

    /// Allocates memory and constructs the content in place.
    pub(crate) fn pin_init<E>(init: impl PinInit<T, E>, flags: Flags) -> Result<Self>
    where
        Error: From<E>,
    {
        let memory = Memory::new(Layout::new::<Inner<T>>(), flags)?;
        let inner = memory.0.cast::<Inner<T>>();
        // SAFETY: The memory has the layout of `Inner<T>` and is never moved: the content is pinned
        // until its destructor has run.
        unsafe { raw_try_init(&raw mut (*inner.as_ptr()).value, init)? };
        // INVARIANT: `value` is initialised, `head` needs no initialisation.
        Ok(Self(memory.into_raw().cast(), PhantomData))
    }
}

impl<H, E> RcuBox<HeaderSlice<H, E>>
where
    H: Send + Sync + 'static,
    E: Send + Sync + 'static,
{
    /// Allocates memory for `header` and `len` elements, made by `element` from their index.
    ///
    /// A large allocation need not be physically contiguous, for which `flags` must be
    /// `GFP_KERNEL`.
    pub(crate) fn from_fn<Err>(
        header: H,
        len: usize,
        mut element: impl FnMut(usize) -> Result<E, Err>,
        flags: Flags,
    ) -> Result<Self>
    where
        Error: From<Err>,
    {
        let layout = Self::layout(len).ok_or(AllocError)?;
        let memory = Memory::new(layout, flags)?;
        let inner =
            ptr::slice_from_raw_parts_mut(memory.0.as_ptr(), len) as *mut Inner<HeaderSlice<H, E>>;

        // SAFETY: The memory has the layout of an `Inner` with `len` elements, so that the
        // projection stays in it.
        let slice = unsafe { &raw mut (*inner).value.slice }.cast::<E>();
        let mut filled = Filled { slice, len: 0 };
        while filled.len < len {
            let value = element(filled.len)?;
            // SAFETY: There is room for `len` elements, and the index is less.
            unsafe { slice.add(filled.len).write(value) };
            // Cannot overflow, but says so without a check.
            filled.len = filled.len.wrapping_add(1);
        }
        mem::forget(filled);

        // SAFETY: As above.
        unsafe { (&raw mut (*inner).value.header).write(header) };
        // INVARIANT: `len` elements have been written.
        // SAFETY: As above.
        unsafe { (&raw mut (*inner).value.len).write(len) };

        // INVARIANT: All of `value` is initialised now.
        Ok(Self(memory.into_raw().cast(), PhantomData))
    }

    /// The layout of an allocation with `len` elements, or `None` if it is too large.
    fn layout(len: usize) -> Option<Layout> {
        let (layout, _) = Layout::new::<Head>()
            .extend(Self::value_layout(len)?)
            .ok()?;
        Some(layout.pad_to_align())
    }

    /// The layout of a [`HeaderSlice`] with `len` elements.
    fn value_layout(len: usize) -> Option<Layout> {
        let (layout, _) = Layout::new::<usize>().extend(Layout::new::<H>()).ok()?;
        let (layout, _) = layout.extend(Layout::array::<E>(len).ok()?).ok()?;
        Some(layout.pad_to_align())
    }
}

/// The elements initialised so far, dropped if the next one cannot be made.
struct Filled<E> {
    slice: *mut E,
    len: usize,
}

impl<E> Drop for Filled<E> {
    fn drop(&mut self) {
        // SAFETY: The first `len` elements are initialised and nothing else refers to them.
        unsafe { ptr::slice_from_raw_parts_mut(self.slice, self.len).drop_in_place() };
    }
}

// SAFETY: By the type invariant the head is that of a live allocation, and dropping the box frees it
// a grace period later.
unsafe impl<T: ?Sized + Content> Owner for RcuBox<T> {
    type Content = T;

    #[inline]
    fn into_head(self) -> NonNull<Head> {
        ManuallyDrop::new(self).0
    }

    #[inline]
    unsafe fn from_head(head: NonNull<Head>) -> Self {
        // INVARIANT: By the requirements of this function.
        Self(head, PhantomData)
    }
}

impl<T: ?Sized + Content> RcuBox<T> {
    /// The content of the allocation that starts with `head`.
    ///
    /// # Safety
    ///
    /// `head` must come from [`Self::into_head`], and the allocation must be live for `'a`.
    #[inline]
    pub(super) unsafe fn content<'a>(head: *mut Head) -> &'a T {
        // SAFETY: By the requirements of this function the allocation is live, and as it has been
        // published it is initialised.
        unsafe { &(*T::inner_from_head(head)).value }
    }

    /// Drops the content and frees the memory.
    ///
    /// # Safety
    ///
    /// `head` must be the head of an [`RcuBox`] that has been dropped a grace period ago.
    unsafe extern "C" fn free(head: *mut bindings::callback_head) {
        // CAST: `Head` is a transparent wrapper.
        let head = head.cast::<Head>();
        // SAFETY: By the requirements of this function the allocation is live, and no reader has a
        // reference any more.
        unsafe { ptr::drop_in_place(T::inner_from_head(head)) };
        // Memory that is not physically contiguous cannot be unmapped here, in a softirq or a
        // thread with bottom halves disabled; `vfree()` notices that and leaves it to a work item
        // of its own, which does not refer to this module.
        // SAFETY: The memory is from `KVmalloc`, and its content has been dropped.
        unsafe { bindings::kvfree(head.cast()) };
    }
}

impl<T: ?Sized + Content> Deref for RcuBox<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: By the type invariant the allocation is live for as long as `self`.
        unsafe { Self::content(self.0.as_ptr()) }
    }
}

impl<T: ?Sized + Content> Drop for RcuBox<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant `head` is in a live allocation that this value owns;
        // `free()` owns it from here. The module waits for its callbacks before it goes
        // ([`Barrier`](super::Barrier)).
        unsafe { bindings::call_rcu(self.0.as_ref().get(), Some(Self::free)) };
    }
}
