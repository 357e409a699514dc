// SPDX-License-Identifier: GPL-2.0

//! Tunnels: `OVS_TUNNEL_KEY_ATTR_*` to the fields of a key or mask.

use super::super::actions::{
    refusal,
    unsafe_actions, //
};
use super::super::error::Error;
use super::super::key::{
    tun_flags,
    Be16,
    Be32,
    Be64,
    Key,
    Tunnel,
    TUN_OPTS_LEN, //
};
use super::super::nlattr::Attr;
use super::super::uapi::{
    tunnel_key_attr as attr,
    vxlan_ext, //
};
use super::fields::{
    fits,
    Len,
    Source, //
};
use super::invalid;
use zerocopy::IntoBytes;

/// `AF_INET`.
pub(super) const AF_INET: u8 = 2;
/// `AF_INET6`.
pub(super) const AF_INET6: u8 = 10;

/// The length of `struct erspan_metadata`, in bytes.
const ERSPAN_LEN: u8 = 12;

/// The length of `struct vxlan_metadata`, in bytes.
const VXLAN_LEN: u8 = 4;

/// How long the payload of an attribute must be; `None` for an unknown attribute.
fn len_of(kind: u16) -> Option<Len> {
    Some(match kind {
        attr::TOS | attr::TTL => Len::Exact(1),
        attr::TP_SRC | attr::TP_DST => Len::Exact(2),
        attr::IPV4_SRC | attr::IPV4_DST => Len::Exact(4),
        attr::ID => Len::Exact(8),
        attr::IPV6_SRC | attr::IPV6_DST => Len::Exact(16),
        attr::DONT_FRAGMENT | attr::CSUM | attr::OAM | attr::PAD | attr::IPV4_INFO_BRIDGE => {
            Len::Exact(0)
        }
        attr::GENEVE_OPTS | attr::VXLAN_OPTS | attr::ERSPAN_OPTS => Len::Any,
        _ => return None,
    })
}

/// Sets all of a tunnel's mask but its options.
pub(super) fn match_all(mask: &mut Tunnel) {
    mask.id = Be64::MAX_VALUE;
    mask.ipv4_src = Be32::MAX_VALUE;
    mask.ipv4_dst = Be32::MAX_VALUE;
    mask.ipv6_src = [0xff; 16];
    mask.ipv6_dst = [0xff; 16];
    mask.flags = 0xffff;
    mask.tos = 0xff;
    mask.ttl = 0xff;
    mask.tp_src = Be16::MAX_VALUE;
    mask.tp_dst = Be16::MAX_VALUE;
    mask.label = Be32::MAX_VALUE;
}

/// Parses the tunnel that an action sets: [`Key::tun_proto`] and [`Key::tun`] of `to`.
///
/// `nest` holds `OVS_TUNNEL_KEY_ATTR_*`. The two fields of `to` must be zero before. An IPv4
/// tunnel without a destination is one of bridge mode (`IP_TUNNEL_INFO_BRIDGE`). What kind of
/// options there are, the flags tell; whether Geneve's are well formed is not checked.
///
/// # Errors
///
/// `EINVAL` with a text about actions and the attribute at fault.
pub fn parse_tunnel<'a>(nest: &Attr<'a>, to: &mut Key) -> Result<(), Error<'a>> {
    parse(Source::Key, nest, to, None)
}

