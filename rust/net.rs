// SPDX-License-Identifier: GPL-2.0

//! Networking: what a module needs of the C side, with the rules of use in the types.
//!
//! - [`skbuff`]: packets, owned by whoever holds them.
//! - [`device`]: network devices, made here or found; receive handlers and notifications.
//! - [`namespace`]: network namespaces, and data kept for each of them.
//! - [`rtnetlink`]: the lock of network configuration, and kinds of links.
//! - [`netlink`] and [`genetlink`]: requests, replies and notifications.
//! - [`drop_reason`]: reasons for dropping packets that tools can name.
//! - [`conntrack`]: connections that packets belong to, and translating their addresses.
//! - [`fragment`]: cutting IP packets up on output.
//! - [`psample`]: packets for those who collect samples.
//! - [`tc`]: packets that tc has handled in part.
//! - [`trace`]: tracepoints that follow packets.
//! - [`tunnel`]: tunnel headers that come with packets.
//! - [`autoload`]: modules that are loaded when they are needed.
//! - [`errno`], [`ratelimit`]: error codes, and the limit on messages that packets cause.

pub(crate) mod autoload;
pub(crate) mod conntrack;
pub(crate) mod device;
pub(crate) mod drop_reason;
pub(crate) mod errno;
pub(crate) mod fragment;
pub(crate) mod genetlink;
pub(crate) mod namespace;
pub(crate) mod netlink;
pub(crate) mod psample;
pub(crate) mod ratelimit;
pub(crate) mod rtnetlink;
pub(crate) mod skbuff;
pub(crate) mod tc;
pub(crate) mod trace;
pub(crate) mod tunnel;
