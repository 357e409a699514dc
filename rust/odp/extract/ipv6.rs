// SPDX-License-Identifier: GPL-2.0

//! IPv6: extension headers and neighbour discovery.

use super::super::headers::{
    ipproto,
    nd,
    Ipv6,
    Ipv6Ext,
    Nd,
    NdLinkLayer, //
};
use super::super::key::{
    frag,
    Be32,
    Key, //
};
use super::super::uapi::ipv6_exthdrs as seen;
use super::network::Network;
use super::{
    need,
    Cold,
    ExtractError,
    Packet, //
};
use zerocopy::FromBytes;

/// The most extension headers before the transport header (`IP6_MAX_EXT_HDRS_CNT`).
const EXT_HEADERS_MAX: usize = 12;

/// Whether `nexthdr` is an extension header, as `ipv6_ext_hdr()` sees it.
const fn is_ext(nexthdr: u8) -> bool {
    matches!(
        nexthdr,
        ipproto::HOPOPTS
            | ipproto::ROUTING
            | ipproto::FRAGMENT
            | ipproto::AH
            | ipproto::NONE
            | ipproto::DSTOPTS
    )
}

impl Network {
    #[inline(always)]
    pub(super) fn parse_ipv6<P: Packet>(
        packet: &mut P,
        at: usize,
        udp_fragments: bool,
        key: &mut Key,
    ) -> Result<Self, ExtractError> {
        let mut this = Self {
            transport: Some(at),
            ..Self::default()
        };
        let ip: &Ipv6 = match need(packet, at) {
            Ok(ip) => ip,
            Err(ExtractError::Invalid) => return Ok(this),
            Err(err) => return Err(err),
        };
        key.ipv6_src = ip.src;
        key.ipv6_dst = ip.dst;
        this.used = Cold::IPV6;
        this.tos = ip.traffic_class();
        this.ttl = ip.hop_limit;
        this.label = ip.label();

        let mut end = Some((ip.nexthdr, at.saturating_add(size_of::<Ipv6>())));
        if let Some((nexthdr, start)) = end.filter(|(nexthdr, _)| is_ext(*nexthdr)) {
            this.exthdrs = headers_seen(packet, nexthdr, start);
            let chain = Chain::walk(packet, nexthdr, start);
            this.frag = chain.frag;
            end = chain.end;
        }
        if this.frag == frag::LATER {
            this.proto = ipproto::FRAGMENT;
            this.transport = None;
            return Ok(this);
        }
        let Some((proto, end)) = end else {
            this.proto = ipproto::NONE;
            return Ok(this);
        };
        this.proto = proto;
        this.transport = Some(end);
        if udp_fragments {
            this.frag = frag::FIRST;
        }
        if proto != ipproto::ICMPV6 {
            this.parse_ports(packet, end);
        } else if let Some([nd::SOLICITATION | nd::ADVERTISEMENT, 0]) = this.parse_icmp(packet, end)
        {
            parse_nd(packet, end, key)?;
            this.used = Cold::IPV6 | Cold::ND_TARGET | Cold::LINK_LAYER;
        }
        Ok(this)
    }
}

/// Where a chain of extension headers ends.
struct Chain {
    /// One of [`frag`].
    frag: u8,
    /// The protocol after the chain and the offset of its header, if the chain is whole.
    end: Option<(u8, usize)>,
}

impl Chain {
    /// Walks a chain from `start` on, as `ipv6_find_hdr()` does.
    #[inline(never)]
    fn walk<P: Packet>(packet: &mut P, mut nexthdr: u8, mut start: usize) -> Self {
        let mut chain = Self {
            frag: frag::NONE,
            end: None,
        };
        for count in 0..=EXT_HEADERS_MAX {
            if !is_ext(nexthdr) || nexthdr == ipproto::NONE {
                chain.end = Some((nexthdr, start));
                break;
            }
            if count == EXT_HEADERS_MAX {
                break;
            }
            let Some([next, hdrlen]) = packet.peek(start) else {
                break;
            };
            let ext = Ipv6Ext {
                nexthdr: next,
                hdrlen,
            };
            let len = match nexthdr {
                ipproto::FRAGMENT => {
                    chain.frag = frag::FIRST;
                    let Some([_, _, high, low]) = packet.peek(start) else {
                        break;
                    };
                    if u16::from_be_bytes([high, low]) & !0x7 != 0 {
                        if !is_ext(next) || next == ipproto::NONE {
                            chain.frag = frag::LATER;
                        }
                        break;
                    }
                    8
                }
                ipproto::AH => ext.auth_len(),
                _ => ext.options_len(),
            };
            match start.checked_add(len) {
                Some(end) if end <= packet.len() => start = end,
                _ => break,
            }
            nexthdr = next;
        }
        chain
    }
}

