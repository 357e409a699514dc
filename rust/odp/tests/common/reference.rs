// SPDX-License-Identifier: GPL-2.0

//! A key extraction that is slow and plain, to compare the real one with.
//!
//! Written from the description of the C module's behaviour, field by field.

use odp::extract::{
    ExtractError,
    Metadata, //
};
use odp::key::{
    Be16,
    Be32,
    Vlan, //
};
use odp::uapi::ipv6_exthdrs;
use odp::Key;

pub struct Expected {
    pub key: Key,
    pub network: usize,
    pub transport: Option<usize>,
    pub inner_network: Option<usize>,
    pub protocol: u16,
    pub untag: bool,
}

fn at<const N: usize>(p: &[u8], offset: usize) -> Option<[u8; N]> {
    p.get(offset..offset + N).map(|b| b.try_into().unwrap())
}

fn be16(p: &[u8], offset: usize) -> Option<u16> {
    at(p, offset).map(u16::from_be_bytes)
}

fn vlan_at(p: &[u8], offset: usize) -> Option<Vlan> {
    let tpid = be16(p, offset)?;
    if tpid != 0x8100 && tpid != 0x88a8 {
        return None;
    }
    be16(p, offset + 4)?;
    Some(Vlan {
        tpid: tpid.into(),
        tci: (be16(p, offset + 2)? | 0x1000).into(),
    })
}

pub fn extract(p: &[u8], meta: &Metadata) -> Result<Expected, ExtractError> {
    let mut key = Key::ZERO;
    key.in_port = meta.in_port;
    key.recirc_id = meta.recirc_id;
    key.priority = meta.priority;
    key.skb_mark = meta.skb_mark;
    key.mac_proto = meta.mac_proto;
    key.tun_proto = meta.tun_proto;

    let mut e = Expected {
        key,
        network: 0,
        transport: None,
        inner_network: None,
        protocol: meta.hints.protocol.get(),
        untag: false,
    };
    if meta.mac_proto == 0 {
        if [0x8100, 0x88a8].contains(&e.protocol) {
            return Err(ExtractError::Invalid);
        }
        e.key.eth_type = meta.hints.protocol;
    } else {
        e.key.eth_dst = at(p, 0).ok_or(ExtractError::Invalid)?;
        e.key.eth_src = at(p, 6).ok_or(ExtractError::Invalid)?;
        be16(p, 12).ok_or(ExtractError::Invalid)?;
        let mut offset = 12;
        let outer = meta.hints.vlan.map(|tag| Vlan {
            tpid: tag.tpid,
            tci: (tag.tci.get() | 0x1000).into(),
        });
        let outer = outer.or_else(|| {
            let tag = vlan_at(p, offset)?;
            e.untag = true;
            offset += 4;
            Some(tag)
        });
        if let Some(outer) = outer {
            e.key.vlan = outer;
            if let Some(inner) = vlan_at(p, offset) {
                e.key.cvlan = inner;
                offset += 4;
            }
        }
        let mut eth_type = be16(p, offset).unwrap();
        offset += 2;
        if eth_type < 0x600 {
            eth_type = 4;
            if let Some([0xaa, 0xaa, _, 0, 0, 0, high, low]) = at::<8>(p, offset) {
                offset += 8;
                let snap = u16::from_be_bytes([high, low]);
                if snap >= 0x600 {
                    eth_type = snap;
                }
            }
        }
        e.key.eth_type = eth_type.into();
        e.network = offset;
        e.protocol = match e.key.cvlan.tci.get() {
            0 => eth_type,
            _ => e.key.cvlan.tpid.get(),
        };
    }
    match e.key.eth_type.get() {
        0x0800 => ipv4(p, &mut e, meta.hints.udp_fragments),
        0x86dd => ipv6(p, &mut e, meta.hints.udp_fragments),
        0x0806 | 0x8035 => arp(p, &mut e),
        0x8847 | 0x8848 => mpls(p, &mut e),
        0x894f => nsh(p, &mut e)?,
        _ => {}
    }
    Ok(e)
}

