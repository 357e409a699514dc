// SPDX-License-Identifier: GPL-2.0

//! Random texts: none brings a parser down, and what is read prints as a text that means the same.

#[expect(unreachable_pub)]
#[path = "../../rust/odp/tests/common/random.rs"]
mod random;

use odp::{
    flow_attrs::{
        Match,
        Support,
        parse_match, //
    },
    nlattr::{
        Attrs,
        Writer,
        total_size, //
    },
    uapi::flow_attr,
};
use openvswitch::{
    client::Ufid,
    text::{
        self,
        scan::Scanner, //
    },
};
use random::{
    Random,
    fuzz, //
};

/// Keys to start from.
const KEYS: &[&str] = &[
    "recirc_id(0x5),dp_hash(0x1/0xf),skb_priority(0x3),in_port(2),skb_mark(0x5/0xff),\
     eth(src=02:00:00:00:00:00/02:00:00:00:00:00,dst=10:11:12:13:14:15),eth_type(0x0800),\
     ipv4(src=35.8.2.41,dst=172.16.0.20/255.255.0.0,proto=6,tos=0x80/0x3,ttl=128,frag=no),\
     tcp(src=1,dst=80/0xfff0),tcp_flags(+syn-ack)",
    "in_port(1),eth(),eth_type(0x86dd),ipv6(src=::1,dst=fe80::/ffc0::,label=0x1,proto=58,\
     tclass=0x70,hlimit=128,frag=first),key32(00 00/00 00),icmpv6(type=135,code=0),\
     nd(target=::2,sll=00:01:02:03:04:05,tll=00:01:02:03:04:05/ff:00:00:00:00:00),nd_ext()",
    "in_port(1),eth(),eth_type(0x88a8),vlan(vid=99/0xff0,pcp=0,cfi=1),encap(eth_type(0x8100),\
     vlan(vid=7,pcp=3/0x3),encap(eth_type(0x0806),arp(sip=1.2.3.4,tip=4.3.2.1,op=1/0xff,\
     sha=00:0f:10:11:12:13,tha=00:0f:10:11:12:13)))",
    "in_port(1),eth(),eth_type(0x8847),mpls(label=100/0xfffff,tc=0/0,ttl=0/0x0,bos=0/1,\
     label=5/0xfffff,tc=0/0,ttl=0/0x0,bos=1/1)",
    "in_port(1),ct_state(-new+trk),ct_zone(0x5),ct_mark(0x7/0xf),ct_label(0x11223344/0xffffff),\
     ct_tuple4(src=1.2.3.4,dst=4.3.0.0/255.255.0.0,proto=6,tp_src=5,tp_dst=6),\
     ct_tuple6(src=::1,dst=fe80::,proto=17),eth(),eth_type(0x0800),ipv4(proto=17),udp(src=5)",
    "tunnel(tun_id=0x5,src=1.1.1.1,dst=2.2.2.2,tos=0,ttl=64,tp_src=1,tp_dst=2,\
     flags(df|csum|key)),eth_type(0x0800),sctp(src=5),icmp(type=8,code=0)",
    "tunnel(tun_id=0x5/0xff,ipv6_src=::1,ipv6_dst=fe80::/ffff::,flags(+df+key),\
     geneve({class=0x102,type=0x80,len=4,0xa/0xff}{class=0xffff,type=0x1,len=8,\
     0x1122334455667788}{class=0x1,type=0x2,len=0})),eth_type(0x0800)",
    "tunnel(tun_id=0x5,vxlan(gbp(id=10,flags=0x8)),flags(+key)),packet_type(ns=1,id=0x800)",
    "tunnel(erspan(ver=1,idx=0x7/0xffffffff)),tunnel(erspan(ver=2,dir=1/0x1,hwid=0x5/0x3f))",
    "eth_type(0x894f),nsh(flags=0,mdtype=1,np=3,spi=0x123456,si=255,c1=0x1,c2=2,c3=3/3,c4=0x4)",
];

