// SPDX-License-Identifier: GPL-2.0

use super::{
    super::{
        actions::Builder,
        engine::Config,
        policy::{
            Installed,
            Port,
            Verdict, //
        },
        ports::Dispatch,
    },
    *,
};
use crate::{
    client::{
        Datapath,
        Families,
        Family, //
    },
    cookie, //
};
use netlink_packet_generic::GenlHeader;
use odp::{
    flow_attrs,
    key::{
        Be16,
        mac_proto, //
    },
    nlattr::{
        NoRoom,
        Writer, //
    },
    uapi::{
        flow_cmd,
        packet_attr,
        packet_cmd, //
    },
};
use std::sync::Mutex;

const DATAPATH: i32 = 17;
const PACKET: [u8; 14] = [3; 14];
/// The netlink port of the handler.
const PID: u32 = 4711;

/// Floods what is missed, and answers what flows ask about.
#[derive(Default)]
struct Answers {
    missed: Mutex<Vec<(Key, Vec<u8>)>>,
}

impl Policy for Answers {
    fn decide(&self, miss: &Miss<'_>) -> Decision {
        let mut missed = self.missed.lock().unwrap();
        missed.push((*miss.key, miss.packet.to_vec()));
        Decision {
            actions: Builder::new().output(9).build(),
            mask: Some(EXACT),
        }
    }

    fn asked(&self, packet: &Asked<'_>) -> Actions {
        assert_eq!(packet.packet, PACKET);
        assert_eq!(packet.key.in_port, 5);
        assert_eq!(packet.actions, Some(&[1][..]));
        assert_eq!(packet.egress_tunnel, Some(&[2][..]));
        let port = match packet.class {
            Some(_) => 7,
            None => u32::try_from(packet.userdata.len()).unwrap(),
        };
        Builder::new().output(port).build()
    }

    fn revalidate(&self, _flow: &Installed<'_>, _now: Millis) -> Verdict {
        Verdict::Keep
    }

    fn generation(&self) -> u64 {
        0
    }

    fn port_added(&self, _port: &Port) {}

    fn port_removed(&self, _number: u32) {}
}

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

/// An engine without threads, whose port 5 is known.
fn engine(policy: Arc<Answers>, config: &Config) -> Shared {
    let datapath = Datapath {
        ifindex: DATAPATH,
        name: "dp0".into(),
        ..Datapath::default()
    };
    let dispatch = Dispatch::PerCpu;
    let shared = Shared::new(&datapath, &families(), policy, dispatch, &[PID], config).unwrap();
    let port = Port {
        number: 5,
        name: "p5".into(),
    };
    assert!(shared.ports.add(&*shared.policy, &port));
    shared
}

fn ethernet() -> Key {
    Key {
        in_port: 5,
        mac_proto: mac_proto::ETHERNET,
        eth_type: Be16::new(0x88b5),
        ..Key::ZERO
    }
}

/// The attributes that the datapath sends for a key.
fn key_attrs(key: &Key) -> Vec<u8> {
    let mut room = [0; 1024];
    let mut writer = Writer::new(&mut room);
    flow_attrs::put_key(&mut writer, key, key, false).unwrap();
    writer.as_bytes().to_vec()
}

