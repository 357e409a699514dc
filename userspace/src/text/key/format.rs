// SPDX-License-Identifier: GPL-2.0

//! Writes keys and masks.

use super::{
    ALL_TCP_FLAGS,
    CT_STATE,
    KeyAttr,
    MPLS_PARTS,
    Shape,
    TCP_FLAGS,
    VLAN_CFI,
    VLAN_PCP_SHIFT,
    VLAN_VID,
    find,
    nsh, //
};
use crate::text::field::{
    all_ones,
    all_zeros,
    c_hex,
    chomp,
    flags,
    flags_masked,
    hex_number, //
};
use crate::text::ports::Ports;
use crate::text::{
    field,
    tunnel, //
};
use odp::nlattr::{
    Attr,
    Attrs, //
};
use odp::uapi::key_attr;
use std::fmt::Write;

/// Writes a key and its mask, given as attributes. Without a mask, all that the key gives counts.
///
/// Without `verbose`, what the mask leaves open is left out.
pub fn format(out: &mut String, key: &[u8], mask: &[u8], ports: Option<&Ports>, verbose: bool) {
    if key.is_empty() {
        return out.push_str("<empty>");
    }
    let (mut has_ethertype, mut has_packet_type) = (false, false);
    let mut first = true;
    let mut separate = |out: &mut String| {
        if !std::mem::take(&mut first) {
            out.push(',');
        }
    };
    let mut attrs = Attrs::new(key);
    for attr in attrs.by_ref() {
        has_ethertype |= attr.kind() == key_attr::ETHERTYPE;
        has_packet_type |= attr.kind() == key_attr::PACKET_TYPE;
        let mask_attr = Attrs::new(mask).find(|mask| mask.kind() == attr.kind());
        let wildcard = !mask.is_empty() && mask_attr.is_none_or(|mask| all_zeros(mask.payload()));
        let known = find(attr.kind());
        let nested = known.is_some_and(|known| known.shape.is_nested());
        if verbose || !wildcard || nested || known.is_none() {
            separate(out);
            let open;
            let mask_payload = match mask_attr {
                Some(mask) => Some(mask.payload()),
                None if wildcard => {
                    open = vec![0; attr.payload().len()];
                    Some(open.as_slice())
                }
                None => None,
            };
            // An empty mask of what is nested is as good as none.
            let mask_payload = mask_payload.filter(|mask| !(nested && all_zeros(mask)) || verbose);
            format_attr(out, &attr, mask_payload, ports, verbose);
        } else if attr.kind() == key_attr::ETHERNET && !has_packet_type {
            // That there is an Ethernet header is matched even if none of its fields is.
            separate(out);
            out.push_str("eth()");
        }
    }
    let rest = attrs.rest();
    if !rest.is_empty() {
        let _ = write!(out, ",***{} leftover bytes*** (", rest.len());
        field::hex(out, rest);
        out.push(')');
    }
    if !has_ethertype {
        let open = Attrs::new(mask).find(|mask| mask.kind() == key_attr::ETHERTYPE);
        if let Some(open) = open {
            let _ = write!(out, ",eth_type(0/0x{:04x})", field::number(open.payload()));
        }
    }
}

/// Writes one attribute of a key with the payload of its mask.
pub(crate) fn format_attr(
    out: &mut String,
    attr: &Attr<'_>,
    mask: Option<&[u8]>,
    ports: Option<&Ports>,
    verbose: bool,
) {
    let known = find(attr.kind());
    match known {
        Some(known) => out.push_str(known.name),
        None => {
            let _ = write!(out, "key{}", attr.kind());
        }
    }
    let expected = known.and_then(|known| known.shape.len());
    let bad = |bytes: &[u8]| expected.is_some_and(|len| len != bytes.len());
    match known {
        Some(known) if !bad(attr.payload()) && !mask.is_some_and(bad) => {
            out.push('(');
            format_payload(out, known, attr.payload(), mask, ports, verbose);
            out.push(')');
        }
        _ => format_bad(out, attr.payload(), mask, expected),
    }
}

/// Writes a payload of which no sense can be made.
///
/// What Open vSwitch does not know, like IPv6 extension headers, is written as it does it.
fn format_bad(out: &mut String, payload: &[u8], mask: Option<&[u8]>, expected: Option<usize>) {
    let part = |out: &mut String, what: &str, bytes: &[u8]| {
        if let Some(expected) = expected.filter(|&len| len != bytes.len()) {
            let len = bytes.len();
            let _ = write!(out, "(bad {what} length {len}, expected {expected})");
        }
    };
    part(out, "key", payload);
    out.push('(');
    format_bytes(out, payload);
    if let Some(mask) = mask {
        out.push('/');
        part(out, "mask", mask);
        format_bytes(out, mask);
    }
    out.push(')');
}

/// Writes bytes with blanks between them.
fn format_bytes(out: &mut String, bytes: &[u8]) {
    for (place, byte) in bytes.iter().enumerate() {
        let blank = if place > 0 { " " } else { "" };
        let _ = write!(out, "{blank}{byte:02x}");
    }
}

