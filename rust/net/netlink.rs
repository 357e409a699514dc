// SPDX-License-Identifier: GPL-2.0

//! Netlink: attributes, policies, errors that explain themselves, and messages under construction.
//!
//! A message under construction has one owner at each step: [`NetlinkSkBuff`] is an empty buffer,
//! [`GenlMsg`] a message in it, which sending consumes. What is not sent is freed.
//!
//! C headers: [`include/net/netlink.h`](srctree/include/net/netlink.h),
//! [`include/linux/netlink.h`](srctree/include/linux/netlink.h)

mod attr;
mod error;
mod message;
mod policy;

pub(crate) use self::{
    attr::Attr,
    error::Error,
    message::{
        Body,
        GenlMsg,
        Nest,
        NetlinkSkBuff, //
    },
    policy::{
        Policy,
        PolicyTable, //
    }, //
};

use crate::bindings;

/// The length of an attribute's header.
pub(crate) const NLA_HDRLEN: usize = size_of::<bindings::nlattr>();

/// The length that an attribute with `payload` bytes takes in a message, padding included.
pub(crate) const fn nla_total_size(payload: usize) -> usize {
    align(payload.saturating_add(NLA_HDRLEN))
}

/// Rounds `len` up to the alignment of attributes.
pub(crate) const fn align(len: usize) -> usize {
    len.saturating_add(bindings::NLA_ALIGNTO as usize - 1) & !(bindings::NLA_ALIGNTO as usize - 1)
}
