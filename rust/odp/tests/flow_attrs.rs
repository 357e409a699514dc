// SPDX-License-Identifier: GPL-2.0

//! Keys and masks as attributes: valid ones both ways, and every way to be invalid.

mod common;

use common::attrs::{
    attr,
    be16,
    ethernet,
    first,
    frames,
    geneve,
    ipv4,
    ipv6,
    key,
    mask_of,
    metadata,
    nest,
    nsh,
    ports,
    random_mask,
    tunnel4,
    tunnel6,
    tunnels,
    tuple4,
    tuple6,
    u16,
    u32,
    vlan,
    vxlan, //
};
use common::{
    fuzz,
    packets,
    Random, //
};
use odp::extract::{
    extract,
    update,
    Cold,
    Hints,
    Metadata, //
};
use odp::flow_attrs::{
    parse_key,
    parse_match,
    parse_metadata,
    parse_tunnel,
    put_key,
    put_tunnel,
    Match,
    Support,
    Ufid,
    KEY_ATTR_MAX_SIZE,
    TUNNEL_ATTR_MAX_SIZE, //
};
use odp::key::{
    mac_proto,
    tun_flags,
    Be16, //
};
use odp::nlattr::Writer;
use odp::uapi::{
    key_attr as k,
    tunnel_key_attr as t, //
};
use odp::{
    Errno,
    Key, //
};
use std::slice::from_ref;

fn parse<'a>(key: &'a [u8], mask: Option<&'a [u8]>) -> Result<Match, odp::Error<'a>> {
    let mut to = Match::ZERO;
    // What was there before must not shine through.
    to.key.words_mut().fill(0x5555_aaaa_5555_aaaa);
    to.mask.words_mut().fill(0x5555_aaaa_5555_aaaa);
    parse_match(&mut to, first(key), mask.map(first), Support::ALL)?;
    Ok(to)
}

fn put(key: &Key, output: &Key, is_mask: bool) -> Vec<u8> {
    let mut buf = [0; KEY_ATTR_MAX_SIZE];
    let mut writer = Writer::new(&mut buf);
    put_key(&mut writer, key, output, is_mask).unwrap();
    attr(1, writer.as_bytes())
}

/// All valid keys: every frame in every tunnel.
fn keys() -> impl Iterator<Item = (String, Vec<u8>)> {
    let all = frames();
    tunnels()
        .into_iter()
        .enumerate()
        .flat_map(move |(i, tunnel)| {
            all.clone()
                .into_iter()
                .map(move |(name, frame)| (format!("{name} {i}"), key(&tunnel, &frame)))
        })
}

/// Whether there is nothing in the tag of such a key, so that it can have no mask with a tag.
fn has_empty_encap(name: &str) -> bool {
    name.starts_with("vlan cut off") || name.starts_with("vlan 802.2")
}

/// Both ways: what is written of a match is parsed to the same match.
fn check_round_trip(match_: &Match) {
    let key = put(&match_.key, &match_.key, false);
    let mask = put(&match_.key, &match_.mask, true);
    let mut expected = match_.clone();
    // A written mask always has a tunnel in it.
    expected.mask.tun_proto = 0xff;
    if match_.key.tun_proto == 0 {
        expected.mask.tun = Key::ZERO.tun;
        expected.mask.tun.ttl = match_.mask.tun.ttl;
    }
    let again = match parse(&key, Some(&mask)) {
        Ok(again) => again,
        Err(err) => panic!("{err} {:?}\n{match_:?}", err.attr),
    };
    assert_eq!(again.key, expected.key);
    // Nothing is lost in a second round.
    let mask = put(&again.key, &again.mask, true);
    assert_eq!(parse(&key, Some(&mask)).unwrap(), again);
}

#[test]
fn every_key_is_accepted_and_written_again() {
    for (name, bytes) in keys() {
        println!("{name}");
        let mut key = Key::ZERO;
        parse_key(&mut key, first(&bytes), Support::ALL).unwrap();
        let written = put(&key, &key, false);
        let mut again = Key::ZERO;
        let result = parse_key(&mut again, first(&written), Support::ALL);
        // Bridge mode is lost, and with it goes that a tunnel needs no destination.
        if name.ends_with('8') {
            assert!(result.is_err());
        } else if name.starts_with("vlan cut off") {
            // So is the ethertype of a tag that is cut off.
            assert_eq!(again.vlan, Default::default());
        } else {
            result.unwrap();
            assert_eq!(key, again);
        }
    }
}

