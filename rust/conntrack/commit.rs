// SPDX-License-Identifier: GPL-2.0

//! Committing a connection.

use super::{
    action::Action,
    checked,
    key,
    limit,
    Place, //
};
use crate::{
    actions::PacketKey,
    net::{
        conntrack::{
            Connection,
            Filtered,
            Labels,
            Refusal, //
        },
        ratelimit,
        skbuff::SkBuff, //
    },
};
use kernel::prelude::*;

impl Action {
    /// Gives a packet its connection, and keeps that if it is new.
    pub(super) fn commit(&self, place: Place<'_>, skb: SkBuff, packet: &mut PacketKey) -> Filtered {
        let mut skb = self.lookup(place, skb, packet)?;
        let Some(ct) = skb.connection() else {
            return Ok(skb);
        };
        let is_new = !ct.is_confirmed();
        if is_new && limit::is_exceeded(place, &skb, self.version, self.zone) {
            if ratelimit::allowed() {
                pr_warn!("zone: {} exceeds conntrack limit\n", self.zone);
            }
            return Err(Refusal::Drop(skb, ENOMEM));
        }
        // All of this comes before the connection is confirmed, so that the event that tells of it
        // tells of this, too.
        if let Some(mask) = self.eventmask {
            ct.set_eventmask(mask);
        }
        if let Some([value, mask]) = self.mark {
            let mark = value | (ct.mark() & !mask);
            if mark != ct.mark() {
                ct.set_mark(mark);
                packet.key.ct_mark = mark;
            }
        }
        let result = self.set_labels(ct, is_new, packet);
        skb = checked(skb, result)?;
        if is_new {
            skb.add_act_ct();
            // By now it has all its extensions.
            skb = skb.help(self.version, place.bh)?;
        }
        skb.confirm(place.bh)
    }

    /// Sets labels. A new connection has those of the one that led to it.
    fn set_labels(&self, ct: Connection<'_>, is_new: bool, packet: &mut PacketKey) -> Result {
        let inherited = match is_new {
            true => ct.master().and_then(Connection::labels),
            false => None,
        };
        let [value, mask] = match (&self.labels, inherited) {
            (Some([value, mask]), _) => [*value, *mask],
            (None, Some(_)) => [[0; 16]; 2],
            (None, None) => return Ok(()),
        };
        let labels = if is_new {
            let old = inherited.or_else(|| ct.labels()).unwrap_or_default();
            let labels = merge(&old, &value, &mask);
            ct.init_labels(labels)?;
            labels
        } else {
            ct.set_labels(&merge(&[0; 16], &value, &mask), &mask)?;
            ct.labels().unwrap_or_default()
        };
        key::set_labels(packet, labels);
        Ok(())
    }
}

/// The labels that differ from `old` where `mask` says so.
fn merge(old: &Labels, value: &Labels, mask: &Labels) -> Labels {
    let mut merged = *old;
    for (to, (value, mask)) in merged.iter_mut().zip(value.iter().zip(mask)) {
        *to = (*to & !mask) | (value & mask);
    }
    merged
}
