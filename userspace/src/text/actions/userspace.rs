// SPDX-License-Identifier: GPL-2.0

//! The USERSPACE action: `userspace(pid=1,userdata(0011),actions,tunnel_out_port=2)`.
//!
//! The data that the action hands back is Open vSwitch's `struct user_action_cookie` when it has
//! its size; what the cookie is for is then written in words.

use crate::cookie::{
    self,
    Class, //
};
use crate::text::field;
use crate::text::field::{
    Bits,
    c_hex,
    flags,
    parse_flags, //
};
use crate::text::ports::Ports;
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
    userspace_attr, //
};
use std::fmt::Write;

/// Where what depends on the type starts.
const BODY: usize = 24;

/// Why packets take the slow path.
const SLOW_PATH: &Bits = &[
    (1 << 0, "cfm"),
    (1 << 1, "bfd"),
    (1 << 2, "lacp"),
    (1 << 3, "stp"),
    (1 << 4, "lldp"),
    (1 << 5, "action"),
    (1 << 6, "match"),
];

/// A number in a cookie, in host byte order unless said otherwise.
#[derive(Clone, Copy)]
struct Number {
    name: &'static str,
    at: usize,
    len: usize,
    hex: bool,
    big_endian: bool,
}

const fn number(name: &'static str, at: usize, len: usize) -> Number {
    Number {
        name,
        at: BODY + at,
        len,
        hex: false,
        big_endian: false,
    }
}

const FLOW_SAMPLE: &[Number] = &[
    number("probability", 0, 2),
    number("collector_set_id", 4, 4),
    number("obs_domain_id", 8, 4),
    number("obs_point_id", 12, 4),
];
/// Where FLOW_SAMPLE has its port and its direction.
const SAMPLE_PORT: Number = number("output_port", 16, 4);
const SAMPLE_DIRECTION: Number = number("", 20, 4);
/// Directions of FLOW_SAMPLE by their numbers; the first is not written.
const DIRECTIONS: [&str; 3] = ["", "ingress", "egress"];

const IPFIX_PORT: Number = number("output_port", 0, 4);
const SFLOW_TCI: Number = Number {
    big_endian: true,
    ..number("", 0, 2)
};
const SFLOW_OUTPUT: Number = number("output", 4, 4);
const SLOW_REASON: Number = number("", 4, 4);

const CONTROLLER: &[Number] = &[
    number("reason", 2, 2),
    number("dont_send", 0, 1),
    number("continuation", 1, 1),
    number("recirc_id", 4, 4),
    Number {
        hex: true,
        big_endian: true,
        ..number("rule_cookie", 8, 8)
    },
    number("controller_id", 16, 2),
    number("max_len", 18, 2),
];

impl Number {
    fn get(&self, cookie: &[u8]) -> u64 {
        let mut bytes = cookie
            .get(self.at..self.at + self.len)
            .unwrap_or_default()
            .to_vec();
        if cfg!(target_endian = "little") && !self.big_endian {
            bytes.reverse();
        }
        field::number(&bytes) as u64
    }

    fn set(&self, cookie: &mut [u8], value: u64) {
        let Some(bytes) = cookie.get_mut(self.at..self.at + self.len) else {
            return;
        };
        field::set_number(bytes, value.into());
        if cfg!(target_endian = "little") && !self.big_endian {
            bytes.reverse();
        }
    }

    fn format(&self, out: &mut String, cookie: &[u8]) {
        let value = self.get(cookie);
        let _ = match self.hex {
            true => write!(out, "{}={}", self.name, c_hex(value.into())),
            false => write!(out, "{}={value}", self.name),
        };
    }

    /// Reads `NAME=VALUE`.
    fn parse(&self, scanner: &mut Scanner<'_>, cookie: &mut [u8]) -> Result<()> {
        scanner.expect(self.name)?;
        scanner.expect("=")?;
        let error = scanner.error();
        // The cookie of a rule is hexadecimal with or without 0x.
        let value: u64 = match self.hex && !scanner.rest().starts_with("0x") {
            true => {
                let digits = scanner.take_while(|c| c.is_ascii_hexdigit());
                u64::from_str_radix(digits, 16).map_err(|_| error.clone())?
            }
            false => scanner.number()?,
        };
        if value.checked_shr(8 * self.len as u32).unwrap_or(0) != 0 {
            return Err(error);
        }
        self.set(cookie, value);
        Ok(())
    }
}

/// Writes the action, given as nested attributes.
pub(super) fn format(out: &mut String, attrs: Attrs<'_>, ports: Option<&Ports>) {
    let find = |kind| attrs.into_iter().find(|attr| attr.kind() == kind);
    let Some(pid) = find(userspace_attr::PID).and_then(|attr| attr.get::<u32>()) else {
        return out.push_str("userspace(error)");
    };
    let _ = write!(out, "userspace(pid={pid}");
    if let Some(userdata) = find(userspace_attr::USERDATA) {
        let data = userdata.payload();
        if !format_cookie(out, data, ports) {
            out.push_str(",userdata(");
            field::hex(out, data);
            out.push(')');
        }
    }
    if find(userspace_attr::ACTIONS).is_some() {
        out.push_str(",actions");
    }
    let tunnel = find(userspace_attr::EGRESS_TUN_PORT).and_then(|attr| attr.get::<u32>());
    if let Some(port) = tunnel {
        out.push_str(",tunnel_out_port=");
        Ports::format(ports, out, port);
    }
    out.push(')');
}

