// SPDX-License-Identifier: GPL-2.0

//! Prioritized rules, and the narrow masks that they lead to.
//!
//! User space decides on packets by a list of rules with wildcards, the most important one first. A
//! flow of the datapath made from such a decision must not match a packet that another rule would
//! decide on, and should match as many others as it can. [`decide`] finds the rule and computes such
//! a mask: the bits that the rule matches, and for each rule that comes before it, those of one word
//! up to the first in which the packet is seen not to match it.

use super::Key;

/// A set of packets: those that agree with `key` in the bits of `mask`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule<'a> {
    /// The values, zero where the mask is.
    pub key: &'a Key,
    /// The bits that count.
    pub mask: &'a Key,
}

/// Those of `bits` up to the first that is in `seen`, as they follow one another in a packet.
///
/// A single one would do, too. But flows that are cut out of a prefix are disjoint, and their masks
/// are as few as a prefix has bits.
fn up_to_first(seen: u64, bits: u64) -> u64 {
    let behind = u64::MAX >> seen.to_be().leading_zeros() >> 1;
    bits & u64::from_be(!behind)
}

/// Finds the first of the rules that a packet matches, as its place among them.
///
/// Adds to `mask` the bits that this depends on: the same rule is found for every packet that agrees
/// in all of them. That holds as well if no rule is found.
pub fn decide<'a>(
    rules: impl IntoIterator<Item = Rule<'a>>,
    packet: &Key,
    mask: &mut Key,
) -> Option<usize> {
    rules.into_iter().position(|rule| {
        let mut differs = None;
        let words = rule.key.words().iter().zip(rule.mask.words());
        for (at, (word, bits)) in words.enumerate() {
            let seen = (word ^ packet.words()[at]) & bits;
            if seen & mask.words()[at] != 0 {
                // What is matched already tells.
                return false;
            }
            if seen != 0 && differs.is_none() {
                differs = Some((at, up_to_first(seen, *bits)));
            }
        }
        match differs {
            Some((at, bits)) => {
                mask.words_mut()[at] |= bits;
                false
            }
            None => {
                let words = mask.words_mut().iter_mut().zip(rule.mask.words());
                words.for_each(|(word, bits)| *word |= bits);
                true
            }
        }
    })
}