#[test]
fn every_key_without_a_mask_is_matched_exactly() {
    for (name, bytes) in keys() {
        println!("{name}");
        let ones = mask_of(&bytes, &mut |kind, payload| {
            payload.fill(0xff);
            if kind == k::CT_STATE {
                payload.copy_from_slice(&0xffu32.to_ne_bytes());
            }
        });
        let result = parse(&bytes, None);
        if has_empty_encap(&name) {
            // VLAN is then in the mask without an ENCAP, in which there is nothing to be set.
            assert!(result.is_err());
            continue;
        }
        let exact = result.unwrap();
        let mut with_ones = parse(&bytes, Some(&ones)).unwrap();
        if exact.key.tun_proto != 0 {
            // What is not in a tunnel's attributes is matched too.
            assert_eq!(exact.mask.tun.ipv6_src, [0xff; 16]);
            assert_eq!(exact.mask.tun.tos, 0xff);
            let flags = with_ones.mask.tun.flags;
            let (opts_len, opts) = (with_ones.mask.tun.opts_len, with_ones.mask.tun.opts);
            with_ones.mask.tun = exact.mask.tun;
            with_ones.mask.tun.flags = flags;
            with_ones.mask.tun.opts_len = opts_len;
            with_ones.mask.tun.opts = opts;
        }
        assert_eq!(exact, with_ones);
    }
}

#[test]
fn random_masks() {
    let keys: Vec<_> = keys().filter(|(name, _)| !name.ends_with('8')).collect();
    let (mut accepted, mut rounds) = (0, 0);
    fuzz(20_000, |seed| {
        let mut random = Random::new(seed);
        let (_, key) = random.choice(&keys);
        let mask = random_mask(key, &mut random);
        rounds += 1;
        if let Ok(match_) = parse(key, Some(&mask)) {
            check_round_trip(&match_);
            accepted += 1;
        }
    });
    assert!(accepted > rounds / 3, "{accepted} of {rounds}");
}

#[test]
fn random_damage() {
    let keys: Vec<_> = keys().collect();
    fuzz(100_000, |seed| {
        let mut random = Random::new(seed);
        let (_, key) = random.choice(&keys);
        let mut mask = random_mask(key, &mut random)[4..].to_vec();
        let mut key = key[4..].to_vec();
        for _ in 0..random.below(4) {
            random.mutate(&mut key);
        }
        for _ in 0..random.below(4) {
            random.mutate(&mut mask);
        }
        let (key, mask) = (attr(1, &key), attr(1, &mask));
        let mask = (random.below(4) != 0).then_some(&mask[..]);
        match parse(&key, mask) {
            Ok(match_) => {
                // Whatever was accepted fits the space that is set aside for it.
                put(&match_.key, &match_.key, false);
                put(&match_.key, &match_.mask, true);
            }
            Err(err) => {
                assert_eq!(err.errno, Errno::EINVAL);
                assert!(!err.msg.is_empty());
            }
        }
        let mut metadata = Key::ZERO;
        if let Ok(given) = parse_metadata(&mut metadata, first(&key), Support::ALL) {
            let _ = given.check(&metadata);
        }
        let _ = parse_tunnel(&first(&key), &mut Key::ZERO.clone());
    });
}

