// SPDX-License-Identifier: GPL-2.0

//! Work that is done later, in a thread of the kernel.
//!
//! [`kernel::workqueue`] keeps an item alive until it has run, but cannot wait for it, which a
//! module must before it goes. Here the owner of an item holds it in place, and dropping it cancels
//! the work and waits until it does not run any more.
//!
//! C header: [`include/linux/workqueue.h`](srctree/include/linux/workqueue.h)

use crate::bindings;
use kernel::{
    prelude::*,
    types::Opaque, //
};

/// What a [`Work`] does.
pub(crate) trait WorkItem: Send + Sync + 'static {
    /// Does it. Never runs twice at the same time.
    fn run(&self);
}

/// Work to be done soon.
///
/// # Invariants
///
/// `work` is initialised with [`Self::run`], and is the first field.
#[repr(C)]
#[pin_data(PinnedDrop)]
pub(crate) struct Work<T: WorkItem> {
    #[pin]
    work: Opaque<bindings::work_struct>,
    item: T,
}

// SAFETY: The workqueue may be asked from any thread, and the item is `Send`.
unsafe impl<T: WorkItem> Send for Work<T> {}
// SAFETY: The workqueue synchronises concurrent requests, and the item is `Sync`.
unsafe impl<T: WorkItem> Sync for Work<T> {}

impl<T: WorkItem> Work<T> {
    /// Work that is not scheduled yet.
    pub(crate) fn new(item: T) -> impl PinInit<Self> {
        pin_init!(Self {
            work <- Opaque::ffi_init(|slot| {
                // SAFETY: `slot` is valid, and stays where it is until `drop()` has cancelled it.
                unsafe { bindings::init_work(slot, Some(Self::run)) }
            }),
            item,
        })
    }

    /// The item.
    pub(crate) fn item(&self) -> &T {
        &self.item
    }

    /// Has the work done once more, unless it is going to be done anyway.
    pub(crate) fn schedule(&self) {
        // SAFETY: By the type invariant the work is initialised, and it is pinned: only a pinned
        // value can be made.
        unsafe {
            bindings::queue_work_on(
                bindings::WORK_CPU_UNBOUND,
                bindings::system_dfl_wq,
                self.work.get(),
            )
        };
    }

    /// # Safety
    ///
    /// Only a workqueue may call this, for the `work` of a value of this type.
    unsafe extern "C" fn run(work: *mut bindings::work_struct) {
        // CAST: By the type invariant `work` is the first field.
        // SAFETY: By the requirements of this function; the value is not dropped while this runs.
        let this = unsafe { &*work.cast::<Self>() };
        this.item.run();
    }
}

#[pinned_drop]
impl<T: WorkItem> PinnedDrop for Work<T> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: By the type invariant the work is initialised.
        unsafe { bindings::cancel_work_sync(self.work.get()) };
    }
}
