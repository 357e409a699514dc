// SPDX-License-Identifier: GPL-2.0

//! A thread that looks after the flows in the datapath.
//!
//! It does two things. In regular rounds it dumps all flows, without keys and actions, to learn of
//! their traffic, and deletes those that idle. And whenever the policy may have changed its mind,
//! it asks about the flows that were decided on before. That takes no dump: the engine knows all
//! flows, so that a station that has moved is followed within milliseconds.

use super::{
    actions::Actions,
    engine::Result,
    flow::{
        Flow,
        Phase, //
    },
    limit::Pressure,
    policy::Verdict,
    shared::Shared,
    time::{
        self,
        Millis, //
    },
};
use crate::client::{
    self,
    Client,
    FlowId,
    FlowPut,
    KernelError,
    Request, //
};
use odp::uapi::ufid_flags;
use rustix::io::Errno;
use std::{iter, sync::Arc, time::Duration};

/// Replies tell identifier and statistics alone.
const TERSE: u32 = ufid_flags::OMIT_KEY | ufid_flags::OMIT_MASK | ufid_flags::OMIT_ACTIONS;

/// The least time between two rounds.
const PAUSE: Millis = 5;

/// How many flows are worked on before the datapath is told.
const CHUNK: usize = 1024;

/// Looks after the flows in the datapath.
pub(super) struct Revalidator {
    shared: Arc<Shared>,
    client: Client,
    /// How long a flow may idle.
    max_idle: Millis,
    /// The time between dumps.
    interval: Millis,
    dumps: u64,
    generation: u64,
}

/// What is to become of a flow.
enum Change {
    /// It goes because it idles.
    Expire,
    /// It goes because it is wrong, or because of the crowd.
    Delete,
    /// It gets other actions.
    Modify(Actions),
}

impl Revalidator {
    pub(super) fn new(shared: Arc<Shared>, max_idle: Millis, interval: Millis) -> Result<Self> {
        let client = Client::with_families(shared.families.clone())?;
        let generation = shared.policy.generation();
        Ok(Self {
            shared,
            client,
            max_idle,
            interval: interval.min(max_idle).max(PAUSE),
            dumps: 0,
            generation,
        })
    }

    /// Works until it is time to end.
    pub(super) fn run(mut self) -> Result<()> {
        let mut dump_at = time::now() + self.interval;
        while !self.shared.stop.is_on() {
            let start = time::now();
            let tasks = self.shared.orders.take();
            if tasks.purge {
                self.purge()?;
            }
            if !tasks.paused {
                self.shared.policy.tick(start);
                if tasks.dump || start >= dump_at {
                    self.dump_round()?;
                    dump_at = start + self.interval;
                }
                self.policy_round()?;
            }
            self.shared.orders.finish(tasks);
            // A round that takes long leaves the handlers as long to themselves.
            let took = time::now().saturating_sub(start);
            std::thread::sleep(Duration::from_millis(took.clamp(PAUSE, self.interval)));
            let rest = match tasks.paused {
                true => self.interval,
                false => dump_at.saturating_sub(time::now()),
            };
            self.shared.orders.bell.wait(Duration::from_millis(rest));
        }
        Ok(())
    }

    /// Learns what the flows have seen, and deletes those that idle.
    fn dump_round(&mut self) -> Result<()> {
        let start = time::now();
        self.dumps += 1;
        self.dump()?;
        let flows = self.shared.flows.len();
        let now = time::now();
        let duration = now.saturating_sub(start);
        self.shared.rounds.lock().add(flows, duration);
        self.shared.limit.after_round(flows, duration);
        let limit = self.shared.limit.current();

        let pressure = self.shared.limit.pressure(flows, self.max_idle);
        if pressure == Pressure::Flush {
            self.shared.crowded.warn(format_args!(
                "{}: number of datapath flows ({flows}) twice as high as current dynamic flow \
                 limit ({limit}): deleting all of them",
                self.shared.name
            ));
        }
        let unwanted = self.shared.flows.select(|flow| match flow.phase() {
            Phase::Operational => match pressure {
                Pressure::Idle(max_idle) => flow.idle(now) > max_idle,
                Pressure::Flush => true,
            },
            // Its deletion has failed.
            Phase::Evicting => true,
            Phase::Created | Phase::Gone => false,
        });
        for chunk in unwanted.chunks(CHUNK) {
            let change = |flow: &Arc<Flow>| match pressure {
                Pressure::Idle(_) => (flow.clone(), Change::Expire),
                Pressure::Flush => (flow.clone(), Change::Delete),
            };
            self.carry_out(chunk.iter().map(change).collect())?;
        }

        let dumps = self.dumps;
        for flow in self.shared.flows.select(|flow| flow.is_lost(dumps)) {
            self.shared.counters.vanished.count();
            self.shared.gone(&flow);
        }
        self.shared.flows.prune_masks();
        Ok(())
    }

    /// Deletes all flows that the datapath has.
    fn purge(&mut self) -> Result<()> {
        let all = self
            .shared
            .flows
            .select(|flow| matches!(flow.phase(), Phase::Operational | Phase::Evicting));
        for chunk in all.chunks(CHUNK) {
            let changes = chunk.iter().map(|flow| (flow.clone(), Change::Delete));
            self.carry_out(changes.collect())?;
        }
        Ok(())
    }