#[test]
fn every_packet_makes_a_flow_that_is_accepted() {
    for (name, packet) in packets::all() {
        let meta = Metadata {
            in_port: 1,
            recirc_id: 0,
            priority: 0,
            skb_mark: 0,
            mac_proto: mac_proto::ETHERNET,
            tun_proto: 0,
            hints: Hints::default(),
        };
        for len in 14..=packet.len() {
            let (mut key, mut cold) = (Key::ZERO, Cold::NONE);
            if extract(&mut key, &mut cold, &mut &packet[..len], &meta).is_err() {
                continue;
            }
            let written = put(&key, &key, false);
            let mut again = Key::ZERO;
            let result = parse_key(&mut again, first(&written), Support::ALL);
            // These the C module cannot take back either: labels without a bottom, a tag without
            // an end.
            let odd = key.mpls_labels == 0 && [0x8847, 0x8848].contains(&key.eth_type.get())
                || [0x8100, 0x88a8].contains(&key.eth_type.get()) && key.cvlan.tci.get() == 0;
            assert_eq!(result.is_err(), odd, "{name} {len} {result:?} {key:?}");
            if !odd {
                assert_eq!(key, again, "{name} {len}");
            }
        }
    }
}

/// A key that is refused, with the text and the place that is blamed.
fn refused(key: &[u8], mask: Option<&[u8]>, text: &str, blamed: &[u8]) {
    let err = parse(key, mask).expect_err(text);
    assert_eq!(err.errno, Errno::EINVAL);
    assert_eq!(err.msg.to_str().unwrap(), text);
    match err.attr {
        Some(attr) => assert_eq!(attr, blamed, "{text}"),
        None => assert!(blamed.is_empty(), "{text}"),
    }
}

fn unpadded(attr: &[u8]) -> &[u8] {
    first(attr).bytes()
}

#[test]
fn every_attribute_too_short_too_long_twice_and_missing() {
    let frames = frames();
    let frame = |name: &str| frames.iter().find(|(n, _)| *n == name).unwrap().1.clone();
    for (name, kind) in [
        ("PRIORITY", k::PRIORITY),
        ("IN_PORT", k::IN_PORT),
        ("SKB_MARK", k::SKB_MARK),
        ("DP_HASH", k::DP_HASH),
        ("RECIRC_ID", k::RECIRC_ID),
        ("CT_STATE", k::CT_STATE),
        ("CT_ZONE", k::CT_ZONE),
        ("CT_MARK", k::CT_MARK),
        ("CT_LABELS", k::CT_LABELS),
        ("ETHERNET", k::ETHERNET),
        ("ETHERTYPE", k::ETHERTYPE),
        ("VLAN", k::VLAN),
        ("IPV4", k::IPV4),
        ("IPV6", k::IPV6),
        ("IPV6_EXTHDRS", k::IPV6_EXTHDRS),
        ("TCP", k::TCP),
        ("TCP_FLAGS", k::TCP_FLAGS),
        ("UDP", k::UDP),
        ("SCTP", k::SCTP),
        ("ICMP", k::ICMP),
        ("ICMPV6", k::ICMPV6),
        ("ND", k::ND),
        ("ARP", k::ARP),
        ("CT_ORIG_TUPLE_IPV4", k::CT_ORIG_TUPLE_IPV4),
        ("CT_ORIG_TUPLE_IPV6", k::CT_ORIG_TUPLE_IPV6),
    ] {
        // A key that has the attribute.
        let attrs = frames
            .iter()
            .map(|(_, frame)| {
                let mut attrs = metadata();
                attrs.extend(frame.iter().cloned());
                attrs
            })
            .find(|attrs| attrs.iter().any(|a| first(a).kind() == kind))
            .unwrap();
        let at = attrs.iter().position(|a| first(a).kind() == kind).unwrap();
        let payload = first(&attrs[at]).payload();
        let with = |replacement: &[u8]| {
            let mut attrs = attrs.clone();
            attrs[at] = replacement.to_vec();
            nest(1, &attrs)
        };
        let longer = attr(kind, &[payload, &[0]].concat());
        let shorter = attr(kind, &payload[1..]);
        let empty = attr(kind, &[]);
        let text = format!("{name} has a wrong length");
        for bad in [&longer, &shorter, &empty] {
            refused(&with(bad), None, &text, unpadded(bad));
        }
        let twice = [&attrs[at][..], &attrs[at]].concat();
        let text = format!("{name} is there twice");
        refused(&with(&twice), None, &text, unpadded(&attrs[at]));
    }
    for (name, missing, text) in [
        ("tcp", k::TCP, "TCP is missing in the key"),
        ("tcp", k::TCP_FLAGS, "TCP_FLAGS is missing in the key"),
        ("tcp", k::IPV4, "IPV4 is missing in the key"),
        ("udp", k::UDP, "UDP is missing in the key"),
        ("sctp", k::SCTP, "SCTP is missing in the key"),
        ("icmp", k::ICMP, "ICMP is missing in the key"),
        ("tcp6", k::IPV6, "IPV6 is missing in the key"),
        ("tcp6", k::TCP, "TCP is missing in the key"),
        ("icmp6", k::ICMPV6, "ICMPV6 is missing in the key"),
        ("nd", k::ND, "ND is missing in the key"),
        ("arp", k::ARP, "ARP is missing in the key"),
        ("rarp", k::ARP, "ARP is missing in the key"),
        ("mpls", k::MPLS, "MPLS is missing in the key"),
        ("nsh", k::NSH, "NSH is missing in the key"),
    ] {
        let mut attrs = frame(name);
        attrs.retain(|attr| first(attr).kind() != missing);
        let key = nest(1, &attrs);
        refused(&key, Some(&nest(7, &[])), text, &key);
        assert!(parse_key(&mut Key::ZERO.clone(), first(&key), Support::ALL).is_err());
    }
}

