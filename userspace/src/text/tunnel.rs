// SPDX-License-Identifier: GPL-2.0

//! The tunnel of a key or of a SET action, as text.

use super::field;
use super::field::{
    Bits,
    Field,
    Format,
    all_ones,
    all_zeros,
    chomp,
    field,
    flags,
    flags_masked,
    hex_number,
    parse_flags, //
};
use super::scan::{
    Result,
    Scanner, //
};
use odp::nlattr::{
    Attr,
    Attrs,
    Writer, //
};
use odp::uapi::key_attr;
use odp::uapi::tunnel_key_attr as tun;
use odp::uapi::vxlan_ext;
use std::fmt::Write;

/// The attributes that hold one number or address.
const FIELDS: &[(u16, Field)] = &[
    (tun::ID, field("tun_id", 0, 8, Format::Hex)),
    (tun::IPV4_SRC, field("src", 0, 4, Format::Ipv4)),
    (tun::IPV4_DST, field("dst", 0, 4, Format::Ipv4)),
    (tun::IPV6_SRC, field("ipv6_src", 0, 16, Format::Ipv6)),
    (tun::IPV6_DST, field("ipv6_dst", 0, 16, Format::Ipv6)),
    (tun::TOS, field("tos", 0, 1, Format::Hex)),
    (tun::TTL, field("ttl", 0, 1, Format::Decimal)),
    (tun::TP_SRC, field("tp_src", 0, 2, Format::Decimal)),
    (tun::TP_DST, field("tp_dst", 0, 2, Format::Decimal)),
];

/// The flags, as Open vSwitch numbers them.
const FLAGS: &Bits = &[(1, "oam"), (2, "df"), (4, "csum"), (8, "key")];
/// All flags.
const ALL_FLAGS: u32 = 0xf;
/// That there is a tunnel id.
const FLAG_KEY: u32 = 8;
/// The flags that are attributes.
const FLAG_ATTRS: [(u16, u32); 3] = [(tun::OAM, 1), (tun::DONT_FRAGMENT, 2), (tun::CSUM, 4)];

/// VXLAN's group policy, the u32 of `OVS_VXLAN_EXT_GBP` in network byte order.
const GBP: &[Field] = &[
    field("id", 2, 2, Format::Decimal),
    field("flags", 1, 1, Format::Hex),
];

/// The head of a Geneve option; the length follows for itself.
const GENEVE: &[Field] = &[
    field("class", 0, 2, Format::Hex),
    field("type", 2, 1, Format::Hex),
];
/// The bytes of the head of a Geneve option.
const GENEVE_LEN: usize = 4;
/// The length in the last byte of the head, in words.
const GENEVE_WORDS: u8 = 0x1f;

/// What ERSPAN's metadata holds after its version, which is a u32 in host byte order.
const ERSPAN_LEN: usize = 12;

/// Writes a tunnel, given as nested attributes.
pub(crate) fn format(out: &mut String, attrs: &[u8], mask: Option<&[u8]>, verbose: bool) {
    let start = out.len();
    let (mut set, mut matched) = (0, 0);
    for attr in Attrs::new(attrs) {
        let kind = attr.kind();
        let mask_attr = mask.and_then(|mask| Attrs::new(mask).find(|mask| mask.kind() == kind));
        let mask_payload = mask_attr.as_ref().map(Attr::payload);
        if let Some((_, field)) = FIELDS.iter().find(|(known, _)| *known == kind) {
            if kind == tun::ID {
                set |= FLAG_KEY;
                matched |= mask_attr.map_or(0, |_| FLAG_KEY);
            }
            field.format(out, attr.payload(), mask_payload, verbose);
        } else if let Some((_, flag)) = FLAG_ATTRS.iter().find(|(known, _)| *known == kind) {
            set |= flag;
        } else {
            match kind {
                tun::VXLAN_OPTS => format_vxlan(out, attr.payload(), mask_payload, verbose),
                tun::GENEVE_OPTS => format_geneve(out, attr.payload(), mask_payload, verbose),
                tun::ERSPAN_OPTS => format_erspan(out, attr.payload(), mask_payload, verbose),
                tun::IPV4_INFO_BRIDGE => out.push_str("ipv4_info_bridge,"),
                tun::PAD => {}
                _ => format_unknown(out, &attr, mask_payload),
            }
        }
    }
    for attr in Attrs::new(mask.unwrap_or(&[])) {
        let flag = FLAG_ATTRS.iter().find(|(known, _)| *known == attr.kind());
        matched |= flag.map_or(0, |(_, flag)| *flag);
    }
    if verbose || mask.is_none() || matched != 0 {
        out.push_str("flags(");
        match mask {
            Some(_) => flags_masked(out, FLAGS, set, matched, ALL_FLAGS),
            None => flags(out, FLAGS, set, '|'),
        }
        out.push_str("),");
    }
    chomp(out, start);
}