fn ipv4(p: &[u8], e: &mut Expected, ufo: bool) {
    let n = e.network;
    e.transport = Some(n);
    let Some(ip) = at::<20>(p, n) else { return };
    let ihl = usize::from(ip[0] % 16) * 4;
    if ihl < 20 || n + ihl > p.len() {
        return;
    }
    e.transport = Some(n + ihl);
    e.key.ip_tos = ip[1];
    e.key.ip_ttl = ip[8];
    e.key.ip_proto = ip[9];
    e.key.ipv4_src = Be32::from_bytes(ip[12..16].try_into().unwrap());
    e.key.ipv4_dst = Be32::from_bytes(ip[16..20].try_into().unwrap());
    let frag = u16::from_be_bytes([ip[6], ip[7]]);
    e.key.ip_frag = match (frag & 0x1fff, frag & 0x2000 != 0 || ufo) {
        (1.., _) => 2,
        (0, true) => 1,
        (0, false) => 0,
    };
    if e.key.ip_frag != 2 {
        l4(p, e, n + ihl, 1);
    }
}

fn l4(p: &[u8], e: &mut Expected, t: usize, icmp: u8) {
    let need = match e.key.ip_proto {
        6 => 20,
        17 | 1 | 58 => 8,
        132 => 12,
        _ => return,
    };
    if p.len() < t + need {
        return;
    }
    match e.key.ip_proto {
        6 => {
            let doff = usize::from(p[t + 12] >> 4) * 4;
            if doff < 20 || t + doff > p.len() {
                return;
            }
            e.key.tcp_flags = Be16::new(be16(p, t + 12).unwrap() & 0xfff);
        }
        proto if proto == icmp => {
            e.key.tp_src = Be16::new(p[t].into());
            e.key.tp_dst = Be16::new(p[t + 1].into());
            return;
        }
        1 | 58 => return,
        _ => {}
    }
    e.key.tp_src = be16(p, t).unwrap().into();
    e.key.tp_dst = be16(p, t + 2).unwrap().into();
}

const EXT: [u8; 6] = [0, 43, 44, 51, 59, 60];

fn ipv6(p: &[u8], e: &mut Expected, ufo: bool) {
    let n = e.network;
    e.transport = Some(n);
    let Some(ip) = at::<40>(p, n) else { return };
    let first = u32::from_be_bytes(ip[..4].try_into().unwrap());
    e.key.ip_tos = (first >> 20) as u8;
    e.key.ipv6_label = (first & 0xfffff).into();
    e.key.ip_ttl = ip[7];
    e.key.ipv6_src = ip[8..24].try_into().unwrap();
    e.key.ipv6_dst = ip[24..].try_into().unwrap();
    e.key.ipv6_exthdrs = exthdrs(p, n + 40, ip[6]);
    e.key.ip_proto = 59;

    let mut start = n + 40;
    let mut next = ip[6];
    let mut count = 0;
    while EXT.contains(&next) && next != 59 {
        count += 1;
        if count > 12 {
            return;
        }
        let Some([following, len]) = at(p, start) else {
            return;
        };
        let mut bytes = (usize::from(len) + 1) * 8;
        if next == 51 {
            bytes = (usize::from(len) + 2) * 4;
        }
        if next == 44 {
            bytes = 8;
            e.key.ip_frag = 1;
            let Some(offset) = be16(p, start + 2) else {
                return;
            };
            if offset >= 8 {
                if !EXT.contains(&following) || following == 59 {
                    e.key.ip_frag = 2;
                    e.key.ip_proto = 44;
                    e.transport = None;
                }
                return;
            }
        }
        if p.len() - start < bytes {
            return;
        }
        start += bytes;
        next = following;
    }
    e.key.ip_proto = next;
    e.transport = Some(start);
    if ufo {
        e.key.ip_frag = 1;
    }
    l4(p, e, start, 58);
    if next == 58
        && p.len() >= start + 8
        && [135, 136].contains(&e.key.tp_src.get())
        && e.key.tp_dst.get() == 0
    {
        nd(&p[start..], e);
    }
}

