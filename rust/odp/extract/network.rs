// SPDX-License-Identifier: GPL-2.0

//! The network header and what follows it.

use super::super::headers::{
    ethertype,
    ipproto,
    Arp,
    Icmp,
    Ipv4,
    Mpls,
    Nsh,
    Sctp,
    Tcp,
    Udp, //
};
use super::super::key::{
    self,
    frag,
    Be16,
    Be32,
    Key,
    MPLS_LABELS, //
};
use super::link::Link;
use super::{
    header,
    join16,
    join32,
    need,
    raw16,
    raw32,
    Cold,
    ExtractError,
    Packet, //
};

/// What the network and transport layers tell, except for what is rare: that goes to the key.
#[derive(Default)]
pub(super) struct Network {
    pub(super) proto: u8,
    pub(super) frag: u8,
    pub(super) tos: u8,
    pub(super) ttl: u8,
    pub(super) label: Be32,
    /// IPv4 source and destination, as in memory.
    pub(super) ipv4: u64,
    /// Source and destination port, as in memory.
    pub(super) ports: u32,
    pub(super) tcp_flags: Be16,
    pub(super) exthdrs: u16,
    /// The offset of the transport header, if it is to be set.
    pub(super) transport: Option<usize>,
    /// The offset of the bottom of an MPLS stack, if it is to be set.
    pub(super) inner: Option<usize>,
    /// What was stored in the key.
    pub(super) used: Cold,
}

impl Network {
    /// Parses the network header and those after it, and stores the rare fields in `key`.
    ///
    /// Everything else stays in registers: nothing that is not inlined gets a reference to it.
    #[inline(always)]
    pub(super) fn parse<P: Packet>(
        packet: &mut P,
        link: &Link,
        udp_fragments: bool,
        key: &mut Key,
    ) -> Result<Self, ExtractError> {
        let at = link.len;
        match link.eth_type.get() {
            ethertype::IPV4 => Self::parse_ipv4(packet, at, udp_fragments),
            ethertype::IPV6 => Self::parse_ipv6(packet, at, udp_fragments, key),
            eth_type => Self::parse_other(packet, at, eth_type, key),
        }
    }

    #[inline(always)]
    fn parse_ipv4<P: Packet>(
        packet: &mut P,
        at: usize,
        udp_fragments: bool,
    ) -> Result<Self, ExtractError> {
        let mut this = Self {
            transport: Some(at),
            ..Self::default()
        };
        let len = packet.len();
        let ip: &Ipv4 = match need(packet, at) {
            Ok(ip) => ip,
            Err(ExtractError::Invalid) => return Ok(this),
            Err(err) => return Err(err),
        };
        let header_len = ip.header_len();
        let end = at.saturating_add(header_len);
        if header_len < size_of::<Ipv4>() || len < end {
            return Ok(this);
        }
        this.transport = Some(end);
        this.proto = ip.protocol;
        this.tos = ip.tos;
        this.ttl = ip.ttl;
        this.ipv4 = join32(raw32(ip.src), raw32(ip.dst));
        let frag_off = ip.frag_off.get();
        if frag_off & Ipv4::OFFSET != 0 {
            this.frag = frag::LATER;
            return Ok(this);
        }
        if frag_off & Ipv4::MORE_FRAGMENTS != 0 || udp_fragments {
            this.frag = frag::FIRST;
        }
        if this.proto == ipproto::ICMP {
            this.parse_icmp(packet, end);
        } else {
            this.parse_ports(packet, end);
        }
        Ok(this)
    }

    /// Parses the header of a protocol with ports, if it is one and the header is whole.
    #[inline(always)]
    pub(super) fn parse_ports<P: Packet>(&mut self, packet: &mut P, at: usize) {
        match self.proto {
            ipproto::TCP => {
                let len = packet.len();
                if let Some(tcp) = header::<Tcp, P>(packet, at) {
                    let header_len = tcp.header_len();
                    if header_len >= size_of::<Tcp>() && len >= at.saturating_add(header_len) {
                        self.ports = join16(raw16(tcp.src), raw16(tcp.dst));
                        self.tcp_flags = tcp.flags();
                    }
                }
            }
            ipproto::UDP => {
                if let Some(udp) = header::<Udp, P>(packet, at) {
                    self.ports = join16(raw16(udp.src), raw16(udp.dst));
                }
            }
            ipproto::SCTP => {
                if let Some(sctp) = header::<Sctp, P>(packet, at) {
                    self.ports = join16(raw16(sctp.src), raw16(sctp.dst));
                }
            }
            _ => {}
        }
    }