fn format_unknown(out: &mut String, attr: &Attr<'_>, mask: Option<&[u8]>) {
    let _ = write!(out, "key{}(", attr.kind());
    field::hex(out, attr.payload());
    if let Some(mask) = mask {
        out.push('/');
        field::hex(out, mask);
    }
    out.push_str("),");
}

fn format_vxlan(out: &mut String, attrs: &[u8], mask: Option<&[u8]>, verbose: bool) {
    out.push_str("vxlan(");
    let policy = |attrs: &[u8]| -> Option<[u8; 4]> {
        let mut attrs = Attrs::new(attrs);
        let attr = attrs.find(|attr| attr.kind() == vxlan_ext::GBP)?;
        attr.get::<u32>().map(u32::to_be_bytes)
    };
    if let Some(value) = policy(attrs) {
        let mask = mask.map(|mask| policy(mask).unwrap_or_default());
        out.push_str("gbp(");
        let mask = mask.as_ref().map(<[u8; 4]>::as_slice);
        field::format(out, GBP, &value, mask, verbose);
        out.push(')');
    }
    out.push_str("),");
}

fn format_geneve(out: &mut String, options: &[u8], mask: Option<&[u8]>, verbose: bool) {
    out.push_str("geneve(");
    let mut at = 0;
    while let Some(&[_, _, _, words]) = options.get(at..at + GENEVE_LEN) {
        let end = at + GENEVE_LEN + usize::from(words & GENEVE_WORDS) * 4;
        let Some(option) = options.get(at..end) else {
            break;
        };
        let mask = mask.and_then(|mask| mask.get(at..end));
        let start = out.len() + 1;
        out.push('{');
        field::format(out, GENEVE, option, mask, verbose);
        let len_mask = mask.map(|mask| mask[GENEVE_LEN - 1] & GENEVE_WORDS);
        if verbose || len_mask != Some(0) {
            let comma = if out.len() > start { "," } else { "" };
            let _ = write!(out, "{comma}len={}", option.len() - GENEVE_LEN);
        }
        let data = &option[GENEVE_LEN..];
        let data_mask = mask.map(|mask| &mask[GENEVE_LEN..]);
        if !data.is_empty() && (verbose || !data_mask.is_some_and(all_zeros)) {
            let comma = if out.len() > start { "," } else { "" };
            out.push_str(comma);
            hex_number(out, data);
            if let Some(mask) = data_mask.filter(|mask| !all_ones(mask)) {
                out.push('/');
                hex_number(out, mask);
            }
        }
        out.push('}');
        at = end;
    }
    out.push_str("),");
}

/// A part of ERSPAN's metadata.
struct ErspanPart {
    name: &'static str,
    shift: u32,
    /// The largest value.
    max: u32,
    /// The mask that leaves nothing open.
    full: u32,
    format: Format,
}

const fn erspan_part(
    name: &'static str,
    shift: u32,
    max: u32,
    full: u32,
    format: Format,
) -> ErspanPart {
    ErspanPart {
        name,
        shift,
        max,
        full,
        format,
    }
}

/// The parts of ERSPAN's metadata of version 1: an index.
const ERSPAN_1: &[ErspanPart] = &[erspan_part("idx", 0, 0xf_ffff, u32::MAX, Format::Hex)];
/// The parts of version 2: direction and hardware id share a word.
const ERSPAN_2: &[ErspanPart] = &[
    erspan_part("dir", 3, 1, 1, Format::Decimal),
    erspan_part("hwid", 4, 0x3f, 0x3f, Format::Hex),
];

