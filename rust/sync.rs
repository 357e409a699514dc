// SPDX-License-Identifier: GPL-2.0

//! Synchronisation that the `kernel` crate does not offer yet.
//!
//! - [`rcu`]: evidence of a read-side section, and allocations published to RCU readers.
//! - [`cell`]: words that are read while they are changed.
//! - [`grace`]: grace periods that nobody waits for.
//! - [`bh`]: evidence that bottom halves are disabled on this CPU.
//! - [`lock_bh`]: spinlocks that keep bottom halves out.
//! - [`once`]: plain values that are read while they are written.
//! - [`percpu`]: values of which each CPU has its own.
//! - [`prefetch`]: memory that is fetched before it is needed.
//! - [`jiffies`], [`clock`] and [`random`]: time, and secrets.
//! - [`work`]: deferred and periodic work that ends before its owner does.

pub(crate) mod bh;
pub(crate) mod cell;
pub(crate) mod clock;
pub(crate) mod grace;
pub(crate) mod jiffies;
pub(crate) mod lock_bh;
pub(crate) mod once;
pub(crate) mod percpu;
pub(crate) mod prefetch;
pub(crate) mod random;
pub(crate) mod rcu;
pub(crate) mod work;
