// SPDX-License-Identifier: GPL-2.0

//! A thread that answers upcalls.

use super::{
    actions::Actions,
    engine::Result,
    flow::{
        EXACT,
        Flow,
        Phase, //
    },
    policy::{
        Asked,
        Decision,
        Miss,
        Policy, //
    },
    shared::Shared,
    stats::Counters,
    time::{
        self,
        Millis, //
    },
    wire,
};
use crate::client::{
    self,
    Client,
    Execute,
    FlowId,
    FlowPut,
    KernelError,
    Reply,
    Request,
    Room,
    Socket,
    Upcall,
    UpcallKind, //
};
use crate::cookie::Class;
use odp::Key;
use rustix::io::Errno;
use std::{
    iter,
    os::fd::AsFd,
    sync::{
        Arc,
        atomic::Ordering, //
    },
};

/// The most upcalls that are answered at once.
const MAX_BATCH: usize = 64;

/// The receive buffer for upcalls, in bytes.
const RECEIVE_BUFFER: usize = 4 << 20;

/// For how long after a flow was put its packets may still wait in the queue of upcalls.
const PATIENCE: Millis = 1_000;

/// A socket for upcalls.
pub(super) fn open() -> Result<Socket> {
    let socket = Socket::open()?;
    socket.set_receive_buffer(RECEIVE_BUFFER)?;
    Ok(socket)
}

/// Answers the upcalls of one socket.
pub(super) struct Handler {
    shared: Arc<Shared>,
    number: usize,
    upcalls: Socket,
    room: Room,
    client: Client,
}

/// What the datapath is asked to do.
enum Order {
    Put(Arc<Flow>),
    Execute,
}

/// The answers to some upcalls, in their order: for each, a flow if need be, then the packet.
#[derive(Default)]
struct Batch {
    requests: Vec<Request>,
    orders: Vec<Order>,
}

impl Batch {
    fn push(&mut self, order: Order, request: Request) {
        self.orders.push(order);
        self.requests.push(request);
    }
}

impl Handler {
    pub(super) fn new(shared: Arc<Shared>, number: usize, upcalls: Socket) -> Result<Self> {
        let client = Client::with_families(shared.families.clone())?;
        Ok(Self {
            shared,
            number,
            upcalls,
            room: Room::new(MAX_BATCH),
            client,
        })
    }

    /// Works until it is time to end.
    pub(super) fn run(mut self) -> Result<()> {
        while self.shared.stop.wait(self.upcalls.as_fd())? {
            let batch = self.receive()?;
            self.submit(batch)?;
        }
        Ok(())
    }

    /// Receives what there is, up to a batch, and decides on it.
    fn receive(&mut self) -> Result<Batch> {
        let Self {
            shared,
            number,
            upcalls,
            room,
            client,
        } = self;
        let port = upcalls.port();
        let own = &shared.handlers[*number];
        let mut batch = Batch::default();
        let received = match upcalls.receive_many(room) {
            Ok(received) => received,
            Err(client::Error::Overrun) => {
                shared.counters.overruns.count();
                own.overruns.count();
                shared.complaints.warn(format_args!(
                    "{}: lost packet on handler {number}: its receive buffer was full",
                    shared.name
                ));
                return Ok(batch);
            }
            Err(error) => return Err(error.into()),
        };
        for message in received.flatten() {
            own.upcalls.count();
            take(shared, client, port, message, &mut batch)?;
        }
        Ok(batch)
    }

    /// Has the datapath carry a batch out.
    fn submit(&mut self, batch: Batch) -> Result<()> {
        let Self { shared, client, .. } = self;
        let Batch { requests, orders } = batch;
        let outcomes = match client.socket().batch(requests, |_, _| {}) {
            Ok(outcomes) => outcomes,
            // Nobody knows what became of them. If the datapath lacks a flow, its dumps will tell.
            Err(client::Error::Overrun) => vec![Ok(()); orders.len()],
            Err(error) => return Err(error.into()),
        };
        for (order, outcome) in iter::zip(orders, outcomes) {
            match order {
                Order::Put(flow) => finish_put(shared, &flow, outcome),
                Order::Execute => finish_execute(shared, outcome),
            }
        }
        Ok(())
    }
}

fn finish_put(shared: &Shared, flow: &Arc<Flow>, outcome: Result<(), KernelError>) {
    match outcome {
        Ok(()) => {
            shared.counters.installed.count();
            flow.advance(Phase::Operational);
            // The revalidator has not looked at it while it was on its way.
            if shared.policy.generation() != flow.generation() {
                shared.orders.bell.ring();
            }
        }
        Err(error) if error.errno == Errno::EXIST.raw_os_error() => {
            shared.counters.existed.count();
            // One that was put again is where it belongs; one that is new is another's.
            if flow.phase() == Phase::Created {
                shared.gone(flow);
            }
        }
        Err(error) => {
            shared.counters.refused.count();
            shared.complain("cannot install a flow", &error);
            shared.gone(flow);
        }
    }
}

fn finish_execute(shared: &Shared, outcome: Result<(), KernelError>) {
    match outcome {
        Ok(()) => shared.counters.executed.count(),
        Err(error) => {
            shared.counters.execute_failed.count();
            shared.complain("cannot send a packet on its way", &error);
        }
    }
}

