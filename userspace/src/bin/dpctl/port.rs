// SPDX-License-Identifier: GPL-2.0

//! The commands for ports: add-if, set-if, del-if.

use crate::context::{
    Context,
    Outcome,
    error,
    warn, //
};
use crate::tunnel;
use crate::tunnel::Tunnel;
use openvswitch::client::link::Links;
use openvswitch::client::{
    Datapath,
    Error,
    NewVport,
    Vport,
    VportId, //
};
use openvswitch::odp::uapi::vport_type;
use rustix::io::Errno;
use std::fmt;

/// What sort of port a user sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Any network device.
    System,
    /// A device that the datapath made.
    Internal,
    /// A tunnel: its type, and its UDP port where that is not the usual one.
    Tunnel(&'static str, Option<u16>),
}

impl Kind {
    /// The sort of a port. A tunnel made by rtnetlink is told by its name.
    pub(crate) fn of(port: &Vport) -> Self {
        if port.kind == vport_type::INTERNAL {
            return Self::Internal;
        }
        match tunnel::Type::of(port) {
            None => Self::System,
            Some(kind) => Self::Tunnel(kind.name, kind.unusual_port(port)),
        }
    }

    /// The name of the type.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Internal => "internal",
            Self::Tunnel(name, _) => name,
        }
    }
}

/// What `show` prints behind the name of a port.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => Ok(()),
            Self::Internal => f.write_str(" (internal)"),
            Self::Tunnel(name, None) => write!(f, " ({name}: packet_type=ptap)"),
            Self::Tunnel(name, Some(udp)) => {
                write!(f, " ({name}: dst_port={udp}, packet_type=ptap)")
            }
        }
    }
}

/// What a user says of a port: `NAME[,KEY=VALUE]...`
#[derive(Debug, Default, PartialEq, Eq)]
struct Iface<'a> {
    name: &'a str,
    kind: Option<&'a str>,
    port_no: Option<&'a str>,
    options: Vec<(&'a str, &'a str)>,
}

