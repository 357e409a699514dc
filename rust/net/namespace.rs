// SPDX-License-Identifier: GPL-2.0

//! Network namespaces, and data kept for each of them.
//!
//! The data of a namespace is an [`Arc`] that is published with the namespace and taken back before
//! the namespace goes, so that whoever finds it may keep it:
//!
//! 1. [`PerNet::new`] makes it when the namespace is made, or the type is registered. It is given a
//!    [`NetId`], by which the namespace is found for as long as the data is.
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
    sync::{
        once::Shared,
        rcu::{
            RcuArc,
            Read,
            Retired, //
        }, //
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
        rcu,
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

    /// Makes the data of a namespace, which `id` finds again.
    fn new(net: &Net, id: NetId) -> Result<Arc<Self>>;

    /// The namespace is going: nobody may start anything new with it.
    ///
    /// After this [`Net::get`] does not find the data any more, nor [`NetId::get`] the namespace.
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
    live: Shared<c_uint>,
}

// SAFETY: `id` is written before anything reads it.
unsafe impl Sync for PerNetId {}

impl PerNetId {
    /// A number that is not known yet.
    pub(crate) const fn new() -> Self {
        Self {
            id: UnsafeCell::new(0),
            live: Shared::new(0),
        }
    }

    fn live(&self) -> Option<c_uint> {
        Some(self.live.load()).filter(|&id| id != 0)
    }
}

/// Finds a namespace again, until its data is taken apart.
///
/// Unlike a [`NetRef`] it does not keep the namespace from going.
#[derive(Clone)]
pub(crate) struct NetId(Arc<NetCell>);

/// A pointer to a namespace, or null.
///
/// # Invariants
///
/// A namespace is freed at the earliest a grace period after the pointer was set to null.
struct NetCell(Shared<*mut bindings::net>);

// SAFETY: A pointer to a namespace, which is `Sync`.
unsafe impl Send for NetCell {}
// SAFETY: As above.
unsafe impl Sync for NetCell {}

impl NetId {
    /// The namespace, unless it is going.
    #[inline]
    pub(crate) fn get<'a>(&'a self, _: Read<'a>) -> Option<&'a Net> {
        let net = self.0 .0.load();
        if net.is_null() {
            return None;
        }
        // SAFETY: By the type invariant the namespace is not freed during this section.
        Some(unsafe { Net::from_raw(net) })
    }

    /// Takes a reference to the namespace, unless it is going.
    pub(crate) fn try_get(&self) -> Option<NetRef> {
        self.get(Read::from(&rcu::read_lock()))?.try_get()
    }

    /// Whether it finds `net`.
    #[inline]
    pub(crate) fn is_of(&self, net: &Net) -> bool {
        ptr::eq(self.0 .0.load(), net.as_ptr())
    }
}

/// What a namespace's memory for a type of data holds.
struct Slot<T: PerNet> {
    /// Null from [`PerNet::pre_exit`] on; nothing is left to be dropped after [`PerNet::exit`].
    published: RcuArc<T>,
    /// Only used by the functions that the core calls, one after the other.
    own: UnsafeCell<Own<T>>,
}

/// What the core's functions hand on.
struct Own<T: PerNet> {
    id: Option<NetId>,
    exiting: Option<Retired<T>>,
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
        id.live.store(unsafe { *id.id.get() });
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
            let this = unsafe { Net::from_raw(net) };
            // INVARIANT: `pre_exit()` sets it to null.
            let id = NetId(Arc::new(NetCell(Shared::new(net)), GFP_KERNEL)?);
            let data = T::new(this, id.clone())?;
            // SAFETY: The core has allocated memory of the size of a slot, which nobody else uses
            // before this function returns.
            unsafe {
                slot::<T>(net, *T::id().id.get()).write(Slot {
                    published: RcuArc::new(data),
                    own: UnsafeCell::new(Own {
                        id: Some(id),
                        exiting: None,
                    }),
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
        let own = unsafe { &mut *slot.own.get() };
        if let Some(NetId(cell)) = &own.id {
            // INVARIANT: A grace period passes before the core frees the namespace.
            cell.0.store(ptr::null_mut());
        }
        own.exiting = data;
    }

    /// # Safety
    ///
    /// Only the namespace core may call this, after `pre_exit()` and a grace period.
    unsafe extern "C" fn exit(net: *mut bindings::net) {
        // SAFETY: By the requirements of this function.
        let slot = unsafe { Self::slot_of(net) };
        // SAFETY: Only this function and `pre_exit()`, which came before, use the field.
        let own = unsafe { &mut *slot.own.get() };
        if let Some(data) = own.exiting.take() {
            // SAFETY: By the requirements of this function a grace period has passed since the data
            // was taken back in `pre_exit()`.
            let data = unsafe { data.into_arc() };
            // SAFETY: By the requirements of this function.
            data.exit(unsafe { Net::from_raw(net) });
        }
        own.id = None;
    }
}

impl<T: PerNet> Drop for PerNetRegistration<T> {
    fn drop(&mut self) {
        // Lookups that have read the number are over when the core, which waits for a grace period
        // in the course of the next call, frees the slots.
        T::id().live.store(0);
        // SAFETY: By the type invariant.
        unsafe { bindings::unregister_pernet_device(self.ops.get()) };
    }
}
