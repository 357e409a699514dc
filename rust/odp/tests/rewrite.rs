// SPDX-License-Identifier: GPL-2.0

//! SET actions keep every checksum right: compared with checksums computed anew.

use odp::{
    checksum::{
        State,
        Sum,
        Summed, //
    },
    key::{
        Be16,
        Be32,
        Key, //
    },
    rewrite,
    uapi::{
        KeyEthernet,
        KeyIpv4,
        KeyIpv6,
        KeyPorts, //
    },
};
use proptest::prelude::*;

const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;

/// The IP header length, protocol and place of the checksum in the transport header.
#[derive(Clone, Copy, Debug)]
struct Shape {
    ipv6: bool,
    proto: u8,
}

impl Shape {
    fn l4(self) -> usize {
        if self.ipv6 {
            40
        } else {
            20
        }
    }

    fn check(self) -> usize {
        self.l4()
            + match self.proto {
                TCP => 16,
                UDP => 6,
                _ => 2,
            }
    }

    fn pseudo_header(self, packet: &[u8]) -> Sum {
        let addresses = if self.ipv6 {
            &packet[8..40]
        } else {
            &packet[12..20]
        };
        let len = (packet.len() - self.l4()) as u32;
        Sum::of(addresses)
            .add(Sum::of(&len.to_be_bytes()))
            .add(Sum::of(&u32::from(self.proto).to_be_bytes()))
    }

    /// The transport checksum computed from all the bytes it covers.
    fn transport_checksum(self, packet: &[u8]) -> [u8; 2] {
        let mut packet = packet.to_vec();
        packet[self.check()..][..2].fill(0);
        let sum = self
            .pseudo_header(&packet)
            .add(Sum::of(&packet[self.l4()..]));
        match sum.fold() {
            [0, 0] if self.proto == UDP => [0xff, 0xff],
            check => check,
        }
    }

    fn packet(self, summed: Summed, mut payload: Vec<u8>) -> (Vec<u8>, State) {
        if payload.len() % 2 == 1 {
            payload.pop();
        }
        let mut packet = vec![0; self.l4()];
        if self.ipv6 {
            packet[0] = 0x60;
            packet[6] = self.proto;
            packet[7] = 64;
            packet[8..40].copy_from_slice(&payload[..32]);
        } else {
            packet[0] = 0x45;
            packet[8] = 64;
            packet[9] = self.proto;
            packet[12..20].copy_from_slice(&payload[..8]);
            let check = Sum::of(&packet[..20]).fold();
            packet[10..12].copy_from_slice(&check);
        }
        packet.extend(&payload[32..]);
        let check = match summed {
            // What the device will complete: the folded sum of the pseudo header.
            Summed::Partial => self.pseudo_header(&packet).fold().map(|byte| !byte),
            _ => self.transport_checksum(&packet),
        };
        packet[self.check()..][..2].copy_from_slice(&check);
        let csum = Sum::of(&packet);
        (packet, State { summed, csum })
    }

    /// Checks every checksum of a changed packet.
    fn assert_right(self, packet: &[u8], state: State) {
        if !self.ipv6 {
            assert_eq!(
                Sum::of(&packet[..20]).fold(),
                [0, 0],
                "IPv4 header checksum"
            );
        }
        let check = [packet[self.check()], packet[self.check() + 1]];
        match state.summed {
            Summed::Partial => {
                let sum = Sum(u32::from(u16::from_ne_bytes(check)));
                let expected = self.pseudo_header(packet);
                assert_eq!(sum.sub(expected).fold(), [0, 0], "partial checksum");
            }
            _ => {
                // Zero and its complement are the same number here.
                let ours = Sum(u32::from(u16::from_ne_bytes(check)));
                let theirs = Sum(u32::from(u16::from_ne_bytes(
                    self.transport_checksum(packet),
                )));
                assert!(matches!(ours.sub(theirs).fold(), [0, 0] | [0xff, 0xff]));
            }
        }
        if state.summed == Summed::Complete {
            let difference = state.csum.sub(Sum::of(packet)).fold();
            assert!(matches!(difference, [0, 0] | [0xff, 0xff]), "skb->csum");
        }
    }
}

