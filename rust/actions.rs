// SPDX-License-Identifier: GPL-2.0

//! Executing actions on a packet.
//!
//! Actions were validated and compiled when their flow was installed ([`odp::actions`]); here they
//! are carried out. Nothing on this path takes a lock or allocates, except for the copy of a packet
//! that goes to more than one place.
//!
//! A packet that is looked up again by the last of its actions goes round a loop: neither packet nor
//! key is copied and the stack does not grow. Everything else that is executed for a copy of the
//! packet is executed at once, one level of recursion deeper, with a copy of the key from memory
//! that each CPU has for this ([`Scratch`]). Lookups that are nested too deeply for the stack are put
//! off ([`Pending`]).
//!
//! C version of this file: [`net/openvswitch/actions.c`](srctree/net/openvswitch/actions.c).
//!
//! [`odp::actions`]: crate::odp::actions

mod ct;
mod encap;
mod hash;
mod headers;
mod nested;
mod output;
mod pending;
mod program;
mod scratch;
pub(crate) mod trace;

pub(crate) use self::{
    nested::too_often,
    pending::Pending,
    program::{
        compile,
        Actions,
        Executable, //
    },
    scratch::{
        PacketKey,
        Scratch, //
    }, //
};

use crate::{
    datapath::Datapath,
    drop::Reason,
    net::{
        skbuff::SkBuff,
        trace::execute_action_enabled, //
    },
    odp::{
        actions::{
            List,
            Op, //
        },
        rewrite::TimeToLive, //
    },
    sync::bh::Bh,
    vport::Vport,
};
use kernel::prelude::*;

/// What goes along with a packet, apart from its key.
///
/// Corresponds to `struct ovs_skb_cb` of the C module. A copy of the packet has a copy of it.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    /// The datapath the packet is in.
    pub(crate) dp: &'a Datapath,
    /// The port it came in by.
    pub(crate) input: &'a Vport,
    /// Evidence that the executor has this CPU to itself.
    pub(crate) bh: Bh<'a>,
    /// The size of the largest fragment the packet was received in, in bytes; zero: not fragmented.
    pub(crate) mru: u16,
    /// The next port or process gets no more than these first bytes.
    pub(crate) cutlen: u32,
    /// The netlink port that all upcalls go to; zero: as configured.
    pub(crate) upcall_pid: u32,
    /// The packet has been looked up: user space, if it gets the packet, expects its hash.
    pub(crate) hashed: bool,
    /// The lookups that this packet and its copies are still to cause.
    pub(crate) pending: &'a Pending,
    /// How likely it was, of 2^32 - 1, that the packet got here through the last SAMPLE; zero:
    /// there was none.
    pub(crate) probability: u32,
}

impl<'a> Context<'a> {
    /// The value of [`Self::cutlen`] that cuts nothing off.
    pub(crate) const WHOLE: u32 = u32::MAX;

    /// The context of a packet that comes in by a port.
    ///
    /// What is put off into `pending` meanwhile is up to the caller, see [`Pending::finish`].
    #[inline]
    pub(crate) fn new(input: &'a Vport, pending: &'a Pending, bh: Bh<'a>) -> Self {
        Self {
            dp: input.datapath(),
            input,
            pending,
            bh,
            mru: 0,
            cutlen: Self::WHOLE,
            upcall_pid: 0,
            hashed: false,
            probability: 0,
        }
    }

    /// Takes the length to cut the packet to, which holds once.
    #[inline]
    fn take_cutlen(&mut self) -> u32 {
        core::mem::replace(&mut self.cutlen, Self::WHOLE)
    }
}

/// What became of a packet when its actions were executed.
pub(crate) enum Outcome {
    /// It is gone: sent, queued or dropped.
    Done,
    /// It is to be looked up again.
    Recirculate(SkBuff),
}