/// An upcall as it is received.
fn upcall(
    datapath: i32,
    command: u8,
    attrs: impl Fn(&mut Writer<'_>) -> Result<(), NoRoom>,
) -> Request {
    let header = GenlHeader {
        cmd: command,
        version: 1,
    };
    Request::new(families().packet.id, header, 0, datapath, attrs).unwrap()
}

fn miss(key: &Key) -> Request {
    let key = key_attrs(key);
    upcall(DATAPATH, packet_cmd::MISS, |w| {
        w.put_bytes(packet_attr::PACKET, &PACKET)?;
        w.put_bytes(packet_attr::KEY, &key)?;
        w.put(packet_attr::MRU, &1400_u16)?;
        w.put(packet_attr::HASH, &0x1_2345_6789_u64)
    })
}

/// What is done with upcalls that are received together.
fn answers(shared: &Shared, upcalls: &[Request]) -> Batch {
    let mut client = Client::with_families(families()).unwrap();
    let mut batch = Batch::default();
    for upcall in upcalls {
        let message = Reply::from_message(upcall.as_bytes());
        take(shared, &mut client, PID, message, &mut batch).unwrap();
    }
    batch
}

/// The family, command and attributes of a request.
fn request(request: &Request) -> (u16, u8, Vec<(u16, Vec<u8>)>) {
    let told = Reply::from_message(request.as_bytes()).unwrap();
    assert_eq!(told.dp_ifindex, DATAPATH);
    let attrs = told
        .attrs()
        .map(|attr| (attr.kind(), attr.payload().to_vec()));
    (told.family, told.command, attrs.collect())
}

#[test]
fn upcalls_of_other_datapaths_are_passed_over() {
    let policy = Arc::new(Answers::default());
    let shared = engine(policy.clone(), &Config::default());
    let key = key_attrs(&ethernet());
    let foreign = upcall(DATAPATH + 1, packet_cmd::MISS, |w| {
        w.put_bytes(packet_attr::PACKET, &PACKET)?;
        w.put_bytes(packet_attr::KEY, &key)
    });
    assert!(answers(&shared, &[foreign]).requests.is_empty());
    assert!(policy.missed.lock().unwrap().is_empty());
    let counts = shared.counters.read();
    assert_eq!((counts.upcalls, counts.misses, counts.bad), (1, 0, 0));
}

#[test]
fn upcalls_without_packet_or_key_are_bad() {
    let shared = engine(Arc::default(), &Config::default());
    let key = key_attrs(&ethernet());
    let upcalls = [
        upcall(DATAPATH, packet_cmd::MISS, |w| {
            w.put_bytes(packet_attr::KEY, &key)
        }),
        upcall(DATAPATH, packet_cmd::MISS, |w| {
            w.put_bytes(packet_attr::PACKET, &PACKET)
        }),
        upcall(DATAPATH, packet_cmd::EXECUTE, |w| {
            w.put_bytes(packet_attr::PACKET, &PACKET)?;
            w.put_bytes(packet_attr::KEY, &key)
        }),
    ];
    assert!(answers(&shared, &upcalls).requests.is_empty());
    let counts = shared.counters.read();
    assert_eq!((counts.upcalls, counts.misses, counts.bad), (3, 0, 3));
}

#[test]
fn a_key_without_ethernet_is_of_a_packet_without() {
    let policy = Arc::new(Answers::default());
    let shared = engine(policy.clone(), &Config::default());
    let key = Key {
        in_port: 5,
        mac_proto: mac_proto::NONE,
        eth_type: Be16::new(0x0800),
        ip_proto: 89,
        ..Key::ZERO
    };
    assert_eq!(answers(&shared, &[miss(&key)]).requests.len(), 2);
    assert_eq!(*policy.missed.lock().unwrap(), [(key, PACKET.to_vec())]);
}

#[test]
fn flows_and_packets_go_down_together_in_order() {
    let shared = engine(Arc::default(), &Config::default());
    let keys = [1, 2, 1].map(|mark| Key {
        skb_mark: mark,
        ..ethernet()
    });
    let batch = answers(&shared, &keys.map(|key| miss(&key)));
    // The third is of the first's flow.
    let kinds = batch
        .orders
        .iter()
        .map(|order| matches!(order, Order::Put(_)));
    assert_eq!(kinds.collect::<Vec<_>>(), [true, false, true, false, false]);
    let requests: Vec<_> = batch.requests.iter().map(request).collect();
    let (families, put, execute) = (families(), flow_cmd::NEW, packet_cmd::EXECUTE);
    let commands: Vec<_> = requests
        .iter()
        .map(|(f, command, _)| (*f, *command))
        .collect();
    let (put, execute) = ((families.flow.id, put), (families.packet.id, execute));
    assert_eq!(commands, [put, execute, put, execute, execute]);
    // The packet goes as it came.
    let (_, _, attrs) = &requests[1];
    for (kind, wanted) in [
        (packet_attr::PACKET, PACKET.to_vec()),
        (packet_attr::KEY, key_attrs(&keys[0])),
        (packet_attr::MRU, 1400_u16.to_ne_bytes().to_vec()),
        (packet_attr::HASH, 0x1_2345_6789_u64.to_ne_bytes().to_vec()),
        (packet_attr::UPCALL_PID, PID.to_ne_bytes().to_vec()),
    ] {
        assert!(attrs.contains(&(kind, wanted)), "attribute {kind}");
    }
    assert_eq!(shared.flows.len(), 2);
}

#[test]
fn a_flow_that_is_there_already_is_not_ours() {
    let shared = engine(Arc::default(), &Config::default());
    let existed = || Err(KernelError::new(Errno::EXIST.raw_os_error()));
    let put = |key: Key| {
        let mut batch = answers(&shared, &[miss(&key)]);
        match batch.orders.swap_remove(0) {
            Order::Put(flow) => flow,
            Order::Execute => panic!("no flow"),
        }
    };
    let new = put(ethernet());
    finish_put(&shared, &new, existed());
    assert_eq!((new.phase(), shared.flows.len()), (Phase::Gone, 0));
    // One that was put before, and once more, stays.
    let again = put(ethernet());
    finish_put(&shared, &again, Ok(()));
    finish_put(&shared, &again, existed());
    assert_eq!((again.phase(), shared.flows.len()), (Phase::Operational, 1));
    let counts = shared.counters.read();
    assert_eq!(
        (counts.installed, counts.existed, counts.refused),
        (1, 2, 0)
    );
    // Whatever else is wrong is told of.
    let refused = put(Key {
        skb_mark: 1,
        ..ethernet()
    });
    let invalid = KernelError::new(Errno::INVAL.raw_os_error());
    finish_put(&shared, &refused, Err(invalid));
    assert_eq!((refused.phase(), shared.flows.len()), (Phase::Gone, 1));
    assert_eq!(shared.counters.read().refused, 1);
}

#[test]
fn flows_are_counted_as_they_are_put() {
    let config = Config {
        flow_limit: 3,
        ..Config::default()
    };
    let shared = engine(Arc::default(), &config);
    let misses: Vec<_> = (0..5)
        .map(|mark| {
            miss(&Key {
                skb_mark: mark,
                ..ethernet()
            })
        })
        .collect();
    let orders = answers(&shared, &misses).orders;
    // Not one more, and all packets.
    let puts = orders.iter().filter(|order| matches!(order, Order::Put(_)));
    assert_eq!((puts.count(), orders.len()), (3, 8));
    assert_eq!(shared.counters.read().over_limit, 2);
}

#[test]
fn what_flows_ask_about_is_answered_by_the_policy() {
    let shared = engine(Arc::default(), &Config::default());
    let key = key_attrs(&ethernet());
    let ask = |userdata: Option<&[u8]>| {
        let upcall = upcall(DATAPATH, packet_cmd::ACTION, |w| {
            w.put_bytes(packet_attr::PACKET, &PACKET)?;
            w.put_bytes(packet_attr::KEY, &key)?;
            w.put_bytes(packet_attr::ACTIONS, &[1])?;
            w.put_bytes(packet_attr::EGRESS_TUN_KEY, &[2])?;
            match userdata {
                Some(userdata) => w.put_bytes(packet_attr::USERDATA, userdata),
                None => Ok(()),
            }
        });
        let batch = answers(&shared, &[upcall]);
        let [execute] = &batch.requests[..] else {
            panic!("{} requests", batch.requests.len());
        };
        let (_, _, attrs) = request(execute);
        let actions = attrs
            .into_iter()
            .find(|(kind, _)| *kind == packet_attr::ACTIONS);
        actions.unwrap().1
    };
    let output = |port| Builder::new().output(port).build().as_bytes().to_vec();
    // A cookie of a slow path.
    let mut slow_path = [0; cookie::LEN];
    slow_path[..2].copy_from_slice(&2_u16.to_ne_bytes());
    assert_eq!(ask(Some(&slow_path)), output(7));
    assert_eq!(ask(Some(&[1, 2, 3])), output(3));
    assert_eq!(ask(None), output(0));
    let counts = shared.counters.read();
    assert_eq!((counts.actions, counts.bad), (1, 2));
}
