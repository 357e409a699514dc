// SPDX-License-Identifier: GPL-2.0

//! The text in which Open vSwitch's tools write flow keys and actions.
//!
//! Everything here works on netlink attributes and not on a parsed key: what the kernel sent is
//! shown even where it makes no sense, and what a user writes is sent even if the kernel will
//! refuse it.

pub mod actions;
pub mod conntrack;
mod field;
pub mod key;
pub mod ports;
pub mod scan;
mod tunnel;
pub mod ufid;

pub use ports::Ports;
pub use scan::SyntaxError;
