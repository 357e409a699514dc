// SPDX-License-Identifier: GPL-2.0

//! What is asked of the revalidator from outside, and when it is done.

use super::wakeup::Bell;
use std::{
    sync::{
        Condvar,
        Mutex,
        MutexGuard,
        PoisonError, //
    },
    time::{
        Duration,
        Instant, //
    },
};

/// For how long anyone waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the revalidator has been asked for.
#[derive(Debug, Default)]
pub struct Orders {
    state: Mutex<State>,
    done: Condvar,
    /// Wakes the revalidator.
    pub bell: Bell,
}

/// What it is to do next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tasks {
    /// Delete all flows.
    pub purge: bool,
    /// Dump all flows, even if it is not time yet.
    pub dump: bool,
    /// Do nothing else.
    pub paused: bool,
    /// The number of the last order among these.
    number: u64,
}

#[derive(Debug, Default)]
struct State {
    next: Tasks,
    /// The last order that has been carried out.
    carried_out: u64,
}

/// Why an order is not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nothing is looked after now.
    #[error("the revalidators are paused")]
    Paused,
    /// It takes too long, or the engine has stopped.
    #[error("the revalidators do not answer")]
    TimedOut,
}

impl Orders {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has something done, and waits until what is under way has ended and it is done.
    fn order(&self, change: impl FnOnce(&mut Tasks)) -> Result<(), Refusal> {
        let mut state = self.state();
        change(&mut state.next);
        state.next.number += 1;
        let number = state.next.number;
        self.bell.ring();
        let end = Instant::now() + PATIENCE;
        while state.carried_out < number {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Refusal::TimedOut);
            }
            let waited = self.done.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(())
    }

    /// Deletes all flows.
    pub fn purge(&self) -> Result<(), Refusal> {
        self.order(|tasks| tasks.purge = true)
    }

    /// Stops looking after flows. None is looked after any more when this returns.
    pub fn pause(&self) -> Result<(), Refusal> {
        self.order(|tasks| tasks.paused = true)
    }

    /// Looks after flows again.
    pub fn resume(&self) -> Result<(), Refusal> {
        self.order(|tasks| tasks.paused = false)
    }

    /// Waits for a round that begins after this.
    pub fn wait(&self) -> Result<(), Refusal> {
        if self.is_paused() {
            return Err(Refusal::Paused);
        }
        self.order(|tasks| tasks.dump = true)
    }

    /// Whether nothing is looked after.
    pub fn is_paused(&self) -> bool {
        self.state().next.paused
    }

    /// What is to be done now. For the revalidator.
    pub fn take(&self) -> Tasks {
        let next = &mut self.state().next;
        let tasks = *next;
        next.purge = false;
        next.dump = false;
        tasks
    }

    /// It is done. For the revalidator.
    pub fn finish(&self, tasks: Tasks) {
        self.state().carried_out = tasks.number;
        self.done.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    /// Works like the revalidator until an order says pause, and returns what it has met.
    fn work(orders: &Orders) -> Tasks {
        let mut met = Tasks::default();
        while !met.paused {
            let tasks = orders.take();
            met.purge |= tasks.purge;
            met.dump |= tasks.dump;
            met.paused |= tasks.paused;
            orders.finish(tasks);
            orders.bell.wait(Duration::from_secs(5));
        }
        met
    }

    #[test]
    fn orders_are_carried_out() {
        let orders = Orders::default();
        thread::scope(|scope| {
            let worker = scope.spawn(|| work(&orders));
            assert_eq!(orders.purge(), Ok(()));
            assert_eq!(orders.wait(), Ok(()));
            assert!(!orders.is_paused());
            assert_eq!(orders.pause(), Ok(()));
            assert_eq!(orders.wait(), Err(Refusal::Paused));
            orders.bell.ring();
            let met = worker.join().unwrap();
            assert!(met.purge && met.dump);
        });
    }

    #[test]
    fn an_order_is_met_once() {
        let orders = Orders::default();
        orders.state().next.purge = true;
        assert!(orders.take().purge);
        assert!(!orders.take().purge);
    }
}
