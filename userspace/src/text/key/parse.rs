// SPDX-License-Identifier: GPL-2.0

//! Reads keys and masks.

use super::{
    ALL_TCP_FLAGS,
    CT_STATE,
    KEY_ATTRS,
    KeyAttr,
    MPLS_PARTS,
    Shape,
    TCP_FLAGS,
    VLAN_CFI,
    VLAN_PCP_SHIFT,
    VLAN_VID,
    nsh, //
};
use crate::client::Ufid;
use crate::text::field::parse_flags;
use crate::text::ports::Ports;
use crate::text::scan::{
    Result,
    Scanner, //
};
use crate::text::{
    field,
    tunnel,
    ufid, //
};
use odp::key::MPLS_LABELS;
use odp::nlattr::{
    TYPE_MASK,
    Writer, //
};

/// The room for the attributes of a key.
const ROOM: usize = 4096;
/// How deep VLAN tags may be nested.
const MAX_DEPTH: usize = 16;

/// What a text says of a flow's key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParsedKey {
    /// The id, if there is one.
    pub ufid: Option<Ufid>,
    /// The attributes of the key.
    pub key: Vec<u8>,
    /// The attributes of the mask, one for each of the key's.
    pub mask: Vec<u8>,
}

/// Reads a key with its mask. A field without a mask is to match exactly.
pub fn parse(text: &str, ports: Option<&Ports>) -> Result<ParsedKey> {
    let mut scanner = Scanner::new(text);
    let (mut key, mut mask) = (vec![0; ROOM], vec![0; ROOM]);
    let (mut key_writer, mut mask_writer) = (Writer::new(&mut key), Writer::new(&mut mask));
    let mut ufid = None;
    loop {
        scanner.skip_separators();
        if scanner.is_empty() {
            break;
        }
        if let Some(found) = ufid::parse(&mut scanner)? {
            ufid = Some(found);
            continue;
        }
        parse_attr(&mut scanner, ports, &mut key_writer, &mut mask_writer, 0)?;
    }
    let (key_len, mask_len) = (key_writer.len(), mask_writer.len());
    key.truncate(key_len);
    mask.truncate(mask_len);
    Ok(ParsedKey { ufid, key, mask })
}

/// Reads one field and writes its attributes. Errors start at the field.
pub(crate) fn parse_attr(
    scanner: &mut Scanner<'_>,
    ports: Option<&Ports>,
    key: &mut Writer<'_>,
    mask: &mut Writer<'_>,
    depth: usize,
) -> Result<()> {
    let error = scanner.error();
    if depth > MAX_DEPTH {
        return Err(error);
    }
    let name = scanner.word();
    scanner.expect("(").map_err(|_| error.clone())?;
    let Some(known) = KEY_ATTRS.iter().find(|known| known.name == name) else {
        let number = name.strip_prefix("key").and_then(|kind| kind.parse().ok());
        // What has a name goes by it.
        let nameless = number.filter(|kind| *kind <= TYPE_MASK && super::find(*kind).is_none());
        let kind: u16 = nameless.ok_or_else(|| error.clone())?;
        return parse_bytes(scanner, kind, key, mask).map_err(|_| error);
    };
    let parsed = match known.shape {
        Shape::Encap => parse_encap(scanner, ports, key, mask, depth),
        _ => parse_payload(scanner, ports, known, key, mask),
    };
    parsed.map_err(|_| error)
}

/// Reads an attribute that has no name, `key32(00 00/ff ff)`, until the parenthesis closes.
fn parse_bytes(
    scanner: &mut Scanner<'_>,
    kind: u16,
    key: &mut Writer<'_>,
    mask: &mut Writer<'_>,
) -> Result<()> {
    let value = hex_bytes(scanner)?;
    let bits = match scanner.eat("/") {
        true => hex_bytes(scanner)?,
        false => vec![0xff; value.len()],
    };
    key.put_bytes(kind, &value)?;
    mask.put_bytes(kind, &bits)?;
    scanner.expect(")")
}

