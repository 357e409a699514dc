// SPDX-License-Identifier: GPL-2.0

//! Devices for all VXLAN tunnels.
//!
//! A part of the module vport-vxlan.

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
    fn ovs_vxlan_create(
        net: *mut c_void,
        name: *const c_char,
        dst_port: *mut u16,
        gbp: bool,
    ) -> *mut c_void;
}

/// Makes a device that tells and is told of the tunnel with each packet.
pub(crate) fn create(
    net: &Net,
    name: &CStr,
    options: &mut Options,
    rtnl: &RtnlGuard,
) -> Result<OwnedLink> {
    // SAFETY: The namespace is valid, the name is a string, the port is ours, and the RTNL is held.
    let dev = unsafe {
        ovs_vxlan_create(
            net.as_raw(),
            name.as_char_ptr(),
            &raw mut options.dst_port,
            options.gbp,
        )
    };
    // SAFETY: The function returns a device just registered, of a kind that user space can delete as
    // well, or an error.
    unsafe { OwnedLink::from_raw(dev, rtnl) }
}
