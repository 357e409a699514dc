// SPDX-License-Identifier: GPL-2.0

//! Passing packets through connection tracking.

use super::{
    headers,
    Context,
    PacketKey, //
};
use crate::{
    conntrack::{
        checked,
        Action,
        Place, //
    },
    datapath::receive,
    drop::Reason,
    net::{
        conntrack::{
            Filtered,
            Refusal, //
        },
        skbuff::SkBuff, //
    },
    odp::key::frag,
};
use kernel::prelude::*;

/// Passes a packet through connection tracking.
///
/// Returns none if it is a fragment, and others are missing. On an error the packet was dropped.
#[inline(never)]
pub(super) fn ct(
    ctx: &mut Context<'_>,
    skb: SkBuff,
    packet: &mut PacketKey,
    action: &Action,
) -> Result<Option<SkBuff>> {
    match track(ctx, skb, packet, action) {
        Ok(skb) => Ok(Some(skb)),
        Err(Refusal::Stolen) => Ok(None),
        Err(Refusal::Dropped(err)) => Err(err),
        Err(Refusal::Drop(skb, err)) => {
            skb.drop_reason(Reason::Conntrack);
            Err(err)
        }
    }
}

fn track(
    ctx: &mut Context<'_>,
    mut skb: SkBuff,
    packet: &mut PacketKey,
    action: &Action,
) -> Filtered {
    let result = headers::refresh(&mut skb, packet);
    skb = checked(skb, result)?;
    let Some(net) = ctx.dp.net().get(ctx.bh.rcu()) else {
        return Err(Refusal::Drop(skb, ENODEV));
    };
    let place = Place { net, bh: ctx.bh };
    let network = match skb.network_offset() {
        Some(network) if action.is_for(packet.key.eth_type.get()) => network,
        _ => return Err(Refusal::Drop(skb, EINVAL)),
    };

    let result = skb
        .pull_rcsum(network)
        .and_then(|()| skb.network_trim(action.version()));
    skb = checked(skb, result)?;
    if packet.key.ip_frag != frag::NONE {
        skb = reassemble(ctx, place, skb, packet, action)?;
    }
    skb = action.execute(place, skb, packet)?;
    let result = skb.push_rcsum(network);
    checked(skb, result)
}

/// Puts the fragments of a packet together, and tells the key.
#[cold]
fn reassemble(
    ctx: &mut Context<'_>,
    place: Place<'_>,
    skb: SkBuff,
    packet: &mut PacketKey,
    action: &Action,
) -> Filtered {
    let whole = skb.reassemble(place.net, action.zone(), action.version(), place.bh);
    let (mut skb, mru) = match whole {
        Ok(Some(whole)) => whole,
        Ok(None) => return Err(Refusal::Stolen),
        Err(err) => return Err(Refusal::Dropped(err)),
    };
    ctx.mru = mru;
    // The fragment that came last need not be the one with the transport header.
    let result = receive::update_l3l4(&mut skb, packet);
    packet.key.ip_frag = frag::NONE;
    checked(skb, result)
}