/// Reads bytes with blanks between them.
fn hex_bytes(scanner: &mut Scanner<'_>) -> Result<Vec<u8>> {
    let error = scanner.error();
    let text = scanner.take_while(|c| c.is_ascii_hexdigit() || c == ' ');
    let bytes = text.split_ascii_whitespace();
    let bytes = bytes.map(|byte| u8::from_str_radix(byte, 16).map_err(|_| error.clone()));
    bytes.collect()
}

/// Reads fields until a parenthesis closes.
fn parse_encap(
    scanner: &mut Scanner<'_>,
    ports: Option<&Ports>,
    key: &mut Writer<'_>,
    mask: &mut Writer<'_>,
    depth: usize,
) -> Result<()> {
    let nests = (
        key.start(odp::uapi::key_attr::ENCAP)?,
        mask.start(odp::uapi::key_attr::ENCAP)?,
    );
    loop {
        scanner.skip_separators();
        if scanner.eat(")") {
            break;
        }
        parse_attr(scanner, ports, key, mask, depth + 1)?;
    }
    key.end(nests.0)?;
    mask.end(nests.1)?;
    Ok(())
}

fn parse_payload(
    scanner: &mut Scanner<'_>,
    ports: Option<&Ports>,
    known: &KeyAttr,
    key: &mut Writer<'_>,
    mask: &mut Writer<'_>,
) -> Result<()> {
    let kind = known.kind;
    // This is how a number that does not matter is written.
    if matches!(known.shape, Shape::U32 | Shape::U16 | Shape::Labels) && scanner.eat(")") {
        let len = known.shape.len().unwrap_or(0);
        key.reserve(kind, len)?;
        mask.reserve(kind, len)?;
        return Ok(());
    }
    match known.shape {
        Shape::U32 => {
            let (value, bits) = number_masked::<u32>(scanner, u32::MAX)?;
            key.put(kind, &value)?;
            mask.put(kind, &bits)?;
        }
        Shape::U16 => {
            let (value, bits) = number_masked::<u16>(scanner, u16::MAX)?;
            key.put(kind, &value)?;
            mask.put(kind, &bits)?;
        }
        Shape::Labels => {
            let (value, bits) = number_masked::<u128>(scanner, u128::MAX)?;
            key.put(kind, &value.to_ne_bytes())?;
            mask.put(kind, &bits.to_ne_bytes())?;
        }
        Shape::EtherType => {
            let (value, bits) = number_masked::<u16>(scanner, u16::MAX)?;
            // This is how a flow that matches no ethertype is dumped, and no key has this one.
            if (value, bits) != (0, 0) {
                key.put(kind, &value.to_be_bytes())?;
                mask.put(kind, &bits.to_be_bytes())?;
            }
        }
        Shape::Port => {
            let value = Ports::parse(ports, scanner)?;
            let bits = mask_or(scanner, u32::MAX)?;
            key.put(kind, &value)?;
            mask.put(kind, &bits)?;
        }
        Shape::CtState => {
            let all = CT_STATE.iter().fold(0, |all, (bit, _)| all | bit);
            let (value, bits) = match scanner.at_digit() {
                true => number_masked::<u32>(scanner, u32::MAX)?,
                false => parse_flags(scanner, CT_STATE, all)?,
            };
            key.put(kind, &value)?;
            mask.put(kind, &bits)?;
        }
        Shape::TcpFlags => {
            let error = scanner.error();
            let (value, bits) = match scanner.at_digit() {
                true => number_masked::<u16>(scanner, u16::MAX)?,
                false => {
                    let (value, bits) = parse_flags(scanner, TCP_FLAGS, ALL_TCP_FLAGS)?;
                    // Without a gap the mask is exact, as numbers have it.
                    let full = bits == ALL_TCP_FLAGS;
                    (value as u16, if full { u16::MAX } else { bits as u16 })
                }
            };
            if u32::from(value) & !ALL_TCP_FLAGS != 0 {
                return Err(error);
            }
            key.put(kind, &value.to_be_bytes())?;
            mask.put(kind, &bits.to_be_bytes())?;
        }
        Shape::Vlan => {
            let (value, bits) = parse_tci(scanner)?;
            key.put(kind, &value.to_be_bytes())?;
            mask.put(kind, &bits.to_be_bytes())?;
            return Ok(());
        }
        Shape::Mpls => return parse_mpls(scanner, kind, key, mask),
        Shape::Struct(len, fields) => {
            let (value, bits) = (key.reserve(kind, len)?, mask.reserve(kind, len)?);
            return field::parse(scanner, fields, value, bits);
        }
        Shape::Tunnel => return tunnel::parse(scanner, key, mask),
        Shape::Nsh => {
            let (value, bits) = nsh::parse(scanner)?;
            let md1 = nsh::is_md1(&value);
            let put = |writer: &mut Writer<'_>, header| {
                let nest = writer.start(kind)?;
                nsh::put(writer, header, md1)?;
                writer.end(nest)
            };
            put(key, &value)?;
            return Ok(put(mask, &bits)?);
        }
        Shape::Encap => return Err(scanner.error()),
    }
    scanner.expect(")")
}

