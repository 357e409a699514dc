// SPDX-License-Identifier: GPL-2.0

//! Messages captured from the C module of Linux 7.2, and the requests that it took.

use odp::uapi::{
    dp_cmd,
    flow_cmd,
    user_features,
    vport_cmd,
    vport_type, //
};
use openvswitch::client::{
    Datapath,
    DatapathChange,
    DatapathId,
    Execute,
    Families,
    Family,
    Flow,
    FlowId,
    FlowPut,
    NewVport,
    Reply,
    Request,
    Upcall,
    UpcallKind,
    Vport,
    VportId,
    datapath, //
};
use openvswitch::text;
use proptest::prelude::*;

fn bytes(hex: &str) -> Vec<u8> {
    let digits: String = hex.split_ascii_whitespace().collect();
    let pair = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(pair).collect()
}

/// The numbers the families had when the messages were captured.
fn families() -> Families {
    let family = |id| Family { id, group: 0 };
    Families {
        datapath: family(0x25),
        vport: family(0x26),
        flow: family(0x27),
        packet: family(0x28),
        meter: None,
        ct_limit: None,
    }
}

/// Compares a request with captured bytes, but for what is set when it is sent: the flags ACK and
/// DUMP, and the sequence number.
fn assert_sent(request: &Request, captured: &str) {
    let mut captured = bytes(captured);
    captured[6] &= !4;
    captured[7] &= !3;
    captured[8..12].fill(0);
    assert_eq!(request.as_bytes(), captured);
}

#[test]
fn a_datapath_is_asked_for_and_told() {
    let id = DatapathId::Name("dp0");
    let none = DatapathChange::default();
    assert_sent(
        &datapath::request(&families(), dp_cmd::GET, id, &none).unwrap(),
        "20000000 25000500 ac9caf16 00000000 03020000 00000000 08000100 64703000",
    );
    let reply = bytes(
        "78000000 25000000 97ad4f39 a9000000 03020000 05000000 08000100 64703000
         24000300 00000000 00000000 06000000 00000000 06000000 00000000 01000000
         00000000 24000400 01000000 00000000 01000000 00000000 00000000 00000000
         00000000 00000000 08000500 09000000 08000700 00010000",
    );
    let dp = Datapath::parse(Reply::from_message(&reply).unwrap()).unwrap();
    assert_eq!(dp.ifindex, 5);
    assert_eq!(dp.name, "dp0");
    let stats = (dp.stats.n_hit, dp.stats.n_missed, dp.stats.n_lost);
    assert_eq!((stats, dp.stats.n_flows), ((0, 6, 6), 1));
    let mega = dp.megaflow_stats.unwrap();
    assert_eq!((mega.n_mask_hit, mega.n_masks, mega.n_cache_hit), (1, 1, 0));
    assert_eq!(
        dp.user_features,
        user_features::UNALIGNED | user_features::DISPATCH_UPCALL_PER_CPU
    );
    assert_eq!(dp.masks_cache_size, Some(256));
}

#[test]
fn a_datapath_is_changed() {
    let change = DatapathChange {
        user_features: Some(9),
        masks_cache_size: Some(131_072),
        ..DatapathChange::default()
    };
    let request = datapath::request(&families(), dp_cmd::SET, DatapathId::Index(5), &change);
    let mut sent = request.unwrap().as_bytes().to_vec();
    // The client wants the change echoed.
    sent[6] |= 8;
    let captured = bytes(
        "28000000 25000900 00000000 00000000 04020000 05000000 08000500 09000000
         08000700 00000200",
    );
    assert_eq!(sent, captured);
}

#[test]
fn a_port_is_made_and_told() {
    let port = NewVport {
        name: "v0",
        kind: vport_type::NETDEV,
        port_no: None,
        upcall_pids: &[0],
        ifindex: None,
        options: None,
    };
    assert_sent(
        &families().new_vport(5, &port).unwrap(),
        "30000000 26000d00 ad9caf16 00000000 01010000 05000000 07000300 76300000
         08000200 01000000 08000500 00000000",
    );
    let reply = bytes(
        "a0000000 26000200 26bae07c a5000000 03010000 05000000 08000100 07000000
         08000200 02000000 07000300 69300000 08000800 06000000 44000600 00000000
         00000000 06000000 00000000 00000000 00000000 04020000 00000000 00000000
         00000000 00000000 00000000 00000000 00000000 00000000 00000000 1c000a00
         0c000000 00000000 00000000 0c000100 00000000 00000000 08000500 00000000",
    );
    let port = Vport::parse(Reply::from_message(&reply).unwrap()).unwrap();
    assert_eq!(port.command, vport_cmd::GET);
    assert_eq!((port.dp_ifindex, port.port_no), (5, 7));
    assert_eq!(
        (port.kind, port.name.as_str()),
        (vport_type::INTERNAL, "i0")
    );
    assert_eq!((port.ifindex, port.netnsid), (Some(6), None));
    assert_eq!(port.upcall_pids, [0]);
    let stats = port.stats.unwrap();
    assert_eq!((stats.tx_packets, stats.tx_bytes), (6, 516));
    assert_eq!(port.upcall_stats.unwrap().success, 0);
}

