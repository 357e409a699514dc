// SPDX-License-Identifier: GPL-2.0

//! Bob Jenkins' hash of one word, as the kernel has it.
//!
//! User space computes what the HASH action computes, so that it must be this very function.
//!
//! C header: [`include/linux/jhash.h`](srctree/include/linux/jhash.h)

/// An arbitrary number to start from.
const INITVAL: u32 = 0xdead_beef;

/// Hashes one word (`jhash_1word()`).
pub const fn jhash_1word(word: u32, initval: u32) -> u32 {
    /// The length of what is hashed, in bytes.
    const LEN: u32 = 4;

    let init = initval.wrapping_add(INITVAL).wrapping_add(LEN);
    let (mut a, mut b, mut c) = (word.wrapping_add(init), init, init);
    c = (c ^ b).wrapping_sub(b.rotate_left(14));
    a = (a ^ c).wrapping_sub(c.rotate_left(11));
    b = (b ^ a).wrapping_sub(a.rotate_left(25));
    c = (c ^ b).wrapping_sub(b.rotate_left(16));
    a = (a ^ c).wrapping_sub(c.rotate_left(4));
    b = (b ^ a).wrapping_sub(a.rotate_left(14));
    (c ^ b).wrapping_sub(b.rotate_left(24))
}

#[cfg(all(test, not(MODULE)))]
mod tests {
    use super::jhash_1word;

    #[test]
    fn same_as_the_kernel() {
        assert_eq!(jhash_1word(0, 0), 0x0493_96b8);
        assert_eq!(jhash_1word(1, 0), 0x72a8_2a9b);
        assert_eq!(jhash_1word(0, 1), 0xd9a9_1087);
        assert_eq!(jhash_1word(0x1234_5678, 0xdead_beef), 0x0339_9eb9);
    }
}