fn format_payload(
    out: &mut String,
    known: &KeyAttr,
    payload: &[u8],
    mask: Option<&[u8]>,
    ports: Option<&Ports>,
    verbose: bool,
) {
    let exact = mask.is_none_or(all_ones);
    let open = mask.is_some_and(all_zeros);
    match known.shape {
        // Conntrack's mark and zone are left out when they are open, their names are not.
        Shape::U32 | Shape::U16
            if open && !verbose && matches!(known.kind, key_attr::CT_MARK | key_attr::CT_ZONE) => {}
        Shape::U32 | Shape::U16 => {
            out.push_str(&c_hex(host(payload)));
            if let Some(mask) = mask.filter(|_| !exact) {
                let _ = write!(out, "/{}", c_hex(host(mask)));
            }
        }
        Shape::EtherType => {
            let _ = write!(out, "0x{:04x}", field::number(payload));
            if let Some(mask) = mask.filter(|_| !exact) {
                let _ = write!(out, "/0x{:04x}", field::number(mask));
            }
        }
        Shape::Port => {
            Ports::format(ports, out, host(payload) as u32);
            if let Some(mask) = mask.filter(|_| !exact) {
                let _ = write!(out, "/{}", c_hex(host(mask)));
            }
        }
        Shape::CtState => format_ct_state(out, payload, mask, exact, verbose),
        Shape::Labels => {
            if verbose || mask.is_some_and(|mask| !all_zeros(mask)) {
                hex_number(out, &host(payload).to_be_bytes());
                if let Some(mask) = mask.filter(|_| !exact) {
                    out.push('/');
                    hex_number(out, &host(mask).to_be_bytes());
                }
            }
        }
        Shape::TcpFlags => {
            let value = field::number(payload) as u32;
            let mask = mask.map_or(ALL_TCP_FLAGS, |mask| field::number(mask) as u32);
            flags_masked(out, TCP_FLAGS, value, mask & ALL_TCP_FLAGS, ALL_TCP_FLAGS);
        }
        Shape::Vlan => {
            let mask = mask.map_or(0xffff, |mask| field::number(mask) as u16);
            format_tci(out, field::number(payload) as u16, mask, verbose);
        }
        Shape::Mpls => format_mpls(out, payload, mask.filter(|_| !exact)),
        Shape::Struct(_, fields) => field::format(out, fields, payload, mask, verbose),
        Shape::Tunnel => tunnel::format(out, payload, mask, verbose),
        Shape::Nsh => nsh::format(out, payload, mask),
        Shape::Encap => {
            if !payload.is_empty() {
                format(out, payload, mask.unwrap_or(&[]), ports, verbose);
            }
        }
    }
}

/// A number in host byte order.
fn host(bytes: &[u8]) -> u128 {
    let mut bytes = bytes.to_vec();
    if cfg!(target_endian = "little") {
        bytes.reverse();
    }
    field::number(&bytes)
}

fn format_ct_state(
    out: &mut String,
    payload: &[u8],
    mask: Option<&[u8]>,
    exact: bool,
    verbose: bool,
) {
    let value = host(payload) as u32;
    match mask.map(|mask| host(mask) as u32).filter(|_| !exact) {
        Some(mask) if verbose => {
            let _ = write!(out, "{}/{}", c_hex(value.into()), c_hex(mask.into()));
        }
        None if verbose => out.push_str(&c_hex(value.into())),
        Some(mask) => flags_masked(out, CT_STATE, value, mask, u32::MAX),
        None => flags(out, CT_STATE, value, '|'),
    }
}

/// Writes the TCI of a VLAN tag.
pub(crate) fn format_tci(out: &mut String, tci: u16, mask: u16, verbose: bool) {
    let start = out.len();
    let mut part = |name: &str, shift: u16, all: u16| {
        let (value, mask) = ((tci >> shift) & all, (mask >> shift) & all);
        if verbose || value != 0 || mask != 0 {
            let _ = write!(out, "{name}={value}");
            if mask != all {
                let _ = write!(out, "/0x{mask:x}");
            }
            out.push(',');
        }
    };
    part("vid", 0, VLAN_VID);
    part("pcp", VLAN_PCP_SHIFT, 7);
    if tci & VLAN_CFI == 0 {
        out.push_str("cfi=0,");
    }
    chomp(out, start);
}

/// The label stack entries in a payload.
fn entries(payload: &[u8]) -> impl Iterator<Item = u32> + '_ {
    payload
        .chunks_exact(4)
        .map(|entry| field::number(entry) as u32)
}

fn format_mpls(out: &mut String, payload: &[u8], mask: Option<&[u8]>) {
    let start = out.len();
    let mut masks = mask.map(entries);
    for entry in entries(payload) {
        let mask = masks.as_mut().and_then(Iterator::next);
        for (name, shift, all) in MPLS_PARTS {
            let _ = write!(out, "{name}={}", (entry >> shift) & all);
            if let Some(mask) = mask {
                let prefix = if all > 7 { "0x" } else { "" };
                let _ = write!(out, "/{prefix}{:x}", (mask >> shift) & all);
            }
            out.push(',');
        }
    }
    chomp(out, start);
}

/// Writes an MPLS label stack entry.
pub(crate) fn format_lse(out: &mut String, entry: u32) {
    let start = out.len();
    for (name, shift, all) in MPLS_PARTS {
        let _ = write!(out, "{name}={},", (entry >> shift) & all);
    }
    chomp(out, start);
}
