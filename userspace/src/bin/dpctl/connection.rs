// SPDX-License-Identifier: GPL-2.0

//! Which connections flush-conntrack deletes.

use openvswitch::client::conntrack::{
    Entry,
    Layer4,
    Tuple,
    proto, //
};
use openvswitch::text::scan::Scanner;
use std::net::{
    IpAddr,
    Ipv4Addr,
    Ipv6Addr, //
};

/// What connections must look like. What is `None` does not matter.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) zone: Option<u16>,
    mark: Option<(u32, u32)>,
    labels: Option<(u128, u128)>,
    /// Whether addresses are those of IPv6.
    ipv6: Option<bool>,
    proto: Option<u8>,
    orig: Part,
    reply: Part,
}

/// What is told of one direction.
#[derive(Debug, Default, PartialEq, Eq)]
struct Part {
    src: Option<IpAddr>,
    dst: Option<IpAddr>,
    src_port: Option<u16>,
    dst_port: Option<u16>,
    id: Option<u16>,
    kind: Option<u8>,
    code: Option<u8>,
}

impl Wanted {
    /// Reads `[zone=N] [mark=X[/M]] [labels=Y[/N]] [ORIG [REPLY]]`.
    pub(crate) fn parse(args: &[&str]) -> Result<Self, String> {
        let mut wanted = Self::default();
        let mut args = args.iter().copied().peekable();
        if let Some(zone) = option(&mut args, "zone=") {
            let zone = zone.parse().map_err(|_| "failed to parse zone")?;
            wanted.zone = Some(zone);
        }
        if let Some(mark) = option(&mut args, "mark=") {
            let mark = masked(mark, u32::MAX).ok_or("failed to parse mark")?;
            wanted.mark = Some(mark).filter(|(_, mask)| *mask != 0);
        }
        if let Some(labels) = option(&mut args, "labels=") {
            let labels = masked(labels, u128::MAX).ok_or("failed to parse labels")?;
            wanted.labels = Some(labels).filter(|(_, mask)| *mask != 0);
        }
        for direction in [true, false] {
            let Some(text) = args.next() else {
                break;
            };
            let part = Part::parse(text, &mut wanted.proto, &mut wanted.ipv6)?;
            match direction {
                true => wanted.orig = part,
                false => wanted.reply = part,
            }
        }
        match args.next() {
            Some(_) => Err("invalid arguments".to_owned()),
            None => Ok(wanted),
        }
    }

    /// Whether all connections of the zone are wanted.
    pub(crate) fn is_all(&self) -> bool {
        *self
            == Self {
                zone: self.zone,
                ..Self::default()
            }
    }

    /// The first direction, if it is all that is told and names one connection.
    pub(crate) fn tuple(&self) -> Option<Tuple> {
        if self.mark.is_some() || self.labels.is_some() || self.reply != Part::default() {
            return None;
        }
        let proto = self.proto?;
        let layer4 = match is_icmp(proto) {
            true => Layer4::Icmp {
                id: self.orig.id?,
                kind: self.orig.kind?,
                code: self.orig.code.unwrap_or(0),
            },
            false => Layer4::Ports {
                src: self.orig.src_port?,
                dst: self.orig.dst_port?,
            },
        };
        Some(Tuple {
            src: self.orig.src?,
            dst: self.orig.dst?,
            proto,
            layer4,
        })
    }

    /// Whether this is one of those wanted. That it is in the zone is known.
    pub(crate) fn matches(&self, entry: &Entry) -> bool {
        let mark = self
            .mark
            .is_none_or(|(value, mask)| (value ^ entry.mark) & mask == 0);
        let labels = self
            .labels
            .is_none_or(|(value, mask)| (value ^ entry.labels) & mask == 0);
        let ipv6 = self
            .ipv6
            .is_none_or(|ipv6| ipv6 == entry.orig.src.is_ipv6());
        let proto = self.proto.is_none_or(|proto| proto == entry.orig.proto);
        mark && labels
            && ipv6
            && proto
            && self.orig.matches(&entry.orig)
            && self.reply.matches(&entry.reply)
    }
}

/// What follows `name` if the next argument starts with it.
fn option<'a>(
    args: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>,
    name: &str,
) -> Option<&'a str> {
    let value = args.peek()?.strip_prefix(name)?;
    args.next();
    Some(value)
}

/// `VALUE[/MASK]`
fn masked<T: TryFrom<u128>>(text: &str, all: T) -> Option<(T, T)> {
    let mut scanner = Scanner::new(text);
    let value = scanner.number().ok()?;
    let mask = match scanner.eat("/") {
        true => scanner.number().ok()?,
        false => all,
    };
    scanner.is_empty().then_some((value, mask))
}

fn is_icmp(proto: u8) -> bool {
    matches!(proto, proto::ICMP | proto::ICMPV6)
}