fn erspan_parts(version: u32) -> &'static [ErspanPart] {
    match version {
        1 => ERSPAN_1,
        2 => ERSPAN_2,
        _ => &[],
    }
}

/// The word that holds the parts of ERSPAN's metadata.
fn erspan_word(version: u32, metadata: &[u8]) -> u32 {
    let range = if version == 1 { 4..8 } else { 10..12 };
    metadata
        .get(range)
        .map_or(0, |bytes| field::number(bytes) as u32)
}

fn format_erspan(out: &mut String, metadata: &[u8], mask: Option<&[u8]>, verbose: bool) {
    let version = metadata
        .first_chunk::<4>()
        .map_or(0, |bytes| u32::from_ne_bytes(*bytes));
    out.push_str("erspan(");
    let _ = write!(out, "ver={version}");
    let word = erspan_word(version, metadata);
    let mask = mask.map(|mask| erspan_word(version, mask));
    for part in erspan_parts(version) {
        let bits = mask.map_or(part.full, |mask| (mask >> part.shift) & part.full);
        if verbose || bits != 0 {
            let value = (word >> part.shift) & part.max;
            let _ = match part.format {
                Format::Decimal => write!(out, ",{}={value}", part.name),
                _ => write!(out, ",{}={}", part.name, field::c_hex(value.into())),
            };
            // Open vSwitch writes these masks even if they leave nothing open.
            if mask.is_some() {
                let _ = write!(out, "/{}", field::c_hex(bits.into()));
            }
        }
    }
    out.push_str("),");
}

/// Reads a tunnel until a parenthesis closes.
pub(crate) fn parse(
    scanner: &mut Scanner<'_>,
    key: &mut Writer<'_>,
    mask: &mut Writer<'_>,
) -> Result<()> {
    let nests = (key.start(key_attr::TUNNEL)?, mask.start(key_attr::TUNNEL)?);
    while !scanner.eat(")") {
        let error = scanner.error();
        let name = scanner.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
        if let Some((kind, field)) = FIELDS.iter().find(|(_, field)| field.name == name) {
            scanner.expect("=")?;
            let value = key.reserve(*kind, field.len)?;
            let bits = mask.reserve(*kind, field.len)?;
            field.format.parse(scanner, value, bits)?;
        } else {
            match name {
                "flags" => parse_tunnel_flags(scanner, key, mask)?,
                "vxlan" => parse_vxlan(scanner, key, mask)?,
                "geneve" => parse_geneve(scanner, key, mask)?,
                "erspan" => parse_erspan(scanner, key, mask)?,
                "ipv4_info_bridge" => {
                    key.put_flag(tun::IPV4_INFO_BRIDGE)?;
                    mask.put_flag(tun::IPV4_INFO_BRIDGE)?;
                }
                _ => return Err(error),
            }
        }
        scanner.skip_separators();
    }
    key.end(nests.0)?;
    mask.end(nests.1)?;
    Ok(())
}

fn parse_tunnel_flags(
    scanner: &mut Scanner<'_>,
    key: &mut Writer<'_>,
    mask: &mut Writer<'_>,
) -> Result<()> {
    scanner.expect("(")?;
    let (set, matched) = match scanner.rest().starts_with(')') {
        true => (0, ALL_FLAGS),
        false => parse_flags(scanner, FLAGS, ALL_FLAGS)?,
    };
    for (kind, flag) in FLAG_ATTRS {
        if set & flag != 0 {
            key.put_flag(kind)?;
        }
        if matched & flag != 0 {
            mask.put_flag(kind)?;
        }
    }
    scanner.expect(")")
}

