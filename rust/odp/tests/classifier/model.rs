// SPDX-License-Identifier: GPL-2.0

//! Random changes and lookups, compared with a plain list of flows.

use crate::host::{
    cells,
    Host, //
};
use odp::{
    cell::Cell64,
    classifier::{
        cache::Cache,
        identity::Identity,
        index::MIN_BUCKETS,
        lookup,
        update::Need,
        Flow,
        Pool,
        Store,
        Table, //
    },
    key::{
        Be16,
        Be32,
        Key, //
    },
    mask::Mask, //
};
use proptest::{
    prelude::*,
    sample::Index as Pick, //
};

/// A key from so few values that flows overlap often.
fn key() -> impl Strategy<Value = Key> {
    let proto = prop_oneof![Just(6u8), Just(17)];
    (0..2u32, 1..4u16, 0..2u16, proto, 0..8u32, 0..4u16).prop_map(
        |(recirc_id, in_port, eth_type, ip_proto, dst, port)| Key {
            recirc_id,
            in_port,
            eth_type: Be16::new(0x0800 + eth_type),
            ip_proto,
            ipv4_dst: Be32::new(dst << 24),
            tp_dst: Be16::new(port << 8),
            nd_target: [port as u8; 16],
            ..Key::ZERO
        },
    )
}

fn mask() -> impl Strategy<Value = Key> {
    let any = proptest::bool::weighted(0.2);
    (any, any, any, any, 0..4u32, 0..3u16, any).prop_map(
        |(recirc_id, in_port, eth_type, ip_proto, dst, port, nd)| Key {
            recirc_id: if recirc_id { 1 } else { u32::MAX },
            in_port: if in_port { 0 } else { u16::MAX },
            eth_type: Be16::new(if eth_type { 0 } else { 0xffff }),
            ip_proto: if ip_proto { 0 } else { 0xff },
            ipv4_dst: Be32::new(!(u32::MAX >> 8 >> dst)),
            tp_dst: Be16::new(0xffff << (8 + port)),
            nd_target: [if nd { 0xff } else { 0 }; 16],
            ..Key::ZERO
        },
    )
}

#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a few hundred of them")]
enum Op {
    Insert { key: Key, mask: Key, ufid: bool },
    Remove(Pick),
    Lookup(Key),
    LookupFlow(Pick),
    Find(Pick),
    Turn,
    Rehash(u8),
    Grow,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (key(), mask(), any::<bool>())
            .prop_map(|(key, mask, ufid)| Op::Insert { key, mask, ufid }),
        4 => any::<Pick>().prop_map(Op::Remove),
        6 => key().prop_map(Op::Lookup),
        2 => any::<Pick>().prop_map(Op::LookupFlow),
        2 => any::<Pick>().prop_map(Op::Find),
        1 => Just(Op::Turn),
        1 => (0u8..4).prop_map(Op::Rehash),
        1 => Just(Op::Grow),
    ]
}

struct Model {
    host: Host,
    cache: &'static [Cell64],
    flows: Vec<ModelFlow>,
    next_id: u64,
}

#[derive(Clone)]
struct ModelFlow {
    id: u64,
    number: u32,
    key: Key,
    mask: Key,
    identity: Identity,
}

impl ModelFlow {
    fn matches(&self, key: &Key) -> bool {
        self.key.masked(&self.mask) == key.masked(&self.mask)
    }
}

impl Model {
    fn new() -> Self {
        Self {
            host: Host::new(),
            cache: cells(64),
            flows: Vec::new(),
            next_id: 0,
        }
    }

    fn pick(&self, pick: &Pick) -> Option<usize> {
        (!self.flows.is_empty()).then(|| pick.index(self.flows.len()))
    }

    fn insert(&mut self, key: Key, mask: Key, ufid: bool) {
        // Equal flows and equal identities are for the caller to find.
        let same = |flow: &ModelFlow| flow.mask == mask && flow.matches(&key);
        if self.flows.iter().any(same) {
            return;
        }
        let identity = if ufid {
            Identity::from_ufid(&self.next_id.to_be_bytes()[3..]).unwrap()
        } else {
            Identity::from_key(&key)
        };
        if self.host.find(&identity).is_some() {
            return;
        }
        let id = self.next_id;
        self.next_id += 1;
        self.flows.push(ModelFlow {
            id,
            number: self.host.insert(&key, &mask, &identity, id),
            key,
            mask,
            identity,
        });
    }

    fn lookup(&self, key: &Key) {
        let matching: Vec<u64> = self
            .flows
            .iter()
            .filter(|flow| flow.matches(key))
            .map(|flow| flow.id)
            .collect();
        let masks: std::collections::HashSet<_> =
            self.flows.iter().map(|flow| *flow.mask.words()).collect();

        let slow = lookup::lookup_masks(&self.host, key);
        let cache = Cache::new(self.cache);
        let first = lookup::lookup(&self.host, cache, key, |_| ());
        let second = lookup::lookup(&self.host, cache, key, |_| ());
        assert!(slow.masks as usize <= masks.len());
        for found in [&slow, &first, &second] {
            match found.flow {
                Some(flow) => {
                    assert!(matching.contains(&flow.id));
                    assert_eq!(self.host.flow(found.number).unwrap().id, flow.id);
                }
                None => assert!(matching.is_empty()),
            }
        }
        if let (Some(first), Some(flow)) = (first.flow, second.flow) {
            assert!(second.cached && second.masks == 1);
            assert_eq!(first.id, flow.id);
        }
    }

