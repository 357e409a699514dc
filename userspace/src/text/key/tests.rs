// SPDX-License-Identifier: GPL-2.0

//! Keys as text and back.

use super::*;
use crate::text::Ports;
use crate::text::scan::Result;
use odp::nlattr::Writer;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::collections::BTreeSet;

/// The text of what `text` says.
fn again(text: &str, verbose: bool) -> Result<String> {
    let parsed = parse(text, None)?;
    let mut out = String::new();
    format(&mut out, &parsed.key, &parsed.mask, None, verbose);
    Ok(out)
}

/// Texts as `ovs-dpctl dump-flows` prints them.
const SAME: &[&str] = &[
    "in_port(1),eth(),eth_type(0x0800),ipv4(proto=1,frag=no),icmp(type=8,code=0)",
    "recirc_id(0x5),dp_hash(0x1/0xf),skb_priority(0x3),skb_mark(0x5/0xff),in_port(2),\
     eth(src=02:00:00:00:00:00/02:00:00:00:00:00),eth_type(0x0800)",
    "recirc_id(0),in_port(1),eth(src=00:01:02:03:04:05,dst=10:11:12:13:14:15),eth_type(0x0800),\
     ipv4(src=35.8.2.41,dst=172.16.0.20,proto=5,tos=0x80,ttl=128,frag=no)",
    "in_port(1),eth(),eth_type(0x0806),arp(sip=1.2.3.4,op=1/0xff,sha=00:0f:10:11:12:13)",
    "in_port(1),eth(),eth_type(0x86dd),ipv6(src=::1,dst=fe80::/ffc0::,label=0x1,proto=58,\
     tclass=0x70,hlimit=128,frag=no),key32(00 00/00 00),icmpv6(type=135,code=0),\
     nd(target=::2,sll=00:01:02:03:04:05)",
    "in_port(1),eth(),eth_type(0x8100),vlan(vid=99,pcp=7),encap(eth_type(0x0800),\
     ipv4(proto=17,frag=first),udp(src=5))",
    "in_port(1),eth(),eth_type(0x88a8),vlan(vid=99/0xff0,pcp=0),encap(eth_type(0x8100),\
     vlan(vid=7,pcp=3/0x3),encap(eth_type(0x0800)))",
    "in_port(1),eth(),eth_type(0x8847),mpls(label=100/0xfffff,tc=0/0,ttl=0/0x0,bos=0/1,\
     label=5/0xfffff,tc=0/0,ttl=0/0x0,bos=1/1)",
    "in_port(1),eth(),eth_type(0x8847),mpls(label=100,tc=3,ttl=64,bos=1)",
    "in_port(1),ct_state(-new+trk),ct_zone(0x5),ct_mark(0x7/0xf),\
     ct_label(0x1122334455667788990011/0xffffffffffffffffffffff),eth(),eth_type(0x0800)",
    "ct_state(0x21/0x23),ct_tuple4(src=1.2.3.4,dst=4.3.0.0/255.255.0.0,proto=6,tp_src=5,tp_dst=6)",
    "ct_tuple6(src=::1,dst=fe80::,proto=17),eth_type(0x0800),ipv4(proto=6),tcp(src=1,dst=2),\
     tcp_flags(+syn-ack)",
    "tunnel(tun_id=0x5,src=1.1.1.1,dst=2.2.2.2,tos=0,ttl=64,tp_src=1,tp_dst=2,\
     flags(df|csum|key)),eth_type(0x0800)",
    "tunnel(tun_id=0x5/0xff,ipv6_src=::1,ipv6_dst=fe80::/ffff::,flags(+df+key)),\
     eth_type(0x0800)",
    "tunnel(tun_id=0x5,vxlan(gbp(id=10,flags=0x8)),flags(+key)),eth_type(0x0800)",
    "tunnel(geneve({class=0x102,type=0x80,len=4,0xa/0xff}{class=0xffff,type=0x1,len=8,\
     0x1122334455667788}{class=0x1,type=0x2,len=0})),eth_type(0x0800)",
    "tunnel(erspan(ver=1,idx=0x7/0xffffffff)),eth_type(0x0800)",
    "tunnel(erspan(ver=2,dir=1/0x1,hwid=0x5/0x3f)),eth_type(0x0800)",
    "eth_type(0x894f),nsh(flags=0,mdtype=1,np=3,spi=0x123456,si=255,c1=0x1,c4=0x4)",
    "eth_type(0x0800/0xff00),sctp(src=5)",
];

#[test]
fn known_texts_read_back() {
    for text in SAME {
        // A number is how a state is written in full.
        if !text.contains("ct_state(0x") {
            assert_eq!(again(text, false).unwrap(), *text);
        }
    }
}

#[test]
fn a_flag_for_the_key_follows_from_the_tunnel_id() {
    // Open vSwitch knows that there is a tunnel id and prints it as a flag.
    assert_eq!(
        again(
            "tunnel(tun_id=0x5,src=1.1.1.1,flags(df|csum)),eth_type(0x0800)",
            false
        )
        .unwrap(),
        "tunnel(tun_id=0x5,src=1.1.1.1,flags(df|csum|key)),eth_type(0x0800)"
    );
}

#[test]
fn ports_of_a_connection_have_two_names() {
    assert_eq!(
        again("ct_tuple6(src_port=5,dst_port=6/0xff)", false).unwrap(),
        "ct_tuple6(tp_src=5,tp_dst=6/0xff)"
    );
}

