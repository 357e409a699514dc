// SPDX-License-Identifier: GPL-2.0

//! Speaks with the Open vSwitch kernel datapath.
//!
//! [`client`] is the netlink side: requests and replies of the datapath's generic netlink families
//! as types, with flow keys and actions as the bytes of their attributes. [`text`] turns those
//! bytes into the text that Open vSwitch's tools use, and back. The attributes themselves are
//! [`odp`]'s, which is part of the kernel module as well.

pub mod client;
pub mod cookie;
pub mod rule;
pub mod text;
pub mod upcall;

pub use odp;
