// SPDX-License-Identifier: GPL-2.0

//! From attributes to the fields of a key or mask.

use super::super::actions::reason;
use super::super::error::{
    Errno,
    Error, //
};
use super::super::headers::{
    ethertype,
    Ipv6, //
};
use super::super::key::{
    mac_proto,
    Be16,
    Be32,
    Key,
    MPLS_LABELS,
    PORT_NONE, //
};
use super::super::uapi::{
    frag,
    key_attr,
    CtLabels,
    CtTupleIpv4,
    CtTupleIpv6,
    KeyArp,
    KeyEthernet,
    KeyIcmp,
    KeyIpv4,
    KeyIpv6,
    KeyNd,
    KeyPorts, //
};
use super::fields::{
    Fields,
    Source, //
};
use super::{
    invalid,
    nsh,
    tunnel,
    Support, //
};
use zerocopy::IntoBytes;

/// Takes all attributes to fill `to`; when that is a mask, `key` is what it is the mask of.
pub(super) fn parse<'a>(
    fields: &mut Fields<'a>,
    to: &mut Key,
    key: Option<&Key>,
    support: Support,
) -> Result<(), Error<'a>> {
    metadata(fields, to, key, support)?;
    link(fields, to, key)?;
    network(fields, to)?;
    transport(fields, to);
    fields.finish()
}

/// Takes the attributes of what no header tells, to fill `key`.
pub(super) fn parse_metadata<'a>(
    fields: &mut Fields<'a>,
    key: &mut Key,
    support: Support,
) -> Result<(), Error<'a>> {
    metadata(fields, key, None, support)
}

fn metadata<'a>(
    fields: &mut Fields<'a>,
    to: &mut Key,
    key: Option<&Key>,
    support: Support,
) -> Result<(), Error<'a>> {
    let is_mask = fields.source().is_mask();
    if let Some(hash) = fields.take_value(key_attr::DP_HASH) {
        to.dp_hash = hash;
    }
    if let Some(id) = fields.take_value(key_attr::RECIRC_ID) {
        to.recirc_id = id;
    }
    if let Some(priority) = fields.take_value(key_attr::PRIORITY) {
        to.priority = priority;
    }
    if let Some(attr) = fields.take(key_attr::IN_PORT) {
        to.in_port = match attr.get::<u32>().map(u16::try_from) {
            _ if is_mask => 0xffff,
            Some(Ok(port)) if port != PORT_NONE => port,
            _ => return invalid(&attr, c"IN_PORT is out of range"),
        };
    } else if !is_mask {
        to.in_port = PORT_NONE;
    }
    if let Some(mark) = fields.take_value(key_attr::SKB_MARK) {
        to.skb_mark = mark;
    }
    if let Some(attr) = fields.take(key_attr::TUNNEL) {
        // The same is said of a tunnel that an action sets.
        tunnel::parse(fields.source(), &attr, to, key).map_err(|error| Error {
            msg: reason(error.msg),
            ..error
        })?;
    }
    conntrack(fields, to, support)?;

    // The ethertype of a packet without an Ethernet header is metadata.
    to.mac_proto = mac_proto::ETHERNET;
    if !fields.has(key_attr::ETHERNET) && fields.has(key_attr::ETHERTYPE) {
        to.mac_proto = mac_proto::NONE;
        eth_type(fields, to)?;
    }
    if is_mask {
        to.mac_proto = 0xff;
    }
    Ok(())
}

fn conntrack<'a>(fields: &mut Fields<'a>, to: &mut Key, support: Support) -> Result<(), Error<'a>> {
    let source = fields.source();
    if let Some(attr) = fields.take(key_attr::CT_STATE) {
        // All eight bits there are today are supported; as a whole mask, only these.
        let state = attr.get::<u32>().unwrap_or(0);
        to.ct_state = match u8::try_from(state) {
            _ if source == Source::Exact => 0xff,
            Ok(state) => state,
            Err(_) => return invalid(&attr, c"CT_STATE has unsupported flags"),
        };
    }
    if let Some(zone) = fields.take_value(key_attr::CT_ZONE) {
        to.ct_zone = zone;
    }
    if let Some(mark) = fields.take_value(key_attr::CT_MARK) {
        to.ct_mark = mark;
    }
    if support.ct_labels {
        if let Some(CtLabels { bytes }) = fields.take_value(key_attr::CT_LABELS) {
            to.ct_labels = bytes;
        }
    }
    if let Some(tuple) = fields.take_value::<CtTupleIpv4>(key_attr::CT_ORIG_TUPLE_IPV4) {
        to.ct_orig_ipv4_src = tuple.src;
        to.ct_orig_ipv4_dst = tuple.dst;
        to.ct_orig_tp_src = tuple.src_port;
        to.ct_orig_tp_dst = tuple.dst_port;
        to.ct_orig_proto = tuple.proto;
    }
    if let Some(tuple) = fields.take_value::<CtTupleIpv6>(key_attr::CT_ORIG_TUPLE_IPV6) {
        to.ct_orig_ipv6_src = tuple.src;
        to.ct_orig_ipv6_dst = tuple.dst;
        to.ct_orig_tp_src = tuple.src_port;
        to.ct_orig_tp_dst = tuple.dst_port;
        to.ct_orig_proto = tuple.proto;
    }
    Ok(())
}