#[test]
fn keys_that_make_no_sense() {
    let eth = |attrs: &[Vec<u8>]| nest(1, &[&[ethernet()], attrs].concat());
    let v4 = be16(k::ETHERTYPE, 0x0800);
    let bad = |attrs: &[Vec<u8>], text: &str, blamed: &[u8]| {
        refused(&eth(attrs), None, text, blamed);
    };
    for kind in [k::PACKET_TYPE, k::ND_EXTENSIONS, k::TUNNEL_INFO] {
        let err = parse(&eth(&[u32(kind, 1)]), None).unwrap_err().msg;
        assert!(err
            .to_str()
            .unwrap()
            .ends_with("is not expected or not supported here"));
    }
    let unknown = u32(33, 1);
    bad(
        from_ref(&unknown),
        "unknown attribute in a key or mask",
        &unknown,
    );
    let unspec = attr(0, &[]);
    bad(
        from_ref(&unspec),
        "UNSPEC is not expected or not supported here",
        &unspec,
    );
    let short = attr(1, &[ethernet(), vec![1, 2]].concat());
    let text = "bytes are left over behind the attributes of a key or mask";
    refused(&short, None, text, unpadded(&short));
    // The last attribute's padding is missing.
    let unaligned = attr(1, &[&ethernet()[..], &v4[..6]].concat());
    refused(&unaligned, None, text, unpadded(&unaligned));

    refused(
        &nest(1, &[]),
        None,
        "a key needs ETHERNET or ETHERTYPE",
        &[],
    );
    let port = u32(k::IN_PORT, 0xffff);
    bad(from_ref(&port), "IN_PORT is out of range", &port);
    let state = u32(k::CT_STATE, 0x100);
    bad(from_ref(&state), "CT_STATE has unsupported flags", &state);
    let low = be16(k::ETHERTYPE, 0x5ff);
    bad(
        from_ref(&low),
        "ETHERTYPE is less than 0x600",
        unpadded(&low),
    );
    refused(
        &nest(1, from_ref(&low)),
        None,
        "ETHERTYPE is less than 0x600",
        unpadded(&low),
    );
    let ip = ipv4(6, 3);
    bad(
        &[v4.clone(), ip.clone()],
        "IPV4 has an unknown fragment type",
        &ip,
    );
    let v6 = be16(k::ETHERTYPE, 0x86dd);
    let ip = ipv6(6, 3, [0; 4]);
    bad(
        &[v6.clone(), ip.clone()],
        "IPV6 has an unknown fragment type",
        &ip,
    );
    let ip = ipv6(6, 0, [0, 0x10, 0, 0]);
    bad(
        &[v6, ip.clone()],
        "IPV6 has a flow label of more than 20 bits",
        &ip,
    );
    let mut arp = attr(k::ARP, &[0; 24]);
    arp[12] = 1;
    bad(
        &[be16(k::ETHERTYPE, 0x0806), arp.clone()],
        "ARP has an opcode of more than 8 bits",
        &arp,
    );
    for len in [0, 3, 5, 16] {
        let mpls = attr(k::MPLS, &vec![1; len]);
        bad(
            &[be16(k::ETHERTYPE, 0x8847), mpls.clone()],
            "MPLS must hold one to three labels",
            unpadded(&mpls),
        );
    }
    // Of a tag: ETHERTYPE, VLAN and ENCAP.
    let tag = vlan(0x8100, 0x1005, &[v4, ipv4(47, 0)]);
    let text = "a VLAN ethertype needs VLAN and ENCAP";
    bad(&[tag[0].clone(), tag[1].clone()], text, unpadded(&tag[0]));
    bad(&[tag[0].clone(), tag[2].clone()], text, unpadded(&tag[0]));
    bad(
        &[tag[1].clone()],
        "VLAN needs a VLAN ethertype and ENCAP",
        unpadded(&tag[1]),
    );
    let text = "ENCAP is not expected or not supported here";
    bad(&[tag[2].clone()], text, &tag[2]);
    let no_cfi = vlan(0x8100, 5, &[]);
    bad(
        &no_cfi,
        "the TCI in VLAN lacks the CFI bit",
        unpadded(&no_cfi[1]),
    );
    let zero = vlan(0x8100, 0, &tag);
    bad(&zero, "ENCAP must be empty behind a VLAN of zero", &zero[2]);
    // Labels where there are none.
    let mut to = Match::ZERO;
    let key = eth(&[attr(k::CT_LABELS, &[1; 16])]);
    let none = Support { ct_labels: false };
    let err = parse_match(&mut to, first(&key), None, none).unwrap_err();
    assert_eq!(
        err.msg.to_str().unwrap(),
        "CT_LABELS is not expected or not supported here"
    );
    assert!(parse_metadata(&mut to.key, first(&key), none).is_ok());
}

