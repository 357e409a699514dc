// SPDX-License-Identifier: GPL-2.0

//! The HASH action.

use crate::{
    net::skbuff::SkBuff,
    odp::{
        actions::HashAlg,
        jhash::jhash_1word, //
    },
};

/// The hash of a packet by which flows can choose among several ways, never zero.
pub(super) fn hash(skb: &mut SkBuff, alg: HashAlg, basis: u32) -> u32 {
    let hash = match alg {
        HashAlg::L4 => skb.get_hash(),
        HashAlg::SymL4 => skb.symmetric_hash(),
    };
    jhash_1word(hash, basis).max(1)
}