/// A number and its mask; `all` if there is none.
fn number_masked<T: TryFrom<u128>>(scanner: &mut Scanner<'_>, all: T) -> Result<(T, T)> {
    let value = scanner.number()?;
    Ok((value, mask_or(scanner, all)?))
}

fn mask_or<T: TryFrom<u128>>(scanner: &mut Scanner<'_>, all: T) -> Result<T> {
    match scanner.eat("/") {
        true => scanner.number(),
        false => Ok(all),
    }
}

/// Reads `vid=,pcp=,cfi=` until a parenthesis closes. That there is a tag is always part of it.
pub(crate) fn parse_tci(scanner: &mut Scanner<'_>) -> Result<(u16, u16)> {
    let (mut tci, mut mask) = (VLAN_CFI, VLAN_CFI);
    while !scanner.eat(")") {
        let error = scanner.error();
        let (shift, all) = if scanner.eat("vid=") {
            (0, VLAN_VID)
        } else if scanner.eat("pcp=") {
            (VLAN_PCP_SHIFT, 7)
        } else if scanner.eat("cfi=") {
            (12, 1)
        } else {
            return Err(error);
        };
        let (value, bits) = number_masked::<u16>(scanner, all)?;
        if value > all || bits > all {
            return Err(error);
        }
        tci = tci & !(all << shift) | (value << shift);
        mask = mask & !(all << shift) | (bits << shift);
        scanner.skip_separators();
    }
    Ok((tci, mask))
}

/// Reads label stack entries until a parenthesis closes.
fn parse_mpls(
    scanner: &mut Scanner<'_>,
    kind: u16,
    key: &mut Writer<'_>,
    mask: &mut Writer<'_>,
) -> Result<()> {
    let mut entries: Vec<(u32, u32)> = Vec::new();
    while !scanner.eat(")") {
        let error = scanner.error();
        parse_lse_part(scanner, &mut entries)?;
        if entries.len() > MPLS_LABELS {
            return Err(error);
        }
        scanner.skip_separators();
    }
    if entries.is_empty() {
        return Err(scanner.error());
    }
    let bytes = |part: fn(&(u32, u32)) -> u32| -> Vec<u8> {
        let parts = entries.iter().map(part);
        parts.flat_map(u32::to_be_bytes).collect()
    };
    key.put_bytes(kind, &bytes(|entry| entry.0))?;
    mask.put_bytes(kind, &bytes(|entry| entry.1))?;
    Ok(())
}

/// Reads `NAME=VALUE[/MASK]` into the last entry. A label starts another one.
pub(crate) fn parse_lse_part(
    scanner: &mut Scanner<'_>,
    entries: &mut Vec<(u32, u32)>,
) -> Result<()> {
    let error = scanner.error();
    let name = scanner.take_while(|c| c.is_ascii_lowercase());
    let part = MPLS_PARTS.iter().find(|(known, ..)| *known == name);
    let &(name, shift, all) = part.ok_or_else(|| error.clone())?;
    scanner.expect("=")?;
    let value: u32 = scanner.number()?;
    let bits = mask_or(scanner, all)?;
    if value > all || bits > all {
        return Err(error);
    }
    if name == "label" || entries.is_empty() {
        entries.push((0, 0));
    }
    let Some((entry, mask)) = entries.last_mut() else {
        return Err(error);
    };
    *entry |= value << shift;
    *mask |= bits << shift;
    Ok(())
}
