// SPDX-License-Identifier: GPL-2.0

//! Network namespaces, and data kept for each of them.
//!
//! The data of a namespace is an [`Arc`] that is published with the namespace and taken back before
//! the namespace goes, so that whoever finds it may keep it:
//!
//! 1. [`PerNet::new`] makes it when the namespace is made, or the type is registered.
//! 2. [`Net::get`] finds it, in an RCU read-side section.
//! 3. [`PerNet::pre_exit`] ends what is going on; after that nobody finds the data any more, and a
//!    grace period passes.
//! 4. [`PerNet::exit`] takes things apart.
//!
//! C headers: [`include/net/net_namespace.h`](srctree/include/net/net_namespace.h),
//! [`include/net/netns/generic.h`](srctree/include/net/netns/generic.h)

use crate::{
    alloc::gfp,
    bindings,
    sync::rcu::{
        RcuArc,
        Read,
        Retired, //
    }, //
};
use core::{
    cell::UnsafeCell,
    marker::PhantomData,
    ops::Deref,
    ptr::{
        self,
        NonNull, //
    }, //
};
use kernel::{
    alloc::Flags,
    error::{
        from_result,
        to_result, //
    },
    prelude::*,
    sync::{
        Arc,
        ArcBorrow, //
    },
    types::Opaque, //
};

/// A network namespace.
///
/// There may be no reference to it left but this one, in which case it is being taken apart:
/// [`Net::try_get`] tells.
#[repr(transparent)]
pub(crate) struct Net(Opaque<bindings::net>);

// SAFETY: What is done with a namespace here may be done from any thread.
unsafe impl Send for Net {}
// SAFETY: As above.
unsafe impl Sync for Net {}

impl Net {
    /// The namespace at `net`.
    ///
    /// # Safety
    ///
    /// The memory of the namespace must be valid for `'a`.
    #[inline]
    pub(in crate::net) unsafe fn from_raw<'a>(net: *mut bindings::net) -> &'a Self {
        // CAST: `Net` is a transparent wrapper.
        // SAFETY: By the requirements of this function.
        unsafe { &*net.cast() }
    }

    /// The namespace that the machine starts with.
    pub(crate) fn init() -> &'static Self {
        // SAFETY: It is never freed.
        unsafe { Self::from_raw(&raw mut bindings::init_net) }
    }

    /// The pointer for C functions.
    #[inline]
    pub(in crate::net) fn as_ptr(&self) -> *mut bindings::net {
        self.0.get()
    }

    /// Takes a reference, unless the namespace is being taken apart.
    pub(crate) fn try_get(&self) -> Option<NetRef> {
        // SAFETY: The namespace's memory is valid.
        let net = unsafe { bindings::maybe_get_net(self.as_ptr()) };
        // INVARIANT: The function has taken a reference if it returns the namespace.
        NonNull::new(net).map(NetRef)
    }

    /// The number that this namespace knows `peer` by, which may have to be made.
    ///
    /// Negative if there is none.
    pub(crate) fn peer_id(&self, peer: &Net, flags: Flags) -> i32 {
        // SAFETY: Both namespaces are valid.
        unsafe { bindings::peernet2id_alloc(self.as_ptr(), peer.as_ptr(), gfp(flags)) }
    }

    /// The data of this namespace, unless it is going, or `T` is not registered.
    pub(crate) fn get<'a, T: PerNet>(&'a self, read: Read<'a>) -> Option<ArcBorrow<'a, T>> {
        let id = T::id().live()?;
        // SAFETY: The type was registered when the number was read, so that `slot()` is the slot of
        // this type. Before the memory is freed the number is reset, or the namespace cannot be
        // reached any more, and a grace period passes.
        let slot = unsafe { slot::<T>(self.as_ptr(), id).as_ref() }?;
        slot.published.get(read)
    }
}

impl PartialEq for Net {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        ptr::eq(self, other)
    }
}

impl Eq for Net {}

/// A reference to a namespace, which keeps it from being taken apart.
///
/// # Invariants
///
/// The pointer is a namespace of which this value owns a reference.
pub(crate) struct NetRef(NonNull<bindings::net>);

// SAFETY: A reference may be dropped by any thread.
unsafe impl Send for NetRef {}
// SAFETY: `Net` is `Sync`.
unsafe impl Sync for NetRef {}

impl Deref for NetRef {
    type Target = Net;

    #[inline]
    fn deref(&self) -> &Net {
        // SAFETY: By the type invariant.
        unsafe { Net::from_raw(self.0.as_ptr()) }
    }
}

impl Drop for NetRef {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { bindings::put_net(self.0.as_ptr()) };
    }
}

/// Data that each namespace has its own of.
pub(crate) trait PerNet: Send + Sync + Sized + 'static {
    /// Where the number that names this type in a namespace is kept: a static of the type's own.
    fn id() -> &'static PerNetId;

    /// Makes the data of a namespace.
    fn new(net: &Net) -> Result<Arc<Self>>;

    /// The namespace is going: nobody may start anything new with it.
    ///
    /// After this [`Net::get`] does not find the data any more.
    fn pre_exit(&self, _net: &Net) {}

    /// The namespace goes, and a grace period has passed since [`pre_exit`](Self::pre_exit).
    fn exit(&self, net: &Net);
}

/// The number that names a type of data in a namespace.
///
/// Used by one type, and by one registration of it at a time.
pub(crate) struct PerNetId {
    /// Written by the core in the course of registration.
    id: UnsafeCell<c_uint>,
    /// The same number while lookups are allowed, otherwise zero.
    live: UnsafeCell<c_uint>,
}

