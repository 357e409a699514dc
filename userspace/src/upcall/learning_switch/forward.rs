// SPDX-License-Identifier: GPL-2.0

//! The actions that bring a packet to ports, each of which wants it tagged or not.

use super::{
    super::actions::{
        Actions,
        Builder, //
    },
    VID_MASK, //
    vlan::{
        Tagging,
        Vid, //
    },
};

/// The ethertype of the tags that are pushed.
const TPID: u16 = 0x8100;
/// The bits of a TCI that hold the priority.
const PCP_MASK: u16 = 0xe000;

/// The actions that send a packet of the VLAN `vid`, that came with the tag `tag`, out of ports.
///
/// The ports that want the packet as it is now come first, so that it is changed at most once; a
/// tag that holds a priority alone comes off in any case, and its priority goes on into a new tag.
pub fn forward(
    vid: Vid,
    tag: Option<u16>,
    outputs: impl IntoIterator<Item = (u32, Tagging)>,
) -> Actions {
    let (tagged, untagged): (Vec<_>, Vec<_>) = outputs
        .into_iter()
        .partition(|(_, tagging)| *tagging == Tagging::Tagged);
    let mut actions = Builder::new();
    let output = |actions: &mut Builder, ports: &[(u32, Tagging)]| {
        for (port, _) in ports {
            actions.output(*port);
        }
    };
    match tag {
        Some(tci) if tci & VID_MASK != 0 => {
            output(&mut actions, &tagged);
            if !untagged.is_empty() {
                actions.pop_vlan();
                output(&mut actions, &untagged);
            }
        }
        _ => {
            if tag.is_some() && !(tagged.is_empty() && untagged.is_empty()) {
                actions.pop_vlan();
            }
            output(&mut actions, &untagged);
            if !tagged.is_empty() {
                actions.push_vlan(TPID, vid | tag.unwrap_or(0) & PCP_MASK);
                output(&mut actions, &tagged);
            }
        }
    }
    actions.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: [(u32, Tagging); 3] = [
        (1, Tagging::Tagged),
        (2, Tagging::Untagged),
        (3, Tagging::Tagged),
    ];

    #[test]
    fn untagged_packets_get_a_tag_for_the_last_ports() {
        let expected = Builder::new()
            .output(2)
            .push_vlan(0x8100, 10)
            .output(1)
            .output(3)
            .build();
        assert_eq!(forward(10, None, BOTH), expected);
    }

    #[test]
    fn tagged_packets_lose_their_tag_for_the_last_ports() {
        let expected = Builder::new()
            .output(1)
            .output(3)
            .pop_vlan()
            .output(2)
            .build();
        assert_eq!(forward(10, Some(0x700a), BOTH), expected);
    }

    #[test]
    fn a_priority_survives() {
        let expected = Builder::new()
            .pop_vlan()
            .output(2)
            .push_vlan(0x8100, 0x600a)
            .output(1)
            .output(3)
            .build();
        assert_eq!(forward(10, Some(0x7000), BOTH), expected);
    }

    #[test]
    fn nothing_is_changed_without_need() {
        let untagged = [(2, Tagging::Untagged)];
        let tagged = [(1, Tagging::Tagged)];
        assert_eq!(
            forward(10, None, untagged),
            Builder::new().output(2).build()
        );
        assert_eq!(
            forward(10, Some(0x100a), tagged),
            Builder::new().output(1).build()
        );
        assert!(forward(10, Some(0x100a), []).is_drop());
        assert!(forward(10, Some(0x1000), []).is_drop());
    }
}
