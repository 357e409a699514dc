// SPDX-License-Identifier: GPL-2.0

//! The CT action: `ct(commit,zone=1,...,nat(...))`.

use crate::text::field;
use crate::text::field::{
    c_hex,
    chomp,
    hex_number, //
};
use crate::text::scan::{
    Result,
    Scanner, //
};
use odp::nlattr::{
    Attrs,
    Writer, //
};
use odp::uapi::{
    action_attr,
    ct_attr,
    nat_attr, //
};
use std::fmt::Write;
use std::net::IpAddr;

/// The arguments in the order they are written. Only those without `=` are flags.
const FLAGS: [(&str, u16); 2] = [
    ("force_commit", ct_attr::FORCE_COMMIT),
    ("commit", ct_attr::COMMIT),
];

/// The modifiers of NAT.
const NAT_FLAGS: [(&str, u16); 3] = [
    ("persistent", nat_attr::PERSISTENT),
    ("hash", nat_attr::PROTO_HASH),
    ("random", nat_attr::PROTO_RANDOM),
];

/// Writes the action, given as nested attributes.
pub(super) fn format(out: &mut String, attrs: Attrs<'_>) {
    let find = |kind| attrs.into_iter().find(|attr| attr.kind() == kind);
    out.push_str("ct(");
    let start = out.len();
    for (name, kind) in [FLAGS[1], FLAGS[0]] {
        if find(kind).is_some() {
            let _ = write!(out, "{name},");
        }
    }
    // Zone 0 is the one that is meant when there is none.
    if let Some(zone) = find(ct_attr::ZONE).and_then(|attr| attr.get::<u16>()) {
        if zone != 0 {
            let _ = write!(out, "zone={zone},");
        }
    }
    if let Some([value, mask]) = find(ct_attr::MARK).and_then(|attr| attr.get::<[u32; 2]>()) {
        let _ = write!(out, "mark={}/{},", c_hex(value.into()), c_hex(mask.into()));
    }
    if let Some(labels) = find(ct_attr::LABELS).and_then(|attr| attr.get::<[u8; 32]>()) {
        out.push_str("label=");
        hex_number(out, &host(&labels[..16]));
        if !field::all_ones(&labels[16..]) {
            out.push('/');
            hex_number(out, &host(&labels[16..]));
        }
        out.push(',');
    }
    for (name, kind) in [("helper", ct_attr::HELPER), ("timeout", ct_attr::TIMEOUT)] {
        if let Some(attr) = find(kind) {
            let text = crate::client::error::string(attr.payload());
            let _ = write!(out, "{name}={text},");
        }
    }
    if let Some(attr) = find(ct_attr::NAT) {
        format_nat(out, attr.nested());
    }
    if out.len() == start {
        // Without arguments there are no parentheses.
        out.pop();
        return;
    }
    chomp(out, start);
    out.push(')');
}

/// Labels with the most significant byte first.
fn host(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if cfg!(target_endian = "little") {
        bytes.reverse();
    }
    bytes
}

fn format_nat(out: &mut String, attrs: Attrs<'_>) {
    let find = |kind| attrs.into_iter().find(|attr| attr.kind() == kind);
    let address = |kind| -> Option<IpAddr> {
        let attr = find(kind)?;
        match attr.payload().len() {
            4 => attr.get::<[u8; 4]>().map(IpAddr::from),
            _ => attr.get::<[u8; 16]>().map(IpAddr::from),
        }
    };
    let port = |kind| find(kind).and_then(|attr| attr.get::<u16>());
    out.push_str("nat");
    let direction = [("src", nat_attr::SRC), ("dst", nat_attr::DST)]
        .into_iter()
        .find(|(_, kind)| find(*kind).is_some());
    if let Some((direction, _)) = direction {
        let start = out.len();
        let _ = write!(out, "({direction}");
        let ports = port(nat_attr::PROTO_MIN).filter(|port| *port != 0);
        if let Some(min) = address(nat_attr::IP_MIN) {
            out.push('=');
            format_address(out, min, ports.is_some());
            if let Some(max) = address(nat_attr::IP_MAX).filter(|max| *max != min) {
                out.push('-');
                format_address(out, max, ports.is_some());
            }
        } else if ports.is_some() {
            out.push('=');
        }
        if let Some(min) = ports {
            let _ = write!(out, ":{min}");
            let max = port(nat_attr::PROTO_MAX);
            if let Some(max) = max.filter(|max| *max != 0 && *max != min) {
                let _ = write!(out, "-{max}");
            }
        }
        out.push(',');
        for (name, kind) in NAT_FLAGS {
            if find(kind).is_some() {
                let _ = write!(out, "{name},");
            }
        }
        chomp(out, start);
        out.push(')');
    }
    out.push(',');
}

/// An address; an IPv6 one in brackets when a port follows.
fn format_address(out: &mut String, address: IpAddr, port: bool) {
    match address {
        IpAddr::V4(address) => out.push_str(&field::ipv4(&address.octets())),
        IpAddr::V6(address) => {
            let text = field::ipv6(&address.octets());
            let _ = match port {
                true => write!(out, "[{text}]"),
                false => write!(out, "{text}"),
            };
        }
    }
}

