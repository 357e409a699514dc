// SPDX-License-Identifier: GPL-2.0

//! Devices for all Geneve tunnels.
//!
//! A part of the module vport-geneve.

use kernel::{
    ffi::{
        c_char,
        c_void, //
    },
    prelude::*, //
};
use openvswitch::vport::tunnel::{
    Net,
    Options,
    OwnedLink,
    RtnlGuard, //
};

extern "C" {
    fn ovs_geneve_create(net: *mut c_void, name: *const c_char, dst_port: u16) -> *mut c_void;
}

/// Makes a device that tells and is told of the tunnel with each packet.
pub(crate) fn create(
    net: &Net,
    name: &CStr,
    options: &mut Options,
    rtnl: &RtnlGuard,
) -> Result<OwnedLink> {
    // SAFETY: The namespace is valid, the name is a string, and the RTNL is held.
    let dev = unsafe { ovs_geneve_create(net.as_raw(), name.as_char_ptr(), options.dst_port) };
    // SAFETY: The function returns a device just registered, of a kind that user space can delete as
    // well, or an error.
    unsafe { OwnedLink::from_raw(dev, rtnl) }
}
