// SPDX-License-Identifier: GPL-2.0

//! Reads actions.

use super::{
    MAX_DEPTH,
    ct,
    userspace, //
};
use crate::text::field::{
    Format,
    all_ones, //
};
use crate::text::key;
use crate::text::ports::Ports;
use crate::text::scan::{
    Result,
    Scanner, //
};
use odp::key::{
    Be16,
    Be32, //
};
use odp::nlattr::{
    Attrs,
    F_NESTED,
    Writer, //
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
    mpls_tun_flags,
    nsh_key_attr,
    psample_attr,
    sample_attr, //
};

/// The room for actions: what fits into an attribute.
const ROOM: usize = 64 * 1024;

/// Reads actions and returns their attributes. `drop` for itself is no action at all.
pub fn parse(text: &str, ports: Option<&Ports>) -> Result<Vec<u8>> {
    if text.trim().eq_ignore_ascii_case("drop") {
        return Ok(Vec::new());
    }
    let mut bytes = vec![0; ROOM];
    let mut out = Writer::new(&mut bytes);
    let mut scanner = Scanner::new(text);
    let mut parser = Parser {
        scanner: &mut scanner,
        ports,
        depth: 0,
    };
    loop {
        parser.scanner.skip_separators();
        if parser.scanner.is_empty() {
            break;
        }
        parser.action(&mut out)?;
    }
    let len = out.len();
    bytes.truncate(len);
    Ok(bytes)
}

struct Parser<'a, 's> {
    scanner: &'a mut Scanner<'s>,
    ports: Option<&'a Ports>,
    depth: usize,
}

impl Parser<'_, '_> {
    /// Reads actions until a parenthesis closes, into an attribute of their own.
    fn nested(&mut self, out: &mut Writer<'_>, kind: u16) -> Result<()> {
        if self.depth >= MAX_DEPTH {
            return Err(self.scanner.error());
        }
        self.depth += 1;
        let nest = out.start(kind)?;
        let mut ahead = *self.scanner;
        if ahead.eat("drop") && ahead.eat(")") {
            *self.scanner = ahead;
        } else {
            loop {
                self.scanner.skip_separators();
                if self.scanner.eat(")") {
                    break;
                }
                self.action(out)?;
            }
        }
        out.end(nest)?;
        self.depth -= 1;
        Ok(())
    }

    fn action(&mut self, out: &mut Writer<'_>) -> Result<()> {
        let error = self.scanner.error();
        if self.scanner.at_digit() {
            let port: u32 = self.scanner.number()?;
            return Ok(out.put(action_attr::OUTPUT, &port)?);
        }
        let mut ahead = *self.scanner;
        let name = ahead.word();
        let arguments = ahead.eat("(");
        let start = *self.scanner;
        *self.scanner = ahead;
        match (name, arguments) {
            ("drop", false) => out.put(action_attr::DROP, &0_u32)?,
            ("pop_vlan", false) => out.put_flag(action_attr::POP_VLAN)?,
            ("pop_eth", false) => out.put_flag(action_attr::POP_ETH)?,
            ("ct_clear", false) => out.put_flag(action_attr::CT_CLEAR)?,
            ("ct", _) => {
                *self.scanner = start;
                self.scanner.expect("ct")?;
                ct::parse(self.scanner, out)?;
            }
            ("pop_nsh", true) => {
                out.put_flag(action_attr::POP_NSH)?;
                self.scanner.expect(")")?;
            }
            ("trunc", true) => self.number(out, action_attr::TRUNC)?,
            ("recirc", true) => self.number(out, action_attr::RECIRC)?,
            ("meter", true) => self.number(out, action_attr::METER)?,
            ("userspace", true) => userspace::parse(self.scanner, out, self.ports)?,
            ("set", true) => self.set(out)?,
            ("push_vlan", true) => self.push_vlan(out)?,
            ("push_mpls", true) => {
                let (lse, ethertype) = self.mpls()?;
                let mpls = PushMpls {
                    lse: Be32::new(lse),
                    ethertype: Be16::new(ethertype),
                    pad: [0; 2],
                };
                out.put(action_attr::PUSH_MPLS, &mpls)?;
            }
            ("add_mpls", true) => {
                let (lse, ethertype) = self.mpls()?;
                let mpls = AddMpls {
                    lse: Be32::new(lse),
                    ethertype: Be16::new(ethertype),
                    tun_flags: mpls_tun_flags::MASK,
                };
                out.put(action_attr::ADD_MPLS, &mpls)?;
            }
            ("pop_mpls", true) => {
                self.scanner.expect("eth_type=")?;
                let ethertype: u16 = self.scanner.number()?;
                self.scanner.expect(")")?;
                out.put(action_attr::POP_MPLS, &Be16::new(ethertype))?;
            }
            ("push_eth", true) => self.push_eth(out)?,
            ("push_nsh", true) => self.push_nsh(out)?,
            ("hash", true) => self.hash(out)?,
            ("sample", true) => self.sample(out)?,
            ("clone", true) => self.nested(out, action_attr::CLONE)?,
            ("check_pkt_len", true) => self.check_pkt_len(out)?,
            ("dec_ttl", true) => {
                let nest = out.start(action_attr::DEC_TTL)?;
                self.scanner.expect("le_1(")?;
                self.nested(out, dec_ttl_attr::ACTION)?;
                self.scanner.expect(")")?;
                out.end(nest)?;
            }
            ("psample", true) => self.psample(out)?,
            (_, false) => {
                *self.scanner = start;
                let port = Ports::parse(self.ports, self.scanner)?;
                out.put(action_attr::OUTPUT, &port)?;
            }
            (_, true) => return Err(error),
        }
        Ok(())
    }