    fn check(&self) {
        let state = self.host.state();
        assert_eq!(state.writer.flows() as usize, self.flows.len());
        let masks: std::collections::HashSet<_> =
            self.flows.iter().map(|flow| *flow.mask.words()).collect();
        assert_eq!(state.writer.masks() as usize, masks.len());
        drop(state);
        for flow in &self.flows {
            let (found, number) = self.host.find(&flow.identity).expect("it was inserted");
            assert_eq!((found.id, number), (flow.id, flow.number));

            let masks = (&self.host).pool(Pool::Masks).unwrap();
            let mask = Mask::at(masks, found.mask() as usize * 8).unwrap();
            assert_eq!(mask.expand(), flow.mask);
            assert_eq!(mask.expand_flow(found.words()), flow.key.masked(&flow.mask));
            let identity = found.identity();
            assert_eq!(identity, flow.identity.as_ref());
            assert_eq!(identity.key().is_none(), identity.ufid().is_some());
            if let Some(key) = identity.key() {
                assert_eq!(key, flow.key);
            }
        }
    }

    fn step(&mut self, op: &Op) {
        match op {
            Op::Insert { key, mask, ufid } => self.insert(*key, *mask, *ufid),
            Op::Remove(pick) => {
                if let Some(n) = self.pick(pick) {
                    let flow = self.flows.swap_remove(n);
                    assert_eq!(self.host.remove(flow.number).id, flow.id);
                    assert!(self.host.find(&flow.identity).is_none());
                    self.lookup(&flow.key);
                }
            }
            Op::Lookup(key) => self.lookup(key),
            Op::LookupFlow(pick) => {
                if let Some(n) = self.pick(pick) {
                    self.lookup(&self.flows[n].key);
                }
            }
            Op::Find(pick) => {
                if let Some(n) = self.pick(pick) {
                    let (found, _) = self.host.find(&self.flows[n].identity).unwrap();
                    assert_eq!(found.id, self.flows[n].id);
                }
            }
            Op::Turn => {
                self.host.state().writer.turn(&self.host);
            }
            Op::Rehash(table) => {
                let table = [Table::Flows, Table::Identities, Table::Groups, Table::Masks]
                    [usize::from(*table)];
                let mut state = self.host.state();
                let buckets = (&self.host)
                    .table(table)
                    .map_or(MIN_BUCKETS, |old| old.buckets());
                self.host.provide(&mut state, Need::Table(table, buckets));
            }
            Op::Grow => {
                for pool in [Pool::Masks, Pool::Groups] {
                    let mut state = self.host.state();
                    let len = (&self.host).pool(pool).map_or(0, |cells| cells.len());
                    self.host.provide(&mut state, Need::Pool(pool, len + 64));
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn agrees_with_a_list(ops in proptest::collection::vec(op(), 1..300)) {
        let mut model = Model::new();
        for op in &ops {
            model.step(op);
        }
        model.check();
        while !model.flows.is_empty() {
            model.step(&Op::Remove(any_pick()));
        }
        model.check();
    }
}

/// The first of any.
fn any_pick() -> Pick {
    use proptest::{
        strategy::ValueTree,
        test_runner::TestRunner, //
    };
    any::<Pick>()
        .new_tree(&mut TestRunner::deterministic())
        .unwrap()
        .current()
}

#[test]
fn many_flows_and_masks() {
    let mut model = Model::new();
    let mut keys = Vec::new();
    for n in 0..20_000u32 {
        // A mask of its own for each 16 flows, and more masks in one group than any C table has.
        let mask = Key {
            recirc_id: u32::MAX,
            in_port: u16::MAX,
            eth_type: Be16::new(0xffff),
            ipv4_src: Be32::new(u32::MAX),
            skb_mark: n / 3 + 1,
            ..Key::ZERO
        };
        let key = Key {
            in_port: 1,
            ipv4_src: Be32::new(n),
            skb_mark: n / 3 + 1,
            ..Key::ZERO
        };
        let identity = Identity::from_ufid(&n.to_ne_bytes()).unwrap();
        model.host.insert(&key, &mask, &identity, n.into());
        keys.push((key, identity));
    }
    assert_eq!(model.host.state().writer.masks(), 6667);
    for (n, (key, identity)) in keys.iter().enumerate().step_by(97) {
        assert_eq!(
            lookup::lookup_masks(&model.host, key).flow.unwrap().id,
            n as u64
        );
        assert_eq!(model.host.find(identity).unwrap().0.id, n as u64);
    }
    let number = |identity: &Identity| model.host.find(identity).unwrap().1;
    for (_, identity) in &keys {
        model.host.remove(number(identity));
    }
    assert_eq!(model.host.state().writer.masks(), 0);
    assert!(lookup::lookup_masks(&model.host, &keys[0].0).flow.is_none());
    assert_eq!(lookup::lookup_masks(&model.host, &keys[0].0).masks, 0);
    model.flows.clear();
    model.check();
}
