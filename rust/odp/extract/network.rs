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
    need,
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
    pub(super) ipv4_src: Be32,
    pub(super) ipv4_dst: Be32,
    pub(super) tp_src: Be16,
    pub(super) tp_dst: Be16,
    pub(super) tcp_flags: Be16,
    pub(super) exthdrs: u16,
    /// The offset of the transport header, if it is to be set.
    pub(super) transport: Option<usize>,
    /// The offset of the bottom of an MPLS stack, if it is to be set.
    pub(super) inner: Option<usize>,
}

impl Network {
    /// Parses the network header and those after it.
    ///
    /// Stores the rare fields in `key` and notes in `used` which.
    #[inline(always)]
    pub(super) fn parse<P: Packet>(
        packet: &mut P,
        link: &Link,
        udp_fragments: bool,
        key: &mut Key,
        used: &mut Cold,
    ) -> Result<Self, ExtractError> {
        let mut this = Self::default();
        let at = link.len;
        match link.eth_type.get() {
            ethertype::IPV4 => this.parse_ipv4(packet, at, udp_fragments)?,
            ethertype::IPV6 => this.parse_ipv6(packet, at, udp_fragments, key, used)?,
            eth_type => this.parse_other(packet, at, eth_type, key, used)?,
        }
        Ok(this)
    }

    #[inline(always)]
    fn parse_ipv4<P: Packet>(
        &mut self,
        packet: &mut P,
        at: usize,
        udp_fragments: bool,
    ) -> Result<(), ExtractError> {
        self.transport = Some(at);
        let len = packet.len();
        let ip: &Ipv4 = match need(packet, at) {
            Ok(ip) => ip,
            Err(ExtractError::Invalid) => return Ok(()),
            Err(err) => return Err(err),
        };
        let header_len = ip.header_len();
        let end = at.saturating_add(header_len);
        if header_len < size_of::<Ipv4>() || len < end {
            return Ok(());
        }
        self.transport = Some(end);
        self.proto = ip.protocol;
        self.tos = ip.tos;
        self.ttl = ip.ttl;
        self.ipv4_src = ip.src;
        self.ipv4_dst = ip.dst;
        let frag_off = ip.frag_off.get();
        if frag_off & Ipv4::OFFSET != 0 {
            self.frag = frag::LATER;
            return Ok(());
        }
        if frag_off & Ipv4::MORE_FRAGMENTS != 0 || udp_fragments {
            self.frag = frag::FIRST;
        }
        if self.proto == ipproto::ICMP {
            self.parse_icmp(packet, end);
        } else {
            self.parse_ports(packet, end);
        }
        Ok(())
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
                        self.tp_src = tcp.src;
                        self.tp_dst = tcp.dst;
                        self.tcp_flags = tcp.flags();
                    }
                }
            }
            ipproto::UDP => {
                if let Some(udp) = header::<Udp, P>(packet, at) {
                    self.tp_src = udp.src;
                    self.tp_dst = udp.dst;
                }
            }
            ipproto::SCTP => {
                if let Some(sctp) = header::<Sctp, P>(packet, at) {
                    self.tp_src = sctp.src;
                    self.tp_dst = sctp.dst;
                }
            }
            _ => {}
        }
    }

    /// Parses an ICMP or ICMPv6 header: type and code take the place of the ports.
    #[inline(always)]
    pub(super) fn parse_icmp<P: Packet>(&mut self, packet: &mut P, at: usize) -> bool {
        match header::<Icmp, P>(packet, at) {
            Some(icmp) => {
                self.tp_src = Be16::new(icmp.kind.into());
                self.tp_dst = Be16::new(icmp.code.into());
                true
            }
            None => false,
        }
    }

    #[inline(never)]
    fn parse_other<P: Packet>(
        &mut self,
        packet: &mut P,
        at: usize,
        eth_type: u16,
        key: &mut Key,
        used: &mut Cold,
    ) -> Result<(), ExtractError> {
        match eth_type {
            ethertype::ARP | ethertype::RARP => self.parse_arp(packet, at, key, used),
            ethertype::MPLS | ethertype::MPLS_MC => self.parse_mpls(packet, at, key, used),
            ethertype::NSH => parse_nsh(packet, at, key, used)?,
            _ => {}
        }
        Ok(())
    }

    fn parse_arp<P: Packet>(&mut self, packet: &mut P, at: usize, key: &mut Key, used: &mut Cold) {
        let arp = match header::<Arp, P>(packet, at) {
            Some(arp) if arp.is_ethernet_ipv4() => arp,
            _ => return,
        };
        self.proto = u8::try_from(arp.op.get()).unwrap_or(0);
        self.ipv4_src = Be32::from_bytes(arp.sip);
        self.ipv4_dst = Be32::from_bytes(arp.tip);
        key.nd_sll = arp.sha;
        key.nd_tll = arp.tha;
        key.mpls_lse0 = Be32::ZERO;
        *used |= Cold::LINK_LAYER;
    }

    /// Parses a label stack: the first labels for the key, the others to find its bottom.
    fn parse_mpls<P: Packet>(&mut self, packet: &mut P, at: usize, key: &mut Key, used: &mut Cold) {
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
        *used |= Cold::LINK_LAYER | Cold::MPLS;
        self.inner = Some(end);
    }
}

fn parse_nsh<P: Packet>(
    packet: &mut P,
    at: usize,
    key: &mut Key,
    used: &mut Cold,
) -> Result<(), ExtractError> {
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
    *used |= Cold::NSH;
    Ok(())
}