#[test]
fn tunnels_that_make_no_sense() {
    let bad = |attrs: &[Vec<u8>], text: &str| {
        let tunnel = nest(k::TUNNEL, attrs);
        let key = nest(1, &[tunnel.clone(), ethernet()]);
        let err = parse(&key, None).expect_err(text);
        assert_eq!(err.errno, Errno::EINVAL);
        assert_eq!(err.msg.to_str().unwrap(), text);
        let err = parse_tunnel(&first(&tunnel), &mut Key::ZERO.clone()).expect_err(text);
        let text = format!("Flow actions may not be safe on all matching packets: {text}");
        assert_eq!(err.msg.to_str().unwrap(), text);
    };
    let dst = attr(t::IPV4_DST, &[1; 4]);
    let dst6 = attr(t::IPV6_DST, &[1; 16]);
    let ttl = attr(t::TTL, &[64]);
    bad(&[], "TUNNEL lacks a destination address");
    bad(from_ref(&ttl), "TUNNEL lacks a destination address");
    bad(from_ref(&dst), "TUNNEL lacks a TTL");
    bad(
        &[attr(t::IPV4_SRC, &[1; 4]), ttl.clone()],
        "TUNNEL has an IPv4 destination of zero",
    );
    bad(
        &[attr(t::IPV6_SRC, &[1; 16]), ttl.clone()],
        "TUNNEL has an IPv6 destination of zero",
    );
    bad(
        &[dst.clone(), dst6.clone(), ttl.clone()],
        "TUNNEL mixes IPv4 and IPv6",
    );
    bad(&[attr(17, &[])], "unknown attribute in TUNNEL");
    for (kind, len) in [
        (t::ID, 4),
        (t::IPV4_SRC, 16),
        (t::IPV4_DST, 3),
        (t::TOS, 2),
        (t::TTL, 4),
        (t::DONT_FRAGMENT, 1),
        (t::CSUM, 4),
        (t::OAM, 1),
        (t::TP_SRC, 4),
        (t::TP_DST, 1),
        (t::IPV6_SRC, 4),
        (t::IPV6_DST, 17),
        (t::PAD, 4),
        (t::IPV4_INFO_BRIDGE, 1),
    ] {
        bad(
            &[attr(kind, &vec![1; len])],
            "an attribute in TUNNEL has a wrong length",
        );
    }
    let with = |opts: Vec<u8>| [dst.clone(), ttl.clone(), opts];
    bad(
        &with(geneve(256)),
        "the options in TUNNEL are longer than 255 bytes",
    );
    bad(
        &with(attr(t::ERSPAN_OPTS, &[0; 256])),
        "the options in TUNNEL are longer than 255 bytes",
    );
    bad(
        &with(geneve(6)),
        "GENEVE_OPTS is not a multiple of 4 bytes long",
    );
    bad(
        &with(nest(t::VXLAN_OPTS, &[u16(1, 5)])),
        "GBP in VXLAN_OPTS has a wrong length",
    );
    bad(
        &with(nest(t::VXLAN_OPTS, &[u32(2, 5)])),
        "unknown attribute in VXLAN_OPTS",
    );
    bad(
        &with(attr(t::VXLAN_OPTS, &[1, 2])),
        "bytes are left over behind the attributes of VXLAN_OPTS",
    );
    bad(
        &with([geneve(4), vxlan(1)].concat()),
        "TUNNEL has several kinds of options",
    );
    let bridge = attr(t::IPV4_INFO_BRIDGE, &[]);
    bad(
        &[bridge, dst.clone()],
        "TUNNEL with IPV4_INFO_BRIDGE can have an ID only",
    );
    bad(
        &with(vec![1, 2, 3, 4]),
        "bytes are left over behind the attributes of TUNNEL",
    );
}