const KEY: &str = "ufid:00112233-4455-6677-8899-aabbccddeeff,recirc_id(0),in_port(1),eth(),\
                   eth_type(0x0806),arp(op=1)";

#[test]
fn a_flow_is_made() {
    let key = text::key::parse(KEY, None).unwrap();
    let actions = text::actions::parse("userspace(pid=7),2", None).unwrap();
    let put = FlowPut {
        id: FlowId {
            ufid: key.ufid,
            key: Some(&key.key),
        },
        mask: Some(&key.mask),
        actions: Some(&actions),
        create: true,
        ..FlowPut::default()
    };
    assert_sent(
        &families().new_flow(5, &put).unwrap(),
        "d4000000 27000504 27bae07c 00000000 01010000 05000000 14000900 33221100
         77665544 bbaa9988 ffeeddcc 48000100 08001400 00000000 08000300 01000000
         10000400 00000000 00000000 00000000 06000600 08060000 1c000d00 00000000
         00000000 00010000 00000000 00000000 00000000 48000700 08001400 ffffffff
         08000300 ffffffff 10000400 00000000 00000000 00000000 06000600 ffff0000
         1c000d00 00000000 00000000 ffff0000 00000000 00000000 00000000 18000200
         0c000200 08000100 07000000 08000100 02000000",
    );
    assert_sent(
        &families().dump_flows(5, 0).unwrap(),
        "18000000 27000103 99ad4f39 00000000 03010000 05000000",
    );
}

#[test]
fn a_flow_is_told() {
    let reply = bytes(
        "68010000 27000200 99ad4f39 a9000000 03010000 05000000 14000900 33221100
         77665544 bbaa9988 ffeeddcc 8c000100 08001400 00000000 08001300 00000000
         08000200 00000000 08000300 01000000 08000f00 00000000 08001600 00000000
         06001700 00000000 08001800 00000000 14001900 00000000 00000000 00000000
         00000000 10000400 00000000 00000000 00000000 06000600 08060000 1c000d00
         00000000 00000000 00010000 00000000 00000000 00000000 98000700 08001400
         ffffffff 08001300 00000000 08000200 00000000 0c001000 05000400 00000000
         08000300 ffffffff 08000f00 00000000 08001600 00000000 06001700 00000000
         08001800 00000000 14001900 00000000 00000000 00000000 00000000 10000400
         00000000 00000000 00000000 06000600 ffff0000 1c000d00 00000000 00000000
         00ff0000 00000000 00000000 00000000 18000200 0c000200 08000100 07000000
         08000100 02000000",
    );
    let flow = Flow::parse(Reply::from_message(&reply).unwrap()).unwrap();
    assert_eq!((flow.command, flow.dp_ifindex), (flow_cmd::GET, 5));
    let ufid = flow.ufid.unwrap().to_string();
    assert_eq!(ufid, "00112233-4455-6677-8899-aabbccddeeff");
    assert_eq!(
        (flow.used, flow.stats.n_packets, flow.tcp_flags),
        (None, 0, 0)
    );
    let mut line = String::new();
    text::key::format(&mut line, &flow.key, &flow.mask, None, false);
    line.push(' ');
    text::actions::format(&mut line, &flow.actions.unwrap(), None);
    assert_eq!(
        line,
        "recirc_id(0),in_port(1),eth(),eth_type(0x0806),arp(op=1/0xff) userspace(pid=7),2"
    );
}

#[test]
fn a_terse_flow_has_its_statistics_alone() {
    let reply = bytes(
        "4c000000 27000200 5e79cc2e ef476cc3 03010000 04000000 14000900 a67ca9ff
         8e2ea4a4 9eb8af56 0c625d58 0c000500 c1310000 00000000 14000300 01000000
         00000000 2a000000 00000000",
    );
    let flow = Flow::parse(Reply::from_message(&reply).unwrap()).unwrap();
    assert_eq!(flow.used, Some(0x31c1));
    assert_eq!((flow.stats.n_packets, flow.stats.n_bytes), (1, 42));
    assert!(flow.key.is_empty() && flow.mask.is_empty() && flow.actions.is_none());
}