    fn dump(&mut self) -> Result<()> {
        let Self {
            shared,
            client,
            dumps,
            ..
        } = self;
        let request = shared.families.dump_flows(shared.dp_ifindex, TERSE)?;
        let mut dump = client.socket().dump(request)?;
        while let Some(reply) = dump
            .next()
            .map_err(|error| shared.deleted_if_no_device(error))?
        {
            let told = client::Flow::parse(reply)?;
            let Some(flow) = told.ufid.and_then(|ufid| shared.flows.get(&ufid)) else {
                // Not ours.
                continue;
            };
            tell_traffic(shared, &flow, &told, Some(*dumps));
        }
        Ok(())
    }

    /// Asks the policy about what was decided on before it may have changed its mind.
    fn policy_round(&mut self) -> Result<()> {
        let generation = self.shared.policy.generation();
        let outdated = self
            .shared
            .flows
            .select(|flow| flow.phase() == Phase::Operational && flow.generation() != generation);
        self.generation = generation;
        let now = time::now();
        for chunk in outdated.chunks(CHUNK) {
            let mut changes = Vec::new();
            for flow in chunk {
                let policy = &self.shared.policy;
                match flow.with_installed(|installed| policy.revalidate(installed, now)) {
                    Some(Verdict::Keep) => flow.confirm(generation),
                    Some(Verdict::Modify(actions)) => {
                        changes.push((flow.clone(), Change::Modify(actions)));
                    }
                    Some(Verdict::Delete) | None => changes.push((flow.clone(), Change::Delete)),
                }
            }
            self.carry_out(changes)?;
        }
        Ok(())
    }

    /// Has the datapath change and delete flows.
    fn carry_out(&mut self, changes: Vec<(Arc<Flow>, Change)>) -> Result<()> {
        let Self {
            shared,
            client,
            generation,
            ..
        } = self;
        let mut requests = Vec::with_capacity(changes.len());
        for (flow, change) in &changes {
            requests.push(match change {
                Change::Modify(actions) => modify(shared, flow, actions)?,
                Change::Expire | Change::Delete => {
                    flow.advance(Phase::Evicting);
                    delete(shared, flow)?
                }
            });
        }
        let mut last_words = Vec::new();
        let outcomes = client.socket().batch(requests, |at, reply| {
            if let (Some((flow, _)), Ok(told)) = (changes.get(at), client::Flow::parse(reply)) {
                last_words.push((flow.clone(), told));
            }
        });
        let outcomes = match outcomes {
            Ok(outcomes) => outcomes,
            Err(client::Error::Overrun) => {
                // All that was to be changed will be looked at again.
                log::warn!("{}: answers of the datapath were lost", shared.name);
                vec![Err(KernelError::new(Errno::NOBUFS.raw_os_error())); changes.len()]
            }
            Err(error) => return Err(error.into()),
        };
        for (flow, told) in last_words {
            tell_traffic(shared, &flow, &told, None);
        }
        for ((flow, change), outcome) in iter::zip(changes, outcomes) {
            finish(shared, &flow, change, outcome, *generation);
        }
        Ok(())
    }
}

/// Tells the policy what is new in the statistics of a flow.
fn tell_traffic(shared: &Shared, flow: &Flow, told: &client::Flow, dump: Option<u64>) {
    let traffic = flow.update(told.stats, told.used, dump);
    if traffic.packets > 0 {
        flow.with_installed(|installed| shared.policy.traffic(installed, &traffic));
    }
}

fn finish(
    shared: &Shared,
    flow: &Arc<Flow>,
    change: Change,
    outcome: Result<(), KernelError>,
    generation: u64,
) {
    let errno = outcome.as_ref().err().map(|error| error.errno);
    let vanished = errno == Some(Errno::NOENT.raw_os_error());
    match (change, outcome) {
        (_, Err(_)) if vanished => {
            shared.counters.vanished.count();
            shared.gone(flow);
        }
        (Change::Modify(actions), Ok(())) => {
            shared.counters.modified.count();
            flow.modified(actions, generation);
        }
        // It is of another generation still, and will be asked about again.
        (Change::Modify(_), Err(error)) => shared.complain("cannot modify a flow", &error),
        (Change::Expire, Ok(())) => {
            shared.counters.expired.count();
            shared.gone(flow);
        }
        (Change::Delete, Ok(())) => {
            shared.counters.deleted.count();
            shared.gone(flow);
        }
        // The next round tries again.
        (Change::Expire | Change::Delete, Err(error)) => {
            shared.complain("cannot delete a flow", &error);
        }
    }
}

fn modify(shared: &Shared, flow: &Flow, actions: &Actions) -> client::Result<Request> {
    let mask = flow
        .with_installed(|installed| flow.mask_attrs(installed.key))
        .transpose()?
        .flatten();
    let put = FlowPut {
        id: FlowId {
            ufid: Some(flow.ufid),
            key: Some(&flow.key),
        },
        mask: mask.as_deref(),
        actions: Some(actions.as_bytes()),
        ..FlowPut::default()
    };
    shared.families.set_flow(shared.dp_ifindex, &put)
}

/// The request that deletes a flow and asks for its last statistics.
pub(super) fn delete(shared: &Shared, flow: &Flow) -> client::Result<Request> {
    let id = FlowId {
        ufid: Some(flow.ufid),
        key: None,
    };
    shared.families.del_flow(shared.dp_ifindex, id, TERSE, true)
}