impl Part {
    /// Reads `NAME=VALUE[,NAME=VALUE]...`. `proto` and `ipv6` are what is known from before. Zero
    /// stands for any port, and `::` for any address of IPv6.
    fn parse(text: &str, proto: &mut Option<u8>, ipv6: &mut Option<bool>) -> Result<Self, String> {
        let mut part = Self::default();
        let fields = text
            .split([',', ' ', '\t'])
            .filter(|field| !field.is_empty());
        for field in fields {
            let (key, value) = field.split_once('=').unwrap_or((field, ""));
            if value.is_empty() {
                return Err(format!("field {key} missing value"));
            }
            let bad = |_| format!("failed to parse field {key}");
            let number = || Scanner::new(value).number::<u16>().map_err(|_| bad(()));
            let byte = || value.parse::<u8>().map_err(|_| bad(()));
            match key {
                "ct_nw_src" | "ct_nw_dst" | "ct_ipv6_src" | "ct_ipv6_dst" => {
                    let is_ipv6 = key.starts_with("ct_ipv6");
                    if ipv6.is_some_and(|ipv6| ipv6 != is_ipv6) {
                        return Err(format!("the L3 protocol does not match {value}"));
                    }
                    let address = match is_ipv6 {
                        true => IpAddr::V6(value.parse::<Ipv6Addr>().map_err(|_| bad(()))?),
                        false => IpAddr::V4(value.parse::<Ipv4Addr>().map_err(|_| bad(()))?),
                    };
                    let place = match key.ends_with("src") {
                        true => &mut part.src,
                        false => &mut part.dst,
                    };
                    if place.is_some() {
                        return Err(format!("{key} is set multiple times"));
                    }
                    *place = Some(address).filter(|address| *address != Ipv6Addr::UNSPECIFIED);
                    *ipv6 = Some(is_ipv6);
                }
                "ct_nw_proto" => *proto = Some(byte()?).filter(|&proto| proto != 0),
                "ct_tp_src" => part.src_port = Some(number()?).filter(|&port| port != 0),
                "ct_tp_dst" => part.dst_port = Some(number()?).filter(|&port| port != 0),
                "icmp_type" | "icmp_code" | "icmp_id" if !proto.is_some_and(is_icmp) => {
                    return Err("invalid L4 fields".to_owned());
                }
                "icmp_type" => part.kind = Some(byte()?),
                "icmp_code" => part.code = Some(byte()?),
                "icmp_id" => part.id = Some(number()?),
                _ => return Err(format!("invalid conntrack tuple field: {key}")),
            }
        }
        if proto.is_none() && (part.src_port.is_some() || part.dst_port.is_some()) {
            return Err("port is set without protocol".to_owned());
        }
        Ok(part)
    }

    fn matches(&self, tuple: &Tuple) -> bool {
        let same = |wanted: Option<u16>, found: u16| wanted.is_none_or(|wanted| wanted == found);
        let layer4 = match tuple.layer4 {
            Layer4::Ports { src, dst } => same(self.src_port, src) && same(self.dst_port, dst),
            Layer4::Icmp { id, kind, code } => {
                same(self.id, id)
                    && same(self.kind.map(u16::from), kind.into())
                    && same(self.code.map(u16::from), code.into())
            }
        };
        layer4
            && self.src.is_none_or(|src| src == tuple.src)
            && self.dst.is_none_or(|dst| dst == tuple.dst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TUPLE: &str =
        "ct_nw_src=10.0.0.1,ct_nw_dst=10.0.0.2,ct_nw_proto=6,ct_tp_src=1,ct_tp_dst=2";

    #[test]
    fn nothing_wanted_is_everything() {
        assert!(Wanted::parse(&[]).unwrap().is_all());
        assert!(Wanted::parse(&["zone=5"]).unwrap().is_all());
        assert!(Wanted::parse(&["mark=5/0", "", ""]).unwrap().is_all());
        assert!(!Wanted::parse(&["mark=0"]).unwrap().is_all());
        assert!(!Wanted::parse(&["ct_nw_proto=6"]).unwrap().is_all());
    }

    #[test]
    fn five_fields_name_a_connection() {
        let tuple = Wanted::parse(&["zone=5", TUPLE]).unwrap().tuple().unwrap();
        assert_eq!(tuple.src.to_string(), "10.0.0.1");
        assert_eq!(tuple.proto, 6);
        assert_eq!(tuple.layer4, Layer4::Ports { src: 1, dst: 2 });
        assert_eq!(Wanted::parse(&["mark=1", TUPLE]).unwrap().tuple(), None);
        assert_eq!(
            Wanted::parse(&[TUPLE, "ct_tp_src=2"]).unwrap().tuple(),
            None
        );
        let some = "ct_nw_src=10.0.0.1,ct_nw_dst=10.0.0.2,ct_nw_proto=6,ct_tp_src=1,ct_tp_dst=0";
        assert_eq!(Wanted::parse(&[some]).unwrap().tuple(), None);
    }

    #[test]
    fn mistakes_are_told_as_ovs_dpctl_does() {
        for (args, why) in [
            (&["zone=x"][..], "failed to parse zone"),
            (&["mark=x"], "failed to parse mark"),
            (&["labels="], "failed to parse labels"),
            (&["", "", ""], "invalid arguments"),
            (&["ct_nw_src"], "field ct_nw_src missing value"),
            (&["ct_nw_src=1.2"], "failed to parse field ct_nw_src"),
            (
                &["ct_nw_src=1.1.1.1,ct_ipv6_dst=::1"],
                "the L3 protocol does not match ::1",
            ),
            (
                &["ct_nw_src=1.1.1.1,ct_nw_src=1.1.1.2"],
                "ct_nw_src is set multiple times",
            ),
            (&["ct_tp_src=1"], "port is set without protocol"),
            (&["icmp_id=1"], "invalid L4 fields"),
            (&["nw_src=1"], "invalid conntrack tuple field: nw_src"),
        ] {
            assert_eq!(Wanted::parse(args).unwrap_err(), why);
        }
    }
}
