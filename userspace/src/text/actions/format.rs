// SPDX-License-Identifier: GPL-2.0

//! Writes actions.

use super::{
    MAX_DEPTH,
    ct,
    userspace, //
};
use crate::text::field::c_hex;
use crate::text::ports::Ports;
use crate::text::{
    field,
    key, //
};
use odp::nlattr::{
    Attr,
    Attrs,
    HDRLEN, //
};
use odp::uapi::{
    ActionHash,
    AddMpls,
    PushMpls,
    PushVlan,
    action_attr,
    check_pkt_len_attr,
    dec_ttl_attr,
    hash_alg,
    key_attr,
    nsh_key_attr,
    psample_attr,
    sample_attr, //
};
use std::fmt::Write;

/// Writes actions, given as attributes.
pub fn format(out: &mut String, actions: &[u8], ports: Option<&Ports>) {
    list(out, actions, ports, 0);
}

fn list(out: &mut String, actions: &[u8], ports: Option<&Ports>, depth: usize) {
    if actions.is_empty() {
        return out.push_str("drop");
    }
    if depth > MAX_DEPTH {
        return out.push_str("...");
    }
    let mut attrs = Attrs::new(actions);
    for (place, attr) in attrs.by_ref().enumerate() {
        if place > 0 {
            out.push(',');
        }
        if action(out, &attr, ports, depth).is_none() {
            generic(out, &attr);
        }
    }
    let rest = attrs.rest();
    if !rest.is_empty() {
        if rest.len() == actions.len() {
            out.push_str("<empty>");
        }
        let _ = write!(out, ",***{} leftover bytes*** (", rest.len());
        field::hex(out, rest);
        out.push(')');
    }
}

/// Writes one action; `None` if its arguments make no sense, and then nothing was written.
fn action(out: &mut String, attr: &Attr<'_>, ports: Option<&Ports>, depth: usize) -> Option<()> {
    match attr.kind() {
        action_attr::OUTPUT => Ports::format(ports, out, attr.get()?),
        action_attr::USERSPACE => userspace::format(out, attr.nested(), ports),
        action_attr::SET => {
            let set = attr.nested().next()?;
            out.push_str("set(");
            key::format_attr(out, &set, None, None, true);
            out.push(')');
        }
        action_attr::SET_MASKED => set_masked(out, attr)?,
        action_attr::PUSH_VLAN => {
            let vlan: PushVlan = attr.get()?;
            out.push_str("push_vlan(");
            if vlan.tpid.get() != 0x8100 {
                let _ = write!(out, "tpid=0x{:04x},", vlan.tpid);
            }
            key::format_tci(out, vlan.tci.get(), 0xffff, false);
            out.push(')');
        }
        action_attr::POP_VLAN => word(out, attr, "pop_vlan")?,
        action_attr::SAMPLE => sample(out, attr.nested(), ports, depth),
        action_attr::RECIRC => {
            let id: u32 = attr.get()?;
            let _ = write!(out, "recirc({})", c_hex(id.into()));
        }
        action_attr::HASH => hash(out, attr.get()?),
        action_attr::PUSH_MPLS => {
            let mpls: PushMpls = attr.get()?;
            out.push_str("push_mpls(");
            key::format_lse(out, mpls.lse.get());
            let _ = write!(out, ",eth_type=0x{:x})", mpls.ethertype);
        }
        action_attr::ADD_MPLS => {
            let mpls: AddMpls = attr.get()?;
            out.push_str("add_mpls(");
            key::format_lse(out, mpls.lse.get());
            let _ = write!(out, ",eth_type=0x{:x})", mpls.ethertype);
        }
        action_attr::POP_MPLS => {
            let ethertype: odp::key::Be16 = attr.get()?;
            let _ = write!(out, "pop_mpls(eth_type=0x{ethertype:x})");
        }
        action_attr::CT => ct::format(out, attr.nested()),
        action_attr::CT_CLEAR => word(out, attr, "ct_clear")?,
        action_attr::TRUNC => {
            let len: u32 = attr.get()?;
            let _ = write!(out, "trunc({len})");
        }
        action_attr::PUSH_ETH => {
            let eth: [u8; 12] = attr.get()?;
            let (src, dst) = (field::mac(&eth[..6]), field::mac(&eth[6..]));
            let _ = write!(out, "push_eth(src={src},dst={dst})");
        }
        action_attr::POP_ETH => word(out, attr, "pop_eth")?,
        action_attr::PUSH_NSH => {
            let header = attr.nested().find(|attr| attr.kind() == key_attr::NSH)?;
            out.push_str("push_nsh(");
            key::format_nsh(out, header.payload(), None);
            let mut parts = header.nested();
            if let Some(md2) = parts.find(|attr| attr.kind() == nsh_key_attr::MD2) {
                out.push_str(",md2=0x");
                field::hex(out, md2.payload());
            }
            out.push(')');
        }
        action_attr::POP_NSH => word(out, attr, "pop_nsh()")?,
        action_attr::METER => {
            let id: u32 = attr.get()?;
            let _ = write!(out, "meter({id})");
        }
        action_attr::CLONE => {
            out.push_str("clone(");
            list(out, attr.payload(), ports, depth + 1);
            out.push(')');
        }
        action_attr::CHECK_PKT_LEN => check_pkt_len(out, attr.nested(), ports, depth),
        action_attr::DEC_TTL => {
            let mut attrs = attr.nested();
            let exceeded = attrs.find(|attr| attr.kind() == dec_ttl_attr::ACTION);
            out.push_str("dec_ttl(le_1(");
            list(out, exceeded?.payload(), ports, depth + 1);
            out.push_str("))");
        }
        action_attr::DROP => {
            attr.get::<u32>()?;
            out.push_str("drop");
        }
        action_attr::PSAMPLE => psample(out, attr.nested()),
        _ => return None,
    }
    Some(())
}

