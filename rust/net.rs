// SPDX-License-Identifier: GPL-2.0

//! Networking: what a module needs of the C side, with the rules of use in the types.
//!
//! - [`skbuff`]: packets, owned by whoever holds them.
//! - [`device`]: network devices, made here or found; receive hooks and notifications.
//! - [`namespace`]: network namespaces, and data kept for each of them.
//! - [`rtnetlink`]: the lock of network configuration, and kinds of links.
//! - [`netlink`] and [`genetlink`]: requests, replies and notifications.
//! - [`drop_reason`]: reasons for dropping packets that tools can name.

pub(crate) mod errno;
pub(crate) mod genetlink;
pub(crate) mod namespace;
pub(crate) mod netlink;
