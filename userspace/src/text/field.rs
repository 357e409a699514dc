// SPDX-License-Identifier: GPL-2.0

//! Fields of the structures that attributes carry, as text: `name=VALUE[/MASK]`.
//!
//! A table of [`Field`]s describes a structure. Writing and reading both go by it.

use super::scan::{
    Result,
    Scanner, //
};
use std::fmt::Write;
use std::net::{
    Ipv4Addr,
    Ipv6Addr, //
};

/// How the bytes of a field are written. All numbers are in network byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// An Ethernet address.
    Mac,
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// A number of the field's size, decimal; its mask hexadecimal.
    Decimal,
    /// A number of the field's size, hexadecimal.
    Hex,
    /// The low 20 bits of 32, hexadecimal.
    Label,
    /// The kind of a fragment.
    Fragment,
}

/// A part of a structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// Its name.
    pub(crate) name: &'static str,
    /// Where it starts, in bytes.
    pub(crate) at: usize,
    /// Its bytes.
    pub(crate) len: usize,
    /// How it is written.
    pub(crate) format: Format,
}

/// A field at `at` of `len` bytes.
pub(crate) const fn field(name: &'static str, at: usize, len: usize, format: Format) -> Field {
    Field {
        name,
        at,
        len,
        format,
    }
}

/// The names of fragments, by their numbers.
const FRAGMENTS: [&str; 3] = ["no", "first", "later"];

/// The bits of an IPv6 flow label.
const LABEL: u128 = 0xf_ffff;

/// Writes fields with a comma between them. Without `verbose`, those that `mask` leaves open are
/// left out.
pub(crate) fn format(
    out: &mut String,
    fields: &[Field],
    value: &[u8],
    mask: Option<&[u8]>,
    verbose: bool,
) {
    let start = out.len();
    for field in fields {
        let part = |bytes: &'_ [u8]| -> Vec<u8> {
            let bytes = bytes.get(field.at..field.at + field.len);
            bytes.unwrap_or_default().to_vec()
        };
        let mask = mask.map(part);
        field.format(out, &part(value), mask.as_deref(), verbose);
    }
    chomp(out, start);
}

/// Takes a comma at the end away.
pub(crate) fn chomp(out: &mut String, start: usize) {
    if out.len() > start && out.ends_with(',') {
        out.pop();
    }
}

/// Reads fields until a parenthesis closes. What is not named is zero, in the mask too.
pub(crate) fn parse(
    scanner: &mut Scanner<'_>,
    fields: &[Field],
    value: &mut [u8],
    mask: &mut [u8],
) -> Result<()> {
    while !scanner.eat(")") {
        let found = fields.iter().find_map(|field| {
            let mut ahead = *scanner;
            (field.eat_name(&mut ahead) && ahead.eat("=")).then_some((field, ahead))
        });
        let Some((field, ahead)) = found else {
            return Err(scanner.error());
        };
        *scanner = ahead;
        let range = field.at..field.at + field.len;
        let (Some(value), Some(mask)) = (value.get_mut(range.clone()), mask.get_mut(range)) else {
            return Err(scanner.error());
        };
        field.format.parse(scanner, value, mask)?;
        scanner.skip_separators();
    }
    Ok(())
}

/// Open vSwitch prints the ports of `ct_tuple6` by other names than it reads.
const OTHER_NAMES: [(&str, &str); 2] = [("tp_src", "src_port"), ("tp_dst", "dst_port")];

impl Field {
    fn eat_name(&self, scanner: &mut Scanner<'_>) -> bool {
        let other = OTHER_NAMES.iter().find(|(name, _)| *name == self.name);
        scanner.eat(self.name) || other.is_some_and(|(_, other)| scanner.eat(other))
    }

    /// Writes the field with a comma behind it, unless it is open and not to be written then.
    pub(crate) fn format(
        &self,
        out: &mut String,
        value: &[u8],
        mask: Option<&[u8]>,
        verbose: bool,
    ) {
        // A fragment is one of a few: an open one cannot be written.
        let silent = !verbose || self.format == Format::Fragment;
        if silent && mask.is_some_and(all_zeros) {
            return;
        }
        let full = mask.is_none_or(|mask| self.format.is_full(mask));
        let _ = match (self.format, mask) {
            (Format::Fragment, Some(mask)) if !full => write!(
                out,
                "error: partial mask not supported for frag ({}),",
                c_hex(number(mask))
            ),
            (_, Some(mask)) if !full => {
                let mask = match self.format {
                    Format::Decimal => c_hex(number(mask)),
                    format => format.text(mask),
                };
                write!(out, "{}={}/{mask},", self.name, self.format.text(value))
            }
            _ => write!(out, "{}={},", self.name, self.format.text(value)),
        };
    }
}