    /// Reads a number and a closing parenthesis.
    fn number(&mut self, out: &mut Writer<'_>, kind: u16) -> Result<()> {
        let number: u32 = self.scanner.number()?;
        out.put(kind, &number)?;
        self.scanner.expect(")")
    }

    /// Reads a field of a key. With a mask that leaves something open, a masked set.
    fn set(&mut self, out: &mut Writer<'_>) -> Result<()> {
        let error = self.scanner.error();
        let (mut key, mut mask) = ([0; 2048], [0; 2048]);
        let (mut key, mut mask) = (Writer::new(&mut key), Writer::new(&mut mask));
        key::parse_attr(self.scanner, self.ports, &mut key, &mut mask, 0)?;
        self.scanner.expect(")")?;
        let value = Attrs::new(key.as_bytes()).next().ok_or(error.clone())?;
        let bits = Attrs::new(mask.as_bytes()).next().ok_or(error)?;
        let nested = matches!(value.kind(), key_attr::TUNNEL | key_attr::NSH);
        if nested || all_ones(bits.payload()) {
            let nest = out.start(action_attr::SET)?;
            out.put_bytes(value.kind(), value.payload())?;
            out.end(nest)?;
        } else {
            let nest = out.start(action_attr::SET_MASKED)?;
            let both = [value.payload(), bits.payload()].concat();
            out.put_bytes(value.kind(), &both)?;
            out.end(nest)?;
        }
        Ok(())
    }

    fn push_vlan(&mut self, out: &mut Writer<'_>) -> Result<()> {
        let mut tpid = 0x8100;
        if self.scanner.eat("tpid=") {
            tpid = self.scanner.number()?;
            self.scanner.skip_separators();
        }
        let (tci, _) = key::parse_tci(self.scanner)?;
        let vlan = PushVlan {
            tpid: Be16::new(tpid),
            tci: Be16::new(tci),
        };
        Ok(out.put(action_attr::PUSH_VLAN, &vlan)?)
    }

    /// Reads a label stack entry and an ethertype.
    fn mpls(&mut self) -> Result<(u32, u16)> {
        let mut entries = Vec::new();
        while !self.scanner.eat("eth_type=") {
            key::parse_lse_part(self.scanner, &mut entries)?;
            self.scanner.skip_separators();
        }
        let ethertype = self.scanner.number()?;
        self.scanner.expect(")")?;
        match entries[..] {
            [(lse, _)] => Ok((lse, ethertype)),
            _ => Err(self.scanner.error()),
        }
    }

    fn push_eth(&mut self, out: &mut Writer<'_>) -> Result<()> {
        let addresses = out.reserve(action_attr::PUSH_ETH, 12)?;
        let (src, dst) = addresses.split_at_mut(6);
        let mut mask = [0; 6];
        self.scanner.expect("src=")?;
        Format::Mac.parse(self.scanner, src, &mut mask)?;
        self.scanner.expect(",dst=")?;
        Format::Mac.parse(self.scanner, dst, &mut mask)?;
        self.scanner.expect(")")
    }

    fn push_nsh(&mut self, out: &mut Writer<'_>) -> Result<()> {
        let nests = (out.start(action_attr::PUSH_NSH)?, out.start(key_attr::NSH)?);
        if let Some((header, md2)) = self.nsh_md2()? {
            key::put_nsh(out, &header, false)?;
            out.put_bytes(nsh_key_attr::MD2, &md2)?;
        } else {
            let header = nsh_header(self.scanner)?;
            key::put_nsh(out, &header, true)?;
        }
        out.end(nests.1)?;
        Ok(out.end(nests.0)?)
    }