/// Parses `nest` to `to`; when that is a mask, `key` is what it is the mask of.
pub(super) fn parse<'a>(
    source: Source,
    nest: &Attr<'a>,
    to: &mut Key,
    key: Option<&Key>,
) -> Result<(), Error<'a>> {
    let mut seen = Seen::default();
    let mut attrs = nest.nested();
    for attr in attrs.by_ref() {
        match len_of(attr.kind()) {
            None => return invalid(&attr, refusal!("unknown attribute in TUNNEL")),
            Some(len) if !fits(&attr, len) => {
                return invalid(&attr, refusal!("an attribute in TUNNEL has a wrong length"));
            }
            Some(_) => {}
        }
        seen.parse_one(source, &attr, &mut to.tun, key)?;
    }
    to.tun.flags = seen.flags;
    to.tun_proto = match (source, seen.ipv6) {
        (Source::Mask | Source::Exact, _) => 0xff,
        (Source::Key, true) => AF_INET6,
        (Source::Key, false) => AF_INET,
    };
    if !attrs.rest().is_empty() {
        return invalid(
            nest,
            refusal!("bytes are left over behind the attributes of TUNNEL"),
        );
    }
    if seen.ipv4 && seen.ipv6 {
        return invalid(nest, refusal!("TUNNEL mixes IPv4 and IPv6"));
    }
    match source {
        Source::Key => seen.check(nest, &to.tun),
        Source::Mask | Source::Exact => Ok(()),
    }
}

/// What was among the attributes of a tunnel.
#[derive(Default)]
struct Seen {
    ipv4: bool,
    ipv6: bool,
    ttl: bool,
    bridge: bool,
    options: bool,
    flags: u16,
}

impl Seen {
    fn parse_one<'a>(
        &mut self,
        source: Source,
        field: &Attr<'a>,
        to: &mut Tunnel,
        key: Option<&Key>,
    ) -> Result<(), Error<'a>> {
        match field.kind() {
            attr::ID => {
                to.id = source.value(field).unwrap_or_default();
                self.flags |= tun_flags::KEY;
            }
            attr::IPV4_SRC => {
                to.ipv4_src = source.value(field).unwrap_or_default();
                self.ipv4 = true;
            }
            attr::IPV4_DST => {
                to.ipv4_dst = source.value(field).unwrap_or_default();
                self.ipv4 = true;
            }
            attr::IPV6_SRC => {
                to.ipv6_src = source.value(field).unwrap_or_default();
                self.ipv6 = true;
            }
            attr::IPV6_DST => {
                to.ipv6_dst = source.value(field).unwrap_or_default();
                self.ipv6 = true;
            }
            attr::TOS => to.tos = source.value(field).unwrap_or_default(),
            attr::TTL => {
                to.ttl = source.value(field).unwrap_or_default();
                self.ttl = true;
            }
            attr::DONT_FRAGMENT => self.flags |= tun_flags::DONT_FRAGMENT,
            attr::CSUM => self.flags |= tun_flags::CSUM,
            attr::OAM => self.flags |= tun_flags::OAM,
            attr::TP_SRC => to.tp_src = source.value(field).unwrap_or_default(),
            attr::TP_DST => to.tp_dst = source.value(field).unwrap_or_default(),
            attr::IPV4_INFO_BRIDGE => {
                self.bridge = true;
                self.ipv4 = true;
            }
            attr::GENEVE_OPTS | attr::VXLAN_OPTS | attr::ERSPAN_OPTS => {
                if self.options {
                    return invalid(field, refusal!("TUNNEL has several kinds of options"));
                }
                self.flags |= parse_options(source, field, to, key)?;
                self.options = true;
            }
            _ => {}
        }
        Ok(())
    }

    /// Checks that the attributes of a key make a tunnel.
    fn check<'a>(&self, nest: &Attr<'a>, tun: &Tunnel) -> Result<(), Error<'a>> {
        if !self.ipv4 && !self.ipv6 {
            return invalid(nest, refusal!("TUNNEL lacks a destination address"));
        }
        if self.bridge {
            let used = tun.ipv4_src != Be32::ZERO
                || tun.ipv4_dst != Be32::ZERO
                || tun.tp_src != Be16::ZERO
                || tun.tp_dst != Be16::ZERO
                || tun.ttl != 0
                || tun.tos != 0
                || self.flags & !tun_flags::KEY != 0;
            if used {
                return invalid(
                    nest,
                    refusal!("TUNNEL with IPV4_INFO_BRIDGE can have an ID only"),
                );
            }
            return Ok(());
        }
        if self.ipv4 && tun.ipv4_dst == Be32::ZERO {
            return invalid(nest, refusal!("TUNNEL has an IPv4 destination of zero"));
        }
        if self.ipv6 && tun.ipv6_dst == [0; 16] {
            return invalid(nest, refusal!("TUNNEL has an IPv6 destination of zero"));
        }
        if !self.ttl {
            return invalid(nest, refusal!("TUNNEL lacks a TTL"));
        }
        Ok(())
    }
}