fn eth_type<'a>(fields: &mut Fields<'a>, to: &mut Key) -> Result<(), Error<'a>> {
    let Some(attr) = fields.take(key_attr::ETHERTYPE) else {
        return Ok(());
    };
    let eth_type: Be16 = attr.get().unwrap_or_default();
    to.eth_type = if fields.source().is_mask() {
        Be16::new(0xffff)
    } else if eth_type.get() < ethertype::MIN {
        return invalid(&attr, c"ETHERTYPE is less than 0x600");
    } else {
        eth_type
    };
    Ok(())
}

fn link<'a>(fields: &mut Fields<'a>, to: &mut Key, key: Option<&Key>) -> Result<(), Error<'a>> {
    let Some(ethernet) = fields.take_value::<KeyEthernet>(key_attr::ETHERNET) else {
        let eth_type = key.unwrap_or(to).eth_type;
        if eth_type == Be16::ZERO {
            return Err(Error::new(
                Errno::EINVAL,
                c"a key needs ETHERNET or ETHERTYPE",
            ));
        }
        return Ok(());
    };
    to.eth_src = ethernet.src;
    to.eth_dst = ethernet.dst;
    if let Some(vlan) = fields.attr(key_attr::VLAN) {
        return invalid(&vlan, c"VLAN needs a VLAN ethertype and ENCAP");
    }
    if fields.has(key_attr::ETHERTYPE) {
        eth_type(fields, to)?;
    } else if !fields.source().is_mask() {
        to.eth_type = Be16::new(ethertype::NONE);
    }
    Ok(())
}

fn network<'a>(fields: &mut Fields<'a>, to: &mut Key) -> Result<(), Error<'a>> {
    let source = fields.source();
    let is_mask = source.is_mask();
    if let Some(attr) = fields.take(key_attr::IPV4) {
        let ip: KeyIpv4 = source.value(&attr).unwrap_or_default();
        if !is_mask && ip.frag > frag::MAX {
            return invalid(&attr, c"IPV4 has an unknown fragment type");
        }
        to.ip_proto = ip.proto;
        to.ip_tos = ip.tos;
        to.ip_ttl = ip.ttl;
        to.ip_frag = ip.frag;
        to.ipv4_src = ip.src;
        to.ipv4_dst = ip.dst;
    }
    if let Some(attr) = fields.take(key_attr::IPV6) {
        let ip: KeyIpv6 = source.value(&attr).unwrap_or_default();
        if !is_mask && ip.frag > frag::MAX {
            return invalid(&attr, c"IPV6 has an unknown fragment type");
        }
        if !is_mask && ip.label.get() > Ipv6::LABEL {
            return invalid(&attr, c"IPV6 has a flow label of more than 20 bits");
        }
        to.ipv6_label = ip.label;
        to.ip_proto = ip.proto;
        to.ip_tos = ip.tclass;
        to.ip_ttl = ip.hlimit;
        to.ip_frag = ip.frag;
        to.ipv6_src = ip.src;
        to.ipv6_dst = ip.dst;
    }
    if let Some(exthdrs) = fields.take_value(key_attr::IPV6_EXTHDRS) {
        to.ipv6_exthdrs = exthdrs;
    }
    if let Some(attr) = fields.take(key_attr::ARP) {
        let arp: KeyArp = source.value(&attr).unwrap_or_default();
        let [high, low] = arp.op.to_bytes();
        if !is_mask && high != 0 {
            return invalid(&attr, c"ARP has an opcode of more than 8 bits");
        }
        to.ipv4_src = arp.sip;
        to.ipv4_dst = arp.tip;
        to.ip_proto = low;
        to.nd_sll = arp.sha;
        to.nd_tll = arp.tha;
    }
    if let Some(attr) = fields.take(key_attr::NSH) {
        nsh::parse(source, &attr, &mut to.nsh)?;
    }
    if let Some(attr) = fields.take(key_attr::MPLS) {
        to.mpls_labels = match attr.payload().len() {
            4 => 0b001,
            8 => 0b011,
            12 => 0b111,
            _ => return invalid(&attr, c"MPLS must hold one to three labels"),
        };
        let mut lse = [Be32::ZERO; MPLS_LABELS];
        source.copy(&attr, lse.as_mut_bytes());
        to.set_mpls_lse(lse);
    }
    Ok(())
}

fn transport(fields: &mut Fields<'_>, to: &mut Key) {
    let mut ports = |fields: &mut Fields<'_>, kind| {
        if let Some(KeyPorts { src, dst }) = fields.take_value(kind) {
            to.tp_src = src;
            to.tp_dst = dst;
        }
    };
    ports(fields, key_attr::TCP);
    ports(fields, key_attr::UDP);
    ports(fields, key_attr::SCTP);
    if let Some(flags) = fields.take_value(key_attr::TCP_FLAGS) {
        to.tcp_flags = flags;
    }
    for kind in [key_attr::ICMP, key_attr::ICMPV6] {
        if let Some(KeyIcmp { kind, code }) = fields.take_value(kind) {
            to.tp_src = Be16::new(kind.into());
            to.tp_dst = Be16::new(code.into());
        }
    }
    if let Some(nd) = fields.take_value::<KeyNd>(key_attr::ND) {
        to.nd_target = nd.target;
        to.nd_sll = nd.sll;
        to.nd_tll = nd.tll;
    }
}