    /// Reads `...,md2=0xHEX)`; `None` if there is no md2.
    fn nsh_md2(&mut self) -> Result<Option<([u8; 24], Vec<u8>)>> {
        let rest = self.scanner.rest();
        let body = &rest[..rest.find(')').unwrap_or(rest.len())];
        let Some((fields, md2)) = body.split_once("md2=") else {
            return Ok(None);
        };
        let fields = format!("{})", fields.trim_end_matches(','));
        let header = nsh_header(&mut Scanner::new(&fields))?;
        let digits = md2.strip_prefix("0x").unwrap_or(md2);
        let mut data = Scanner::new(digits).hex()?;
        // Lengths are counted in words.
        data.resize(data.len().next_multiple_of(4), 0);
        self.scanner.expect(body)?;
        self.scanner.expect(")")?;
        Ok(Some((header, data)))
    }

    fn hash(&mut self, out: &mut Writer<'_>) -> Result<()> {
        let error = self.scanner.error();
        let alg = match self.scanner.word() {
            "l4" => hash_alg::L4,
            "sym_l4" => hash_alg::SYM_L4,
            _ => return Err(error),
        };
        self.scanner.expect("(")?;
        let basis = self.scanner.number()?;
        self.scanner.expect("))")?;
        Ok(out.put(action_attr::HASH, &ActionHash { alg, basis })?)
    }

    fn sample(&mut self, out: &mut Writer<'_>) -> Result<()> {
        self.scanner.expect("sample=")?;
        let error = self.scanner.error();
        let text = self.scanner.take_while(|c| c.is_ascii_digit() || c == '.');
        let percent: f64 = text.parse().map_err(|_| error.clone())?;
        if !(0.0..=100.0).contains(&percent) {
            return Err(error);
        }
        self.scanner.expect("%")?;
        self.scanner.skip_separators();
        self.scanner.expect("actions(")?;
        let probability = percent_probability(percent);
        let nest = out.start(action_attr::SAMPLE)?;
        out.put(sample_attr::PROBABILITY, &probability)?;
        self.nested(out, sample_attr::ACTIONS)?;
        self.scanner.expect(")")?;
        Ok(out.end(nest)?)
    }

    fn check_pkt_len(&mut self, out: &mut Writer<'_>) -> Result<()> {
        self.scanner.expect("size=")?;
        let len: u16 = self.scanner.number()?;
        let nest = out.start(action_attr::CHECK_PKT_LEN)?;
        out.put(check_pkt_len_attr::PKT_LEN, &len)?;
        self.scanner.skip_separators();
        self.scanner.expect("gt(")?;
        self.nested(out, check_pkt_len_attr::ACTIONS_IF_GREATER)?;
        self.scanner.skip_separators();
        self.scanner.expect("le(")?;
        self.nested(out, check_pkt_len_attr::ACTIONS_IF_LESS_EQUAL)?;
        self.scanner.expect(")")?;
        Ok(out.end(nest)?)
    }

    fn psample(&mut self, out: &mut Writer<'_>) -> Result<()> {
        // The kernel insists on the flag here, and here only.
        let nest = out.start(action_attr::PSAMPLE | F_NESTED)?;
        while !self.scanner.eat(")") {
            let error = self.scanner.error();
            if self.scanner.eat("group=") {
                let group: u32 = self.scanner.number()?;
                out.put(psample_attr::GROUP, &group)?;
            } else if self.scanner.eat("cookie=") {
                self.scanner.eat("0x");
                let cookie = self.scanner.hex()?;
                if cookie.len() > psample_attr::COOKIE_MAX_SIZE {
                    return Err(error);
                }
                out.put_bytes(psample_attr::COOKIE, &cookie)?;
            } else {
                return Err(error);
            }
            self.scanner.skip_separators();
        }
        Ok(out.end(nest)?)
    }
}

/// Reads the header of push_nsh until a parenthesis closes. What is not told is as in Open vSwitch.
fn nsh_header(scanner: &mut Scanner<'_>) -> Result<[u8; 24]> {
    let (mut header, given) = key::parse_nsh(scanner)?;
    // TTL, metadata of type 1, Ethernet, service index.
    for (at, usual) in [(1, 63), (2, 1), (3, 3), (7, 255)] {
        if given[at] == 0 {
            header[at] = usual;
        }
    }
    Ok(header)
}

/// A percentage as a part of `u32::MAX`.
pub(super) fn percent_probability(percent: f64) -> u32 {
    (f64::from(u32::MAX) * (percent / 100.0) + 0.5).floor() as u32
}
