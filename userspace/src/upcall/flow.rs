// SPDX-License-Identifier: GPL-2.0

//! A flow the engine knows of, from the first thought of it until it is gone from the datapath.
//!
//! ```text
//! Created --put--> Operational --deletion begun--> Evicting --deleted--> Gone
//!    \                  \                                                 /
//!     `---- refused -----`------------ lost by the datapath -------------'
//! ```
//!
//! The thread that brings a flow to a phase is the only one that acts on it: handlers put what they
//! created, revalidators change and delete what is operational.

use super::{
    actions::Actions,
    policy::{
        Installed,
        Traffic, //
    },
    time::Millis,
    wire, //
};
use crate::client::Ufid;
use odp::{
    Key,
    key::WORDS,
    nlattr::NoRoom,
    uapi::FlowStats, //
};
use std::sync::{
    Arc,
    Mutex,
    MutexGuard,
    PoisonError, //
};

/// In how many dumps a flow may be missing, while the table is being changed, before it is lost.
const MISSED_DUMPS: u32 = 4;

/// Where in its life a flow is. Phases follow one another as they are declared, or are skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// It is on its way to the datapath.
    Created,
    /// The datapath has it.
    Operational,
    /// It is being deleted.
    Evicting,
    /// The datapath does not have it any more, or never had.
    Gone,
}

/// The mask of a flow that matches whatever its key has.
pub const EXACT: Key = zerocopy::transmute!([u64::MAX; WORDS]);

/// A flow.
#[derive(Debug)]
pub struct Flow {
    /// Its identifier.
    pub ufid: Ufid,
    /// The attributes of the key it was made for.
    pub key: Box<[u8]>,
    /// The bits it matches.
    pub mask: Arc<Key>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    actions: Actions,
    generation: u64,
    stats: FlowStats,
    /// When it was put or used last.
    used: Millis,
    /// When it was put last.
    put: Millis,
    /// The mean time between its packets, as the last dump has told.
    gap: Option<Millis>,
    last_dump: u64,
    missed_dumps: u32,
}

