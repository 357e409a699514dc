// SPDX-License-Identifier: GPL-2.0

//! From the fields of a key or mask to attributes.

use super::super::headers::{
    ethertype,
    ipproto,
    Nsh, //
};
use super::super::key::{
    self,
    frag,
    mac_proto,
    tun_flags,
    Be16,
    Be32,
    Key,
    Tunnel,
    Vlan,
    MPLS_LABELS,
    PORT_NONE, //
};
use super::super::nlattr::{
    total_size,
    Nest,
    NoRoom,
    Writer, //
};
use super::super::uapi::{
    key_attr,
    nsh_key_attr,
    tunnel_key_attr,
    vxlan_ext,
    CtTupleIpv4,
    CtTupleIpv6,
    KeyArp,
    KeyEthernet,
    KeyIcmp,
    KeyIpv4,
    KeyIpv6,
    KeyNd,
    KeyPorts,
    NshBase,
    NshMd1, //
};
use super::tunnel::{
    AF_INET,
    AF_INET6, //
};
use zerocopy::IntoBytes;

/// The most bytes that [`put_tunnel`] writes.
pub const TUNNEL_ATTR_MAX_SIZE: usize = total_size(8)
    + 2 * total_size(16)
    + 2 * total_size(1)
    + 3 * total_size(0)
    + 2 * total_size(2)
    + total_size(key::TUN_OPTS_LEN);

/// The most bytes that [`put_key`] writes.
pub const KEY_ATTR_MAX_SIZE: usize = {
    // RECIRC_ID, DP_HASH, PRIORITY, IN_PORT, SKB_MARK, CT_STATE, CT_MARK.
    let metadata = 7 * total_size(4)
        + total_size(2) // CT_ZONE
        + total_size(16) // CT_LABELS
        + total_size(size_of::<CtTupleIpv6>())
        + total_size(TUNNEL_ATTR_MAX_SIZE);
    let tag = 2 * total_size(2) + total_size(0);
    let ipv6 = total_size(size_of::<KeyIpv6>()) + total_size(2);
    let transport = total_size(size_of::<KeyIcmp>()) + total_size(size_of::<KeyNd>());
    // All other protocols need less than IPv6 with neighbour discovery.
    metadata + total_size(size_of::<KeyEthernet>()) + 2 * tag + total_size(2) + ipv6 + transport
};

/// Writes the attributes of a key, or of the mask of a key.
///
/// `key` decides which attributes there are, `output` what is in them: the key itself, or its mask
/// with `is_mask`. The caller starts and ends the nest. Corresponds to `__ovs_nla_put_key()`.
///
/// # Errors
///
/// When there is no room; some attributes then are there and others are not.
pub fn put_key(to: &mut Writer<'_>, key: &Key, output: &Key, is_mask: bool) -> Result<(), NoRoom> {
    put_metadata(to, key, output, is_mask)?;
    put_conntrack(to, key, output)?;

    let mut nests = [None, None];
    put_link(to, key, output, is_mask, &mut nests)?;
    for nest in nests.into_iter().rev().flatten() {
        to.end(nest)?;
    }
    Ok(())
}

fn put_metadata(to: &mut Writer<'_>, key: &Key, output: &Key, is_mask: bool) -> Result<(), NoRoom> {
    to.put(key_attr::RECIRC_ID, &output.recirc_id)?;
    to.put(key_attr::DP_HASH, &output.dp_hash)?;
    to.put(key_attr::PRIORITY, &output.priority)?;
    if key.tun_proto != 0 || is_mask {
        let nest = to.start(key_attr::TUNNEL)?;
        put_tunnel(to, key.tun_proto, &output.tun, key.tun.opts_len, false)?;
        to.end(nest)?;
    }
    let upper = if is_mask { 0xffff_0000 } else { 0 };
    if key.in_port != PORT_NONE || (is_mask && output.in_port == 0xffff) {
        to.put(key_attr::IN_PORT, &(upper | u32::from(output.in_port)))?;
    }
    to.put(key_attr::SKB_MARK, &output.skb_mark)
}

fn put_conntrack(to: &mut Writer<'_>, key: &Key, output: &Key) -> Result<(), NoRoom> {
    to.put(key_attr::CT_STATE, &u32::from(output.ct_state))?;
    to.put(key_attr::CT_ZONE, &output.ct_zone)?;
    to.put(key_attr::CT_MARK, &output.ct_mark)?;
    to.put(key_attr::CT_LABELS, &output.ct_labels)?;
    if key.ct_orig_proto == 0 {
        return Ok(());
    }
    match key.eth_type.get() {
        ethertype::IPV4 => to.put(
            key_attr::CT_ORIG_TUPLE_IPV4,
            &CtTupleIpv4 {
                src: output.ct_orig_ipv4_src,
                dst: output.ct_orig_ipv4_dst,
                src_port: output.ct_orig_tp_src,
                dst_port: output.ct_orig_tp_dst,
                proto: output.ct_orig_proto,
                pad: [0; 3],
            },
        ),
        ethertype::IPV6 => to.put(
            key_attr::CT_ORIG_TUPLE_IPV6,
            &CtTupleIpv6 {
                src: output.ct_orig_ipv6_src,
                dst: output.ct_orig_ipv6_dst,
                src_port: output.ct_orig_tp_src,
                dst_port: output.ct_orig_tp_dst,
                proto: output.ct_orig_proto,
                pad: [0; 3],
            },
        ),
        _ => Ok(()),
    }
}