    /// Parses an ICMP or ICMPv6 header: type and code take the place of the ports.
    ///
    /// Returns type and code, if the header is whole.
    #[inline(always)]
    pub(super) fn parse_icmp<P: Packet>(&mut self, packet: &mut P, at: usize) -> Option<[u8; 2]> {
        let icmp = header::<Icmp, P>(packet, at)?;
        self.ports = u32::from_ne_bytes([0, icmp.kind, 0, icmp.code]);
        Some([icmp.kind, icmp.code])
    }

    #[inline(never)]
    fn parse_other<P: Packet>(
        packet: &mut P,
        at: usize,
        eth_type: u16,
        key: &mut Key,
    ) -> Result<Self, ExtractError> {
        match eth_type {
            ethertype::ARP | ethertype::RARP => Ok(Self::parse_arp(packet, at, key)),
            ethertype::MPLS | ethertype::MPLS_MC => Ok(Self::parse_mpls(packet, at, key)),
            ethertype::NSH => Self::parse_nsh(packet, at, key),
            _ => Ok(Self::default()),
        }
    }

    fn parse_arp<P: Packet>(packet: &mut P, at: usize, key: &mut Key) -> Self {
        let arp = match header::<Arp, P>(packet, at) {
            Some(arp) if arp.is_ethernet_ipv4() => arp,
            _ => return Self::default(),
        };
        key.nd_sll = arp.sha;
        key.nd_tll = arp.tha;
        key.mpls_lse0 = Be32::ZERO;
        Self {
            proto: u8::try_from(arp.op.get()).unwrap_or(0),
            ipv4: join32(u32::from_ne_bytes(arp.sip), u32::from_ne_bytes(arp.tip)),
            used: Cold::LINK_LAYER,
            ..Self::default()
        }
    }

    /// Parses a label stack: the first labels for the key, the others to find its bottom.
    fn parse_mpls<P: Packet>(packet: &mut P, at: usize, key: &mut Key) -> Self {
        let mut lse = [Be32::ZERO; MPLS_LABELS];
        let mut count = 0usize;
        let mut end = at;
        let mut whole = false;
        while let Some(entry) = packet.peek(end) {
            let entry = Mpls {
                lse: Be32::from_bytes(entry),
            };
            if let Some(to) = lse.get_mut(count) {
                *to = entry.lse;
            }
            count = count.saturating_add(1);
            end = end.saturating_add(size_of::<Mpls>());
            if entry.is_bottom() {
                whole = true;
                break;
            }
        }
        key.nd_sll = [0; 6];
        key.nd_tll = [0; 6];
        key.set_mpls_lse(lse);
        key.mpls_labels = match (whole, count) {
            (false, _) => 0,
            (true, 1) => 0b001,
            (true, 2) => 0b011,
            (true, _) => 0b111,
        };
        key.pad22 = 0;
        Self {
            inner: Some(end),
            used: Cold::LINK_LAYER | Cold::MPLS,
            ..Self::default()
        }
    }

    fn parse_nsh<P: Packet>(
        packet: &mut P,
        at: usize,
        key: &mut Key,
    ) -> Result<Self, ExtractError> {
        let nsh = *need::<Nsh, P>(packet, at)?;
        let len = nsh.header_len();
        if nsh.version() != 0 || packet.len() < at.saturating_add(len) {
            return Err(ExtractError::Invalid);
        }
        let mut context = [Be32::ZERO; 4];
        match nsh.mdtype {
            Nsh::MD_TYPE1 if len == Nsh::MD_TYPE1_LEN => {
                let at = at.saturating_add(size_of::<Nsh>());
                context = *need::<[Be32; 4], P>(packet, at)?;
            }
            Nsh::MD_TYPE2 => {}
            _ => return Err(ExtractError::Invalid),
        }
        key.nsh = key::Nsh {
            flags: nsh.flags(),
            ttl: nsh.ttl(),
            mdtype: nsh.mdtype,
            np: nsh.np,
            path_hdr: nsh.path_hdr,
            context,
        };
        Ok(Self {
            used: Cold::NSH,
            ..Self::default()
        })
    }
}
