// SPDX-License-Identifier: GPL-2.0

//! Actions whose argument is a number or a structure.

use super::super::{
    error::Error,
    key::{
        Be16,
        Key,
        Vlan,
        PORT_NONE,
        VLAN_TAG_PRESENT, //
    },
    nlattr::Attr,
    uapi::{
        action_attr,
        hash_alg,
        mpls_tun_flags,
        ActionHash,
        AddMpls,
        PushEth,
        PushMpls,
        PushVlan, //
    },
};
use super::{
    nsh,
    op::{
        HashAlg,
        Op, //
    },
    state::{
        eth_p,
        State, //
    },
};
use core::ffi::CStr;
use zerocopy::FromBytes;

/// The length of an Ethernet header.
const ETH_HLEN: u32 = 14;

/// The argument of an action.
fn arg<T: FromBytes>(attr: &Attr<'_>) -> Option<T> {
    attr.get()
}

/// Refuses an action that has an argument.
fn no_arg<'a>(attr: &Attr<'a>, msg: &'static CStr) -> Result<(), Error<'a>> {
    if attr.payload().is_empty() {
        Ok(())
    } else {
        Err(Error::invalid(attr, msg))
    }
}

/// Validates one action and says what it does to the state.
pub(super) fn action<'a>(
    key: &Key,
    state: &mut State,
    attr: &Attr<'a>,
    last: bool,
) -> Result<Op, Error<'a>> {
    let invalid = |msg| Error::invalid(attr, msg);
    match attr.kind() {
        action_attr::OUTPUT => {
            let port: u32 = arg(attr).ok_or(invalid(refusal!("OUTPUT: the port is not a u32")))?;
            match u16::try_from(port) {
                Ok(port) if port != PORT_NONE => Ok(Op::Output { port, last }),
                _ => Err(invalid(refusal!("OUTPUT: port number out of range"))),
            }
        }
        action_attr::TRUNC => {
            let max_len: u32 =
                arg(attr).ok_or(invalid(refusal!("TRUNC: the length is not a u32")))?;
            if max_len < ETH_HLEN {
                return Err(invalid(refusal!("TRUNC: shorter than an Ethernet header")));
            }
            Ok(Op::Trunc { max_len })
        }
        action_attr::RECIRC => {
            let id = arg(attr).ok_or(invalid(refusal!(
                "RECIRC: the recirculation id is not a u32"
            )))?;
            Ok(Op::Recirc { id, last })
        }
        action_attr::METER => {
            let id = arg(attr).ok_or(invalid(refusal!("METER: the meter id is not a u32")))?;
            Ok(Op::Meter { id })
        }
        action_attr::HASH => {
            let hash: ActionHash =
                arg(attr).ok_or(invalid(refusal!("HASH: the argument has not 8 bytes")))?;
            let alg = match hash.alg {
                hash_alg::L4 => HashAlg::L4,
                hash_alg::SYM_L4 => HashAlg::SymL4,
                _ => return Err(invalid(refusal!("HASH: unknown algorithm"))),
            };
            Ok(Op::Hash {
                alg,
                basis: hash.basis,
            })
        }
        action_attr::DROP => {
            let error: u32 = arg(attr).ok_or(invalid(refusal!("DROP: the error is not a u32")))?;
            if !last {
                return Err(invalid(refusal!("DROP: not the last action of its list")));
            }
            Ok(Op::Drop {
                with_error: error != 0,
            })
        }
        action_attr::CT_CLEAR => {
            no_arg(attr, refusal!("CT_CLEAR: has no argument"))?;
            Ok(Op::CtClear)
        }
        action_attr::PUSH_VLAN => push_vlan(state, attr),
        action_attr::POP_VLAN => {
            no_arg(attr, refusal!("POP_VLAN: has no argument"))?;
            if !state.ethernet {
                return Err(invalid(refusal!("POP_VLAN: no Ethernet header")));
            }
            state.vlan = false;
            Ok(Op::PopVlan)
        }
        action_attr::PUSH_MPLS => push_mpls(state, attr),
        action_attr::ADD_MPLS => add_mpls(state, attr),
        action_attr::POP_MPLS => pop_mpls(state, attr),
        action_attr::PUSH_ETH => {
            let push: PushEth =
                arg(attr).ok_or(invalid(refusal!("PUSH_ETH: the argument has not 12 bytes")))?;
            if state.ethernet {
                return Err(invalid(refusal!("PUSH_ETH: there is an Ethernet header")));
            }
            state.ethernet = true;
            Ok(Op::PushEth {
                addresses: push.addresses,
            })
        }
        action_attr::POP_ETH => {
            no_arg(attr, refusal!("POP_ETH: has no argument"))?;
            if !state.ethernet {
                return Err(invalid(refusal!("POP_ETH: no Ethernet header")));
            }
            if state.vlan {
                return Err(invalid(refusal!("POP_ETH: there is a VLAN tag")));
            }
            state.ethernet = false;
            Ok(Op::PopEth)
        }
        action_attr::POP_NSH => {
            no_arg(attr, refusal!("POP_NSH: has no argument"))?;
            nsh::pop(key, state, attr)
        }
        _ => Err(invalid(refusal!("unknown action"))),
    }
}