impl<'a> Iface<'a> {
    /// Takes an argument apart. The error names an option that came twice.
    fn parse(text: &'a str) -> Result<Self, &'a str> {
        let mut words = text.split(',').filter(|word| !word.is_empty());
        let mut iface = Self {
            name: words.next().unwrap_or(""),
            ..Self::default()
        };
        for word in words {
            let (key, value) = word.split_once('=').unwrap_or((word, ""));
            match key {
                "type" => iface.kind = Some(value),
                "port_no" => iface.port_no = Some(value),
                _ if iface.options.iter().any(|(other, _)| *other == key) => return Err(key),
                _ => iface.options.push((key, value)),
            }
        }
        Ok(iface)
    }
}

/// `add-if DP IFACE...`
pub(crate) fn add(context: &mut Context, args: &[&str]) -> Outcome {
    each(context, args, |context, dp, argument, iface| {
        let name = iface.name;
        let kind = iface.kind.unwrap_or("system");
        if let Some(kind) = tunnel::Type::named(kind) {
            match Tunnel::of(kind, name, &iface.options) {
                Ok(tunnel) => add_tunnel(context, dp, argument, iface, &tunnel),
                Err(what) => context.report(format_args!("{name}: {what}"), None),
            }
            return;
        }
        let (kind, devices) = match (kind, Links::connect()) {
            ("system", Ok(links)) => match links.index(name) {
                Ok(_) => (vport_type::NETDEV, Ok(links)),
                Err(why) => (vport_type::NETDEV, Err(why)),
            },
            ("internal", links) => (vport_type::INTERNAL, links),
            (_, _) => (0, Err(error(Errno::AFNOSUPPORT))),
        };
        let mut links = match devices {
            Ok(links) => links,
            Err(why) => {
                let what = format!("{name}: failed to open network device");
                context.report(what, Some(&why));
                return;
            }
        };
        if !iface.options.is_empty() {
            log::warn!("{}", not_configurable(name));
        }
        let port = NewVport {
            name,
            kind,
            port_no: iface.port_no.map(number),
            upcall_pids: &[0],
            ifindex: None,
            options: None,
        };
        let added = context
            .client()
            .and_then(|client| client.new_vport(dp.ifindex, &port));
        if let Err(why) = added {
            context.report(
                format_args!("adding {name} to {argument} failed"),
                Some(&why),
            );
        } else if let Err(why) = links.set_up(name) {
            context.report(
                format_args!("{name}: failed bringing interface up"),
                Some(&why),
            );
        }
    })
}

/// Makes a device for tunnels, and adds it as a port. Or has the datapath do both.
fn add_tunnel(
    context: &mut Context,
    dp: &Datapath,
    argument: &str,
    iface: &Iface<'_>,
    tunnel: &Tunnel,
) {
    let name = iface.name;
    let device = tunnel.device.as_str();
    let mut port = NewVport {
        name: device,
        kind: vport_type::NETDEV,
        port_no: iface.port_no.map(number),
        upcall_pids: &[0],
        ifindex: None,
        options: None,
    };
    let links = if context.args.no_lwt {
        let Some((kind, options)) = tunnel.vport() else {
            context.report(
                format_args!("{name}: the datapath itself makes no such tunnels"),
                None,
            );
            return;
        };
        port.kind = kind;
        port.options = options;
        None
    } else {
        let made = Links::connect().and_then(|mut links| {
            links.add_tunnel(device, tunnel.kind)?;
            Ok(links)
        });
        match made {
            Ok(links) => Some(links),
            Err(why) => {
                context.report(
                    format_args!("{name}: cannot make device {device}"),
                    Some(&why),
                );
                return;
            }
        }
    };
    let mut added = context
        .client()
        .and_then(|client| client.new_vport(dp.ifindex, &port))
        .map(|_| ());
    // The datapath sets up what it made.
    if let Some(mut links) = links {
        added = added.and_then(|()| links.set_up(device));
        if added.is_err() {
            // It was made for this port.
            let _ = links.delete(device);
        }
    }
    if let Err(why) = added {
        context.report(
            format_args!("adding {name} to {argument} failed"),
            Some(&why),
        );
    }
}

/// `set-if DP IFACE...`
pub(crate) fn set(context: &mut Context, args: &[&str]) -> Outcome {
    each(context, args, |context, dp, argument, iface| {
        let name = iface.name;
        let port = match find(context, dp, name) {
            Ok(port) => port,
            Err(why) => {
                context.report(
                    format_args!("{name}: failed to query port in {argument}"),
                    Some(&why),
                );
                return;
            }
        };
        let now = Kind::of(&port).name();
        if let Some(kind) = iface.kind.filter(|kind| *kind != now) {
            context.report(
                format_args!("{name}: can't change type from {now} to {kind}"),
                None,
            );
            return;
        }
        let now = port.port_no;
        if let Some(number) = iface.port_no.map(number).filter(|number| *number != now) {
            context.report(
                format_args!("{name}: can't change port number from {now} to {number}"),
                None,
            );
            return;
        }
        if !iface.options.is_empty() {
            warn(not_configurable(name), None);
        }
    })
}

/// `del-if DP IFACE...`
pub(crate) fn del(context: &mut Context, args: &[&str]) -> Outcome {
    let (&argument, names) = args.split_first().unwrap_or((&"", &[]));
    let dp = context.datapath(Some(argument))?;
    for &name in names {
        let (number, port) = if name.bytes().all(|byte| byte.is_ascii_digit()) {
            let number = number(name);
            (number, find_number(context, &dp, number).ok())
        } else {
            match find(context, &dp, name) {
                Ok(port) => (port.port_no, Some(port)),
                Err(_) => {
                    context.report(format_args!("no port named {name}"), None);
                    continue;
                }
            }
        };
        let deleted = context
            .client()
            .and_then(|client| client.del_vport(dp.ifindex, number));
        let made = port.filter(|port| {
            port.kind == vport_type::NETDEV && matches!(Kind::of(port), Kind::Tunnel(..))
        });
        let deleted = match (deleted, made) {
            // The device was made for the port.
            (Ok(_), Some(port)) => Links::connect().and_then(|mut links| links.delete(&port.name)),
            (deleted, _) => deleted.map(|_| ()),
        };
        if let Err(why) = deleted {
            context.report(
                format_args!("deleting port {name} from {argument} failed"),
                Some(&why),
            );
        }
    }
    Ok(())
}

/// Opens the datapath and does `what` with each port.
fn each(
    context: &mut Context,
    args: &[&str],
    what: impl Fn(&mut Context, &Datapath, &str, &Iface<'_>),
) -> Outcome {
    let (&argument, ifaces) = args.split_first().unwrap_or((&"", &[]));
    let dp = context.datapath(Some(argument))?;
    for &iface in ifaces {
        match Iface::parse(iface) {
            Ok(Iface { name: "", .. }) => context.report(
                format_args!("{iface} is not a valid network device name"),
                None,
            ),
            Ok(iface) => what(context, &dp, argument, &iface),
            Err(key) => context.report(format_args!("duplicate \"{key}\" option"), None),
        }
    }
    Ok(())
}

fn find(context: &mut Context, dp: &Datapath, name: &str) -> Result<Vport, Error> {
    context.client()?.vport(dp.ifindex, VportId::Name(name))
}

fn find_number(context: &mut Context, dp: &Datapath, number: u32) -> Result<Vport, Error> {
    context.client()?.vport(dp.ifindex, VportId::Number(number))
}

/// A port number as C's `atoi` reads it: what does not start with a number is zero.
fn number(text: &str) -> u32 {
    let end = text.find(|c: char| !c.is_ascii_digit());
    text[..end.unwrap_or(text.len())].parse().unwrap_or(0)
}

fn not_configurable(name: &str) -> String {
    format!("{name}: arguments provided to device that is not configurable")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_iface_is_taken_apart() {
        let iface = Iface::parse("v0,type=internal,port_no=7,key=flow,csum").unwrap();
        assert_eq!(iface.name, "v0");
        assert_eq!(iface.kind, Some("internal"));
        assert_eq!(iface.port_no, Some("7"));
        assert_eq!(iface.options, [("key", "flow"), ("csum", "")]);
        assert_eq!(Iface::parse("v0,a=1,a=2"), Err("a"));
    }

    #[test]
    fn tunnels_are_told_by_name() {
        let port = |name: &str| Vport {
            kind: vport_type::NETDEV,
            name: name.to_owned(),
            ..Vport::default()
        };
        assert_eq!(Kind::of(&port("eth0")), Kind::System);
        assert_eq!(
            Kind::of(&port("vxlan_sys_4789")).to_string(),
            " (vxlan: packet_type=ptap)"
        );
        assert_eq!(
            Kind::of(&port("genev_sys_6082")).to_string(),
            " (geneve: dst_port=6082, packet_type=ptap)"
        );
        assert_eq!(
            Kind::of(&port("udp_sys_6635")).to_string(),
            " (bareudp: dst_port=6635, packet_type=ptap)"
        );
    }
}