fn summed() -> impl Strategy<Value = Summed> {
    prop_oneof![
        Just(Summed::No),
        Just(Summed::Complete),
        Just(Summed::Partial),
    ]
}

/// A protocol with ports.
fn ported() -> impl Strategy<Value = Shape> {
    (any::<bool>(), prop_oneof![Just(TCP), Just(UDP)])
        .prop_map(|(ipv6, proto)| Shape { ipv6, proto })
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 64..128)
}

proptest! {
    #[test]
    fn set_ipv4(
        proto in prop_oneof![Just(TCP), Just(UDP)], summed in summed(), payload in payload(),
        value: [u8; 12], mask: [u8; 12],
    ) {
        let shape = Shape { ipv6: false, proto };
        let (mut packet, mut state) = shape.packet(summed, payload);
        let value = zerocopy::transmute!(value);
        let mask: KeyIpv4 = zerocopy::transmute!(mask);
        let mut key = Key::ZERO;
        let before = packet.clone();
        let changed =
            rewrite::set_ipv4(&mut packet, shape.l4(), &mut state, &mut key, &value, &mask);
        shape.assert_right(&packet, state);
        prop_assert_eq!(changed, before[12..20] != packet[12..20]);
        let tos = (value.tos & mask.tos) | (before[1] & !mask.tos);
        let ttl = (value.ttl & mask.ttl) | (before[8] & !mask.ttl);
        prop_assert_eq!((packet[1], packet[8]), (tos, ttl));
        let src = (value.src.get() & mask.src.get())
            | (u32::from_be_bytes(before[12..16].try_into().unwrap()) & !mask.src.get());
        prop_assert_eq!(&packet[12..16], &src.to_be_bytes()[..]);
        prop_assert_eq!(&before[20..26], &packet[20..26]);
    }

    #[test]
    fn set_ipv6(
        proto in prop_oneof![Just(TCP), Just(UDP), Just(ICMPV6)],
        summed in summed(), payload in payload(), value: [u8; 40], mask: [u8; 40],
    ) {
        let shape = Shape { ipv6: true, proto };
        let (mut packet, mut state) = shape.packet(summed, payload);
        let value = zerocopy::transmute!(value);
        let mut mask: KeyIpv6 = zerocopy::transmute!(mask);
        mask.label = Be32::new(mask.label.get() & 0xf_ffff);
        let mut key = Key { ip_proto: proto, ..Key::ZERO };
        let before = packet.clone();
        let changed =
            rewrite::set_ipv6(&mut packet, shape.l4(), &mut state, &mut key, &value, &mask);
        shape.assert_right(&packet, state);
        prop_assert_eq!(changed, before[8..40] != packet[8..40]);
        prop_assert_eq!(packet[0] >> 4, 6);
        let hlimit = (value.hlimit & mask.hlimit) | (before[7] & !mask.hlimit);
        prop_assert_eq!(packet[7], hlimit);
    }

    #[test]
    fn set_ports(shape in ported(), summed in summed(), payload in payload(), value: u32, mask: u32) {
        let (mut packet, state) = shape.packet(summed, payload);
        let ports = |bits: u32| KeyPorts {
            src: Be16::new((bits >> 16) as u16),
            dst: Be16::new(bits as u16),
        };
        let mut key = Key::ZERO;
        let set = if shape.proto == TCP { rewrite::set_tcp } else { rewrite::set_udp };
        let before = u32::from_be_bytes(packet[shape.l4()..][..4].try_into().unwrap());
        let l4 = shape.l4();
        set(&mut packet[l4..], &state, &mut key, &ports(value), &ports(mask));
        if summed != Summed::Partial {
            shape.assert_right(&packet, state);
        }
        let after = u32::from_be_bytes(packet[shape.l4()..][..4].try_into().unwrap());
        prop_assert_eq!(after, (value & mask) | (before & !mask));
        // Only what is changed gets into the key.
        let told = |part: fn(u32) -> u16| if part(after) == part(before) { 0 } else { part(after) };
        prop_assert_eq!(key.tp_src.get(), told(|ports| (ports >> 16) as u16));
        prop_assert_eq!(key.tp_dst.get(), told(|ports| ports as u16));
    }

    #[test]
    fn set_ethernet(header: [u8; 14], value: [u8; 12], mask: [u8; 12]) {
        let mut packet = header;
        let mut state = State { summed: Summed::Complete, csum: Sum::of(&packet) };
        let value: KeyEthernet = zerocopy::transmute!(value);
        let mask: KeyEthernet = zerocopy::transmute!(mask);
        let mut key = Key::ZERO;
        rewrite::set_ethernet(&mut packet, &mut state, &mut key, &value, &mask);
        prop_assert!(matches!(state.csum.sub(Sum::of(&packet)).fold(), [0, 0] | [0xff, 0xff]));
        prop_assert_eq!(&packet[..6], &key.eth_dst[..]);
        for i in 0..6 {
            prop_assert_eq!(packet[i], (value.dst[i] & mask.dst[i]) | (header[i] & !mask.dst[i]));
        }
    }

    /// Truncated packets are left alone and nothing panics.
    #[test]
    fn truncated(packet in prop::collection::vec(any::<u8>(), 0..48), l4 in 0usize..64) {
        let mut state = State { summed: Summed::Complete, csum: Sum(7) };
        let mut key = Key { ip_proto: UDP, ..Key::ZERO };
        let ones = [0xffu8; 40];
        let (ipv4, ipv6): (KeyIpv4, KeyIpv6) =
            (zerocopy::transmute!([0xffu8; 12]), zerocopy::transmute!(ones));
        rewrite::set_ipv4(&mut packet.clone(), l4, &mut state, &mut key, &ipv4, &ipv4);
        rewrite::set_ipv6(&mut packet.clone(), l4, &mut state, &mut key, &ipv6, &ipv6);
        let mut short = packet.clone();
        short.truncate(3);
        let ports = KeyPorts::default();
        prop_assert!(!rewrite::set_tcp(&mut short, &state, &mut key, &ports, &ports));
    }
}