#[test]
fn nsh_that_makes_no_sense() {
    let bad = |attrs: &[Vec<u8>], text: &str| {
        let key = nest(
            1,
            &[ethernet(), be16(k::ETHERTYPE, 0x894f), nest(k::NSH, attrs)],
        );
        assert_eq!(parse(&key, None).unwrap_err().msg.to_str().unwrap(), text);
    };
    let base = attr(1, &[0, 63, 2, 1, 0, 0, 0, 0]);
    bad(&[attr(1, &[0; 7])], "BASE in NSH has a wrong length");
    bad(&[attr(2, &[0; 12])], "MD1 in NSH has a wrong length");
    bad(
        &[base.clone(), attr(3, &[0; 4])],
        "MD2 in NSH cannot be matched",
    );
    bad(&[attr(4, &[])], "unknown attribute in NSH");
    bad(
        &[base, attr(2, &[0; 16])],
        "MD1 in NSH needs metadata type 1 in BASE",
    );
    bad(&[nsh(1), vec![0; 4]], "unknown attribute in NSH");
    bad(
        &[vec![0; 4]],
        "bytes are left over behind the attributes of NSH",
    );
}

#[test]
fn masks_that_do_not_fit_their_key() {
    let frames = frames();
    let frame = |name: &str| nest(1, &frames.iter().find(|(n, _)| *n == name).unwrap().1);
    let bad = |key: &str, attrs: &[Vec<u8>], text: &str| {
        let mask = nest(7, attrs);
        let key = frame(key);
        let err = parse(&key, Some(&mask)).expect_err(text);
        assert_eq!(err.msg.to_str().unwrap(), text);
        assert_eq!(err.errno, Errno::EINVAL);
    };
    let ethertype = be16(k::ETHERTYPE, 0xffff);
    let udp = ports(k::UDP);
    let cannot = "UDP cannot be masked in a flow with this key";
    bad(
        "udp",
        &[ethertype.clone(), ipv4(0x11, 0), udp.clone()],
        cannot,
    );
    bad("tcp", &[ethertype.clone(), ipv4(0xff, 0), udp], cannot);
    bad(
        "udp",
        &[ipv4(0xff, 0)],
        "IPV4 cannot be masked in a flow with this key",
    );
    bad(
        "udp",
        &[u32(k::SKB_MARK, 1)],
        "SKB_MARK cannot be masked in a flow with this key",
    );
    bad(
        "nd",
        &[
            ethertype.clone(),
            ipv6(0xff, 0, [0; 4]),
            attr(k::ND, &[1; 28]),
        ],
        "ND cannot be masked in a flow with this key",
    );
    bad(
        "nd",
        &[ethertype.clone(), tuple6()],
        "CT_ORIG_TUPLE_IPV6 cannot be masked in a flow with this key",
    );
    bad(
        "arp",
        &[ethertype.clone(), tuple4()],
        "CT_ORIG_TUPLE_IPV4 cannot be masked in a flow with this key",
    );
    bad(
        "udp",
        &[nest(k::ENCAP, &[ethernet()])],
        "ENCAP is in the mask but the key has no VLAN tag there",
    );
    bad(
        "vlan",
        &vlan(0xfffe, 0xffff, from_ref(&ethertype)),
        "the ethertype of a VLAN tag must be matched exactly",
    );
    bad(
        "vlan",
        &vlan(0xffff, 0xefff, from_ref(&ethertype)),
        "the mask of a VLAN tag must include the CFI bit",
    );
    bad(
        "vlan",
        &vlan(0xffff, 0xffff, &vlan(0xffff, 0xffff, &[ethertype])),
        "ENCAP is in the mask but the key has no VLAN tag there",
    );
    // Geneve options of another length.
    let key = nest(1, &[tunnel4(&[geneve(8)]), ethernet()]);
    let mask = nest(7, &[tunnel4(&[geneve(4)])]);
    let err = parse(&key, Some(&mask)).unwrap_err();
    assert_eq!(
        err.msg,
        c"GENEVE_OPTS differ in length between key and mask"
    );
}

