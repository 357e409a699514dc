// SPDX-License-Identifier: GPL-2.0

//! The threads that look after the flows in the datapath.
//!
//! They do two things. In regular rounds they dump all flows, without keys and actions, to learn of
//! their traffic, and delete those that idle. And whenever the policy may have changed its mind,
//! they ask about the flows that were decided on before. That takes no dump: the engine knows all
//! flows, so that a station that has moved is followed within milliseconds.
//!
//! One thread leads. It has the others work with it on a dump that all read from, and then each on
//! its share of the flows.

mod change;
mod worker;

pub(super) use change::delete;

use super::{
    engine::Result,
    flow_cache::Share,
    shared::Shared,
    time::{
        self,
        Millis, //
    },
};
use crate::client::Client;
use std::{
    panic,
    sync::{
        Arc,
        Mutex, //
    },
    thread,
    time::Duration,
};
use worker::{
    Round,
    Worker, //
};

/// The least time between two rounds.
const PAUSE: Millis = 5;

/// A round that takes longer than this is complained about.
const UNREASONABLE: Millis = 2_000;

/// When flows are looked after.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    /// How long a flow may idle.
    pub(super) max_idle: Millis,
    /// The most time between rounds.
    pub(super) interval: Millis,
    /// Flows with fewer packets per second than this are not worth to be asked about in a hurry.
    pub(super) min_pps: u64,
}

impl Schedule {
    /// The time from the start of a round to that of the next, if nobody asks for one earlier.
    fn interval(&self) -> Millis {
        self.interval.min(self.max_idle).max(PAUSE)
    }

    /// For how long to leave the handlers to themselves after a round that took `took`, even if
    /// somebody asks for one.
    fn pause(&self, took: Millis) -> Millis {
        took.clamp(PAUSE, self.interval())
    }
}

/// Looks after the flows in the datapath.
pub(super) struct Revalidator {
    shared: Arc<Shared>,
    client: Client,
    workers: Vec<Worker>,
    schedule: Schedule,
    dumps: u64,
}

/// The threads to run when none are asked for: few, as handlers have more to do.
pub(super) fn default_threads(handlers: usize) -> usize {
    handlers / 4 + 1
}

impl Revalidator {
    pub(super) fn new(shared: Arc<Shared>, schedule: Schedule) -> Result<Self> {
        let worker = |share| Worker::new(shared.clone(), share);
        let workers = Share::all(shared.revalidators).map(worker);
        Ok(Self {
            client: Client::with_families(shared.families.clone())?,
            workers: workers.collect::<Result<_>>()?,
            schedule,
            dumps: 0,
            shared,
        })
    }

    /// Works until it is time to end.
    pub(super) fn run(mut self) -> Result<()> {
        let interval = self.schedule.interval();
        let mut dump_at = time::now() + interval;
        while !self.shared.stop.is_on() {
            let start = time::now();
            let tasks = self.shared.orders.take();
            if tasks.purge {
                self.on_all(Worker::purge)?;
            }
            if !tasks.paused {
                self.shared.policy.tick(start);
                if tasks.dump || start >= dump_at {
                    self.dump_round(start)?;
                    dump_at = start + interval;
                } else {
                    self.policy_round()?;
                }
            }
            self.shared.orders.finish(tasks);
            let took = time::now().saturating_sub(start);
            let pause = self.schedule.pause(took);
            if self.shared.stop.is_on_within(Duration::from_millis(pause)) {
                break;
            }
            let rest = match tasks.paused {
                true => interval,
                false => dump_at.saturating_sub(time::now()),
            };
            self.shared.orders.bell.wait(Duration::from_millis(rest));
        }
        Ok(())
    }

    /// Learns what the flows have seen, deletes those that idle, and asks about them.
    fn dump_round(&mut self, start: Millis) -> Result<()> {
        self.dump()?;
        let shared = self.shared.clone();
        let flows = shared.flows.len();
        let limit = shared.limit.current();
        let pressure = shared.limit.pressure(flows, self.schedule.max_idle);
        if flows > limit.saturating_mul(2) {
            shared.crowded.warn(format_args!(
                "{}: Number of datapath flows ({flows}) twice as high as current dynamic flow \
                 limit ({limit}).  Starting to delete flows unconditionally as an emergency \
                 measure.",
                shared.name
            ));
        }
        let dump = self.dumps;
        let round = self.round();
        self.on_all(|worker| {
            worker.sweep(pressure, dump)?;
            worker.ask(round)
        })?;
        shared.flows.prune_masks();

        let duration = time::now().saturating_sub(start);
        if duration > UNREASONABLE {
            shared.crowded.warn(format_args!(
                "{}: Spent an unreasonably long {duration}ms dumping flows",
                shared.name
            ));
        }
        shared.rounds.lock().add(flows, duration);
        shared.limit.after_round(flows, duration);
        Ok(())
    }

    /// Asks the policy about what was decided on before it may have changed its mind.
    fn policy_round(&mut self) -> Result<()> {
        let round = self.round();
        self.on_all(|worker| worker.ask(round))
    }

    /// What it takes to ask now.
    fn round(&self) -> Round {
        let hurry = self.shared.rounds.lock().duration >= self.schedule.interval() / 2;
        Round {
            generation: self.shared.policy.generation(),
            min_pps: if hurry { self.schedule.min_pps } else { 0 },
        }
    }

    fn dump(&mut self) -> Result<()> {
        self.dumps += 1;
        let number = self.dumps;
        let Self {
            shared,
            client,
            workers,
            ..
        } = self;
        let request = shared
            .families
            .dump_flows(shared.dp_ifindex, shared.ufid_flags())?;
        let dump = Mutex::new(client.socket().dump(request)?);
        on_all(workers, |worker| worker.dump(&dump, number))
    }

    fn on_all(&mut self, work: impl Fn(&mut Worker) -> Result<()> + Sync) -> Result<()> {
        on_all(&mut self.workers, work)
    }
}

/// Has all workers do something at once, and waits for them.
fn on_all(workers: &mut [Worker], work: impl Fn(&mut Worker) -> Result<()> + Sync) -> Result<()> {
    let Some((leader, others)) = workers.split_first_mut() else {
        return Ok(());
    };
    thread::scope(|scope| {
        let work = &work;
        let mut threads = Vec::new();
        for worker in others {
            let name = format!("revalidator{}", worker.number());
            let thread = thread::Builder::new().name(name);
            threads.push(thread.spawn_scoped(scope, move || work(worker))?);
        }
        let mut outcome = work(leader);
        for thread in threads {
            let ended = thread.join();
            outcome = outcome.and(ended.unwrap_or_else(|why| panic::resume_unwind(why)));
        }
        outcome
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(max_idle: Millis, interval: Millis) -> Schedule {
        Schedule {
            max_idle,
            interval,
            min_pps: 5,
        }
    }

    #[test]
    fn rounds_are_as_often_as_flows_may_idle() {
        assert_eq!(schedule(10_000, 500).interval(), 500);
        assert_eq!(schedule(100, 500).interval(), 100);
        assert_eq!(schedule(0, 500).interval(), 5);
    }

    #[test]
    fn a_pause_is_as_long_as_the_round_was() {
        let schedule = schedule(10_000, 500);
        assert_eq!(schedule.pause(0), 5);
        assert_eq!(schedule.pause(70), 70);
        assert_eq!(schedule.pause(3_000), 500);
    }
}