#[test]
fn a_packet_comes_up_and_goes_back() {
    let message = bytes(
        "de000000 28000000 00000000 00000000 01010000 04000000 8c000200 08001400
         00000000 08001300 00000000 08000200 00000000 08000300 01000000 08000f00
         00000000 08001600 00000000 06001700 00000000 08001800 00000000 14001900
         00000000 00000000 00000000 00000000 10000400 aab0dd87 dd89ffff ffffffff
         06000600 08060000 1c000d00 0a000001 0a000002 0001aab0 dd87dd89 00000000
         00000000 0c000b00 f7a39798 01000000 2e000100 ffffffff ffffaab0 dd87dd89
         08060001 08000604 0001aab0 dd87dd89 0a000001 00000000 00000a00 0002",
    );
    let upcall = Upcall::parse(Reply::from_message(&message).unwrap()).unwrap();
    assert_eq!((upcall.kind, upcall.dp_ifindex), (UpcallKind::Miss, 4));
    assert_eq!(upcall.packet.len(), 42);
    assert_eq!(upcall.hash, Some(0x1_9897_a3f7));
    assert_eq!(
        (upcall.userdata, upcall.mru, upcall.len),
        (None, None, None)
    );
    let mut key = String::new();
    text::key::format(&mut key, upcall.key, &[], None, false);
    assert_eq!(
        key,
        "recirc_id(0),dp_hash(0),skb_priority(0),in_port(1),skb_mark(0),ct_state(0),ct_zone(0),\
         ct_mark(0),ct_label(),eth(src=aa:b0:dd:87:dd:89,dst=ff:ff:ff:ff:ff:ff),eth_type(0x0806),\
         arp(sip=10.0.0.1,tip=10.0.0.2,op=1,sha=aa:b0:dd:87:dd:89,tha=00:00:00:00:00:00)"
    );

    let execute = Execute {
        packet: upcall.packet,
        key: upcall.key,
        actions: &text::actions::parse("2", None).unwrap(),
        hash: upcall.hash,
        ..Execute::default()
    };
    let request = families().execute(4, &execute).unwrap();
    let reply = Reply::from_message(request.as_bytes()).unwrap();
    let attrs: Vec<_> = reply
        .attrs()
        .map(|attr| (attr.kind(), attr.payload().len()))
        .collect();
    assert_eq!(attrs, [(1, 42), (2, 136), (3, 8), (11, 8)]);
}

#[test]
fn long_requests_get_the_room_they_need() {
    let packet = vec![0x55; 60_000];
    let execute = Execute {
        packet: &packet,
        ..Execute::default()
    };
    let request = families().execute(4, &execute).unwrap();
    assert_eq!(request.as_bytes().len(), 24 + 4 + 60_000 + 4 + 4);
    let too_long = vec![0; 65_532];
    let execute = Execute {
        packet: &too_long,
        ..Execute::default()
    };
    let error = families().execute(4, &execute).unwrap_err();
    assert_eq!(error.to_string(), "netlink request too long");
}

#[test]
fn ports_are_looked_up_by_name_or_number() {
    let by = |id| families().get_vport(0, id).unwrap().as_bytes()[24..].to_vec();
    assert_eq!(by(VportId::Name("v0")), bytes("07000300 76300000"));
    assert_eq!(by(VportId::Number(7)), bytes("08000100 07000000"));
}

proptest! {
    #[test]
    fn no_message_makes_a_reader_panic(message in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(reply) = Reply::from_message(&message) {
            let _ = Datapath::parse(reply);
            let _ = Vport::parse(reply);
            let _ = Flow::parse(reply);
            let _ = Upcall::parse(reply);
        }
    }

    #[test]
    fn no_attributes_make_a_reader_panic(attrs in prop::collection::vec(
            (0_u16..14, prop::collection::vec(any::<u8>(), 0..40)), 0..6)) {
        let request = Request::new(7, netlink_packet_generic::GenlHeader { cmd: 1, version: 1 },
            0, 3, |w| attrs.iter().try_for_each(|(kind, payload)| w.put_bytes(*kind, payload)));
        let request = request.unwrap();
        let reply = Reply::from_message(request.as_bytes()).unwrap();
        let _ = Datapath::parse(reply);
        let _ = Vport::parse(reply);
        let _ = Flow::parse(reply);
        let _ = Upcall::parse(reply);
    }
}
