// SPDX-License-Identifier: GPL-2.0

//! The pure core of the datapath: everything that needs no kernel.
//!
//! `odp` is Open vSwitch's own word for the formats a datapath speaks: flow keys, masks and actions
//! as netlink attributes. This module holds them, the parser from packet headers to flow keys, the
//! validation of actions, and the algorithms of the flow classifier.
//!
//! The code is built twice: as a module of the kernel crate, and as a host package that `dpctl` and
//! the tests use. It uses `core` and `zerocopy` alone, allocates nothing, and names its own items
//! by paths relative to itself, so that it does not notice which of the two it is part of.

#![cfg_attr(not(MODULE), no_std)]
#![cfg_attr(not(MODULE), deny(unsafe_code))]

#[cfg(all(test, not(MODULE)))]
extern crate std;

pub mod actions;
pub mod cell;
pub mod checksum;
pub mod classifier;
pub mod error;
pub mod extract;
pub mod flow_attrs;
pub mod hash;
pub mod headers;
pub mod jhash;
pub mod key;
pub mod mask;
pub mod meter;
pub mod nlattr;
pub mod rewrite;
#[cfg(not(MODULE))]
pub mod rules;
pub mod uapi;

pub use error::{
    Errno,
    Error, //
};
pub use key::Key;