fn exthdrs(p: &[u8], mut start: usize, mut next: u8) -> u16 {
    use ipv6_exthdrs::*;
    let mut seen: Vec<u8> = Vec::new();
    let mut flags = 0u16;
    // RFC 8200, 4.1: what may stand before each header. 255 is the second of destination options.
    let rank = |header| match header {
        0 => 0,
        60 => 1,
        43 => 2,
        44 => 3,
        51 => 4,
        255 => 6,
        _ => unreachable!(),
    };
    while EXT.contains(&next) {
        if next == 59 {
            return flags | NONEXT;
        }
        let dests = seen.iter().filter(|h| [60, 255].contains(*h)).count();
        let header = match (next, dests) {
            (60, 1..) => 255,
            _ => next,
        };
        let repeated = seen.contains(&header);
        let before = seen.iter().any(|h| rank(*h) > rank(header));
        match next {
            0 => {
                if flags & HOP != 0 {
                    flags |= UNREP;
                }
                if flags == 0 {
                    flags |= HOP;
                } else {
                    flags |= UNSEQ;
                }
            }
            60 => match dests {
                0 => {
                    if flags & !(HOP | UNREP) != 0 {
                        flags |= UNSEQ;
                    }
                    flags |= DEST;
                }
                1 => {
                    if flags & !(HOP | DEST | ROUTER | FRAG | AUTH | ESP | UNREP) != 0 {
                        flags |= UNSEQ;
                    }
                }
                _ => flags |= UNREP,
            },
            _ => {
                // Repeated, after what should follow, or after the second destination options.
                if repeated {
                    flags |= UNREP | UNSEQ;
                }
                if before || dests >= 2 || flags & UNSEQ != 0 {
                    flags |= UNSEQ;
                }
                flags |= match next {
                    43 => ROUTER,
                    44 => FRAG,
                    _ => AUTH,
                };
            }
        }
        seen.push(header);
        let Some([following, len]) = at(p, start) else {
            break;
        };
        start += (usize::from(len) + 1) * 8;
        next = following;
    }
    flags
}

fn nd(message: &[u8], e: &mut Expected) {
    let Some(target) = at::<16>(message, 8) else {
        return;
    };
    e.key.nd_target = target;
    let mut offset = 24;
    while offset + 8 <= message.len() {
        let len = usize::from(message[offset + 1]) * 8;
        if len == 0 || offset + len > message.len() {
            return;
        }
        let address: [u8; 6] = at(message, offset + 2).unwrap();
        let field = match message[offset] {
            1 if len == 8 => Some(&mut e.key.nd_sll),
            2 if len == 8 => Some(&mut e.key.nd_tll),
            _ => None,
        };
        if let Some(field) = field {
            if *field != [0; 6] {
                e.key.nd_target = [0; 16];
                e.key.nd_sll = [0; 6];
                e.key.nd_tll = [0; 6];
                return;
            }
            *field = address;
        }
        offset += len;
    }
}

fn arp(p: &[u8], e: &mut Expected) {
    let Some(arp) = at::<28>(p, e.network) else {
        return;
    };
    if arp[..6] != [0, 1, 8, 0, 6, 4] {
        return;
    }
    e.key.ip_proto = if arp[6] == 0 { arp[7] } else { 0 };
    e.key.nd_sll = arp[8..14].try_into().unwrap();
    e.key.ipv4_src = Be32::from_bytes(arp[14..18].try_into().unwrap());
    e.key.nd_tll = arp[18..24].try_into().unwrap();
    e.key.ipv4_dst = Be32::from_bytes(arp[24..].try_into().unwrap());
}

fn mpls(p: &[u8], e: &mut Expected) {
    let labels: Vec<[u8; 4]> = p[e.network..]
        .chunks_exact(4)
        .map(|lse| lse.try_into().unwrap())
        .collect();
    let bottom = labels.iter().position(|lse| lse[2] & 1 != 0);
    let count = bottom.map_or(labels.len(), |bottom| bottom + 1);
    let mut lse = [Be32::ZERO; 3];
    for (to, from) in lse.iter_mut().zip(&labels[..count]) {
        *to = Be32::from_bytes(*from);
    }
    e.key.set_mpls_lse(lse);
    if bottom.is_some() {
        e.key.mpls_labels = (1 << count.min(3)) - 1;
    }
    e.inner_network = Some(e.network + count * 4);
}

fn nsh(p: &[u8], e: &mut Expected) -> Result<(), ExtractError> {
    let n = e.network;
    let base: [u8; 8] = at(p, n).ok_or(ExtractError::Invalid)?;
    let first = u16::from_be_bytes([base[0], base[1]]);
    let len = usize::from(first & 63) * 4;
    if first >> 14 != 0 || p.len() < n + len || ![1, 2].contains(&base[2]) {
        return Err(ExtractError::Invalid);
    }
    if base[2] == 1 {
        if len != 24 {
            return Err(ExtractError::Invalid);
        }
        for (i, to) in e.key.nsh.context.iter_mut().enumerate() {
            *to = Be32::from_bytes(at(p, n + 8 + i * 4).unwrap());
        }
    }
    e.key.nsh.flags = (first >> 12) as u8 & 3;
    e.key.nsh.ttl = (first >> 6) as u8 & 63;
    e.key.nsh.mdtype = base[2];
    e.key.nsh.np = base[3];
    e.key.nsh.path_hdr = Be32::from_bytes(base[4..].try_into().unwrap());
    Ok(())
}
