// SPDX-License-Identifier: GPL-2.0

//! One of the threads that look after flows, and its share of them.

use super::{
    super::{
        engine::Result,
        flow::{
            Flow,
            Phase, //
        },
        flow_cache::Share,
        limit::Pressure,
        policy::Verdict,
        shared::Shared,
        time,
    },
    change::{
        Change,
        carry_out,
        forget,
        tell_traffic, //
    },
};
use crate::client::{
    self,
    Client,
    Dump,
    Ufid, //
};
use std::sync::{
    Arc,
    Mutex,
    PoisonError, //
};

/// How many flows are worked on before the datapath is told.
const CHUNK: usize = 1024;

/// A thread that looks after flows.
pub(super) struct Worker {
    shared: Arc<Shared>,
    client: Client,
    share: Share,
    /// What was read of a dump.
    buf: Vec<u8>,
}

/// How flows are asked about.
#[derive(Clone, Copy)]
pub(super) struct Round {
    /// What the policy's generation is.
    pub(super) generation: u64,
    /// Flows with fewer packets per second are deleted instead.
    pub(super) min_pps: u64,
}

impl Worker {
    pub(super) fn new(shared: Arc<Shared>, share: Share) -> Result<Self> {
        let client = Client::with_families(shared.families.clone())?;
        Ok(Self {
            shared,
            client,
            share,
            buf: Vec::new(),
        })
    }

    pub(super) fn number(&self) -> usize {
        self.share.number()
    }

    /// Reads from a dump, together with others, what flows have seen.
    pub(super) fn dump(&mut self, dump: &Mutex<Dump<'_>>, number: u64) -> Result<()> {
        let shared = self.shared.clone();
        let failed = |error| shared.deleted_if_no_device(error);
        let mut strays = Vec::new();
        loop {
            let read = {
                let mut dump = dump.lock().unwrap_or_else(PoisonError::into_inner);
                dump.next_messages(&mut self.buf).map_err(failed)?
            };
            let Some(messages) = read else {
                break;
            };
            let now = time::now();
            for reply in messages {
                let told = client::Flow::parse(reply?)?;
                let Some(ufid) = told.ufid else {
                    continue;
                };
                match shared.flows.get(&ufid) {
                    Some(flow) => tell_traffic(&shared, &flow, &told, Some((number, now))),
                    None if shared.ufids.is_own(&ufid) => strays.push(ufid),
                    // Others may add flows as well.
                    None => {}
                }
            }
        }
        self.delete_strays(&strays)
    }

    /// Deletes flows that came to the datapath after they were given up: one that is put again
    /// while it is deleted.
    fn delete_strays(&mut self, strays: &[Ufid]) -> Result<()> {
        if strays.is_empty() {
            return Ok(());
        }
        strays
            .iter()
            .for_each(|_| self.shared.counters.strays.count());
        let requests = strays.iter().map(|ufid| forget(&self.shared, *ufid));
        let requests = requests.collect::<client::Result<Vec<_>>>()?;
        match self.client.socket().batch(requests, |_, _| {}) {
            // The next dump will show them again.
            Err(client::Error::Overrun) => Ok(()),
            outcome => Ok(outcome.map(|_| ())?),
        }
    }

    /// Deletes the flows that have to go.
    pub(super) fn sweep(&mut self, pressure: Pressure, dump: u64) -> Result<()> {
        let now = time::now();
        let unwanted = self.select(|flow| match flow.phase() {
            Phase::Operational => match pressure {
                Pressure::Idle(max_idle) => flow.idle(now) > max_idle,
                Pressure::Flush => true,
            },
            // Its deletion has failed.
            Phase::Evicting => true,
            Phase::Created | Phase::Gone => false,
        });
        self.change(&unwanted, |_| {
            Some(match pressure {
                Pressure::Idle(_) => Change::Expire,
                Pressure::Flush => Change::Delete,
            })
        })?;
        for flow in self.select(|flow| flow.is_lost(dump)) {
            self.shared.counters.vanished.count();
            self.shared.gone(&flow);
        }
        Ok(())
    }

    /// Asks the policy about what was decided on in another generation.
    pub(super) fn ask(&mut self, round: Round) -> Result<()> {
        let Round {
            generation,
            min_pps,
        } = round;
        let outdated = self
            .select(|flow| flow.phase() == Phase::Operational && flow.generation() != generation);
        let now = time::now();
        let shared = self.shared.clone();
        self.change(&outdated, |flow| {
            if !flow.is_busy(min_pps) {
                return Some(Change::Delete);
            }
            match flow.with_installed(|installed| shared.policy.revalidate(installed, now)) {
                Some(Verdict::Keep) => {
                    flow.confirm(generation);
                    None
                }
                Some(Verdict::Modify(actions)) => Some(Change::Modify(actions, generation)),
                Some(Verdict::Delete) | None => Some(Change::Delete),
            }
        })
    }

    /// Deletes all flows that the datapath has.
    pub(super) fn purge(&mut self) -> Result<()> {
        let all = self.select(|flow| matches!(flow.phase(), Phase::Operational | Phase::Evicting));
        self.change(&all, |_| Some(Change::Delete))
    }

    fn select(&self, select: impl FnMut(&Flow) -> bool) -> Vec<Arc<Flow>> {
        self.shared.flows.select(self.share, select)
    }

    /// Decides on flows, and has the datapath do it.
    fn change(
        &mut self,
        flows: &[Arc<Flow>],
        decide: impl Fn(&Flow) -> Option<Change>,
    ) -> Result<()> {
        for chunk in flows.chunks(CHUNK) {
            let changes = chunk.iter().filter_map(|flow| {
                let change = decide(flow)?;
                Some((flow.clone(), change))
            });
            carry_out(&self.shared, &mut self.client, changes.collect())?;
        }
        Ok(())
    }
}