/// Actions to start from.
const ACTIONS: &[&str] = &[
    "trunc(100),2,3,pop_vlan,push_vlan(tpid=0x88a8,vid=3,pcp=1,cfi=1),recirc(0x10),drop",
    "set(skb_priority(0x7)),set(skb_mark(0x1/0xf)),set(eth(dst=00:01:02:03:04:05)),\
     set(ipv4(src=1.1.1.1,ttl=3)),set(ipv6(hlimit=5)),set(tcp(src=80)),set(udp(src=80,dst=81)),2",
    "set(mpls(label=5,tc=1,ttl=9,bos=1)),pop_mpls(eth_type=0x800),\
     push_mpls(label=5,tc=0,ttl=64,bos=1,eth_type=0x8847),\
     add_mpls(label=5,tc=0,ttl=64,bos=1,eth_type=0x8848),2",
    "set(tunnel(tun_id=0x7,src=1.1.1.1,dst=2.2.2.2,tos=0,ttl=64,\
     geneve({class=0x102,type=0x80,len=4,0xa}),flags(df|csum|key))),2",
    "set(tunnel(tun_id=0x7,ipv6_src=::1,ipv6_dst=::2,vxlan(gbp(id=3,flags=0x4)),flags(key)))",
    "sample(sample=33.3%,actions(2)),clone(1,push_vlan(vid=4,pcp=0),clone(drop)),\
     check_pkt_len(size=1500,gt(userspace(pid=3)),le(2)),dec_ttl(le_1(userspace(pid=1)))",
    "hash(l4(5)),hash(sym_l4(0)),meter(3),psample(group=5,cookie=0x0011),psample(group=7)",
    "ct(commit,zone=5,mark=0x1/0xff,label=0x1/0x3,helper=ftp,timeout=short,\
     nat(src=10.0.0.1-10.0.0.9:1000-2000,random)),ct,ct_clear",
    "ct(force_commit,nat(dst=[fe80::1]-[fe80::9]:5,persistent,hash)),ct(nat),ct(commit,nat(src))",
    "push_eth(src=00:00:00:00:00:01,dst=00:00:00:00:00:02),pop_eth,pop_nsh(),\
     push_nsh(flags=0,ttl=63,mdtype=1,np=3,spi=0x10,si=255,c1=0x1,c2=0x2,c3=0x3,c4=0x4),\
     push_nsh(flags=0,ttl=63,mdtype=2,np=3,spi=0x10,si=255,md2=0x00010203)",
    "userspace(pid=5,userdata(00112233),actions,tunnel_out_port=2),\
     userspace(pid=1,sFlow(vid=9,pcp=7,output=10)),userspace(pid=2,slow_path(cfm,action))",
    "userspace(pid=3,flow_sample(probability=123,collector_set_id=1234,obs_domain_id=2345,\
     obs_point_id=3456,output_port=10,egress)),userspace(pid=4,ipfix(output_port=10)),\
     userspace(pid=5,controller(reason=1,dont_send=0,continuation=1,recirc_id=4444,\
     rule_cookie=0x5555,controller_id=0,max_len=65535))",
];

/// Pieces that parsers look for, and numbers at the edges.
const PIECES: &[&str] = &[
    "(",
    ")",
    ",",
    "/",
    "=",
    "+",
    "-",
    "|",
    ":",
    "[",
    "]",
    "{",
    "}",
    ".",
    "%",
    "#",
    " ",
    "\t",
    "0",
    "1",
    "7",
    "8",
    "15",
    "16",
    "255",
    "256",
    "4095",
    "4096",
    "65535",
    "65536",
    "0x",
    "0xffff",
    "0x10000",
    "4294967295",
    "4294967296",
    "18446744073709551616",
    "00",
    "08",
    "-1",
    "1e9",
    "é",
    "\0",
    "drop",
    "actions",
    "ufid:",
    "12345678-9abc-def0-1122-334455667788",
    "::",
    "1.2.3.4",
    "00:01:02:03:04:05",
    "fe80::1.2.3.4",
    "0/0",
    "/0xffffffff",
    "()",
];

/// The text with a random change.
fn mutate(random: &mut Random, text: &mut String, corpus: &[&str]) {
    let piece = *random.choice::<&str>(PIECES);
    let ends: Vec<usize> = (0..=text.len())
        .filter(|at| text.is_char_boundary(*at))
        .collect();
    let mut at = || *random.choice(&ends);
    let (from, to) = (at(), at());
    let (from, to) = (from.min(to), from.max(to));
    // Most cuts are short.
    let near = ends.iter().copied().find(|end| *end > from).unwrap_or(from);
    match random.below(8) {
        0 => text.replace_range(from..near, ""),
        1 => text.replace_range(from..near, piece),
        2 | 3 => text.insert_str(from, piece),
        4 => text.replace_range(from..to, ""),
        5 => {
            let piece = text[from..to].to_owned();
            text.insert_str(*random.choice(&ends), &piece);
        }
        6 => {
            // A part of another text, from one separator to the next.
            let other = random
                .choice::<&str>(corpus)
                .split_inclusive([',', '(', ')', '=']);
            let parts: Vec<&str> = other.collect();
            let first = random.below(parts.len());
            let last = (first + 1 + random.below(4)).min(parts.len());
            text.insert_str(from, &parts[first..last].concat());
        }
        _ => {
            let digit = char::from(b'0' + random.below(10) as u8);
            text.replace_range(from..near, digit.encode_utf8(&mut [0; 4]));
        }
    }
}