#[test]
fn what_a_mask_of_nothing_matches() {
    let frames = frames();
    let (_, frame) = frames.iter().find(|(name, _)| *name == "udp").unwrap();
    let match_ = parse(&key(&[], frame), Some(&nest(7, &[]))).unwrap();
    let mut expected = Key::ZERO;
    expected.mac_proto = 0xff;
    expected.vlan.tci = Be16::new(0xffff);
    expected.cvlan.tci = Be16::new(0xffff);
    assert_eq!(match_.mask, expected);
    // Some bits of these stand for all.
    let mask = nest(7, &[u32(k::IN_PORT, 1), be16(k::ETHERTYPE, 1)]);
    let match_ = parse(&key(&[], frame), Some(&mask)).unwrap();
    expected.in_port = 0xffff;
    expected.eth_type = Be16::new(0xffff);
    assert_eq!(match_.mask, expected);
}

#[test]
fn the_mask_of_a_vlan_without_a_tci_takes_the_keys() {
    let frames = frames();
    let (_, frame) = frames.iter().find(|(name, _)| *name == "vlan").unwrap();
    let mask = nest(
        7,
        &[
            ethernet(),
            be16(k::ETHERTYPE, 0xffff),
            nest(k::ENCAP, &[be16(k::ETHERTYPE, 0xffff)]),
        ],
    );
    let match_ = parse(&nest(1, frame), Some(&mask)).unwrap();
    assert_eq!(match_.mask.vlan.tci, match_.key.vlan.tci);
}

#[test]
fn metadata_of_a_packet_from_user_space() {
    let frame = packets::ethernet(0x0800, &packets::ipv4(17, 0, &[], &packets::udp()));
    let attrs = [
        metadata(),
        vec![tunnel6(&[geneve(8)]), ethernet(), tuple4()],
    ]
    .concat();
    let bytes = nest(2, &attrs);
    let mut key = Key::ZERO;
    let given = parse_metadata(&mut key, first(&bytes), Support::ALL).unwrap();
    update(
        &mut key,
        &mut Cold::ALL.clone(),
        &mut &*frame,
        &Hints::default(),
    )
    .unwrap();
    given.check(&key).unwrap();
    assert_eq!((key.recirc_id, key.dp_hash, key.in_port), (7, 8, 1));
    assert_eq!((key.priority, key.skb_mark), (9, 10));
    assert_eq!((key.ct_state, key.ct_zone, key.ct_mark), (0x21, 11, 12));
    assert_eq!(key.ct_labels, [13; 16]);
    assert_eq!((key.tun_proto, key.tun.opts_len), (10, 8));
    assert_eq!(
        key.tun.flags,
        tun_flags::DONT_FRAGMENT | tun_flags::OAM | tun_flags::GENEVE_OPT
    );
    assert_eq!((key.ct_orig_proto, key.ip_proto), (6, 17));
    key.eth_type = Be16::new(0x86dd);
    assert_eq!(given.check(&key).unwrap_err().errno, Errno::EINVAL);

    let bytes = nest(2, &[ethernet(), tuple6()]);
    let given = parse_metadata(&mut key, first(&bytes), Support::ALL).unwrap();
    assert_eq!(key.in_port, 0xffff);
    key.eth_type = Be16::new(0x86dd);
    given.check(&key).unwrap();
    key.ip_proto = 58;
    key.tp_src = Be16::new(136);
    assert!(given.check(&key).is_err());

    let l3 = nest(2, &[be16(k::ETHERTYPE, 0x0800)]);
    let _ = parse_metadata(&mut key, first(&l3), Support::ALL).unwrap();
    assert_eq!(
        (key.mac_proto, key.eth_type.get()),
        (mac_proto::NONE, 0x0800)
    );
}

