// SPDX-License-Identifier: GPL-2.0

//! Families and their registration.

use super::{
    dump,
    Command,
    Dump,
    Info, //
};
use crate::{
    bindings,
    net::{
        namespace::Net,
        netlink::PolicyTable, //
    }, //
};
use kernel::{
    error::to_result,
    prelude::*,
    types::Opaque, //
};

/// What the core knows of a command.
#[repr(transparent)]
pub(crate) struct Op(bindings::genl_ops);

// SAFETY: Immutable, and so is what it points at.
unsafe impl Sync for Op {}

impl Op {
    /// An operation that runs `C`.
    pub(crate) const fn new<C: Command>() -> Self {
        Self(bindings::genl_ops {
            doit: Some(doit::<C>),
            cmd: C::CMD,
            flags: C::FLAGS,
            validate: C::VALIDATE,
            ..pin_init::zeroed()
        })
    }

    /// An operation that runs `C` for one object and dumps all of them.
    pub(crate) const fn with_dump<C: Command + Dump>() -> Self {
        let mut this = Self::new::<C>();
        this.0.dumpit = Some(dump::dumpit::<C>);
        this
    }
}

/// Runs the handler of `C`.
///
/// # Safety
///
/// Only the netlink core may call this, with a request that is valid for the call.
unsafe extern "C" fn doit<C: Command>(
    _skb: *mut bindings::sk_buff,
    info: *mut bindings::genl_info,
) -> c_int {
    // SAFETY: By the requirements of this function.
    match C::doit(unsafe { &Info::from_raw(info) }) {
        Ok(()) => 0,
        // SAFETY: By the requirements of this function.
        Err(error) => unsafe { error.report((*info).extack) },
    }
}

/// A group of sockets that are sent notifications.
#[repr(transparent)]
pub(crate) struct MulticastGroup(bindings::genl_multicast_group);

// SAFETY: Immutable.
unsafe impl Sync for MulticastGroup {}

impl MulticastGroup {
    /// A group with a name.
    ///
    /// Meant for constants: panics if the name is too long.
    pub(crate) const fn const_new(name: &CStr) -> Self {
        let mut group: bindings::genl_multicast_group = pin_init::zeroed();
        copy_name(&mut group.name, name);
        Self(group)
    }
}

/// Copies a name with its NUL character.
const fn copy_name<const N: usize>(to: &mut [c_char; N], name: &CStr) {
    let name = name.to_bytes_with_nul();
    assert!(name.len() <= N, "name is too long");
    let mut i = 0;
    while i < name.len() {
        to[i] = name[i] as c_char;
        i += 1;
    }
}

/// What a family is made from.
pub(crate) struct Description<const N: usize> {
    /// Its name.
    pub(crate) name: &'static CStr,
    /// Its version.
    pub(crate) version: u8,
    /// The length of the header that its messages have before the attributes.
    pub(crate) header_len: usize,
    /// What the attributes of its requests must be like.
    pub(crate) policy: &'static PolicyTable<N>,
    /// Its commands.
    pub(crate) ops: &'static [Op],
    /// Its groups.
    pub(crate) groups: &'static [MulticastGroup],
    /// The first command for which the core validates the reserved parts of headers.
    pub(crate) resv_start_op: u8,
}

/// A family of commands.
///
/// It is there in all network namespaces, and its commands may run in parallel.
#[repr(transparent)]
pub(crate) struct Family(Opaque<bindings::genl_family>);

// SAFETY: The core serialises all changes to a family.
unsafe impl Sync for Family {}

impl Family {
    /// Makes a family.
    ///
    /// Meant for statics: panics if there are too many of something.
    pub(crate) const fn const_new<const N: usize>(
        module: &'static ThisModule,
        description: Description<N>,
    ) -> Self {
        let Description {
            name,
            version,
            header_len,
            policy,
            ops,
            groups,
            resv_start_op,
        } = description;
        assert!(ops.len() <= u8::MAX as usize && groups.len() <= u8::MAX as usize);
        assert!(header_len < 256);
        let mut family = bindings::genl_family {
            hdrsize: header_len as c_uint,
            version: version as c_uint,
            maxattr: PolicyTable::<N>::MAX_ATTR as c_uint,
            _bitfield_1: FLAGS,
            n_ops: ops.len() as u8,
            n_mcgrps: groups.len() as u8,
            resv_start_op,
            policy: policy.as_ptr(),
            // CAST: `Op` and `MulticastGroup` are transparent wrappers.
            ops: ops.as_ptr().cast(),
            mcgrps: groups.as_ptr().cast(),
            module: module.as_ptr().cast(),
            ..pin_init::zeroed()
        };
        copy_name(&mut family.name, name);
        Self(Opaque::new(family))
    }

    /// The pointer for C functions.
    pub(in crate::net) fn as_raw(&self) -> *mut bindings::genl_family {
        self.0.get()
    }

    /// The length of the header that messages have before the attributes.
    pub(in crate::net) fn header_len(&self) -> usize {
        // SAFETY: The field never changes.
        unsafe { (*self.as_raw()).hdrsize as usize }
    }

    /// Whether any socket in `net` is a member of a group.
    pub(crate) fn has_listeners(&self, net: &Net, group: u32) -> bool {
        // SAFETY: Family and namespace are valid.
        unsafe { bindings::genl_has_listeners(self.as_raw(), net.as_ptr(), group) != 0 }
    }

    /// Tells the members of a group in `net`, but the socket `portid`, that they miss something.
    pub(crate) fn set_err(&self, net: &Net, portid: u32, group: u32, error: Error) {
        // SAFETY: Family and namespace are valid.
        unsafe {
            bindings::genl_set_err(self.as_raw(), net.as_ptr(), portid, group, error.to_errno())
        };
    }

    /// Makes the family known, until the result is dropped.
    pub(crate) fn register(&'static self) -> Result<Registration> {
        // SAFETY: The family is complete, and it is static.
        to_result(unsafe { bindings::genl_register_family(self.as_raw()) })?;
        // INVARIANT: Registered just now.
        Ok(Registration { family: self })
    }
}

/// `netnsok` and `parallel_ops`, the first two bits, on.
const FLAGS: bindings::__BindgenBitfieldUnit<[u8; 1]> = {
    let bits: u8 = if cfg!(target_endian = "little") {
        0b11
    } else {
        0b1100_0000
    };
    // The setters that bindgen makes are not constant.
    // SAFETY: The type is a wrapper around one byte, of which any value is valid.
    unsafe { core::mem::transmute::<u8, bindings::__BindgenBitfieldUnit<[u8; 1]>>(bits) }
};

/// The registration of a [`Family`].
///
/// # Invariants
///
/// The family is registered.
pub(crate) struct Registration {
    family: &'static Family,
}

impl Drop for Registration {
    fn drop(&mut self) {
        // SAFETY: By the type invariant. The core waits for requests in progress.
        unsafe { bindings::genl_unregister_family(self.family.as_raw()) };
    }
}