/// Takes what was received, and adds what is to be done to the batch.
fn take(
    shared: &Shared,
    client: &mut Client,
    port: u32,
    message: client::Result<Reply<'_>>,
    batch: &mut Batch,
) -> Result<()> {
    shared.counters.upcalls.count();
    match message.and_then(Upcall::parse) {
        // Meant for whoever had the netlink port before.
        Ok(upcall) if upcall.dp_ifindex != shared.dp_ifindex => Ok(()),
        Ok(upcall) => answer(shared, client, port, &upcall, batch),
        Err(_) => {
            shared.counters.bad.count();
            Ok(())
        }
    }
}

/// Decides on an upcall and adds what is to be done to the batch.
fn answer(
    shared: &Shared,
    client: &mut Client,
    port: u32,
    upcall: &Upcall<'_>,
    batch: &mut Batch,
) -> Result<()> {
    let Some(key) = wire::parse_key(upcall.key) else {
        shared.counters.bad.count();
        return Ok(());
    };
    match upcall.kind {
        UpcallKind::Miss => shared.counters.misses.count(),
        UpcallKind::Action => {
            let actions = asked(&shared.counters, &*shared.policy, upcall, &key);
            return execute(shared, port, upcall, &actions, batch);
        }
    }
    if !shared.ports.contains(key.in_port.into()) {
        shared.look_up_port(client, key.in_port.into())?;
    }
    let now = time::now();
    // Before the decision: what changes while it is made is noticed later.
    let generation = shared.policy.generation();
    let Decision { actions, mask } = shared.policy.decide(&Miss {
        key: &key,
        packet: upcall.packet,
        now,
    });
    if let Some(mask) = mask {
        let flow = flow_to_put(shared, upcall, &key, &mask, &actions, generation, now);
        if let Some(flow) = flow {
            match put(shared, &flow, &key) {
                Ok(request) => batch.push(Order::Put(flow), request),
                Err(error) => {
                    log::error!("{}: cannot encode a flow: {error}", shared.name);
                    shared.gone(&flow);
                }
            }
        }
    }
    if actions.is_drop() {
        shared.counters.dropped.count();
    }
    execute(shared, port, upcall, &actions, batch)
}

/// What the policy says to a packet that a flow has asked about.
fn asked(counters: &Counters, policy: &dyn Policy, upcall: &Upcall<'_>, key: &Key) -> Actions {
    let userdata = upcall.userdata.unwrap_or_default();
    let class = Class::of(userdata);
    match class {
        Some(_) => counters.actions.count(),
        None => counters.bad.count(),
    }
    policy.asked(&Asked {
        class,
        userdata,
        key,
        packet: upcall.packet,
        actions: upcall.actions,
        egress_tunnel: upcall.egress_tunnel,
        now: time::now(),
    })
}

/// Sends a packet on its way, if it has one.
fn execute(
    shared: &Shared,
    port: u32,
    upcall: &Upcall<'_>,
    actions: &Actions,
    batch: &mut Batch,
) -> Result<()> {
    if actions.is_drop() {
        return Ok(());
    }
    let execute = Execute {
        packet: upcall.packet,
        key: upcall.key,
        actions: actions.as_bytes(),
        hash: upcall.hash,
        mru: upcall.mru,
        upcall_pid: Some(port),
        ..Execute::default()
    };
    let request = shared.families.execute(shared.dp_ifindex, &execute)?;
    batch.push(Order::Execute, request);
    Ok(())
}

/// The flow for a decision, if the datapath is to be given one.
fn flow_to_put(
    shared: &Shared,
    upcall: &Upcall<'_>,
    key: &Key,
    mask: &Key,
    actions: &Actions,
    generation: u64,
    now: Millis,
) -> Option<Arc<Flow>> {
    let mask = match shared.megaflows.load(Ordering::Relaxed) {
        true => mask,
        false => &EXACT,
    };
    let ufid = shared.ufids.of(key, mask);
    if let Some(flow) = shared.flows.get(&ufid) {
        // Its packets were on their way up when it was put, or the datapath has lost it.
        return flow.is_put_again(now, PATIENCE).then_some(flow);
    }
    if !shared.has_room() {
        shared.counters.over_limit.count();
        shared.crowded.warn(format_args!(
            "{}: datapath reached the dynamic limit of {} flows",
            shared.name,
            shared.flows.len()
        ));
        return None;
    }
    let mask = shared.flows.share_mask(mask);
    let flow = Flow::new(ufid, upcall.key, mask, actions.clone(), generation, now);
    let flow = Arc::new(flow);
    shared.flows.insert(&flow).ok().map(|()| flow)
}

/// The request that puts a flow.
fn put(shared: &Shared, flow: &Flow, key: &Key) -> client::Result<Request> {
    let mask = flow.mask_attrs(key)?;
    let actions = flow.actions();
    let put = FlowPut {
        id: FlowId {
            ufid: Some(flow.ufid),
            key: Some(&flow.key),
        },
        mask: mask.as_deref(),
        actions: Some(actions.as_bytes()),
        create: true,
        ..FlowPut::default()
    };
    shared.families.new_flow(shared.dp_ifindex, &put)
}

#[cfg(test)]
mod tests;