#[test]
fn an_open_ethertype_is_told() {
    let key = parse("in_port(1),eth()", None).unwrap().key;
    let mask = parse("in_port(1),eth(),eth_type(0xffff)", None)
        .unwrap()
        .key;
    let mut out = String::new();
    format(&mut out, &key, &mask, None, false);
    assert_eq!(out, "in_port(1/0x1),eth(),eth_type(0/0xffff)");
}

#[test]
fn verbose_texts_tell_what_is_open() {
    assert_eq!(
        again(
            "in_port(3),eth(),eth_type(0x0800),ipv4(proto=6),ct_label(5/0)",
            true
        )
        .unwrap(),
        "in_port(3),eth(src=00:00:00:00:00:00/00:00:00:00:00:00,\
         dst=00:00:00:00:00:00/00:00:00:00:00:00),eth_type(0x0800),\
         ipv4(src=0.0.0.0/0.0.0.0,dst=0.0.0.0/0.0.0.0,proto=6,tos=0/0,ttl=0/0),ct_label(0x5/0)"
    );
}

#[test]
fn names_stand_for_ports() {
    let ports = Ports::from_iter([(1, "veth0"), (2, "br-int")]);
    let parsed = parse("in_port(br-int),eth()", Some(&ports)).unwrap();
    let mut out = String::new();
    format(&mut out, &parsed.key, &parsed.mask, Some(&ports), false);
    assert_eq!(out, "in_port(br-int),eth()");
    parse("in_port(br-ex),eth()", Some(&ports)).unwrap_err();
}

#[test]
fn errors_start_at_the_field() {
    let rest = |text| parse(text, None).unwrap_err().to_string();
    assert_eq!(rest("in_port(1),foo(3)"), "syntax error at foo(3)");
    assert_eq!(
        rest("in_port(1),eth(src=00:00:00:00:00:86"),
        "syntax error at eth(src=00:00:00:00:00:86"
    );
    assert_eq!(rest("vlan(vid=4096)"), "syntax error at vlan(vid=4096)");
    assert_eq!(
        rest("ipv6(label=0x100000)"),
        "syntax error at ipv6(label=0x100000)"
    );
    assert_eq!(rest("tcp(src=65536)"), "syntax error at tcp(src=65536)");
    assert_eq!(
        rest("tcp_flags(0x1002)"),
        "syntax error at tcp_flags(0x1002)"
    );
    for bad in ["key3(00 00)", "key32771(00 00)", "key65535(00)"] {
        assert_eq!(rest(bad), format!("syntax error at {bad}"));
    }
}

#[test]
fn wrong_lengths_are_told() {
    let mut bytes = [0; 64];
    let mut writer = Writer::new(&mut bytes);
    writer.put(key_attr::ETHERTYPE, &1_u32.to_be()).unwrap();
    let mut out = String::new();
    format(&mut out, writer.as_bytes(), &[], None, false);
    assert_eq!(out, "eth_type(bad key length 4, expected 2)(00 00 00 01)");
    out.clear();
    format(&mut out, &[], &[], None, false);
    assert_eq!(out, "<empty>");
    out.clear();
    format(&mut out, &[8, 0, 20, 0, 5, 0, 0, 0, 1], &[], None, false);
    assert_eq!(out, "recirc_id(0x5),***1 leftover bytes*** (01)");
}

#[test]
fn all_attributes_are_tried() {
    let mut runner = TestRunner::deterministic();
    let mut kinds = BTreeSet::new();
    let any = any::attr();
    // The kernel keeps one for itself.
    let known = (1..=key_attr::MAX).filter(|kind| *kind != key_attr::TUNNEL_INFO);
    let known = known.collect();
    for _ in 0..100_000 {
        if kinds == known {
            return;
        }
        kinds.insert(any.new_tree(&mut runner).unwrap().current().0);
    }
    assert_eq!(kinds, known);
}

proptest! {
    #[test]
    fn any_key_reads_back(attrs in prop::collection::vec(any::attr(), 1..8)) {
        let (key, mask) = any::put(&attrs);
        let mut text = String::new();
        format(&mut text, &key, &mask, None, true);
        let parsed = parse(&text, None).map_err(|e| TestCaseError::fail(format!("{e}: {text}")))?;
        prop_assert_eq!(&parsed.key, &key, "{}", text);
        prop_assert_eq!(&parsed.mask, &mask, "{}", text);
    }

    #[test]
    fn any_bytes_can_be_written(key in prop::collection::vec(any::<u8>(), 0..64),
                                mask in prop::collection::vec(any::<u8>(), 0..64),
                                verbose: bool) {
        let mut out = String::new();
        format(&mut out, &key, &mask, None, verbose);
        prop_assert!(!out.is_empty());
    }

    #[test]
    fn any_attributes_can_be_written(kind in 0_u16..36, key in prop::collection::vec(any::<u8>(), 0..48),
                                     mask in prop::collection::vec(any::<u8>(), 0..48),
                                     verbose: bool) {
        let put = |payload: &[u8]| {
            let mut bytes = vec![0; 64];
            let mut writer = Writer::new(&mut bytes);
            writer.put_bytes(kind, payload).unwrap();
            writer.as_bytes().to_vec()
        };
        let mut out = String::new();
        format(&mut out, &put(&key), &put(&mask), None, verbose);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[a-z_]{0,6}[(][-+a-z0-9=,/:.(){}]{0,24}[)]?") {
        let _ = parse(&text, None);
    }
}