/// Executes a list of actions.
///
/// Consumes the packet. Fails if an action does, in which case the packet was dropped, too.
pub(crate) fn execute(
    ctx: &mut Context<'_>,
    mut skb: SkBuff,
    packet: &mut PacketKey,
    program: &Executable<'_>,
    mut list: List,
) -> Result<Outcome> {
    let traced = execute_action_enabled();
    loop {
        if traced {
            trace::action(ctx, &skb, packet, program, &list);
        }
        let Some(op) = program.next(&mut list) else {
            break;
        };
        let done = match op {
            Op::Output { port, last } => {
                let cutlen = ctx.take_cutlen();
                if last {
                    output::output(ctx, skb, port, packet, cutlen);
                    return Ok(Outcome::Done);
                }
                // Without memory for the copy this port goes without.
                if let Some(copy) = skb.try_clone() {
                    output::output(ctx, copy, port, packet, cutlen);
                }
                Ok(())
            }
            Op::Trunc { max_len } => {
                ctx.cutlen = max_len;
                Ok(())
            }
            Op::Userspace { at, last } => {
                let cutlen = ctx.take_cutlen();
                if let Some(args) = program.userspace(at) {
                    output::userspace(ctx, &mut skb, packet, &args, cutlen);
                }
                if last {
                    skb.consume();
                    return Ok(Outcome::Done);
                }
                Ok(())
            }
            Op::Recirc { id, last: true } => match headers::refresh(&mut skb, packet) {
                Ok(()) => {
                    packet.key.recirc_id = id;
                    return Ok(Outcome::Recirculate(skb));
                }
                Err(err) => Err(err),
            },
            Op::Recirc { id, last: false } => nested::recirculate(ctx, &mut skb, packet, id),
            Op::Drop { with_error } => {
                skb.drop_reason(if with_error {
                    Reason::ExplicitWithError
                } else {
                    Reason::Explicit
                });
                return Ok(Outcome::Done);
            }
            Op::PushVlan { vlan } => headers::push_vlan(&mut skb, packet, vlan),
            Op::PopVlan => headers::pop_vlan(&mut skb, packet),
            Op::SetPriority {
                masked: [value, mask],
            } => {
                let priority = value | (skb.priority() & !mask);
                skb.set_priority(priority);
                packet.key.priority = priority;
                Ok(())
            }
            Op::SetSkbMark {
                masked: [value, mask],
            } => {
                let mark = value | (skb.mark() & !mask);
                skb.set_mark(mark);
                packet.key.skb_mark = mark;
                Ok(())
            }
            Op::SetEthernet { at } => match program.get(at) {
                Some([value, mask]) => headers::set_ethernet(&mut skb, packet, value, mask),
                None => Err(EINVAL),
            },
            Op::SetIpv4 { at } => match program.get(at) {
                Some([value, mask]) => headers::set_ipv4(&mut skb, packet, value, mask),
                None => Err(EINVAL),
            },
            Op::SetIpv6 { at } => match program.get(at) {
                Some([value, mask]) => headers::set_ipv6(&mut skb, packet, value, mask),
                None => Err(EINVAL),
            },
            Op::SetTcp {
                masked: [value, mask],
            } => headers::set_tcp(&mut skb, packet, &value, &mask),
            Op::SetUdp {
                masked: [value, mask],
            } => headers::set_udp(&mut skb, packet, &value, &mask),
            Op::SetSctp {
                masked: [value, mask],
            } => headers::set_sctp(&mut skb, packet, &value, &mask),
            Op::SetMpls {
                masked: [value, mask],
            } => encap::set_mpls(&mut skb, packet, value, mask),
            Op::PushMpls { lse, eth_type, l3 } => {
                encap::push_mpls(&mut skb, packet, lse, eth_type, l3)
            }
            Op::PopMpls { eth_type } => encap::pop_mpls(&mut skb, packet, eth_type),
            Op::PushEth { addresses } => encap::push_eth(&mut skb, packet, &addresses),
            Op::PopEth => encap::pop_eth(&mut skb, packet),
            Op::PushNsh { at, len } => match program.bytes(at, len.into()) {
                Some(header) => encap::push_nsh(&mut skb, packet, header),
                None => Err(EINVAL),
            },
            Op::PopNsh => encap::pop_nsh(&mut skb, packet),
            Op::SetTunnel { index } => match program.tunnel(index) {
                Some(tunnel) => {
                    skb.set_tunnel(tunnel);
                    skb.share_headers()
                }
                None => Err(EINVAL),
            },
            Op::Hash { alg, basis } => {
                packet.key.dp_hash = hash::hash(&mut skb, alg, basis);
                Ok(())
            }
            Op::Psample {
                group,
                cookie,
                cookie_len,
                last,
            } => {
                let cutlen = ctx.take_cutlen();
                let cookie = program.bytes(cookie, cookie_len.into()).unwrap_or(&[]);
                output::psample(ctx, &skb, group, cookie, cutlen);
                if last {
                    skb.consume();
                    return Ok(Outcome::Done);
                }
                Ok(())
            }
            Op::Meter { id } => {
                let meter = ctx.dp.meters.get(id, ctx.bh.rcu());
                if meter.is_some_and(|meter| !meter.passes(skb.len(), ctx.bh)) {
                    skb.drop_reason(Reason::Meter);
                    return Ok(Outcome::Done);
                }
                Ok(())
            }
            Op::Ct { index } => match program.ct(index) {
                Some(action) => match ct::ct(ctx, skb, packet, action)? {
                    Some(tracked) => {
                        skb = tracked;
                        Ok(())
                    }
                    None => return Ok(Outcome::Done),
                },
                None => Err(EINVAL),
            },
            Op::CtClear => {
                headers::clear_conntrack(&mut skb, packet);
                Ok(())
            }
            Op::Sample {
                probability,
                body,
                in_place,
                last,
            } => {
                let body = list.take(body);
                if !nested::sampled(probability) {
                    if last {
                        skb.drop_reason(Reason::LastAction);
                        return Ok(Outcome::Done);
                    }
                    Ok(())
                } else if last {
                    ctx.probability = probability;
                    return nested::last(ctx, skb, packet, program, body);
                } else {
                    let ctx = Context {
                        probability,
                        ..*ctx
                    };
                    nested::copy(&ctx, &skb, packet, program, body, in_place)
                }
            }
            Op::Clone {
                body,
                in_place,
                last,
            } => {
                let body = list.take(body);
                if last {
                    return nested::last(ctx, skb, packet, program, body);
                }
                nested::copy(ctx, &skb, packet, program, body, in_place)
            }
            Op::CheckPktLen {
                pkt_len,
                less_equal_in_place,
                greater_in_place,
                last,
                less_equal,
                greater,
            } => {
                let less_equal = list.take(less_equal);
                let greater = list.take(greater);
                let (body, in_place) = if nested::fits(ctx, &skb, pkt_len) {
                    (less_equal, less_equal_in_place)
                } else {
                    (greater, greater_in_place)
                };
                if last {
                    return nested::last(ctx, skb, packet, program, body);
                }
                nested::copy(ctx, &skb, packet, program, body, in_place)
            }
            Op::DecTtl { body } => {
                let body = list.take(body);
                match headers::dec_ttl(&mut skb, packet) {
                    Ok(TimeToLive::Decremented) => Ok(()),
                    Ok(TimeToLive::Expired) if body.is_empty() => {
                        skb.drop_reason(Reason::IpTtl);
                        return Ok(Outcome::Done);
                    }
                    Ok(TimeToLive::Expired) => {
                        return nested::last(ctx, skb, packet, program, body);
                    }
                    Err(err) => Err(err),
                }
            }
            _ => Err(EINVAL),
        };
        if let Err(err) = done {
            skb.drop_reason(Reason::ActionError);
            return Err(err);
        }
    }
    skb.drop_reason(Reason::LastAction);
    Ok(Outcome::Done)
}
