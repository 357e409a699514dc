// SPDX-License-Identifier: GPL-2.0

//! The Network Service Header as text.

use crate::text::field;
use crate::text::field::Format::{
    Decimal,
    Hex, //
};
use crate::text::field::{
    Field,
    field, //
};
use crate::text::scan::{
    Result,
    Scanner, //
};
use odp::nlattr::{
    Attrs,
    NoRoom,
    Writer, //
};
use odp::uapi::nsh_key_attr;
use std::fmt::Write;

/// A header with metadata of type 1, laid out as BASE and MD1 one after the other; the service
/// path id and the service index take a word.
const HEADER: &[Field] = &[
    field("flags", 0, 1, Decimal),
    field("ttl", 1, 1, Decimal),
    field("mdtype", 2, 1, Decimal),
    field("np", 3, 1, Decimal),
    field("spi", 4, 3, Hex),
    field("si", 7, 1, Decimal),
    field("c1", 8, 4, Hex),
    field("c2", 12, 4, Hex),
    field("c3", 16, 4, Hex),
    field("c4", 20, 4, Hex),
];
/// The bytes of [`HEADER`].
const LEN: usize = 24;
/// The bytes before the context headers.
const BASE_LEN: usize = 8;
/// Where the metadata type is.
const MDTYPE: usize = 2;

/// The attributes of a header in one piece.
fn flatten(attrs: &[u8]) -> [u8; LEN] {
    let mut header = [0; LEN];
    for attr in Attrs::new(attrs) {
        let range = match attr.kind() {
            nsh_key_attr::BASE => 0..BASE_LEN,
            nsh_key_attr::MD1 => BASE_LEN..LEN,
            _ => continue,
        };
        for (to, from) in header[range].iter_mut().zip(attr.payload()) {
            *to = *from;
        }
    }
    header
}

/// Writes a header, given as nested attributes. Parts that the mask leaves open are left out.
pub(crate) fn format(out: &mut String, attrs: &[u8], mask: Option<&[u8]>) {
    let header = flatten(attrs);
    let start = out.len();
    let Some(mask) = mask.map(flatten) else {
        // Contexts are part of metadata of type 1 alone.
        let fields = match header[MDTYPE] {
            1 => HEADER,
            _ => &HEADER[..6],
        };
        for field in fields {
            let value = field::number(&header[field.at..field.at + field.len]);
            let _ = match field.format {
                Hex => write!(out, "{}=0x{value:x},", field.name),
                _ => write!(out, "{}={value},", field.name),
            };
        }
        return field::chomp(out, start);
    };
    for field in HEADER {
        let value = field::number(&header[field.at..field.at + field.len]);
        let mask = &mask[field.at..field.at + field.len];
        let bits = field::number(mask);
        let _ = match (field.format, field::all_ones(mask)) {
            _ if bits == 0 => continue,
            (Hex, true) => write!(out, "{}=0x{value:x},", field.name),
            (Hex, false) => write!(out, "{}=0x{value:x}/0x{bits:08x},", field.name),
            (_, true) => write!(out, "{}={value},", field.name),
            (_, false) => write!(out, "{}=0x{value:02x}/0x{bits:02x},", field.name),
        };
    }
    field::chomp(out, start);
}

/// Reads a header until a parenthesis closes; value and mask.
pub(crate) fn parse(scanner: &mut Scanner<'_>) -> Result<([u8; LEN], [u8; LEN])> {
    let (mut header, mut mask) = ([0; LEN], [0; LEN]);
    field::parse(scanner, HEADER, &mut header, &mut mask)?;
    Ok((header, mask))
}

/// Writes the attributes of a header.
pub(crate) fn put(writer: &mut Writer<'_>, header: &[u8; LEN], md1: bool) -> Result<(), NoRoom> {
    writer.put_bytes(nsh_key_attr::BASE, &header[..BASE_LEN])?;
    if md1 {
        writer.put_bytes(nsh_key_attr::MD1, &header[BASE_LEN..])?;
    }
    Ok(())
}

/// Whether a header has metadata of type 1.
pub(crate) fn is_md1(header: &[u8; LEN]) -> bool {
    header[MDTYPE] == 1
}
