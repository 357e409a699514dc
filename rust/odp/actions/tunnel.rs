// SPDX-License-Identifier: GPL-2.0

//! Setting the tunnel a packet is sent through.

use super::super::{
    error::Error,
    flow_attrs::{
        parse_tunnel,
        put_tunnel,
        TUNNEL_ATTR_MAX_SIZE, //
    },
    key::{
        tun_flags,
        Be32,
        Key,
        Tunnel, //
    },
    nlattr::{
        total_size,
        Attr,
        NoRoom,
        Writer, //
    },
    uapi::{
        action_attr,
        key_attr, //
    },
};
use super::{
    builder::Builder,
    compile::Sink,
    op::Op, //
};

/// `AF_INET`.
const AF_INET: u8 = 2;

/// The bit in the type of a Geneve option that says that it must not be ignored.
const GENEVE_CRIT_OPT_TYPE: u8 = 0x80;

/// The most bytes that setting a tunnel takes in a dump.
const DUMP_LEN: usize = total_size(total_size(TUNNEL_ATTR_MAX_SIZE));

/// The tunnel of [`Op::SetTunnel`](super::Op::SetTunnel).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TunnelSet<'k> {
    /// `AF_INET` (2) or `AF_INET6` (10).
    pub proto: u8,
    /// Addresses, flags and options.
    pub tunnel: &'k Tunnel,
    /// The tunnel bridges two others and has no addresses (`IP_TUNNEL_INFO_BRIDGE`).
    pub bridge: bool,
    /// One of Geneve's options must not be ignored (`IP_TUNNEL_CRIT_OPT_BIT`).
    pub critical: bool,
}

/// Validates SET of a tunnel.
#[inline(never)]
pub(super) fn set<'a, S: Sink>(out: &mut Builder<S>, field: &Attr<'a>) -> Result<(), Error<'a>> {
    let mut key = Key::ZERO;
    parse_tunnel(field, &mut key)?;
    let tunnel = &key.tun;
    let critical = tunnel.flags & tun_flags::GENEVE_OPT != 0 && is_critical(field, tunnel)?;
    let set = TunnelSet {
        proto: key.tun_proto,
        tunnel,
        bridge: key.tun_proto == AF_INET && tunnel.ipv4_dst == Be32::ZERO,
        critical,
    };
    let index = out.tunnel(&set)?;
    out.op(Op::SetTunnel { index })?;
    let mut buf = [0; DUMP_LEN];
    let mut writer = Writer::new(&mut buf);
    set.put(&mut writer)?;
    out.dump(writer.as_bytes())
}

/// Whether one of Geneve's options must not be ignored; refuses them if they are malformed.
fn is_critical<'a>(field: &Attr<'a>, tunnel: &Tunnel) -> Result<bool, Error<'a>> {
    let mut critical = false;
    let mut opts = tunnel
        .opts
        .get(..tunnel.opts_len.into())
        .unwrap_or_default();
    while !opts.is_empty() {
        // The length counts words behind the header, in five bits.
        let option = match *opts {
            [_, _, kind, len, ref rest @ ..] => rest
                .get(usize::from(len & 0x1f).saturating_mul(4)..)
                .map(|rest| (kind, rest)),
            _ => None,
        };
        let Some((kind, rest)) = option else {
            return Err(Error::invalid(
                field,
                refusal!("SET: a Geneve option is longer than all of them"),
            ));
        };
        critical |= kind & GENEVE_CRIT_OPT_TYPE != 0;
        opts = rest;
    }
    Ok(critical)
}

impl TunnelSet<'_> {
    /// Writes the action as C dumps it.
    fn put(&self, out: &mut Writer<'_>) -> Result<(), NoRoom> {
        let outer = out.start(action_attr::SET)?;
        let inner = out.start(key_attr::TUNNEL)?;
        put_tunnel(
            out,
            self.proto,
            self.tunnel,
            self.tunnel.opts_len,
            self.bridge,
        )?;
        out.end(inner)?;
        out.end(outer)
    }
}
