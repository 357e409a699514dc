// SPDX-License-Identifier: GPL-2.0

//! Tunnels as ports: their types, and the devices that are made for them.

use openvswitch::client::link::TunnelKind;
use openvswitch::client::{
    TunnelOptions,
    Vport, //
};
use openvswitch::odp::uapi::vport_type;

/// A type of tunnels.
#[derive(Debug)]
pub(crate) struct Type {
    /// Its name.
    pub(crate) name: &'static str,
    /// What the names of its devices begin with: Open vSwitch's own.
    prefix: &'static str,
    /// The UDP port, where such tunnels have one: the usual one, or zero if none is.
    port: Option<u16>,
}

const fn tunnels(name: &'static str, prefix: &'static str, port: Option<u16>) -> Type {
    Type { name, prefix, port }
}

/// All types of tunnels.
const TYPES: &[Type] = &[
    tunnels("vxlan", "vxlan_sys", Some(4789)),
    tunnels("geneve", "genev_sys", Some(6081)),
    tunnels("gre", "gre_sys", None),
    tunnels("ip6gre", "ip6gre_sys", None),
    tunnels("erspan", "erspan_sys", None),
    tunnels("ip6erspan", "ip6erspan_sys", None),
    tunnels("bareudp", "udp_sys", Some(0)),
    tunnels("gtpu", "gtpu_sys", Some(2152)),
];

/// What may be said of a tunnel that flows say anyway, with each packet.
const OF_FLOWS: &[&str] = &[
    "remote_ip",
    "local_ip",
    "key",
    "in_key",
    "out_key",
    "tos",
    "ttl",
    "csum",
    "df_default",
    "seq",
    "egress_pkt_mark",
    "erspan_ver",
    "erspan_idx",
    "erspan_dir",
    "erspan_hwid",
];

/// The Ethertypes that bareudp takes with others of their protocol.
const ETHERTYPES: &[(&str, u16)] = &[("ip", 0x0800), ("mpls", 0x8847)];

impl Type {
    /// The type of this name.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        TYPES.iter().find(|kind| kind.name == name)
    }

    /// The type of a port, if it is one of tunnels. One made by rtnetlink is told by its name.
    pub(crate) fn of(port: &Vport) -> Option<&'static Self> {
        match port.kind {
            vport_type::VXLAN => Self::named("vxlan"),
            vport_type::GENEVE => Self::named("geneve"),
            vport_type::GRE => Self::named("gre"),
            _ => TYPES.iter().find(|kind| port.name.starts_with(kind.prefix)),
        }
    }

    /// The UDP port of a port of this type, if it is not the usual one.
    pub(crate) fn unusual_port(&self, port: &Vport) -> Option<u16> {
        let named = || {
            let number = port.name.strip_prefix(self.prefix)?.strip_prefix('_')?;
            number.parse().ok()
        };
        let udp = port.options.map(|options| options.dst_port).or_else(named);
        udp.filter(|udp| Some(*udp) != self.port)
    }
}

/// A device for tunnels that is made together with its port.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Tunnel {
    /// The name of the device.
    pub(crate) device: String,
    /// What it is like.
    pub(crate) kind: TunnelKind,
}

impl Tunnel {
    /// What is made of the options of an interface. The error is what is wrong with them.
    pub(crate) fn of(kind: &Type, name: &str, options: &[(&str, &str)]) -> Result<Self, String> {
        let mut port = kind.port.unwrap_or(0);
        let (mut gbp, mut gpe, mut layer3) = (false, false, false);
        let mut payload = None;
        for &(option, value) in options {
            match (kind.name, option) {
                (_, "dst_port") if kind.port.is_some() => {
                    port = value
                        .parse()
                        .map_err(|_| format!("dst_port={value} is no UDP port"))?;
                }
                ("vxlan", "exts") => {
                    for extension in value.split(':') {
                        match extension {
                            "gbp" => gbp = true,
                            "gpe" => gpe = true,
                            _ => return Err(format!("unknown extension '{extension}'")),
                        }
                    }
                }
                ("bareudp", "payload_type") => payload = Some(ethertype(value)?),
                ("gre", "packet_type") => layer3 = value == "legacy_l3",
                (_, "packet_type") => {}
                _ if OF_FLOWS.contains(&option) => {
                    if value != "flow" {
                        log::warn!("{name}: '{option}' is ignored: flows say it");
                    }
                }
                (kind, _) => log::warn!("{name}: unknown {kind} argument '{option}'"),
            }
        }
        if kind.port.is_some() && port == 0 {
            return Err("a dst_port is needed".to_owned());
        }
        let kind_of_device = match kind.name {
            "vxlan" => TunnelKind::Vxlan { port, gbp, gpe },
            "geneve" => TunnelKind::Geneve { port },
            "gre" if layer3 => TunnelKind::Gre("gre"),
            "gre" => TunnelKind::Gre("gretap"),
            "ip6gre" => TunnelKind::Gre("ip6gretap"),
            "erspan" => TunnelKind::Gre("erspan"),
            "ip6erspan" => TunnelKind::Gre("ip6erspan"),
            "bareudp" => {
                let (ethertype, multiproto) = payload.ok_or("a payload_type is needed")?;
                TunnelKind::Bareudp {
                    port,
                    ethertype,
                    multiproto,
                }
            }
            other => return Err(format!("the kernel has no devices for all {other} tunnels")),
        };
        Ok(Self {
            device: match kind.port {
                Some(_) => format!("{}_{port}", kind.prefix),
                None => kind.prefix.to_owned(),
            },
            kind: kind_of_device,
        })
    }

