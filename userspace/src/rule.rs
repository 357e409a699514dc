// SPDX-License-Identifier: GPL-2.0

//! Rules: which packets are meant, said in words.
//!
//! A rule is written like a flow of the datapath, or with OpenFlow's fields as `ovs-ofctl` takes
//! them. Unlike a flow of the datapath it matches what is written and nothing else: a rule without
//! `in_port()` is for all ports, one without `vlan()` for all VLANs.

use crate::text::{
    self,
    Ports, //
};
use odp::{
    Key,
    flow_attrs::{
        Match,
        Support,
        parse_match, //
    },
    key::{
        Be16,
        Be32,
        Be64,
        VLAN_TAG_PRESENT,
        Vlan, //
    },
    nlattr::{
        Attrs,
        Writer,
        total_size, //
    },
    uapi::{
        flow_attr,
        key_attr, //
    },
};
use std::{
    net::{
        Ipv4Addr,
        Ipv6Addr, //
    },
    str::FromStr, //
};

/// A set of packets: those that agree with the key in the bits of the mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The values, zero where the mask is.
    pub key: Key,
    /// The bits that count.
    pub mask: Key,
}

/// The result of reading a rule. The error is for the user.
pub type Result<T, E = String> = std::result::Result<T, E>;

impl Rule {
    /// All packets.
    pub const ANY: Self = Self {
        key: Key::ZERO,
        mask: Key::ZERO,
    };

    /// Reads a rule: `in_port(1),eth_type(0x0800),ipv4(dst=10.0.0.0/255.0.0.0)` or
    /// `in_port=1,ip,nw_dst=10.0.0.0/8`.
    pub fn parse(text: &str, ports: &Ports) -> Result<Self> {
        match text.contains('(') {
            true => Self::parse_flow(text, ports),
            false => Self::parse_fields(text, ports),
        }
    }

    /// Reads the key of a flow, as text.
    fn parse_flow(text: &str, ports: &Ports) -> Result<Self> {
        let parse = |text| text::key::parse(text, Some(ports)).map_err(|e| e.to_string());
        let mut parsed = parse(text)?;
        let written: Vec<u16> = Attrs::new(&parsed.key).map(|attr| attr.kind()).collect();
        let typed = [key_attr::ETHERNET, key_attr::ETHERTYPE];
        if !typed.iter().any(|kind| written.contains(kind)) {
            // The datapath insists on one of them.
            parsed = parse(&format!("{text},eth()"))?;
        }
        let Match { mut mask, key } = read(&parsed.key, &parsed.mask)?;
        // What the datapath adds of its own to what is written.
        for (kind, clear) in IMPLIED {
            if !written.contains(kind) {
                clear(&mut mask);
            }
        }
        Ok(Self {
            key: key.masked(&mask),
            mask,
        })
    }

    /// Reads OpenFlow's fields.
    fn parse_fields(text: &str, ports: &Ports) -> Result<Self> {
        let mut rule = Self::ANY;
        let words = text.split([',', ' ', '\t']);
        for word in words.filter(|word| !word.is_empty()) {
            match word.split_once('=') {
                None => rule.add_protocol(word)?,
                Some((name, value)) => rule
                    .add_field(name, value, ports)
                    .map_err(|why| format!("{name}: {why}"))?,
            }
        }
        Ok(rule)
    }

    /// Whether a packet is meant.
    pub fn matches(&self, key: &Key) -> bool {
        key.masked(&self.mask) == self.key
    }

    /// Requires a value where the mask is set.
    fn require(&mut self, key: &Key, mask: &Key) {
        let both = key.words().iter().zip(mask.words());
        let own = self.key.words_mut().iter_mut().zip(self.mask.words_mut());
        for ((own_key, own_mask), (key, mask)) in own.zip(both) {
            *own_key = (*own_key & !mask) | (key & mask);
            *own_mask |= mask;
        }
    }

    fn add_protocol(&mut self, word: &str) -> Result<()> {
        let found = PROTOCOLS.iter().find(|(name, ..)| *name == word);
        let Some((_, eth_type, ip_proto)) = found else {
            return Err(format!("{word}: unknown keyword"));
        };
        let mut key = Key::ZERO;
        let mut mask = Key::ZERO;
        key.eth_type = Be16::new(*eth_type);
        mask.eth_type = Be16::new(u16::MAX);
        if let Some(ip_proto) = ip_proto {
            key.ip_proto = *ip_proto;
            mask.ip_proto = u8::MAX;
        }
        self.require(&key, &mask);
        Ok(())
    }