// SAFETY: `id` is written before anything reads it; `live` is only accessed with volatile accesses of
// an aligned machine word.
unsafe impl Sync for PerNetId {}

impl PerNetId {
    /// A number that is not known yet.
    pub(crate) const fn new() -> Self {
        Self {
            id: UnsafeCell::new(0),
            live: UnsafeCell::new(0),
        }
    }

    fn live(&self) -> Option<c_uint> {
        // SAFETY: Valid and aligned; the writes are volatile too.
        match unsafe { self.live.get().read_volatile() } {
            0 => None,
            id => Some(id),
        }
    }

    fn set_live(&self, id: c_uint) {
        // SAFETY: Valid and aligned; the reads are volatile too.
        unsafe { self.live.get().write_volatile(id) };
    }
}

/// What a namespace's memory for a type of data holds.
struct Slot<T: PerNet> {
    published: RcuArc<T>,
    /// The data between [`PerNet::pre_exit`] and [`PerNet::exit`].
    exiting: UnsafeCell<Option<Retired<T>>>,
}

/// The memory of `net` for the data with the number `id`.
///
/// # Safety
///
/// `id` must be the number of `T`, and the namespace valid.
unsafe fn slot<T: PerNet>(net: *mut bindings::net, id: c_uint) -> *mut Slot<T> {
    // SAFETY: By the requirements of this function.
    unsafe { bindings::net_generic(net, id).cast() }
}

/// The registration of a type of per-namespace data.
///
/// # Invariants
///
/// `ops` is registered, and does not move.
pub(crate) struct PerNetRegistration<T: PerNet> {
    ops: KBox<Opaque<bindings::pernet_operations>>,
    _data: PhantomData<T>,
}

// SAFETY: The registration may be dropped by any thread that may sleep.
unsafe impl<T: PerNet> Send for PerNetRegistration<T> {}
// SAFETY: A shared reference offers nothing.
unsafe impl<T: PerNet> Sync for PerNetRegistration<T> {}

impl<T: PerNet> PerNetRegistration<T> {
    /// Makes the data of all namespaces, those that exist and those to come.
    pub(crate) fn new() -> Result<Self> {
        const {
            // The core allocates the memory, aligned for machine words.
            assert!(align_of::<Slot<T>>() <= align_of::<usize>());
        }
        let id = T::id();
        let ops = KBox::new(
            Opaque::new(bindings::pernet_operations {
                init: Some(Self::init),
                pre_exit: Some(Self::pre_exit),
                exit: Some(Self::exit),
                id: id.id.get(),
                size: size_of::<Slot<T>>(),
                ..pin_init::zeroed()
            }),
            GFP_KERNEL,
        )?;
        // SAFETY: The operations are complete and stay where they are until they are unregistered.
        to_result(unsafe { bindings::register_pernet_device(ops.get()) })?;
        // SAFETY: Registration has written the number.
        id.set_live(unsafe { *id.id.get() });
        // INVARIANT: Registered just now.
        Ok(Self {
            ops,
            _data: PhantomData,
        })
    }

    /// # Safety
    ///
    /// `net` must be a namespace for which `init()` has succeeded and `exit()` has not run.
    unsafe fn slot_of<'a>(net: *mut bindings::net) -> &'a Slot<T> {
        // SAFETY: By the requirements of this function, and since registration has written the
        // number before it calls anything.
        unsafe { &*slot(net, *T::id().id.get()) }
    }

    /// # Safety
    ///
    /// Only the namespace core may call this, for a namespace being set up.
    unsafe extern "C" fn init(net: *mut bindings::net) -> c_int {
        from_result(|| {
            // SAFETY: By the requirements of this function.
            let data = T::new(unsafe { Net::from_raw(net) })?;
            // SAFETY: The core has allocated memory of the size of a slot, which nobody else uses
            // before this function returns.
            unsafe {
                slot::<T>(net, *T::id().id.get()).write(Slot {
                    published: RcuArc::new(data),
                    exiting: UnsafeCell::new(None),
                });
            }
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// Only the namespace core may call this, for a namespace for which `init()` has succeeded.
    unsafe extern "C" fn pre_exit(net: *mut bindings::net) {
        // SAFETY: By the requirements of this function.
        let slot = unsafe { Self::slot_of(net) };
        let data = slot.published.replace(None);
        if let Some(data) = &data {
            // SAFETY: By the requirements of this function.
            data.as_arc_borrow().pre_exit(unsafe { Net::from_raw(net) });
        }
        // SAFETY: Only this function and `exit()`, which comes later, use the field.
        unsafe { *slot.exiting.get() = data };
    }

    /// # Safety
    ///
    /// Only the namespace core may call this, after `pre_exit()` and a grace period.
    unsafe extern "C" fn exit(net: *mut bindings::net) {
        // SAFETY: By the requirements of this function.
        let slot = unsafe { Self::slot_of(net) };
        // SAFETY: Only this function and `pre_exit()`, which came before, use the field.
        let data = unsafe { (*slot.exiting.get()).take() };
        if let Some(data) = data {
            // SAFETY: By the requirements of this function a grace period has passed since the data
            // was taken back in `pre_exit()`.
            let data = unsafe { data.into_arc() };
            // SAFETY: By the requirements of this function.
            data.exit(unsafe { Net::from_raw(net) });
        }
    }
}

impl<T: PerNet> Drop for PerNetRegistration<T> {
    fn drop(&mut self) {
        // Lookups that have read the number are over when the core, which waits for a grace period
        // in the course of the next call, frees the slots.
        T::id().set_live(0);
        // SAFETY: By the type invariant.
        unsafe { bindings::unregister_pernet_device(self.ops.get()) };
    }
}