fn random_text(random: &mut Random, corpus: &[&str]) -> String {
    let mut text = (*random.choice(corpus)).to_owned();
    for _ in 0..random.below(6) {
        mutate(random, &mut text, corpus);
    }
    text
}

/// What the datapath makes of a key, if anything.
fn core_parses(key: &[u8], mask: &[u8]) {
    let nest = |kind, attrs: &[u8]| {
        let mut bytes = vec![0; total_size(attrs.len())];
        Writer::new(&mut bytes).put_bytes(kind, attrs).unwrap();
        bytes
    };
    let (key, mask) = (nest(flow_attr::KEY, key), nest(flow_attr::MASK, mask));
    let key = Attrs::new(&key).next().unwrap();
    let _ = parse_match(
        &mut Match::ZERO.clone(),
        key,
        Attrs::new(&mask).next(),
        Support::ALL,
    );
}

#[test]
fn random_keys() {
    fuzz(20_000, |seed| {
        let mut random = Random::new(seed);
        let text = random_text(&mut random, KEYS);
        let Ok(parsed) = text::key::parse(&text, None) else {
            return;
        };
        core_parses(&parsed.key, &parsed.mask);
        let print = |parsed: &text::key::ParsedKey| {
            let mut out = String::new();
            text::key::format(&mut out, &parsed.key, &parsed.mask, None, true);
            out
        };
        let first = print(&parsed);
        if first == "<empty>" {
            return;
        }
        let again = text::key::parse(&first, None)
            .unwrap_or_else(|error| panic!("{text:?} prints as {first:?}: {error}"));
        assert_eq!(first, print(&again), "from {text:?}");
    });
}

#[test]
fn random_actions() {
    fuzz(20_000, |seed| {
        let mut random = Random::new(seed);
        let text = random_text(&mut random, ACTIONS);
        let Ok(parsed) = text::actions::parse(&text, None) else {
            return;
        };
        let print = |actions: &[u8]| {
            let mut out = String::new();
            text::actions::format(&mut out, actions, None);
            out
        };
        let first = print(&parsed);
        let again = text::actions::parse(&first, None)
            .unwrap_or_else(|error| panic!("{text:?} prints as {first:?}: {error}"));
        assert_eq!(first, print(&again), "from {text:?}");
    });
}

#[test]
fn random_ids() {
    let ids = &["ufid:12345678-9abc-def0-1122-334455667788,eth()"];
    fuzz(20_000, |seed| {
        let mut random = Random::new(seed);
        let text = random_text(&mut random, ids);
        let mut scanner = Scanner::new(&text);
        if let Ok(Some(id)) = text::ufid::parse(&mut scanner) {
            let read = &text[..text.len() - scanner.rest().len()];
            assert_eq!(format!("ufid:{id}"), read.to_lowercase());
            assert_eq!(Ufid::from_words(id.words()), id);
        }
    });
}

/// What the kernel sends is printed, whatever it is.
#[test]
fn random_attributes() {
    let keys: Vec<_> = KEYS
        .iter()
        .map(|key| text::key::parse(key, None).unwrap())
        .collect();
    let actions = ACTIONS
        .iter()
        .map(|actions| text::actions::parse(actions, None).unwrap());
    let actions: Vec<_> = actions.collect();
    fuzz(20_000, |seed| {
        let mut random = Random::new(seed);
        let text::key::ParsedKey { key, mask, .. } = random.choice(&keys);
        let (mut key, mut mask) = (key.clone(), mask.clone());
        let mut actions = random.choice(&actions).clone();
        for bytes in [&mut key, &mut mask, &mut actions] {
            for _ in 0..random.below(5) {
                random.mutate(bytes);
            }
        }
        let mut out = String::new();
        text::key::format(&mut out, &key, &mask, None, seed % 2 == 0);
        let _ = text::key::parse(&out, None);
        out.clear();
        text::actions::format(&mut out, &actions, None);
        let _ = text::actions::parse(&out, None);
    });
}