impl Format {
    /// Whether a mask leaves nothing open.
    fn is_full(self, mask: &[u8]) -> bool {
        match self {
            Self::Label => number(mask) & LABEL == LABEL,
            _ => all_ones(mask),
        }
    }

    fn text(self, bytes: &[u8]) -> String {
        match self {
            Self::Mac => mac(bytes),
            Self::Ipv4 => ipv4(bytes),
            Self::Ipv6 => ipv6(bytes),
            Self::Decimal => number(bytes).to_string(),
            Self::Hex | Self::Label => c_hex(number(bytes)),
            Self::Fragment => {
                let name = FRAGMENTS.get(number(bytes) as usize);
                name.copied().unwrap_or("<error>").to_owned()
            }
        }
    }

    /// Reads a value, and a mask if one follows; else the mask leaves nothing open.
    pub(crate) fn parse(
        self,
        scanner: &mut Scanner<'_>,
        value: &mut [u8],
        mask: &mut [u8],
    ) -> Result<()> {
        self.parse_one(scanner, value)?;
        if scanner.eat("/") {
            return match self {
                // A number is the mask of a fragment, but only a full one makes sense.
                Self::Fragment => Self::Hex.parse_one(scanner, mask),
                _ => self.parse_one(scanner, mask),
            };
        }
        match self {
            Self::Label => set_number(mask, LABEL),
            _ => mask.fill(0xff),
        }
        Ok(())
    }

    fn parse_one(self, scanner: &mut Scanner<'_>, bytes: &mut [u8]) -> Result<()> {
        let error = scanner.error();
        match self {
            Self::Mac => {
                let mut parts = 0;
                for (place, byte) in bytes.iter_mut().enumerate() {
                    if place > 0 {
                        scanner.expect(":")?;
                    }
                    let digits = scanner.take_while(|c| c.is_ascii_hexdigit());
                    *byte = u8::from_str_radix(digits, 16).map_err(|_| error.clone())?;
                    parts += 1;
                }
                debug_assert_eq!(parts, bytes.len());
            }
            Self::Ipv4 => {
                let text = scanner.take_while(|c| c.is_ascii_digit() || c == '.');
                let address: Ipv4Addr = text.parse().map_err(|_| error)?;
                bytes.copy_from_slice(&address.octets());
            }
            Self::Ipv6 => {
                let text = scanner.take_while(|c| c.is_ascii_hexdigit() || matches!(c, ':' | '.'));
                let address: Ipv6Addr = text.parse().map_err(|_| error)?;
                bytes.copy_from_slice(&address.octets());
            }
            Self::Decimal | Self::Hex | Self::Label => {
                let number = scanner.number::<u128>()?;
                let fits = match self {
                    Self::Label => number <= LABEL,
                    _ => number.checked_shr(8 * bytes.len() as u32).unwrap_or(0) == 0,
                };
                if !fits {
                    return Err(error);
                }
                set_number(bytes, number);
            }
            Self::Fragment => {
                let name = scanner.take_while(|c| c.is_ascii_lowercase());
                let found = FRAGMENTS.iter().position(|&fragment| fragment == name);
                set_number(bytes, found.ok_or(error)? as u128);
            }
        }
        Ok(())
    }
}

/// A number in network byte order.
pub(crate) fn number(bytes: &[u8]) -> u128 {
    bytes
        .iter()
        .fold(0, |number, &byte| (number << 8) | u128::from(byte))
}

/// Writes the low bytes of a number in network byte order.
pub(crate) fn set_number(bytes: &mut [u8], number: u128) {
    let all = number.to_be_bytes();
    let len = bytes.len();
    bytes.copy_from_slice(&all[all.len() - len..]);
}

/// A number as C's `%#x` writes it.
pub(crate) fn c_hex(number: u128) -> String {
    match number {
        0 => "0".to_owned(),
        _ => format!("{number:#x}"),
    }
}

/// An Ethernet address.
pub(crate) fn mac(bytes: &[u8]) -> String {
    let parts: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    parts.join(":")
}

/// An IPv4 address.
pub(crate) fn ipv4(bytes: &[u8]) -> String {
    let octets: [u8; 4] = bytes.try_into().unwrap_or_default();
    Ipv4Addr::from(octets).to_string()
}