fn parse_vxlan(
    scanner: &mut Scanner<'_>,
    key: &mut Writer<'_>,
    mask: &mut Writer<'_>,
) -> Result<()> {
    scanner.expect("(")?;
    let nests = (key.start(tun::VXLAN_OPTS)?, mask.start(tun::VXLAN_OPTS)?);
    if scanner.eat("gbp(") {
        let (mut value, mut bits) = ([0; 4], [0; 4]);
        field::parse(scanner, GBP, &mut value, &mut bits)?;
        key.put(vxlan_ext::GBP, &u32::from_be_bytes(value))?;
        mask.put(vxlan_ext::GBP, &u32::from_be_bytes(bits))?;
    }
    key.end(nests.0)?;
    mask.end(nests.1)?;
    scanner.expect(")")
}

fn parse_geneve(
    scanner: &mut Scanner<'_>,
    key: &mut Writer<'_>,
    mask: &mut Writer<'_>,
) -> Result<()> {
    scanner.expect("(")?;
    let (mut options, mut masks) = (Vec::new(), Vec::new());
    while scanner.eat("{") {
        let (mut head, mut head_mask) = ([0; GENEVE_LEN], [0; GENEVE_LEN]);
        let (mut data, mut data_mask) = (Vec::new(), Vec::new());
        let mut len = 0;
        while !scanner.eat("}") {
            let error = scanner.error();
            if scanner.eat("len=") {
                len = scanner.number()?;
                if len % 4 != 0 || len / 4 > usize::from(GENEVE_WORDS) {
                    return Err(error);
                }
                head[GENEVE_LEN - 1] = (len / 4) as u8;
                head_mask[GENEVE_LEN - 1] = GENEVE_WORDS;
            } else if scanner.at_digit() {
                data = scanner.hex_number(len)?;
                data_mask = match scanner.eat("/") {
                    true => scanner.hex_number(len)?,
                    false => vec![0xff; len],
                };
            } else {
                let part = GENEVE
                    .iter()
                    .find(|part| scanner.eat(part.name) && scanner.eat("="));
                let part = part.ok_or(error)?;
                let range = part.at..part.at + part.len;
                let (value, bits) = (&mut head[range.clone()], &mut head_mask[range]);
                part.format.parse(scanner, value, bits)?;
            }
            scanner.skip_separators();
        }
        // Data that is not given is not matched, but its room is there.
        data.resize(len, 0);
        data_mask.resize(len, 0);
        options.extend_from_slice(&head);
        options.extend(data);
        masks.extend_from_slice(&head_mask);
        masks.extend(data_mask);
        scanner.skip_separators();
    }
    key.put_bytes(tun::GENEVE_OPTS, &options)?;
    mask.put_bytes(tun::GENEVE_OPTS, &masks)?;
    scanner.expect(")")
}

fn parse_erspan(
    scanner: &mut Scanner<'_>,
    key: &mut Writer<'_>,
    mask: &mut Writer<'_>,
) -> Result<()> {
    scanner.expect("(ver=")?;
    let error = scanner.error();
    let version: u32 = scanner.number()?;
    let parts = erspan_parts(version);
    if parts.is_empty() {
        return Err(error);
    }
    let (mut word, mut bits) = (0, 0);
    scanner.skip_separators();
    while !scanner.eat(")") {
        let error = scanner.error();
        let name = scanner.take_while(|c| c.is_ascii_lowercase());
        let part = parts.iter().find(|part| part.name == name);
        let part = part.ok_or_else(|| error.clone())?;
        scanner.expect("=")?;
        let value: u32 = scanner.number()?;
        let mask = match scanner.eat("/") {
            true => scanner.number()?,
            false => part.full,
        };
        if value > part.max || mask > part.full {
            return Err(error);
        }
        word |= value << part.shift;
        bits |= mask << part.shift;
        scanner.skip_separators();
    }
    let put = |writer: &mut Writer<'_>, version: u32, word: u32| -> Result<()> {
        let metadata = writer.reserve(tun::ERSPAN_OPTS, ERSPAN_LEN)?;
        metadata[..4].copy_from_slice(&version.to_ne_bytes());
        match parts.len() {
            1 => metadata[4..8].copy_from_slice(&word.to_be_bytes()),
            _ => metadata[10..12].copy_from_slice(&(word as u16).to_be_bytes()),
        }
        Ok(())
    };
    put(key, version, word)?;
    put(mask, u32::MAX, bits)
}