#[test]
fn ufids() {
    assert_eq!(Ufid::new(&[]), None);
    assert_eq!(Ufid::new(&[1; 17]), None);
    assert_eq!(Ufid::parse(None), None);
    let bytes = attr(9, &[1, 2, 3]);
    let ufid = Ufid::parse(Some(&first(&bytes))).unwrap();
    assert_eq!(ufid.as_bytes(), [1, 2, 3]);
    assert_eq!(ufid.padded()[..4], [1, 2, 3, 0]);
    assert_ne!(Some(ufid), Ufid::new(&[1, 2, 3, 0]));
    assert_eq!(Ufid::new(&[7; 16]).unwrap().as_bytes(), [7; 16]);
}

#[test]
fn the_tunnel_alone() {
    for bytes in tunnels().iter().skip(1) {
        let mut key = Key::ZERO;
        parse_tunnel(&first(bytes), &mut key).unwrap();
        let bridge = key.tun_proto == 2 && key.tun.ipv4_dst.get() == 0;
        let mut buf = [0; TUNNEL_ATTR_MAX_SIZE];
        let mut writer = Writer::new(&mut buf);
        put_tunnel(
            &mut writer,
            key.tun_proto,
            &key.tun,
            key.tun.opts_len,
            bridge,
        )
        .unwrap();
        let again = attr(k::TUNNEL, writer.as_bytes());
        let mut parsed = Key::ZERO;
        parse_tunnel(&first(&again), &mut parsed).unwrap();
        assert_eq!(key, parsed);
    }
}

#[test]
fn no_room() {
    for (name, bytes) in keys().filter(|(name, _)| !has_empty_encap(name)) {
        let match_ = parse(&bytes, None).unwrap();
        let len = put(&match_.key, &match_.mask, true).len() - 4;
        let mut buf = vec![0; len];
        for short in 0..len {
            let mut writer = Writer::new(&mut buf[..short]);
            let result = put_key(&mut writer, &match_.key, &match_.mask, true);
            assert!(result.is_err(), "{name} {short} of {len}");
        }
    }
}

#[test]
fn options_line_up_at_their_ends() {
    // The key's options are Geneve's, the mask's are VXLAN's: the last four bytes are matched.
    let key = nest(1, &[tunnel4(&[geneve(8)]), ethernet()]);
    let mask = nest(7, &[tunnel4(&[vxlan(0xffff_ffff)])]);
    let match_ = parse(&key, Some(&mask)).unwrap();
    assert_eq!(
        match_.mask.tun.opts[..9],
        [0, 0, 0, 0, 255, 255, 255, 255, 0]
    );
    // ERSPAN's have one length whatever is given.
    for (given, expected) in [
        (8, [0, 0, 0, 0, 5, 6, 7, 8, 9, 10, 11, 12]),
        (13, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
    ] {
        let opts: Vec<u8> = (13 - given..13).collect();
        let key = nest(1, &[tunnel4(&[attr(t::ERSPAN_OPTS, &opts)]), ethernet()]);
        let match_ = parse(&key, None).unwrap();
        assert_eq!(match_.key.tun.opts_len, 12);
        assert_eq!(match_.key.tun.opts[..12], expected);
    }
}