/// Parses options and returns the flag of their kind.
fn parse_options<'a>(
    source: Source,
    field: &Attr<'a>,
    to: &mut Tunnel,
    key: Option<&Key>,
) -> Result<u16, Error<'a>> {
    let len = match u8::try_from(field.payload().len()) {
        Ok(len) => len,
        // The options of VXLAN are attributes, of which there may be many.
        Err(_) if field.kind() == attr::VXLAN_OPTS => u8::MAX,
        Err(_) => {
            return invalid(
                field,
                refusal!("the options in TUNNEL are longer than 255 bytes"),
            )
        }
    };
    match field.kind() {
        attr::GENEVE_OPTS => {
            if len % 4 != 0 {
                return invalid(
                    field,
                    refusal!("GENEVE_OPTS is not a multiple of 4 bytes long"),
                );
            }
            // The length is part of the key, or options behind those of the flow would be matched
            // unseen; and the options in a mask must line up with those in the key.
            if key.is_some_and(|key| key.tun.opts_len != len) {
                return invalid(
                    field,
                    refusal!("GENEVE_OPTS differ in length between key and mask"),
                );
            }
            let mut opts = [0; TUN_OPTS_LEN];
            source.copy(field, &mut opts);
            set_options(to, key, len, opts.get(..len.into()).unwrap_or(&[]));
            Ok(tun_flags::GENEVE_OPT)
        }
        attr::ERSPAN_OPTS => {
            let mut opts = [0; TUN_OPTS_LEN];
            source.copy(field, &mut opts);
            set_options(to, key, ERSPAN_LEN, opts.get(..len.into()).unwrap_or(&[]));
            Ok(tun_flags::ERSPAN_OPT)
        }
        _ => {
            let gbp = parse_vxlan(source, field)?;
            set_options(to, key, VXLAN_LEN, gbp.as_bytes());
            Ok(tun_flags::VXLAN_OPT)
        }
    }
}

fn parse_vxlan<'a>(source: Source, nest: &Attr<'a>) -> Result<u32, Error<'a>> {
    let mut gbp = 0;
    let mut attrs = nest.nested();
    for attr in attrs.by_ref() {
        if attr.kind() != vxlan_ext::GBP {
            return invalid(&attr, refusal!("unknown attribute in VXLAN_OPTS"));
        }
        match source.value(&attr) {
            Some(value) => gbp = value,
            None => return invalid(&attr, refusal!("GBP in VXLAN_OPTS has a wrong length")),
        }
    }
    if !attrs.rest().is_empty() || nest.payload().len() % 4 != 0 {
        return invalid(
            nest,
            refusal!("bytes are left over behind the attributes of VXLAN_OPTS"),
        );
    }
    Ok(gbp)
}

/// Sets options and their length.
///
/// Options of another length than a key says are lined up at their ends, as they are in the C
/// module, which keeps them at the end of their space.
fn set_options(to: &mut Tunnel, key: Option<&Key>, len: u8, opts: &[u8]) {
    let len = match key {
        Some(key) => {
            to.opts_len = 0xff;
            key.tun.opts_len
        }
        None => {
            to.opts_len = len;
            len
        }
    };
    let space = to.opts.get_mut(..len.into()).unwrap_or_default();
    for (to, from) in space.iter_mut().rev().zip(opts.iter().rev()) {
        *to = *from;
    }
}