/// An IPv6 address, as C's `inet_ntop` writes it.
pub(crate) fn ipv6(bytes: &[u8]) -> String {
    let octets: [u8; 16] = bytes.try_into().unwrap_or_default();
    let address = Ipv6Addr::from(octets);
    match address.segments() {
        [0, 0, 0, 0, 0, 0, high, _] if high != 0 => format!("::{}", ipv4(&octets[12..])),
        _ => address.to_string(),
    }
}

/// Whether no bit is set.
pub(crate) fn all_zeros(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| byte == 0)
}

/// Whether every bit is set.
pub(crate) fn all_ones(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| byte == 0xff)
}

/// Bytes as pairs of hexadecimal digits.
pub(crate) fn hex(out: &mut String, bytes: &[u8]) {
    for byte in bytes {
        let _ = write!(out, "{byte:02x}");
    }
}

/// Bytes as a hexadecimal number without leading zeros; zero is `0`.
pub(crate) fn hex_number(out: &mut String, bytes: &[u8]) {
    if all_zeros(bytes) {
        return out.push('0');
    }
    out.push_str("0x");
    let start = out.len();
    hex(out, bytes);
    let zeros = out[start..].bytes().take_while(|&digit| digit == b'0');
    let end = start + zeros.count();
    out.replace_range(start..end, "");
}

/// Names of single bits.
pub(crate) type Bits = [(u32, &'static str)];

fn bit_name(bits: &Bits, bit: u32) -> Option<&'static str> {
    bits.iter()
        .find(|(known, _)| *known == bit)
        .map(|(_, name)| *name)
}

fn each_bit(mut flags: u32) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let bit = flags & flags.wrapping_neg();
        flags ^= bit;
        (bit != 0).then_some(bit)
    })
}

/// Writes flags by name, `delimiter` between them.
pub(crate) fn flags(out: &mut String, bits: &Bits, flags: u32, delimiter: char) {
    let mut names: Vec<String> = Vec::new();
    let mut unknown = 0;
    for bit in each_bit(flags) {
        match bit_name(bits, bit) {
            Some(name) => names.push(name.to_owned()),
            None => unknown |= bit,
        }
    }
    if unknown != 0 || names.is_empty() {
        names.push(c_hex(unknown.into()));
    }
    out.push_str(&names.join(&delimiter.to_string()));
}

/// Writes flags under a mask: `+set-clear`; without a gap in the mask like [`flags`].
pub(crate) fn flags_masked(out: &mut String, bits: &Bits, value: u32, mask: u32, all: u32) {
    if mask == all {
        return flags(out, bits, value, '|');
    }
    if mask == 0 {
        return out.push_str("0/0");
    }
    for bit in each_bit(mask) {
        out.push(if value & bit != 0 { '+' } else { '-' });
        out.push_str(bit_name(bits, bit).unwrap_or("[Unknown]"));
    }
}

/// Reads flags and their mask: a number, `+set-clear`, or names with `|` between them. Without a
/// mask, all of `all` count.
pub(crate) fn parse_flags(scanner: &mut Scanner<'_>, bits: &Bits, all: u32) -> Result<(u32, u32)> {
    let error = scanner.error();
    if scanner.at_digit() {
        let value: u32 = scanner.number()?;
        let mask = match scanner.eat("/") {
            true => scanner.number()?,
            false => all,
        };
        return match (value | mask) & !all {
            0 => Ok((value, mask)),
            _ => Err(error),
        };
    }
    let bit = |scanner: &mut Scanner<'_>| {
        let name =
            scanner.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '[' | ']' | '_'));
        let found = bits
            .iter()
            .find(|(bit, known)| *known == name && bit & all != 0);
        found.map(|(bit, _)| *bit).ok_or_else(|| error.clone())
    };
    let (mut value, mut mask) = (0, 0);
    if scanner.rest().starts_with(['+', '-']) {
        while let Some(set) = scanner
            .eat("+")
            .then_some(true)
            .or_else(|| scanner.eat("-").then_some(false))
        {
            let bit = bit(scanner)?;
            if mask & bit != 0 {
                return Err(error);
            }
            mask |= bit;
            value |= if set { bit } else { 0 };
        }
        return Ok((value, mask));
    }
    loop {
        value |= bit(scanner)?;
        if !scanner.eat("|") {
            return Ok((value, all));
        }
    }
}