/// Writes what is from the Ethernet header on; the nests of VLAN tags are left open in `nests`.
fn put_link(
    to: &mut Writer<'_>,
    key: &Key,
    output: &Key,
    is_mask: bool,
    nests: &mut [Option<Nest>; 2],
) -> Result<(), NoRoom> {
    let eth_type = key.eth_type.get();
    // A frame that ends inside a tag, or has a third one.
    let odd_tag = ethertype::is_vlan(eth_type);
    if key.mac_proto == mac_proto::ETHERNET {
        let ethernet = KeyEthernet {
            src: output.eth_src,
            dst: output.eth_dst,
        };
        to.put(key_attr::ETHERNET, &ethernet)?;
        let tags = [(&key.vlan, &output.vlan), (&key.cvlan, &output.cvlan)];
        for ((key, output), nest) in tags.into_iter().zip(nests) {
            if key.tci == Be16::ZERO && !odd_tag {
                break;
            }
            put_tag(to, output, is_mask)?;
            *nest = Some(to.start(key_attr::ENCAP)?);
            if key.tci == Be16::ZERO {
                return Ok(());
            }
        }
        if eth_type == ethertype::NONE {
            // This has no ethertype in a key, but may have one in a mask.
            if is_mask && output.eth_type != Be16::ZERO {
                to.put(key_attr::ETHERTYPE, &output.eth_type)?;
            }
            return Ok(());
        }
    }
    to.put(key_attr::ETHERTYPE, &output.eth_type)?;
    if odd_tag {
        return Ok(());
    }
    put_network(to, key, output, is_mask)?;
    put_transport(to, key, output)
}

fn put_tag(to: &mut Writer<'_>, output: &Vlan, is_mask: bool) -> Result<(), NoRoom> {
    let tpid = if is_mask {
        Be16::new(0xffff)
    } else {
        output.tpid
    };
    to.put(key_attr::ETHERTYPE, &tpid)?;
    to.put(key_attr::VLAN, &output.tci)
}

fn put_network(to: &mut Writer<'_>, key: &Key, output: &Key, is_mask: bool) -> Result<(), NoRoom> {
    match key.eth_type.get() {
        ethertype::IPV4 => to.put(
            key_attr::IPV4,
            &KeyIpv4 {
                src: output.ipv4_src,
                dst: output.ipv4_dst,
                proto: output.ip_proto,
                tos: output.ip_tos,
                ttl: output.ip_ttl,
                frag: output.ip_frag,
            },
        ),
        ethertype::IPV6 => {
            to.put(
                key_attr::IPV6,
                &KeyIpv6 {
                    src: output.ipv6_src,
                    dst: output.ipv6_dst,
                    label: output.ipv6_label,
                    proto: output.ip_proto,
                    tclass: output.ip_tos,
                    hlimit: output.ip_ttl,
                    frag: output.ip_frag,
                },
            )?;
            to.put(key_attr::IPV6_EXTHDRS, &output.ipv6_exthdrs)
        }
        ethertype::NSH => put_nsh(to, &output.nsh, is_mask),
        ethertype::ARP | ethertype::RARP => to.put(
            key_attr::ARP,
            &KeyArp {
                sip: output.ipv4_src,
                tip: output.ipv4_dst,
                op: Be16::new(output.ip_proto.into()),
                sha: *output.arp_sha(),
                tha: *output.arp_tha(),
                pad: [0; 2],
            },
        ),
        ethertype::MPLS | ethertype::MPLS_MC => {
            // Three bits, so at most three labels.
            let count = (output.mpls_labels & 0b111).count_ones() as usize;
            let lse: [Be32; MPLS_LABELS] = output.mpls_lse();
            to.put_bytes(key_attr::MPLS, lse.get(..count).unwrap_or(&lse).as_bytes())
        }
        _ => Ok(()),
    }
}

fn put_nsh(to: &mut Writer<'_>, output: &key::Nsh, is_mask: bool) -> Result<(), NoRoom> {
    let nest = to.start(key_attr::NSH)?;
    to.put(
        nsh_key_attr::BASE,
        &NshBase {
            flags: output.flags,
            ttl: output.ttl,
            mdtype: output.mdtype,
            np: output.np,
            path_hdr: output.path_hdr,
        },
    )?;
    if is_mask || output.mdtype == Nsh::MD_TYPE1 {
        to.put(
            nsh_key_attr::MD1,
            &NshMd1 {
                context: output.context,
            },
        )?;
    }
    to.end(nest)
}

