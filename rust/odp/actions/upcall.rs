// SPDX-License-Identifier: GPL-2.0

//! What goes to user space: USERSPACE and PSAMPLE.

use zerocopy_derive::{
    FromBytes,
    Immutable,
    IntoBytes,
    KnownLayout, //
};

/// Arguments of [`Op::Userspace`](super::Op::Userspace).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Userspace<'a> {
    /// The netlink port to send to, unless the datapath or the packet tells another.
    pub pid: u32,
    /// Tell the tunnel the packet would leave this port by.
    pub egress_tun_port: Option<u32>,
    /// Tell these actions: those of the list that is being executed, as attributes.
    pub actions: Option<&'a [u8]>,
    /// What to hand back.
    pub userdata: Option<&'a [u8]>,
}

/// How the arguments of USERSPACE are stored; the user's data follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct UserspaceHeader {
    pub(super) pid: u32,
    pub(super) egress_tun_port: u32,
    pub(super) actions: u32,
    pub(super) userdata_len: u32,
}

/// Stands for a number that was not given.
pub(super) const NONE: u32 = u32::MAX;