/// Sets addresses of a packet without options: its key.
fn set_addresses(packet: &mut [u8], state: &mut State, value: &KeyIpv4, mask: &KeyIpv4) -> Key {
    let mut key = Key::ZERO;
    assert!(rewrite::set_ipv4(packet, 20, state, &mut key, value, mask));
    key
}

/// A UDP packet without a checksum stays without one.
#[test]
fn udp_without_checksum() {
    let shape = Shape {
        ipv6: false,
        proto: UDP,
    };
    let (mut packet, mut state) = shape.packet(Summed::No, vec![1; 64]);
    let check = shape.check();
    packet[check..][..2].fill(0);
    let value = KeyIpv4 {
        src: Be32::new(0x0a00_0001),
        ..KeyIpv4::default()
    };
    let mask = KeyIpv4 {
        src: Be32::new(u32::MAX),
        ..KeyIpv4::default()
    };
    let key = set_addresses(&mut packet, &mut state, &value, &mask);
    assert_eq!(packet[check..][..2], [0, 0]);
    assert_eq!(key.ipv4_src.get(), 0x0a00_0001);
}

/// What ICMPv6's number is of in IPv4 has no checksum over the addresses.
#[test]
fn icmpv6_in_ipv4() {
    let shape = Shape {
        ipv6: false,
        proto: ICMPV6,
    };
    let (mut packet, mut state) = shape.packet(Summed::No, vec![1; 64]);
    let payload = packet[20..].to_vec();
    let value: KeyIpv4 = zerocopy::transmute!([0x0au8; 12]);
    let mask: KeyIpv4 = zerocopy::transmute!([0xffu8; 12]);
    set_addresses(&mut packet, &mut state, &value, &mask);
    assert_eq!(packet[20..], payload);
}