impl Flow {
    /// A flow that is to be put, decided on when the policy had the given generation.
    pub fn new(
        ufid: Ufid,
        key: &[u8],
        mask: Arc<Key>,
        actions: Actions,
        generation: u64,
        now: Millis,
    ) -> Self {
        Self {
            ufid,
            key: key.into(),
            mask,
            state: Mutex::new(State {
                phase: Phase::Created,
                actions,
                generation,
                stats: FlowStats::default(),
                used: now,
                put: now,
                gap: None,
                last_dump: 0,
                missed_dumps: 0,
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The phase it is in.
    pub fn phase(&self) -> Phase {
        self.state().phase
    }

    /// Goes on to another phase; `false` if it has been there or beyond.
    pub fn advance(&self, phase: Phase) -> bool {
        let mut state = self.state();
        let advances = phase > state.phase;
        if advances {
            state.phase = phase;
        }
        advances
    }

    /// What it does.
    pub fn actions(&self) -> Actions {
        self.state().actions.clone()
    }

    /// The policy's generation that its actions were found right in.
    pub fn generation(&self) -> u64 {
        self.state().generation
    }

    /// The actions have been found right in a generation of the policy.
    pub fn confirm(&self, generation: u64) {
        self.state().generation = generation;
    }

    /// The datapath has new actions for it.
    pub fn modified(&self, actions: Actions, generation: u64) {
        let mut state = self.state();
        state.actions = actions;
        state.generation = generation;
    }

    /// Whether a miss of an operational flow is a sign that the datapath has lost it, and not
    /// merely of a packet that waited in the queue since before it was put. It is put again then.
    pub fn is_put_again(&self, now: Millis, patience: Millis) -> bool {
        let mut state = self.state();
        let again = state.phase == Phase::Operational && now.saturating_sub(state.put) >= patience;
        if again {
            state.put = now;
        }
        again
    }

    /// Takes note of what the datapath says of it, and returns what is new.
    ///
    /// `dump` is the number of the dump that it was met in, and when that was.
    pub fn update(
        &self,
        stats: FlowStats,
        used: Option<Millis>,
        dump: Option<(u64, Millis)>,
    ) -> Traffic {
        let mut state = self.state();
        // A flow that was put again counts from zero.
        let since = |now: u64, before: u64| now.checked_sub(before).unwrap_or(now);
        let traffic = Traffic {
            packets: since(stats.n_packets, state.stats.n_packets),
            bytes: since(stats.n_bytes, state.stats.n_bytes),
            used: used.unwrap_or(0),
        };
        if let Some((dump, now)) = dump {
            // The first dump tells nothing of how busy it is.
            let known = state.last_dump > 0;
            let idle = now.saturating_sub(state.used);
            state.gap = known.then(|| idle / traffic.packets.max(1));
            state.last_dump = dump;
            state.missed_dumps = 0;
        }
        state.stats = stats;
        state.used = state.used.max(traffic.used);
        traffic
    }

    /// Whether it has at least so many packets per second, as far as is known.
    pub fn is_busy(&self, pps: u64) -> bool {
        let longest = 1_000_u64.checked_div(pps);
        match (self.state().gap, longest) {
            (Some(gap), Some(longest)) => gap < longest,
            _ => true,
        }
    }

    /// How long it has idled.
    pub fn idle(&self, now: Millis) -> Millis {
        now.saturating_sub(self.state().used)
    }

    /// Whether it is lost: it was missing in too many dumps, the one of this number being the last.
    pub fn is_lost(&self, dump: u64) -> bool {
        let mut state = self.state();
        if state.phase != Phase::Operational || state.last_dump == dump {
            return false;
        }
        state.missed_dumps += 1;
        state.missed_dumps >= MISSED_DUMPS
    }

    /// The attributes of its mask, for the key that its own attributes mean. `None`: it is
    /// [`EXACT`], and the datapath knows better what that means.
    pub fn mask_attrs(&self, key: &Key) -> Result<Option<Vec<u8>>, NoRoom> {
        let exact = *self.mask == EXACT;
        let attrs = (!exact).then(|| wire::mask_attrs(key, &self.mask));
        attrs.transpose()
    }

    /// Calls `f` with the flow as a policy sees it; `None` if its key makes no sense.
    pub fn with_installed<T>(&self, f: impl FnOnce(&Installed<'_>) -> T) -> Option<T> {
        let key = wire::parse_key(&self.key)?;
        let actions = self.actions();
        Some(f(&Installed {
            key: &key,
            mask: &self.mask,
            actions: &actions,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow() -> Flow {
        let mask = Arc::new(Key::ZERO);
        Flow::new(Ufid([1; 16]), &[], mask, Actions::drop(), 7, 1_000)
    }

    fn stats(n_packets: u64) -> FlowStats {
        FlowStats {
            n_packets,
            n_bytes: n_packets * 100,
        }
    }

    #[test]
    fn life_goes_one_way() {
        let flow = flow();
        assert_eq!(flow.phase(), Phase::Created);
        assert!(flow.advance(Phase::Operational));
        assert!(!flow.advance(Phase::Operational));
        assert!(flow.advance(Phase::Evicting));
        // Two that want to delete it: one wins.
        assert!(!flow.advance(Phase::Evicting));
        assert!(!flow.advance(Phase::Operational));
        assert!(flow.advance(Phase::Gone));
    }

    #[test]
    fn a_put_that_is_refused_ends_it() {
        let flow = flow();
        assert!(flow.advance(Phase::Gone));
        assert!(!flow.advance(Phase::Operational));
    }

    #[test]
    fn only_new_traffic_is_told() {
        let flow = flow();
        let traffic = flow.update(stats(3), Some(1_500), Some((1, 1_500)));
        assert_eq!(
            (traffic.packets, traffic.bytes, traffic.used),
            (3, 300, 1_500)
        );
        assert_eq!(
            flow.update(stats(3), Some(1_500), Some((2, 1_550))).packets,
            0
        );
        assert_eq!(
            flow.update(stats(10), Some(1_600), Some((3, 1_650)))
                .packets,
            7
        );
        assert_eq!(
            flow.update(stats(2), Some(1_700), Some((4, 1_750))).packets,
            2
        );
        assert_eq!(flow.idle(2_000), 300);
    }

    #[test]
    fn a_flow_that_was_never_used_idles_since_it_was_put() {
        let flow = flow();
        flow.update(stats(0), None, Some((1, 1_100)));
        assert_eq!(flow.idle(1_200), 200);
        assert_eq!(flow.idle(900), 0);
    }

    #[test]
    fn lost_after_missing_four_dumps_in_a_row() {
        let flow = flow();
        assert!(!flow.is_lost(1));
        flow.advance(Phase::Operational);
        assert!((2..5).all(|dump| !flow.is_lost(dump)));
        flow.update(stats(0), None, Some((5, 1_100)));
        assert!(!flow.is_lost(5));
        assert!((6..9).all(|dump| !flow.is_lost(dump)));
        assert!(flow.is_lost(9));
    }

    #[test]
    fn busy_flows_are_told_from_others() {
        let flow = flow();
        flow.update(stats(1), Some(1_100), Some((1, 1_500)));
        assert!(flow.is_busy(5));
        // Four packets in a second are too few.
        flow.update(stats(5), Some(2_000), Some((2, 2_100)));
        assert!(!flow.is_busy(5));
        assert!(flow.is_busy(3));
        assert!(flow.is_busy(0));
        flow.update(stats(105), Some(2_900), Some((3, 3_000)));
        assert!(flow.is_busy(5));
        // None at all, for a long time.
        flow.update(stats(105), Some(2_900), Some((4, 3_500)));
        assert!(!flow.is_busy(5));
    }

    #[test]
    fn put_again_only_when_it_must_be_lost() {
        let flow = flow();
        assert!(!flow.is_put_again(5_000, 1_000));
        flow.advance(Phase::Operational);
        assert!(!flow.is_put_again(1_999, 1_000));
        assert!(flow.is_put_again(2_000, 1_000));
        assert!(!flow.is_put_again(2_000, 1_000));
    }
}