/// Writes what a cookie is for; `false` if its type is not known.
fn format_cookie(out: &mut String, data: &[u8], ports: Option<&Ports>) -> bool {
    match Class::of(data) {
        Some(Class::SFlow) => {
            let tci = SFLOW_TCI.get(data);
            let (vid, pcp) = (tci & 0xfff, tci >> 13);
            let _ = write!(out, ",sFlow(vid={vid},pcp={pcp},");
            SFLOW_OUTPUT.format(out, data);
        }
        Some(Class::SlowPath) => {
            out.push_str(",slow_path(");
            flags(out, SLOW_PATH, SLOW_REASON.get(data) as u32, ',');
        }
        Some(Class::FlowSample) => {
            out.push_str(",flow_sample(");
            for number in FLOW_SAMPLE {
                number.format(out, data);
                out.push(',');
            }
            out.push_str("output_port=");
            Ports::format(ports, out, SAMPLE_PORT.get(data) as u32);
            let direction = DIRECTIONS.get(SAMPLE_DIRECTION.get(data) as usize);
            if let Some(direction) = direction.filter(|direction| !direction.is_empty()) {
                let _ = write!(out, ",{direction}");
            }
        }
        Some(Class::Ipfix) => {
            out.push_str(",ipfix(output_port=");
            Ports::format(ports, out, IPFIX_PORT.get(data) as u32);
        }
        Some(Class::Controller) => {
            out.push_str(",controller(");
            for (place, number) in CONTROLLER.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                number.format(out, data);
            }
        }
        None => return false,
    }
    out.push(')');
    true
}

/// Reads the arguments after the parenthesis and writes the action.
pub(super) fn parse(
    scanner: &mut Scanner<'_>,
    out: &mut Writer<'_>,
    ports: Option<&Ports>,
) -> Result<()> {
    scanner.expect("pid=")?;
    let pid: u32 = scanner.number()?;
    let nest = out.start(action_attr::USERSPACE)?;
    out.put(userspace_attr::PID, &pid)?;
    loop {
        scanner.skip_separators();
        if scanner.eat(")") {
            break;
        }
        let error = scanner.error();
        if scanner.eat("actions") {
            out.put_flag(userspace_attr::ACTIONS)?;
        } else if scanner.eat("tunnel_out_port=") {
            let port = Ports::parse(ports, scanner)?;
            out.put(userspace_attr::EGRESS_TUN_PORT, &port)?;
        } else if scanner.eat("userdata(") {
            let data = scanner.hex()?;
            scanner.expect(")")?;
            out.put_bytes(userspace_attr::USERDATA, &data)?;
        } else {
            let cookie = parse_cookie(scanner, ports)?.ok_or(error)?;
            out.put_bytes(userspace_attr::USERDATA, &cookie)?;
        }
    }
    Ok(out.end(nest)?)
}

/// Reads what a cookie is for; `None` if it is nothing known.
fn parse_cookie(
    scanner: &mut Scanner<'_>,
    ports: Option<&Ports>,
) -> Result<Option<[u8; cookie::LEN]>> {
    let mut data = [0; cookie::LEN];
    let mut kind = |kind: Class| data[..2].copy_from_slice(&(kind as u16).to_ne_bytes());
    if scanner.eat("sFlow(") {
        kind(Class::SFlow);
        scanner.expect("vid=")?;
        let vid: u16 = scanner.number()?;
        scanner.expect(",pcp=")?;
        let pcp: u16 = scanner.number()?;
        if vid > 0xfff || pcp > 7 {
            return Err(scanner.error());
        }
        // A tag is there unless all of it is zero.
        let present = if vid | pcp == 0 { 0 } else { 0x1000 };
        SFLOW_TCI.set(&mut data, (vid | (pcp << 13) | present).into());
        scanner.skip_separators();
        SFLOW_OUTPUT.parse(scanner, &mut data)?;
    } else if scanner.eat("slow_path(") {
        kind(Class::SlowPath);
        let mut reasons = 0;
        while !scanner.rest().starts_with(')') {
            reasons |= parse_flags(scanner, SLOW_PATH, 0x7f)?.0;
            scanner.skip_separators();
        }
        SLOW_REASON.set(&mut data, reasons.into());
    } else if scanner.eat("flow_sample(") {
        kind(Class::FlowSample);
        for number in FLOW_SAMPLE {
            number.parse(scanner, &mut data)?;
            scanner.skip_separators();
        }
        scanner.expect("output_port=")?;
        SAMPLE_PORT.set(&mut data, Ports::parse(ports, scanner)?.into());
        scanner.skip_separators();
        let word = scanner.word();
        let direction = DIRECTIONS.iter().position(|&direction| direction == word);
        let direction = direction.ok_or_else(|| scanner.error())?;
        SAMPLE_DIRECTION.set(&mut data, direction as u64);
    } else if scanner.eat("ipfix(output_port=") {
        kind(Class::Ipfix);
        IPFIX_PORT.set(&mut data, Ports::parse(ports, scanner)?.into());
    } else if scanner.eat("controller(") {
        kind(Class::Controller);
        for number in CONTROLLER {
            number.parse(scanner, &mut data)?;
            scanner.skip_separators();
        }
    } else {
        return Ok(None);
    }
    scanner.expect(")")?;
    Ok(Some(data))
}