fn put_transport(to: &mut Writer<'_>, key: &Key, output: &Key) -> Result<(), NoRoom> {
    let eth_type = key.eth_type.get();
    if !matches!(eth_type, ethertype::IPV4 | ethertype::IPV6) || key.ip_frag == frag::LATER {
        return Ok(());
    }
    let ports = KeyPorts {
        src: output.tp_src,
        dst: output.tp_dst,
    };
    let [_, icmp_type] = output.tp_src.to_bytes();
    let [_, icmp_code] = output.tp_dst.to_bytes();
    let icmp = KeyIcmp {
        kind: icmp_type,
        code: icmp_code,
    };
    match (key.ip_proto, eth_type) {
        (ipproto::TCP, _) => {
            to.put(key_attr::TCP, &ports)?;
            to.put(key_attr::TCP_FLAGS, &output.tcp_flags)
        }
        (ipproto::UDP, _) => to.put(key_attr::UDP, &ports),
        (ipproto::SCTP, _) => to.put(key_attr::SCTP, &ports),
        (ipproto::ICMP, ethertype::IPV4) => to.put(key_attr::ICMP, &icmp),
        (ipproto::ICMPV6, ethertype::IPV6) => {
            to.put(key_attr::ICMPV6, &icmp)?;
            if key.has_nd_type() {
                let nd = KeyNd {
                    target: output.nd_target,
                    sll: output.nd_sll,
                    tll: output.nd_tll,
                };
                to.put(key_attr::ND, &nd)?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Writes the attributes of a tunnel, without the nest around them.
///
/// `proto` is the [`Key::tun_proto`] and `opts_len` the length of the options of the key, also
/// when `tunnel` is a mask. With `bridge`, only the id and the flag of bridge mode are written.
///
/// # Errors
///
/// When there is no room; some attributes then are there and others are not.
pub fn put_tunnel(
    to: &mut Writer<'_>,
    proto: u8,
    tunnel: &Tunnel,
    opts_len: u8,
    bridge: bool,
) -> Result<(), NoRoom> {
    let flag = |flag| tunnel.flags & flag != 0;
    if flag(tun_flags::KEY) {
        to.put(tunnel_key_attr::ID, &tunnel.id)?;
    }
    if bridge {
        return to.put_flag(tunnel_key_attr::IPV4_INFO_BRIDGE);
    }
    match proto {
        AF_INET => {
            put_unless_zero(to, tunnel_key_attr::IPV4_SRC, tunnel.ipv4_src.as_bytes())?;
            put_unless_zero(to, tunnel_key_attr::IPV4_DST, tunnel.ipv4_dst.as_bytes())?;
        }
        AF_INET6 => {
            put_unless_zero(to, tunnel_key_attr::IPV6_SRC, &tunnel.ipv6_src)?;
            put_unless_zero(to, tunnel_key_attr::IPV6_DST, &tunnel.ipv6_dst)?;
        }
        _ => {}
    }
    put_unless_zero(to, tunnel_key_attr::TOS, &[tunnel.tos])?;
    to.put(tunnel_key_attr::TTL, &tunnel.ttl)?;
    if flag(tun_flags::DONT_FRAGMENT) {
        to.put_flag(tunnel_key_attr::DONT_FRAGMENT)?;
    }
    if flag(tun_flags::CSUM) {
        to.put_flag(tunnel_key_attr::CSUM)?;
    }
    put_unless_zero(to, tunnel_key_attr::TP_SRC, tunnel.tp_src.as_bytes())?;
    put_unless_zero(to, tunnel_key_attr::TP_DST, tunnel.tp_dst.as_bytes())?;
    if flag(tun_flags::OAM) {
        to.put_flag(tunnel_key_attr::OAM)?;
    }
    let opts = tunnel.opts.get(..opts_len.into()).unwrap_or(&[]);
    if opts.is_empty() {
        Ok(())
    } else if flag(tun_flags::GENEVE_OPT) {
        to.put_bytes(tunnel_key_attr::GENEVE_OPTS, opts)
    } else if flag(tun_flags::VXLAN_OPT) {
        let gbp: [u8; 4] = opts.first_chunk().copied().unwrap_or_default();
        let nest = to.start(tunnel_key_attr::VXLAN_OPTS)?;
        to.put(vxlan_ext::GBP, &gbp)?;
        to.end(nest)
    } else if flag(tun_flags::ERSPAN_OPT) {
        to.put_bytes(tunnel_key_attr::ERSPAN_OPTS, opts)
    } else {
        Ok(())
    }
}

fn put_unless_zero(to: &mut Writer<'_>, kind: u16, value: &[u8]) -> Result<(), NoRoom> {
    if value.iter().all(|byte| *byte == 0) {
        return Ok(());
    }
    to.put_bytes(kind, value)
}
