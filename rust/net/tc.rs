// SPDX-License-Identifier: GPL-2.0

//! Packets that tc has handled in part, and leaves the rest of.
//!
//! Chains of filters have the numbers of recirculation ids then. Where a packet matches nothing in a
//! chain it was sent on to, it tells which one that was. tc does so while somebody wants it, on
//! kernels with `NET_TC_SKB_EXT`.
//!
//! C headers: [`include/net/pkt_cls.h`](srctree/include/net/pkt_cls.h), `struct tc_skb_ext` in
//! [`include/linux/skbuff.h`](srctree/include/linux/skbuff.h)

use super::skbuff::SkBuff;

/// Whether tc can pass packets on.
pub(crate) const AVAILABLE: bool = cfg!(CONFIG_NET_TC_SKB_EXT);

/// What tc tells of a packet.
pub(crate) struct Passed {
    /// The chain where nothing matched; zero: there is none to go on with.
    pub(crate) chain: u32,
    /// The size of the largest fragment the packet was received in, in bytes; zero: not fragmented.
    pub(crate) mru: u16,
    /// What connection tracking has done, if the packet went through it.
    pub(crate) tracked: Option<Tracked>,
}

/// What tc has done in connection tracking.
pub(crate) struct Tracked {
    /// The zone.
    pub(crate) zone: u16,
    /// The source was translated.
    pub(crate) source_nat: bool,
    /// The destination was translated.
    pub(crate) destination_nat: bool,
}

#[cfg(CONFIG_NET_TC_SKB_EXT)]
mod imp {
    use super::*;
    use crate::bindings;
    use kernel::jump_label::static_branch_unlikely;

    /// A static key as the macro wants it, in a struct.
    #[repr(transparent)]
    struct Key {
        key: kernel::bindings::static_key_false,
    }

    extern "C" {
        #[link_name = "tc_skb_ext_tc"]
        static WANTED: Key;
    }

    /// Wants packets to be passed on, once more.
    ///
    /// May sleep.
    pub(crate) fn enable() {
        // SAFETY: Callers may sleep.
        unsafe { bindings::tc_skb_ext_tc_enable() }
    }

    /// Takes one [`enable`] back.
    ///
    /// May sleep.
    pub(crate) fn disable() {
        // SAFETY: Callers may sleep.
        unsafe { bindings::tc_skb_ext_tc_disable() }
    }

    impl SkBuff {
        /// What tc tells of the packet, if it had it.
        #[inline(always)]
        pub(crate) fn passed_by_tc(&self) -> Option<Passed> {
            // SAFETY: The key is one that C defines.
            if unsafe { static_branch_unlikely!(WANTED, Key, key) } {
                passed(self)
            } else {
                None
            }
        }
    }

    #[cold]
    fn passed(skb: &SkBuff) -> Option<Passed> {
        // SAFETY: By the type invariant of `SkBuff`. What is found stays while the packet is not
        // changed.
        let ext = unsafe { bindings::tc_skb_ext(skb.as_ptr()).as_ref() }?;
        Some(Passed {
            chain: if ext.act_miss() != 0 {
                // The union has the number of an action then.
                0
            } else {
                // SAFETY: The union is of numbers.
                unsafe { ext.__bindgen_anon_1.chain }
            },
            mru: ext.mru,
            tracked: (ext.post_ct() != 0).then(|| Tracked {
                zone: ext.zone,
                source_nat: ext.post_ct_snat() != 0,
                destination_nat: ext.post_ct_dnat() != 0,
            }),
        })
    }
}

#[cfg(not(CONFIG_NET_TC_SKB_EXT))]
mod imp {
    use super::*;

    /// Wants packets to be passed on: nobody gets that far, see [`AVAILABLE`].
    pub(crate) fn enable() {}

    /// Takes one [`enable`] back.
    pub(crate) fn disable() {}

    impl SkBuff {
        /// What tc tells of the packet, if it had it.
        #[inline(always)]
        pub(crate) fn passed_by_tc(&self) -> Option<Passed> {
            None
        }
    }
}

pub(crate) use imp::*;
