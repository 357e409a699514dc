// SPDX-License-Identifier: GPL-2.0

//! Actions and their attributes.

use super::{
    super::attrs::{
        attr,
        nest,
        u16,
        u32, //
    },
    PROCESS, //
};
use odp::{
    nlattr::F_NESTED,
    uapi::{
        action_attr,
        check_pkt_len_attr,
        dec_ttl_attr,
        key_attr,
        psample_attr,
        sample_attr,
        userspace_attr, //
    },
};

/// An action.
#[derive(Clone, Debug)]
pub enum Action {
    Output(u32),
    Trunc(u32),
    PushVlan {
        tpid: u16,
        tci: u16,
    },
    PopVlan,
    PushMpls {
        lse: [u8; 4],
        kind: u16,
    },
    /// `l3`: behind the Ethernet header, else in front of it.
    AddMpls {
        lse: [u8; 4],
        kind: u16,
        l3: bool,
    },
    PopMpls(u16),
    /// Destination and source, in the order of the header.
    PushEth([u8; 12]),
    PopEth,
    /// The header as it is on the wire.
    PushNsh(Vec<u8>),
    PopNsh,
    /// SET_MASKED, or SET if there is no mask: the key's attribute, value and mask.
    Set(u16, Vec<u8>, Option<Vec<u8>>),
    /// SET_MASKED of `skb->priority` or of the mark.
    SetMetadata(u16, u32, u32),
    Hash {
        alg: u32,
        basis: u32,
    },
    CtClear,
    Meter(u32),
    Recirc(u32),
    Userspace {
        data: Vec<u8>,
        actions: bool,
    },
    Psample {
        group: u32,
        cookie: Vec<u8>,
    },
    DecTtl(Vec<Action>),
    Clone(Vec<Action>),
    /// Always, or never.
    Sample(bool, Vec<Action>),
    CheckPktLen {
        len: u16,
        greater: Vec<Action>,
        less_equal: Vec<Action>,
    },
    Drop,
}

/// The attributes of a list of actions.
pub fn encode(list: &[Action]) -> Vec<u8> {
    // It is parsed strictly, and needs the flag.
    all(list, action_attr::PSAMPLE | F_NESTED)
}

/// The same, as the kernel tells them.
pub fn told(list: &[Action]) -> Vec<u8> {
    all(list, action_attr::PSAMPLE)
}

fn all(list: &[Action], psample: u16) -> Vec<u8> {
    list.iter()
        .flat_map(|action| one(action, psample))
        .collect()
}

fn words(a: u32, b: u32) -> Vec<u8> {
    [a.to_ne_bytes(), b.to_ne_bytes()].concat()
}

fn one(action: &Action, psample: u16) -> Vec<u8> {
    let encode = |list: &[Action]| all(list, psample);
    match action {
        Action::Output(port) => u32(action_attr::OUTPUT, *port),
        Action::Trunc(len) => u32(action_attr::TRUNC, *len),
        Action::PushVlan { tpid, tci } => {
            let tci = tci | 0x1000;
            let payload = [tpid.to_be_bytes(), tci.to_be_bytes()].concat();
            attr(action_attr::PUSH_VLAN, &payload)
        }
        Action::PopVlan => attr(action_attr::POP_VLAN, &[]),
        Action::PushMpls { lse, kind } => {
            let payload = [&lse[..], &kind.to_be_bytes(), &[0; 2]].concat();
            attr(action_attr::PUSH_MPLS, &payload)
        }
        Action::AddMpls { lse, kind, l3 } => {
            let flags = u16::from(*l3).to_ne_bytes();
            let payload = [&lse[..], &kind.to_be_bytes(), &flags].concat();
            attr(action_attr::ADD_MPLS, &payload)
        }
        Action::PopMpls(eth_type) => attr(action_attr::POP_MPLS, &eth_type.to_be_bytes()),
        Action::PushEth(addresses) => {
            // The attribute has the source first.
            let payload = [&addresses[6..], &addresses[..6]].concat();
            attr(action_attr::PUSH_ETH, &payload)
        }
        Action::PopEth => attr(action_attr::POP_ETH, &[]),
        Action::PushNsh(header) => nest(action_attr::PUSH_NSH, &[nsh(header)]),
        Action::PopNsh => attr(action_attr::POP_NSH, &[]),
        Action::Set(kind, value, Some(mask)) => {
            let field = attr(*kind, &[&value[..], mask].concat());
            nest(action_attr::SET_MASKED, &[field])
        }
        Action::Set(kind, value, None) => nest(action_attr::SET, &[attr(*kind, value)]),
        Action::SetMetadata(kind, value, mask) => nest(
            action_attr::SET_MASKED,
            &[attr(*kind, &words(*value, *mask))],
        ),
        Action::Hash { alg, basis } => attr(action_attr::HASH, &words(*alg, *basis)),
        Action::CtClear => attr(action_attr::CT_CLEAR, &[]),
        Action::Meter(id) => u32(action_attr::METER, *id),
        Action::Recirc(id) => u32(action_attr::RECIRC, *id),
        Action::Userspace { data, actions } => {
            let mut args = vec![u32(userspace_attr::PID, PROCESS)];
            args.push(attr(userspace_attr::USERDATA, data));
            if *actions {
                args.push(attr(userspace_attr::ACTIONS, &[]));
            }
            nest(action_attr::USERSPACE, &args)
        }
        Action::Psample { group, cookie } => {
            let mut args = vec![u32(psample_attr::GROUP, *group)];
            if !cookie.is_empty() {
                args.push(attr(psample_attr::COOKIE, cookie));
            }
            nest(psample, &args)
        }
        Action::DecTtl(list) => nest(
            action_attr::DEC_TTL,
            &[nest(dec_ttl_attr::ACTION, &[encode(list)])],
        ),
        Action::Clone(list) => nest(action_attr::CLONE, &[encode(list)]),
        Action::Sample(always, list) => nest(
            action_attr::SAMPLE,
            &[
                u32(sample_attr::PROBABILITY, if *always { u32::MAX } else { 0 }),
                nest(sample_attr::ACTIONS, &[encode(list)]),
            ],
        ),
        // In the order in which the kernel tells it.
        Action::CheckPktLen {
            len,
            greater,
            less_equal,
        } => nest(
            action_attr::CHECK_PKT_LEN,
            &[
                u16(check_pkt_len_attr::PKT_LEN, *len),
                nest(
                    check_pkt_len_attr::ACTIONS_IF_LESS_EQUAL,
                    &[encode(less_equal)],
                ),
                nest(check_pkt_len_attr::ACTIONS_IF_GREATER, &[encode(greater)]),
            ],
        ),
        Action::Drop => u32(action_attr::DROP, 0),
    }
}

/// The attributes of a Network Service Header.
fn nsh(header: &[u8]) -> Vec<u8> {
    let first = u16::from_be_bytes([header[0], header[1]]);
    let mut base = vec![(first >> 12) as u8 & 3, (first >> 6) as u8 & 63];
    base.extend(&header[2..8]);
    // BASE, and MD1 or MD2.
    let kind = 1 + u16::from(header[2]);
    nest(key_attr::NSH, &[attr(1, &base), attr(kind, &header[8..])])
}