/// Reads the arguments, if there are any, and writes the action.
pub(super) fn parse(scanner: &mut Scanner<'_>, out: &mut Writer<'_>) -> Result<()> {
    let nest = out.start(action_attr::CT)?;
    if scanner.eat("(") {
        loop {
            scanner.skip_separators();
            if scanner.eat(")") {
                break;
            }
            parse_argument(scanner, out)?;
        }
    }
    Ok(out.end(nest)?)
}

fn parse_argument(scanner: &mut Scanner<'_>, out: &mut Writer<'_>) -> Result<()> {
    let error = scanner.error();
    for (name, kind) in FLAGS {
        if scanner.eat(name) {
            return Ok(out.put_flag(kind)?);
        }
    }
    if scanner.eat("zone=") {
        let zone: u16 = scanner.number()?;
        out.put(ct_attr::ZONE, &zone)?;
    } else if scanner.eat("mark=") {
        let value: u32 = scanner.number()?;
        let mask = match scanner.eat("/") {
            true => scanner.number()?,
            false => u32::MAX,
        };
        out.put(ct_attr::MARK, &[value, mask])?;
    } else if scanner.eat("label=") {
        let value: u128 = scanner.number()?;
        let mask = match scanner.eat("/") {
            true => scanner.number()?,
            false => u128::MAX,
        };
        let bytes = [value.to_ne_bytes(), mask.to_ne_bytes()].concat();
        out.put_bytes(ct_attr::LABELS, &bytes)?;
    } else if scanner.eat("helper=") {
        put_word(scanner, out, ct_attr::HELPER)?;
    } else if scanner.eat("timeout=") {
        put_word(scanner, out, ct_attr::TIMEOUT)?;
    } else if scanner.eat("nat") {
        parse_nat(scanner, out)?;
    } else {
        return Err(error);
    }
    Ok(())
}

fn put_word(scanner: &mut Scanner<'_>, out: &mut Writer<'_>, kind: u16) -> Result<()> {
    let error = scanner.error();
    let text = scanner.word();
    if text.is_empty() || text.contains('\0') {
        return Err(error);
    }
    let payload = out.reserve(kind, text.len() + 1)?;
    payload[..text.len()].copy_from_slice(text.as_bytes());
    Ok(())
}

fn parse_nat(scanner: &mut Scanner<'_>, out: &mut Writer<'_>) -> Result<()> {
    let nest = out.start(ct_attr::NAT)?;
    if scanner.eat("(") {
        loop {
            scanner.skip_separators();
            if scanner.eat(")") {
                break;
            }
            let error = scanner.error();
            if let Some((_, kind)) = NAT_FLAGS.iter().find(|(name, _)| scanner.eat(name)) {
                out.put_flag(*kind)?;
            } else if scanner.eat("src") {
                out.put_flag(nat_attr::SRC)?;
                parse_nat_range(scanner, out)?;
            } else if scanner.eat("dst") {
                out.put_flag(nat_attr::DST)?;
                parse_nat_range(scanner, out)?;
            } else {
                return Err(error);
            }
        }
    }
    Ok(out.end(nest)?)
}

/// Reads `[=[ADDRESS[-ADDRESS]][:PORT[-PORT]]]`.
fn parse_nat_range(scanner: &mut Scanner<'_>, out: &mut Writer<'_>) -> Result<()> {
    if !scanner.eat("=") {
        return Ok(());
    }
    if !scanner.rest().starts_with(':') || scanner.rest().starts_with("::") {
        let min = parse_address(scanner)?;
        put_address(out, nat_attr::IP_MIN, min)?;
        if scanner.eat("-") {
            let max = parse_address(scanner)?;
            put_address(out, nat_attr::IP_MAX, max)?;
        }
    }
    if scanner.eat(":") {
        let min: u16 = scanner.number()?;
        out.put(nat_attr::PROTO_MIN, &min)?;
        if scanner.eat("-") {
            let max: u16 = scanner.number()?;
            out.put(nat_attr::PROTO_MAX, &max)?;
        }
    }
    Ok(())
}

fn put_address(out: &mut Writer<'_>, kind: u16, address: IpAddr) -> Result<()> {
    match address {
        IpAddr::V4(address) => out.put_bytes(kind, &address.octets())?,
        IpAddr::V6(address) => out.put_bytes(kind, &address.octets())?,
    }
    Ok(())
}

fn parse_address(scanner: &mut Scanner<'_>) -> Result<IpAddr> {
    let error = scanner.error();
    let bracketed = scanner.eat("[");
    // An IPv4 address ends where a colon starts the ports.
    let ahead = scanner.rest();
    let end = ahead.find(|c: char| !c.is_ascii_digit() && c != '.');
    let text = match ahead[..end.unwrap_or(ahead.len())].contains('.') && !bracketed {
        true => scanner.take_while(|c| c.is_ascii_digit() || c == '.'),
        false => scanner.take_while(|c| c.is_ascii_hexdigit() || matches!(c, ':' | '.')),
    };
    if bracketed {
        scanner.expect("]")?;
    }
    text.parse().map_err(|_| error)
}