    fn add_field(&mut self, name: &str, text: &str, ports: &Ports) -> Result<()> {
        let (value, given) = match text.split_once('/') {
            Some((value, mask)) => (value, Some(mask)),
            None => (text, None),
        };
        let mut key = Key::ZERO;
        let mut mask = Key::ZERO;
        macro_rules! number {
            ($($field:ident).+, $make:expr, $type:ty) => {{
                key.$($field).+ = $make(number::<$type>(value)?);
                mask.$($field).+ = $make(given.map_or(Ok(<$type>::MAX), number::<$type>)?);
            }};
        }
        macro_rules! bytes {
            ($field:ident, $read:expr, $read_mask:expr) => {{
                key.$field = $read(value)?;
                mask.$field = match given {
                    Some(mask) => $read_mask(mask)?,
                    None => Key::ZERO.$field.map(|_| 0xff),
                };
            }};
        }
        match name {
            "in_port" => {
                key.in_port = match ports.number(value) {
                    Some(number) => u16::try_from(number).map_err(|_| "no such port")?,
                    None => number(value)?,
                };
                mask.in_port = u16::MAX;
            }
            "recirc_id" => number!(recirc_id, |n| n, u32),
            "pkt_mark" | "skb_mark" => number!(skb_mark, |n| n, u32),
            "skb_priority" => number!(priority, |n| n, u32),
            "dp_hash" => number!(dp_hash, |n| n, u32),
            "ct_mark" => number!(ct_mark, |n| n, u32),
            "ct_zone" => number!(ct_zone, |n| n, u16),
            "tun_id" | "tunnel_id" => number!(tun.id, Be64::new, u64),
            "dl_type" | "eth_type" => number!(eth_type, Be16::new, u16),
            "nw_proto" | "ip_proto" => number!(ip_proto, |n| n, u8),
            "nw_tos" => number!(ip_tos, |n| n, u8),
            "nw_ttl" => number!(ip_ttl, |n| n, u8),
            "tp_src" | "tcp_src" | "udp_src" | "sctp_src" | "icmp_type" | "icmpv6_type" => {
                number!(tp_src, Be16::new, u16);
            }
            "tp_dst" | "tcp_dst" | "udp_dst" | "sctp_dst" | "icmp_code" | "icmpv6_code" => {
                number!(tp_dst, Be16::new, u16);
            }
            "dl_vlan" | "vlan_vid" => {
                key.vlan = tag(number::<u16>(value)? & 0xfff);
                mask.vlan.tci = Be16::new(0x1fff);
            }
            "dl_vlan_pcp" | "vlan_pcp" => {
                let pcp: u16 = number(value)?;
                key.vlan = tag(pcp.min(7) << 13);
                mask.vlan.tci = Be16::new(0xf000);
            }
            "dl_src" | "eth_src" => bytes!(eth_src, mac, mac),
            "dl_dst" | "eth_dst" => bytes!(eth_dst, mac, mac),
            "ipv6_src" => bytes!(ipv6_src, ipv6, ipv6_mask),
            "ipv6_dst" => bytes!(ipv6_dst, ipv6, ipv6_mask),
            "nd_target" => bytes!(nd_target, ipv6, ipv6_mask),
            "nw_src" | "ip_src" | "arp_spa" => {
                key.ipv4_src = ipv4(value)?;
                mask.ipv4_src = given.map_or(Ok(Be32::new(u32::MAX)), ipv4_mask)?;
            }
            "nw_dst" | "ip_dst" | "arp_tpa" => {
                key.ipv4_dst = ipv4(value)?;
                mask.ipv4_dst = given.map_or(Ok(Be32::new(u32::MAX)), ipv4_mask)?;
            }
            _ => return Err("unknown field".to_owned()),
        }
        self.require(&key, &mask);
        Ok(())
    }
}

/// What the datapath makes of the attributes of a key and a mask.
pub fn read(key: &[u8], mask: &[u8]) -> Result<Match> {
    let nest = |kind, attrs: &[u8]| {
        let mut bytes = vec![0; total_size(attrs.len())];
        let wrote = Writer::new(&mut bytes).put_bytes(kind, attrs);
        wrote.map(|()| bytes).map_err(|_| "too long".to_owned())
    };
    let (key, mask) = (nest(flow_attr::KEY, key)?, nest(flow_attr::MASK, mask)?);
    let first = |bytes| Attrs::new(bytes).next();
    let mut found = Match::ZERO;
    let key = first(&key).ok_or("no key")?;
    let parsed = parse_match(&mut found, key, first(&mask), Support::ALL);
    parsed.map_err(|error| error.to_string())?;
    Ok(found)
}

/// Clears a field of a mask.
type Clear = fn(&mut Key);

/// What a flow of the datapath matches even if the attribute is not there.
const IMPLIED: &[(u16, Clear)] = &[
    (key_attr::IN_PORT, |mask| mask.in_port = 0),
    (key_attr::RECIRC_ID, |mask| mask.recirc_id = 0),
    (key_attr::ETHERNET, |mask| mask.mac_proto = 0),
    (key_attr::TUNNEL, |mask| mask.tun_proto = 0),
    (key_attr::ETHERTYPE, |mask| mask.eth_type = Be16::ZERO),
    (key_attr::VLAN, |mask| mask.vlan = Vlan::default()),
    (key_attr::ENCAP, |mask| mask.cvlan = Vlan::default()),
];

