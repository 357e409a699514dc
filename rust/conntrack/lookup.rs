// SPDX-License-Identifier: GPL-2.0

//! Finding a packet's connection.

use super::{
    action::{
        Action,
        Nat, //
    },
    checked,
    key,
    Place, //
};
use crate::{
    actions::PacketKey,
    net::{
        conntrack::Filtered,
        skbuff::SkBuff, //
    },
    odp::{
        uapi::ct_state,
        Key, //
    },
};

impl Action {
    /// Gives a packet its connection in the zone, unless it is invalid, and writes that to its key.
    ///
    /// Packets of a connection that is committed, or about to be, are translated, and seen by the
    /// connection's helper.
    pub(super) fn lookup(
        &self,
        place: Place<'_>,
        mut skb: SkBuff,
        packet: &mut PacketKey,
    ) -> Filtered {
        let mut cached = self.is_cached(place, &mut skb, &packet.key);
        // The extensions of a new connection cannot be added to while a copy of the packet has it.
        if cached
            && self.commit
            && skb
                .connection()
                .is_some_and(|ct| !ct.is_confirmed() && ct.is_shared())
        {
            skb.reset_conntrack();
            cached = false;
        }
        if !cached {
            skb = skb.track(place.net, &self.template, self.version, place.bh)?;
            key::tracked(&skb, packet, self.zone);
        }
        let Some(ct) = skb.connection() else {
            return Ok(skb);
        };
        let confirmed = ct.is_confirmed();
        // The helper of a new connection has to know how it is translated. So both wait for the
        // action that commits it, and NAT comes first.
        if let Some(nat) = &self.nat {
            let translated = packet.key.ct_state & ct_state::NAT_MASK != 0;
            if !translated && (confirmed || self.commit) {
                skb = self.translate(place, skb, packet, nat)?;
            }
        }
        if !confirmed && self.commit && self.template.has_helper() {
            let result = skb.assign_helper(&self.template, self.nat.is_some(), place.bh);
            skb = checked(skb, result)?;
        }
        if confirmed && !cached {
            skb = skb.help(self.version, place.bh)?;
        }
        if let Some(ct) = skb.connection() {
            ct.be_liberal();
            skb.fill_act_ct();
        }
        Ok(skb)
    }

    /// Whether a packet has the connection that it would get.
    ///
    /// So has one that was looked up in the zone already, which may have lost it on the way through
    /// user space, and one that comes with it from the local stack.
    fn is_cached(&self, place: Place<'_>, skb: &mut SkBuff, key: &Key) -> bool {
        let has = |state: u8| key.ct_state & state != 0;
        let mut executed = true;
        if skb.connection().is_none() {
            executed =
                has(ct_state::TRACKED) && !has(ct_state::INVALID) && key.ct_zone == self.zone;
            // Without one, it takes a look whether there is one to be deleted.
            let may_exist = executed || (self.force && key.ct_state == 0);
            let natted = has(ct_state::NAT_MASK);
            if !may_exist
                || !skb.find_connection(place.net, &self.template, self.version, natted, place.bh)
            {
                return false;
            }
        }
        if !skb.is_tracked_by(place.net, &self.template) {
            return false;
        }
        if self.force && skb.connection().is_some_and(|ct| !ct.is_original()) {
            skb.delete_connection();
            return false;
        }
        executed
    }

    /// Translates a packet, which happens once in a zone.
    #[cold]
    fn translate(
        &self,
        place: Place<'_>,
        skb: SkBuff,
        packet: &mut PacketKey,
        nat: &Nat,
    ) -> Filtered {
        let (skb, done) = skb.translate(nat.wanted, &nat.range, self.commit, place.bh)?;
        key::translated(&skb, &mut packet.key, done);
        Ok(skb)
    }
}
