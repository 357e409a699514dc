// SPDX-License-Identifier: GPL-2.0

//! Text against the datapath's own codec: what is read from text and goes through the kernel's
//! parser and back prints as the text again.

use odp::flow_attrs::{
    KEY_ATTR_MAX_SIZE,
    Match,
    Support,
    parse_match,
    put_key, //
};
use odp::nlattr::{
    Attrs,
    Writer, //
};
use odp::uapi::flow_attr;
use openvswitch::text;

/// The attributes in one attribute.
fn nest(kind: u16, attrs: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; attrs.len() + 4];
    let mut writer = Writer::new(&mut bytes);
    writer.put_bytes(kind, attrs).unwrap();
    bytes
}

fn through_the_codec(line: &str) -> String {
    let parsed = text::key::parse(line, None).unwrap_or_else(|error| panic!("{line}: {error}"));
    let key = nest(flow_attr::KEY, &parsed.key);
    let mask = nest(flow_attr::MASK, &parsed.mask);
    let mut found = Match::ZERO;
    parse_match(
        &mut found,
        Attrs::new(&key).next().unwrap(),
        Attrs::new(&mask).next(),
        Support::ALL,
    )
    .unwrap_or_else(|error| panic!("{line}: {error}"));
    let masked = found.key.masked(&found.mask);
    let put = |output, is_mask| {
        let mut bytes = vec![0; 2 * KEY_ATTR_MAX_SIZE];
        let mut writer = Writer::new(&mut bytes);
        put_key(&mut writer, &masked, output, is_mask).unwrap();
        writer.as_bytes().to_vec()
    };
    let mut out = String::new();
    let (key, mask) = (put(&masked, false), put(&found.mask, true));
    text::key::format(&mut out, &key, &mask, None, false);
    out
}

/// Keys as ovs-dpctl prints them when the C module dumps these flows.
const KEYS: &[&str] = &[
    "recirc_id(0),in_port(1),eth(src=00:01:02:03:04:05,dst=10:11:12:13:14:15),eth_type(0x0800),\
     ipv4(src=35.8.2.41,dst=172.16.0.20,proto=5,tos=0x80,ttl=128,frag=no)",
    "in_port(1),ct_state(-new+trk),ct_zone(0x5),ct_mark(0x7/0xf),\
     ct_label(0x1122334455667788990011/0xffffffffffffffffffffff),eth(),eth_type(0x0800)",
    "in_port(1),eth(),eth_type(0x0800),ipv4(proto=1,frag=no),icmp(type=8,code=0)",
    "in_port(1),eth(),eth_type(0x0800),ipv4(proto=132,frag=no),sctp(src=1,dst=2)",
    "in_port(1),eth(),eth_type(0x0800),ipv4(proto=6,frag=no),tcp(src=1,dst=2),tcp_flags(+syn-ack)",
    "in_port(1),eth(),eth_type(0x0806),arp(sip=1.2.3.4,op=1/0xff,sha=00:0f:10:11:12:13)",
    "in_port(1),eth(),eth_type(0x8100),vlan(vid=99,pcp=7),encap(eth_type(0x0800),\
     ipv4(proto=17,frag=first),udp(src=5))",
    "in_port(2),eth(src=00:00:00:00:00:77),eth_type(0x88a8),vlan(vid=5,pcp=0),\
     encap(eth_type(0x8100),vlan(vid=7,pcp=1),encap(eth_type(0x1234)))",
    "in_port(1),eth(),eth_type(0x8847),mpls(label=100,tc=3,ttl=64,bos=1)",
    "in_port(1),eth(),eth_type(0x8847),mpls(label=100/0xfffff,tc=0/0,ttl=0/0x0,bos=0/1,\
     label=5/0xfffff,tc=0/0,ttl=0/0x0,bos=1/1)",
    "in_port(1),eth(),eth_type(0x894f),nsh(flags=0,mdtype=1,np=3,spi=0x123456,si=255,c1=0x1,\
     c2=0x2,c3=0x3,c4=0x4)",
    "recirc_id(0x5),dp_hash(0x1/0xf),skb_priority(0x3),in_port(2),skb_mark(0x5/0xff),\
     eth(src=02:00:00:00:00:00/02:00:00:00:00:00),eth_type(0x0800)",
    "in_port(1),eth(),eth_type(0x86dd),ipv6(src=::1,dst=fe80::/ffc0::,label=0x1,proto=58,\
     tclass=0x70,hlimit=128,frag=no),key32(00 00/00 00),icmpv6(type=135,code=0),\
     nd(target=::2,sll=00:01:02:03:04:05)",
    "tunnel(tun_id=0x5,src=1.1.1.1,dst=2.2.2.2,ttl=64,tp_src=1,tp_dst=2,flags(df|csum|key)),\
     in_port(1),eth(),eth_type(0x0800)",
];

#[test]
fn keys_come_back_as_the_c_module_dumps_them() {
    for key in KEYS {
        // What needs a network header has none of its fields matched here.
        let line = match key.ends_with("eth_type(0x0800)") {
            true => format!("{key},ipv4()"),
            false => (*key).to_owned(),
        };
        assert_eq!(through_the_codec(&line), *key);
    }
}