/// Keywords: the ethertype and the protocol that they stand for.
const PROTOCOLS: &[(&str, u16, Option<u8>)] = &[
    ("ip", 0x0800, None),
    ("ipv6", 0x86dd, None),
    ("arp", 0x0806, None),
    ("rarp", 0x8035, None),
    ("mpls", 0x8847, None),
    ("mplsm", 0x8848, None),
    ("icmp", 0x0800, Some(1)),
    ("tcp", 0x0800, Some(6)),
    ("udp", 0x0800, Some(17)),
    ("sctp", 0x0800, Some(132)),
    ("icmp6", 0x86dd, Some(58)),
    ("tcp6", 0x86dd, Some(6)),
    ("udp6", 0x86dd, Some(17)),
    ("sctp6", 0x86dd, Some(132)),
];

/// A tag with these bits of its TCI.
fn tag(bits: u16) -> Vlan {
    Vlan {
        tpid: Be16::ZERO,
        tci: Be16::new(bits | VLAN_TAG_PRESENT),
    }
}

fn number<T: TryFrom<u64>>(text: &str) -> Result<T> {
    let number = match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => text.parse(),
    };
    let bad = || format!("{text} is not a number in range");
    let number = number.map_err(|_| bad())?;
    T::try_from(number).map_err(|_| bad())
}

fn mac(text: &str) -> Result<[u8; 6]> {
    let bad = || format!("{text} is not an Ethernet address");
    let mut mac = [0; 6];
    let mut parts = text.split(':');
    for byte in &mut mac {
        let part = parts.next().ok_or_else(bad)?;
        *byte = u8::from_str_radix(part, 16).map_err(|_| bad())?;
    }
    match parts.next() {
        None => Ok(mac),
        Some(_) => Err(bad()),
    }
}

/// An address, or the bits of a mask: a number of them, or an address again.
fn address<T: FromStr>(text: &str) -> Result<T> {
    text.parse().map_err(|_| format!("{text} is no address"))
}

fn prefix(text: &str, most: u32) -> Option<u32> {
    text.parse().ok().filter(|bits| *bits <= most)
}

fn ipv4(text: &str) -> Result<Be32> {
    Ok(Be32::new(address::<Ipv4Addr>(text)?.to_bits()))
}

fn ipv4_mask(text: &str) -> Result<Be32> {
    match prefix(text, 32) {
        Some(bits) => Ok(Be32::new(u32::MAX.checked_shl(32 - bits).unwrap_or(0))),
        None => ipv4(text),
    }
}

fn ipv6(text: &str) -> Result<[u8; 16]> {
    Ok(address::<Ipv6Addr>(text)?.octets())
}

fn ipv6_mask(text: &str) -> Result<[u8; 16]> {
    match prefix(text, 128) {
        Some(bits) => Ok(u128::MAX.checked_shl(128 - bits).unwrap_or(0).to_be_bytes()),
        None => ipv6(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> Rule {
        let ports = [(7, "eth0")].into_iter().collect();
        Rule::parse(text, &ports).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn both_ways_of_writing_mean_the_same() {
        for (flow, fields) in [
            ("in_port(eth0)", "in_port=7"),
            ("in_port(7)", "in_port=eth0"),
            (
                "eth_type(0x0800),ipv4(dst=10.0.0.0/255.0.0.0,proto=6),tcp(dst=80),tcp_flags(0/0)",
                "tcp,nw_dst=10.0.0.0/8,tp_dst=80",
            ),
            (
                "eth_type(0x86dd),ipv6(src=fd00::/ffff::)",
                "ipv6,ipv6_src=fd00::1/16",
            ),
            ("skb_mark(0x5/0xf)", "pkt_mark=5/0xf"),
        ] {
            assert_eq!(rule(flow), rule(fields), "{flow} and {fields}");
        }
    }

    #[test]
    fn nothing_but_what_is_written_counts() {
        let mut key = Key::ZERO;
        assert!(Rule::ANY.matches(&key));
        let http = rule("tcp,tp_dst=80");
        assert!(!http.matches(&key));
        key.eth_type = Be16::new(0x0800);
        key.ip_proto = 6;
        key.tp_dst = Be16::new(80);
        for vlan in [Vlan::default(), tag(5)] {
            for in_port in [1, 2] {
                let key = Key {
                    vlan,
                    in_port,
                    ..key
                };
                assert!(http.matches(&key));
                assert_eq!(rule("dl_vlan=5").matches(&key), vlan == tag(5));
                assert_eq!(rule("in_port=2").matches(&key), in_port == 2);
            }
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "in_port=none",
            "tcp,nw_src=1.2.3",
            "nw_src=1.2.3.4/33",
            "ttp",
            "x=1",
            "dl_src=1:2:3",
            "dl_src=1:2:3:4:5:6:7",
            "tp_dst=65536",
            "ipv4(src=1.1.1.1)",
            "in_port(1",
        ] {
            assert!(Rule::parse(text, &Ports::default()).is_err(), "{text}");
        }
    }
}