/// An action without arguments.
fn word(out: &mut String, attr: &Attr<'_>, name: &str) -> Option<()> {
    attr.payload().is_empty().then(|| out.push_str(name))
}

/// An action of which no sense can be made.
fn generic(out: &mut String, attr: &Attr<'_>) {
    let _ = write!(out, "action{}", attr.kind());
    if !attr.payload().is_empty() {
        out.push('(');
        for (place, byte) in attr.payload().iter().enumerate() {
            let blank = if place > 0 { " " } else { "" };
            let _ = write!(out, "{blank}{byte:02x}");
        }
        out.push(')');
    }
}

/// Value and mask stand one after the other in the payload.
fn set_masked(out: &mut String, attr: &Attr<'_>) -> Option<()> {
    let set = attr.nested().next()?;
    let (value, mask) = set.payload().split_at(set.payload().len() / 2);
    let mut bytes = Vec::with_capacity(HDRLEN + value.len());
    bytes.extend_from_slice(&u16::try_from(HDRLEN + value.len()).ok()?.to_ne_bytes());
    bytes.extend_from_slice(&set.kind().to_ne_bytes());
    bytes.extend_from_slice(value);
    let value = Attrs::new(&bytes).next()?;
    out.push_str("set(");
    key::format_attr(out, &value, Some(mask), None, false);
    out.push(')');
    Some(())
}

fn sample(out: &mut String, attrs: Attrs<'_>, ports: Option<&Ports>, depth: usize) {
    let mut probability: u32 = 0;
    let mut actions: &[u8] = &[];
    for attr in attrs {
        match attr.kind() {
            sample_attr::PROBABILITY => probability = attr.get().unwrap_or(0),
            sample_attr::ACTIONS => actions = attr.payload(),
            _ => {}
        }
    }
    let percent = 100.0 * f64::from(probability) / f64::from(u32::MAX);
    let _ = write!(out, "sample(sample={percent:.1}%,actions(");
    list(out, actions, ports, depth + 1);
    out.push_str("))");
}

fn hash(out: &mut String, hash: ActionHash) {
    let ActionHash { alg, basis } = hash;
    let _ = match alg {
        hash_alg::L4 => write!(out, "hash(l4({basis}))"),
        hash_alg::SYM_L4 => write!(out, "hash(sym_l4({basis}))"),
        _ => write!(out, "hash(Unknown hash algorithm({alg}))"),
    };
}

fn check_pkt_len(out: &mut String, attrs: Attrs<'_>, ports: Option<&Ports>, depth: usize) {
    let mut len: u16 = 0;
    let (mut greater, mut less_equal): (&[u8], &[u8]) = (&[], &[]);
    for attr in attrs {
        match attr.kind() {
            check_pkt_len_attr::PKT_LEN => len = attr.get().unwrap_or(0),
            check_pkt_len_attr::ACTIONS_IF_GREATER => greater = attr.payload(),
            check_pkt_len_attr::ACTIONS_IF_LESS_EQUAL => less_equal = attr.payload(),
            _ => {}
        }
    }
    let _ = write!(out, "check_pkt_len(size={len},gt(");
    list(out, greater, ports, depth + 1);
    out.push_str("),le(");
    list(out, less_equal, ports, depth + 1);
    out.push_str("))");
}

fn psample(out: &mut String, attrs: Attrs<'_>) {
    out.push_str("psample(");
    let start = out.len();
    for attr in attrs {
        match attr.kind() {
            psample_attr::GROUP => {
                let group: u32 = attr.get().unwrap_or(0);
                let _ = write!(out, "group={group},");
            }
            psample_attr::COOKIE => {
                out.push_str("cookie=0x");
                field::hex(out, attr.payload());
                out.push(',');
            }
            _ => {}
        }
    }
    field::chomp(out, start);
    out.push(')');
}