    /// The type and the options of a port that makes this device, where there is one.
    pub(crate) fn vport(&self) -> Option<(u32, Option<TunnelOptions>)> {
        let options = |dst_port, gbp| Some(TunnelOptions { dst_port, gbp });
        match self.kind {
            TunnelKind::Vxlan {
                port,
                gbp,
                gpe: false,
            } => Some((vport_type::VXLAN, options(port, gbp))),
            TunnelKind::Geneve { port } => Some((vport_type::GENEVE, options(port, false))),
            TunnelKind::Gre("gretap") => Some((vport_type::GRE, None)),
            _ => None,
        }
    }
}

/// Reads a `payload_type`: the Ethertype, and whether others of the same protocol are meant, too.
fn ethertype(text: &str) -> Result<(u16, bool), String> {
    if let Some((_, ethertype)) = ETHERTYPES.iter().find(|(name, _)| *name == text) {
        return Ok((*ethertype, true));
    }
    let number = match text.strip_prefix("0x") {
        Some(digits) => u16::from_str_radix(digits, 16),
        None => text.parse(),
    };
    match number {
        Ok(ethertype) => Ok((ethertype, false)),
        Err(_) => Err(format!("payload_type={text} is no Ethertype")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tunnel(kind: &str, options: &[(&str, &str)]) -> Result<Tunnel, String> {
        Tunnel::of(Type::named(kind).unwrap(), "t0", options)
    }

    fn made(kind: &str, options: &[(&str, &str)]) -> (String, TunnelKind) {
        let tunnel = tunnel(kind, options).unwrap();
        (tunnel.device, tunnel.kind)
    }

    #[test]
    fn options_make_a_device() {
        let (port, gbp, gpe) = (4789, true, false);
        assert_eq!(
            made("vxlan", &[("exts", "gbp"), ("remote_ip", "flow")]),
            (
                "vxlan_sys_4789".into(),
                TunnelKind::Vxlan { port, gbp, gpe }
            )
        );
        let (port, gbp, gpe) = (4790, false, true);
        assert_eq!(
            made("vxlan", &[("exts", "gpe"), ("dst_port", "4790")]),
            (
                "vxlan_sys_4790".into(),
                TunnelKind::Vxlan { port, gbp, gpe }
            )
        );
        assert_eq!(
            made("geneve", &[("dst_port", "6082")]),
            ("genev_sys_6082".into(), TunnelKind::Geneve { port: 6082 })
        );
        assert_eq!(
            made("gre", &[]),
            ("gre_sys".into(), TunnelKind::Gre("gretap"))
        );
        assert_eq!(
            made("gre", &[("packet_type", "legacy_l3")]),
            ("gre_sys".into(), TunnelKind::Gre("gre"))
        );
        for (text, ethertype, multiproto) in [
            ("mpls", 0x8847, true),
            ("ip", 0x0800, true),
            ("0x8847", 0x8847, false),
        ] {
            assert_eq!(
                made("bareudp", &[("payload_type", text), ("dst_port", "6635")]),
                (
                    "udp_sys_6635".into(),
                    TunnelKind::Bareudp {
                        port: 6635,
                        ethertype,
                        multiproto
                    }
                )
            );
        }
    }

    #[test]
    fn options_that_make_no_sense_are_errors() {
        for (kind, options) in [
            ("vxlan", &[("dst_port", "many")][..]),
            ("vxlan", &[("dst_port", "0")]),
            ("vxlan", &[("dst_port", "65536")]),
            ("vxlan", &[("exts", "gbp:x")]),
            ("bareudp", &[("payload_type", "mpls")]),
            ("bareudp", &[("dst_port", "6635")]),
            ("bareudp", &[("dst_port", "6635"), ("payload_type", "x")]),
            ("gtpu", &[]),
        ] {
            assert!(tunnel(kind, options).is_err(), "{kind} {options:?}");
        }
    }

    #[test]
    fn the_datapath_makes_some_itself() {
        let vport = |kind, options| tunnel(kind, options).unwrap().vport();
        let options = |dst_port, gbp| Some(TunnelOptions { dst_port, gbp });
        assert_eq!(
            vport("vxlan", &[("exts", "gbp")]),
            Some((vport_type::VXLAN, options(4789, true)))
        );
        assert_eq!(
            vport("geneve", &[]),
            Some((vport_type::GENEVE, options(6081, false)))
        );
        assert_eq!(vport("gre", &[]), Some((vport_type::GRE, None)));
        assert_eq!(vport("erspan", &[]), None);
        assert_eq!(vport("vxlan", &[("exts", "gpe")]), None);
        assert_eq!(vport("gre", &[("packet_type", "legacy_l3")]), None);
    }
}
