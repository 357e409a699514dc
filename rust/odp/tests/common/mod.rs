// SPDX-License-Identifier: GPL-2.0

//! What several tests need.

#![allow(dead_code)]

pub mod attrs;
pub mod packets;
pub mod random;
pub mod reference;

pub use random::{
    fuzz,
    Random, //
};

use odp::extract::Cold;
use odp::Key;

/// A key full of rubbish, as if left by other packets.
pub fn dirty() -> (Key, Cold) {
    let mut key = Key::ZERO;
    key.words_mut().fill(0xa5a5_5a5a_dead_beef);
    (key, Cold::ALL)
}