/// The extension headers of a packet as bits of [`seen`].
///
/// The walk steps over an authentication header as if its length were in the units of the others,
/// and goes on behind one that is cut off as far as there are bytes: both as the C module does.
#[inline(never)]
fn headers_seen<P: Packet>(packet: &mut P, mut nexthdr: u8, mut start: usize) -> u16 {
    /// Those that may come before a routing header; each of the others adds to the one before.
    const BEFORE_ROUTER: u16 = seen::HOP | seen::DEST | seen::UNREP;
    const BEFORE_FRAG: u16 = BEFORE_ROUTER | seen::ROUTER;
    const BEFORE_AUTH: u16 = BEFORE_FRAG | seen::FRAG;
    const BEFORE_LAST_DEST: u16 = BEFORE_AUTH | seen::AUTH | seen::ESP;

    let mut flags = 0;
    let mut dest_count = 0u32;
    while is_ext(nexthdr) {
        let (flag, before) = match nexthdr {
            ipproto::NONE => return flags | seen::NONEXT,
            ipproto::AH => (seen::AUTH, BEFORE_AUTH),
            ipproto::FRAGMENT => (seen::FRAG, BEFORE_FRAG),
            ipproto::ROUTING => (seen::ROUTER, BEFORE_ROUTER),
            ipproto::DSTOPTS => {
                let before = match dest_count {
                    0 => seen::HOP | seen::UNREP,
                    1 => BEFORE_LAST_DEST,
                    _ => {
                        flags |= seen::UNREP;
                        u16::MAX
                    }
                };
                if flags & !before != 0 {
                    flags |= seen::UNSEQ;
                }
                flags |= seen::DEST;
                dest_count = dest_count.saturating_add(1);
                (0, u16::MAX)
            }
            // Hop-by-hop options: only ever the first.
            _ => {
                if flags & seen::HOP != 0 {
                    flags |= seen::UNREP;
                }
                flags |= if flags == 0 { seen::HOP } else { seen::UNSEQ };
                (0, u16::MAX)
            }
        };
        if flag != 0 {
            if flags & flag != 0 {
                flags |= seen::UNREP;
            }
            if flags & !before != 0 || dest_count >= 2 {
                flags |= seen::UNSEQ;
            }
            flags |= flag;
        }
        let Some([next, hdrlen]) = packet.peek(start) else {
            break;
        };
        let ext = Ipv6Ext {
            nexthdr: next,
            hdrlen,
        };
        nexthdr = ext.nexthdr;
        start = start.saturating_add(ext.options_len());
    }
    flags
}

/// Parses a neighbour solicitation or advertisement with its options.
///
/// All fields are zero when the message is cut off, or names an address twice.
#[inline(never)]
fn parse_nd<P: Packet>(packet: &mut P, at: usize, key: &mut Key) -> Result<(), ExtractError> {
    let mut target = [0; 16];
    let mut sll = [0; 6];
    let mut tll = [0; 6];
    let len = packet.len().saturating_sub(at);
    if len >= size_of::<Nd>() {
        let message = packet.header(at, len).ok_or(ExtractError::NoMemory)?;
        if let Ok((nd, options)) = Nd::ref_from_prefix(message) {
            if let Some((first, second)) = link_layer_addresses(options) {
                target = nd.target;
                sll = first;
                tll = second;
            }
        }
    }
    key.nd_target = target;
    key.nd_sll = sll;
    key.nd_tll = tll;
    key.mpls_lse0 = Be32::ZERO;
    Ok(())
}

/// The source and target link-layer addresses among options of neighbour discovery.
///
/// What is behind an option of a senseless length is not looked at. `None` when an address that is
/// not zero is followed by another.
fn link_layer_addresses(mut options: &[u8]) -> Option<([u8; 6], [u8; 6])> {
    let mut sll = [0; 6];
    let mut tll = [0; 6];
    while let Ok((option, _)) = NdLinkLayer::ref_from_prefix(options) {
        let len = usize::from(option.len).saturating_mul(8);
        let rest = match options.get(len..) {
            Some(rest) if len != 0 => rest,
            _ => break,
        };
        if option.len == 1 {
            let address = match option.kind {
                nd::OPT_SOURCE_LL => Some(&mut sll),
                nd::OPT_TARGET_LL => Some(&mut tll),
                _ => None,
            };
            if let Some(address) = address {
                if *address != [0; 6] {
                    return None;
                }
                *address = option.address;
            }
        }
        options = rest;
    }
    Some((sll, tll))
}