fn push_vlan<'a>(state: &mut State, attr: &Attr<'a>) -> Result<Op, Error<'a>> {
    let invalid = |msg| Error::invalid(attr, msg);
    let PushVlan { tpid, tci } =
        arg(attr).ok_or(invalid(refusal!("PUSH_VLAN: the argument has not 4 bytes")))?;
    if !state.ethernet {
        return Err(invalid(refusal!("PUSH_VLAN: no Ethernet header")));
    }
    if !eth_p::is_vlan(tpid.get()) {
        return Err(invalid(refusal!(
            "PUSH_VLAN: not the ethertype of a VLAN tag"
        )));
    }
    if tci.get() & VLAN_TAG_PRESENT == 0 {
        return Err(invalid(refusal!(
            "PUSH_VLAN: the CFI bit of the TCI is not set"
        )));
    }
    state.vlan = true;
    Ok(Op::PushVlan {
        vlan: Vlan { tpid, tci },
    })
}

fn push_mpls<'a>(state: &mut State, attr: &Attr<'a>) -> Result<Op, Error<'a>> {
    let invalid = |msg| Error::invalid(attr, msg);
    let push: PushMpls =
        arg(attr).ok_or(invalid(refusal!("PUSH_MPLS: the argument has not 8 bytes")))?;
    if !eth_p::is_mpls(push.ethertype.get()) {
        return Err(invalid(refusal!("PUSH_MPLS: not an ethertype of MPLS")));
    }
    if !state.can_push_mpls() {
        return Err(invalid(refusal!(
            "PUSH_MPLS: there is a VLAN tag, or the packet is not IP, ARP, RARP or MPLS"
        )));
    }
    state.eth_type = push.ethertype.get();
    state.mpls_labels = state.mpls_labels.wrapping_add(1);
    Ok(Op::PushMpls {
        lse: push.lse,
        eth_type: push.ethertype,
        l3: true,
    })
}

fn add_mpls<'a>(state: &mut State, attr: &Attr<'a>) -> Result<Op, Error<'a>> {
    let invalid = |msg| Error::invalid(attr, msg);
    let add: AddMpls =
        arg(attr).ok_or(invalid(refusal!("ADD_MPLS: the argument has not 8 bytes")))?;
    if !eth_p::is_mpls(add.ethertype.get()) {
        return Err(invalid(refusal!("ADD_MPLS: not an ethertype of MPLS")));
    }
    let l3 = add.tun_flags & mpls_tun_flags::MASK != 0;
    if l3 {
        if !state.can_push_mpls() {
            return Err(invalid(refusal!(
                "ADD_MPLS: there is a VLAN tag, or the packet is not IP, ARP, RARP or MPLS"
            )));
        }
        state.mpls_labels = state.mpls_labels.wrapping_add(1);
    } else if state.ethernet {
        // Labels that were there are now part of the payload.
        state.ethernet = false;
        state.mpls_labels = 1;
    } else {
        state.mpls_labels = state.mpls_labels.wrapping_add(1);
    }
    state.eth_type = add.ethertype.get();
    Ok(Op::PushMpls {
        lse: add.lse,
        eth_type: add.ethertype,
        l3,
    })
}

fn pop_mpls<'a>(state: &mut State, attr: &Attr<'a>) -> Result<Op, Error<'a>> {
    let invalid = |msg| Error::invalid(attr, msg);
    let eth_type: Be16 =
        arg(attr).ok_or(invalid(refusal!("POP_MPLS: the ethertype has not 2 bytes")))?;
    if state.vlan {
        return Err(invalid(refusal!("POP_MPLS: there is a VLAN tag")));
    }
    if !eth_p::is_mpls(state.eth_type) {
        return Err(invalid(refusal!(
            "POP_MPLS: the packet is not known to have a label"
        )));
    }
    if eth_type.get() == eth_p::TEB && state.ethernet {
        return Err(invalid(refusal!(
            "POP_MPLS: there is an Ethernet header already"
        )));
    }
    state.mpls_labels = state.mpls_labels.wrapping_sub(1);
    // Nobody has checked that what is below the last label is what the user says. To go on with
    // it, the packet is to be recirculated.
    state.eth_type = if state.mpls_labels == 0 || !eth_p::is_mpls(eth_type.get()) {
        0
    } else {
        eth_type.get()
    };
    Ok(Op::PopMpls { eth_type })
}
