// SPDX-License-Identifier: GPL-2.0

//! What a policy is: the part that decides, apart from the engine that carries decisions out.
//!
//! The engine owns sockets, threads and the datapath's flows. A policy owns what it knows of the
//! network. For each miss the engine asks [`Policy::decide`]; the answer becomes a flow, and stays
//! one for as long as [`Policy::revalidate`] stands by it.

use super::{
    actions::Actions,
    report::Gauge,
    time::Millis, //
};
use crate::cookie::Class;
use odp::Key;
use std::iter;

/// A port of the datapath.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its number in the datapath.
    pub number: u32,
    /// The name of its network device.
    pub name: String,
}

/// A packet that the datapath has no flow for.
#[derive(Clone, Copy, Debug)]
pub struct Miss<'a> {
    /// The flow key the datapath extracted from the packet.
    pub key: &'a Key,
    /// The packet, from the Ethernet header on; VLAN tags are in their place.
    pub packet: &'a [u8],
    /// When it was received.
    pub now: Millis,
}

/// A packet that a flow's USERSPACE action has sent up.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// What Open vSwitch's cookies say; `None`: the data is no such cookie.
    pub class: Option<Class>,
    /// The data that the action hands back.
    pub userdata: &'a [u8],
    /// The flow key of the packet as the action has found it.
    pub key: &'a Key,
    /// The packet.
    pub packet: &'a [u8],
    /// The attributes of the flow's actions, if it gives them.
    pub actions: Option<&'a [u8]>,
    /// The attributes of the tunnel that the packet would leave by, if it gives that.
    pub egress_tunnel: Option<&'a [u8]>,
    /// When it was received.
    pub now: Millis,
}

/// What to do with a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The actions; none of them drop the packet.
    pub actions: Actions,
    /// The bits of the key the actions depend on: the packets that agree on them are treated
    /// alike, and need not be asked about. `None`: ask about the next one again.
    pub mask: Option<Key>,
}

/// What becomes of an installed flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is still right.
    Keep,
    /// It shall act otherwise from now on, on the same packets.
    Modify(Actions),
    /// It shall go; its packets will be asked about anew.
    Delete,
}

/// A flow the engine has installed.
#[derive(Clone, Copy, Debug)]
pub struct Installed<'a> {
    /// The key of the packet it was installed for, unmasked.
    pub key: &'a Key,
    /// The bits it matches.
    pub mask: &'a Key,
    /// What it does.
    pub actions: &'a Actions,
}

impl Installed<'_> {
    /// What becomes of the flow if this would be decided on its packets today.
    ///
    /// A flow that matches more bits than it must is right.
    pub fn compare(&self, today: Decision) -> Verdict {
        let covers = |mask: &Key| {
            let words = iter::zip(self.mask.words(), mask.words());
            words.into_iter().all(|(has, needs)| needs & !has == 0)
        };
        match today.mask {
            Some(mask) if covers(&mask) => {}
            _ => return Verdict::Delete,
        }
        if today.actions == *self.actions {
            Verdict::Keep
        } else {
            Verdict::Modify(today.actions)
        }
    }
}

/// What a flow has seen since the policy was last told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Packets.
    pub packets: u64,
    /// Bytes, link-layer headers included.
    pub bytes: u64,
    /// When the last packet came.
    pub used: Millis,
}

/// Decides what a datapath does with its packets.
///
/// All methods are called from several threads at once.
pub trait Policy: Send + Sync {
    /// What to do with a packet, and with those like it.
    fn decide(&self, miss: &Miss<'_>) -> Decision;

    /// What else to do with a packet that a flow has asked about; no actions do nothing.
    fn asked(&self, packet: &Asked<'_>) -> Actions {
        let _ = packet;
        Actions::drop()
    }

    /// Whether a flow still does what [`Policy::decide`] would say today.
    ///
    /// Must not learn from the key: the packet it was extracted from is long gone.
    fn revalidate(&self, flow: &Installed<'_>, now: Millis) -> Verdict;

    /// Why a flow does what it does, in a few words for those who ask.
    fn explain(&self, flow: &Installed<'_>) -> String {
        let _ = flow;
        String::new()
    }

    /// A number that has grown whenever an earlier decision may no longer hold.
    ///
    /// The engine reads it before it asks for a decision, and asks about a flow again as soon as
    /// the number is not what it was then.
    fn generation(&self) -> u64;

    /// Packets went through a flow without being asked about.
    fn traffic(&self, flow: &Installed<'_>, traffic: &Traffic) {
        let _ = (flow, traffic);
    }

    /// A port has come, before any of its packets is asked about.
    fn port_added(&self, port: &Port);

    /// A port has gone, and its number may be given to another.
    fn port_removed(&self, number: u32);

    /// Time has passed: called once in a while, at least every second.
    fn tick(&self, now: Millis) {
        let _ = now;
    }

    /// What it tells of itself to those who ask the engine how it is doing.
    fn gauges(&self) -> Vec<Gauge> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::actions::Builder,
        *, //
    };

    #[test]
    fn installed_flows_are_compared_with_what_they_should_be() {
        let mask = |eth_src| Key {
            eth_src,
            ..Key::ZERO
        };
        let actions = Builder::new().output(1).build();
        let wide = mask([0xff, 0xff, 0, 0, 0, 0]);
        let flow = Installed {
            key: &Key::ZERO,
            mask: &wide,
            actions: &actions,
        };
        let today = |actions: &Actions, mask| {
            let actions = actions.clone();
            flow.compare(Decision { actions, mask })
        };
        assert_eq!(today(&actions, Some(wide)), Verdict::Keep);
        let other = Actions::drop();
        assert_eq!(today(&other, Some(wide)), Verdict::Modify(other.clone()));
        // It matches fewer bits than it must, or more.
        assert_eq!(today(&actions, Some(mask([0xff; 6]))), Verdict::Delete);
        let wider = mask([0xff, 0, 0, 0, 0, 0]);
        assert_eq!(today(&actions, Some(wider)), Verdict::Keep);
        assert_eq!(today(&actions, None), Verdict::Delete);
    }
}
