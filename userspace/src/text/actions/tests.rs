// SPDX-License-Identifier: GPL-2.0

//! Actions as text and back.

use super::{
    any,
    format,
    parse, //
};
use crate::text::Ports;
use odp::nlattr::{
    Attrs,
    Writer, //
};
use odp::uapi::{
    action_attr,
    key_attr, //
};
use proptest::prelude::{
    TestCaseError,
    any as anything,
    prop,
    prop_assert,
    prop_assert_eq,
    proptest, //
};
use proptest::strategy::{
    Strategy,
    ValueTree, //
};
use proptest::test_runner::TestRunner;
use std::collections::BTreeSet;

fn text(actions: &[u8]) -> String {
    let mut out = String::new();
    format(&mut out, actions, None);
    out
}

/// Texts as `ovs-dpctl dump-flows` prints them.
const SAME: &[&str] = &[
    "drop",
    "1",
    "trunc(100),2,3",
    "pop_vlan,push_vlan(vid=3,pcp=1),1",
    "push_vlan(tpid=0x88a8,vid=3,pcp=0),recirc(0x10)",
    "push_vlan(vid=3,pcp=1,cfi=0),1",
    "set(skb_priority(0x7)),set(skb_mark(0x1/0xf)),set(eth(dst=00:01:02:03:04:05)),2",
    "set(ipv4(src=1.1.1.1,ttl=3)),set(ipv6(hlimit=5)),set(tcp(src=80)),set(udp(src=80,dst=81))",
    "set(mpls(label=5,tc=1,ttl=9,bos=1)),pop_mpls(eth_type=0x800),2",
    "push_mpls(label=5,tc=0,ttl=64,bos=1,eth_type=0x8847),2",
    "add_mpls(label=5,tc=0,ttl=64,bos=1,eth_type=0x8848),2",
    "set(tunnel(tun_id=0x7,src=1.1.1.1,dst=2.2.2.2,tos=0,ttl=64,flags(df|csum|key))),2",
    "set(tunnel(tun_id=0x7,dst=2.2.2.2,ttl=64,geneve({class=0x102,type=0x80,len=4,0xa}),\
     flags(key)))",
    "set(tunnel(tun_id=0x7,ipv6_src=::1,ipv6_dst=::2,vxlan(gbp(id=3,flags=0x4)),flags(key)))",
    "sample(sample=33.3%,actions(2)),sample(sample=100.0%,actions(drop))",
    "clone(1,push_vlan(vid=4,pcp=0)),clone(drop),2",
    "check_pkt_len(size=1500,gt(userspace(pid=3)),le(2))",
    "hash(l4(5)),hash(sym_l4(0)),recirc(0x1)",
    "ct,2",
    "ct(commit,zone=5,mark=0x1/0xff,label=0x1/0x3,nat(src=10.0.0.1-10.0.0.9:1000-2000,random)),2",
    "ct(force_commit,helper=ftp,timeout=short,nat(dst=[fe80::1]-[fe80::9]:5,persistent,hash))",
    "ct(commit,nat(src=fe80::1)),ct(commit,nat(src)),ct(nat),ct_clear",
    "push_eth(src=00:00:00:00:00:01,dst=00:00:00:00:00:02),pop_eth",
    "push_nsh(flags=0,ttl=63,mdtype=1,np=3,spi=0x10,si=255,c1=0x1,c2=0x2,c3=0x3,c4=0x4),pop_nsh()",
    "push_nsh(flags=1,ttl=3,mdtype=2,np=1,spi=0x10,si=2,md2=0x0001020304050607)",
    "meter(3),psample(group=5,cookie=0x0011),psample(group=7)",
    "dec_ttl(le_1(userspace(pid=1))),2",
    "userspace(pid=5,userdata(00112233),actions,tunnel_out_port=2)",
    "userspace(pid=1,sFlow(vid=9,pcp=7,output=10)),userspace(pid=2,slow_path(cfm,action))",
    "userspace(pid=3,flow_sample(probability=123,collector_set_id=1234,obs_domain_id=2345,\
     obs_point_id=3456,output_port=10,egress)),userspace(pid=4,ipfix(output_port=10))",
    "userspace(pid=5,controller(reason=1,dont_send=0,continuation=1,recirc_id=4444,\
     rule_cookie=0x5555,controller_id=0,max_len=65535))",
];

#[test]
fn known_texts_read_back() {
    for known in SAME {
        let actions = parse(known, None).unwrap_or_else(|error| panic!("{known}: {error}"));
        assert_eq!(text(&actions), *known);
    }
}

#[test]
fn a_single_drop_is_no_action() {
    assert!(parse("drop", None).unwrap().is_empty());
    let actions = parse("1,drop", None).unwrap();
    assert_eq!(text(&actions), "1,drop");
    assert_eq!(actions, [8, 0, 1, 0, 1, 0, 0, 0, 8, 0, 24, 0, 0, 0, 0, 0]);
}

#[test]
fn a_full_mask_is_a_plain_set() {
    let kind = |text| parse(text, None).unwrap()[2];
    assert_eq!(kind("set(skb_mark(5))"), action_attr::SET as u8);
    assert_eq!(kind("set(skb_mark(5/1))"), action_attr::SET_MASKED as u8);
    assert_eq!(
        kind("set(eth(src=00:00:00:00:00:01))"),
        action_attr::SET_MASKED as u8
    );
    let all = "set(eth(src=00:00:00:00:00:01,dst=00:00:00:00:00:02))";
    assert_eq!(kind(all), action_attr::SET as u8);
}

#[test]
fn a_psample_is_marked_as_a_nest() {
    let actions = parse("psample(group=5)", None).unwrap();
    assert_eq!(actions[2..4], (action_attr::PSAMPLE | 0x8000).to_ne_bytes());
}

#[test]
fn a_header_that_is_pushed_is_that_of_a_key() {
    let actions = parse("push_nsh()", None).unwrap();
    assert_eq!(actions[2], action_attr::PUSH_NSH as u8);
    assert_eq!(actions[6], key_attr::NSH as u8);
}

#[test]
fn a_header_that_is_pushed_has_usual_values() {
    let again = |words| text(&parse(words, None).unwrap());
    assert_eq!(
        again("push_nsh()"),
        "push_nsh(flags=0,ttl=63,mdtype=1,np=3,spi=0x0,si=255,c1=0x0,c2=0x0,c3=0x0,c4=0x0)"
    );
    assert_eq!(
        again("push_nsh(mdtype=2,md2=0x0102030405)"),
        "push_nsh(flags=0,ttl=63,mdtype=2,np=3,spi=0x0,si=255,md2=0x0102030405000000)"
    );
}

#[test]
fn names_stand_for_ports() {
    let ports = Ports::from_iter([(1, "v0"), (2, "drop0")]);
    let actions = parse("v0,drop0,7", Some(&ports)).unwrap();
    assert_eq!(text(&actions), "1,2,7");
    let mut out = String::new();
    format(&mut out, &actions, Some(&ports));
    assert_eq!(out, "v0,drop0,7");
}

#[test]
fn nonsense_is_refused() {
    for text in [
        "foo",
        "1,foo(2)",
        "trunc(",
        "trunc(5",
        "set(foo)",
        "set(eth()",
        "sample(sample=101%,actions(1))",
        "ct(zone=65536)",
        "ct(commit,helper=\0ftp)",
        "ct(nat(src=1.2.3))",
        "hash(l5(0))",
        "clone(1",
        "push_vlan(vid=4096)",
        "userspace()",
        "check_pkt_len(size=5)",
        "psample(cookie=0011223344556677889900112233445566)",
    ] {
        parse(text, None).expect_err(text);
    }
    // Nesting without end must not overflow the stack.
    parse(&"clone(".repeat(100_000), None).unwrap_err();
}

#[test]
fn all_actions_are_tried() {
    let mut runner = TestRunner::deterministic();
    let mut kinds = BTreeSet::new();
    let any = any::action();
    let known = (1..=action_attr::MAX).collect();
    for _ in 0..100_000 {
        if kinds == known {
            return;
        }
        let action = any.new_tree(&mut runner).unwrap().current();
        kinds.extend(Attrs::new(&action).map(|attr| attr.kind()));
    }
    assert_eq!(kinds, known);
}

proptest! {
    #[test]
    fn any_actions_read_back(actions in prop::collection::vec(any::action(), 0..6)) {
        let actions = actions.concat();
        let text = text(&actions);
        let parsed = parse(&text, None).map_err(|e| TestCaseError::fail(format!("{e}: {text}")))?;
        prop_assert_eq!(&parsed, &actions, "{}", text);
    }

    #[test]
    fn any_bytes_can_be_written(actions in prop::collection::vec(anything::<u8>(), 0..64)) {
        prop_assert!(!text(&actions).is_empty());
    }

    #[test]
    fn any_attributes_can_be_written(kind in 0_u16..30, payload in prop::collection::vec(anything::<u8>(), 0..64)) {
        let mut bytes = vec![0; 80];
        let mut writer = Writer::new(&mut bytes);
        writer.put_bytes(kind, &payload).unwrap();
        prop_assert!(!text(writer.as_bytes()).is_empty());
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[a-z_]{0,6}[(]?[-+a-z0-9=,/:.%(){}]{0,24}[)]?") {
        let _ = parse(&text, None);
    }
}
