// SPDX-License-Identifier: GPL-2.0

//! A CT action, made ready.

use super::{
    Place, //
};
use crate::{
    actions::PacketKey,
    net::{
        conntrack::{
            Filtered,
            Labels,
            Manip,
            NatRange,
            Setup,
            Template,
            Version, //
        },
        namespace::Net,
        ratelimit,
        skbuff::SkBuff, //
    },
    odp::{
        actions::{
            Ct,
            Family,
            NatKind, //
        },
        headers::ethertype, //
    },
};
use kernel::prelude::*;

/// Translating addresses.
pub(super) struct Nat {
    /// What is set up for a new connection.
    pub(super) wanted: Manip,
    /// From what its new addresses are chosen.
    pub(super) range: NatRange,
}

/// A CT action.
pub(crate) struct Action {
    /// Zone, helper and timeout policy.
    pub(super) template: Template,
    /// The version of IP of the packets it is for.
    pub(super) version: Version,
    /// The zone.
    pub(super) zone: u16,
    /// Keep a new connection.
    pub(super) commit: bool,
    /// Delete one of the other direction.
    pub(super) force: bool,
    /// Translate addresses.
    pub(super) nat: Option<Nat>,
    /// The mark to set, with its mask.
    pub(super) mark: Option<[u32; 2]>,
    /// The labels to set, with their mask.
    pub(super) labels: Option<[Labels; 2]>,
    /// The events to tell.
    pub(super) eventmask: Option<u16>,
}

impl Action {
    /// Makes what `ct` says, in a namespace. May sleep.
    ///
    /// Fails with `ENOMEM`, or another error if there is no such helper. That there is no such
    /// timeout policy is logged, unless `log` says otherwise.
    pub(crate) fn new(net: &Net, ct: &Ct<'_>, log: bool) -> Result<Self> {
        let version = match ct.family {
            Family::Ipv4 => Version::V4,
            Family::Ipv6 => Version::V6,
        };
        let template = Template::new(
            net,
            &Setup {
                zone: ct.zone,
                version,
                protocol: ct.proto,
                helper: ct.helper,
                nat: ct.nat.is_some(),
                timeout: ct.timeout,
            },
        )?;
        if let Some(name) = ct.timeout.filter(|_| !template.has_policy()) {
            if log && ratelimit::allowed() {
                let name = name.to_str().unwrap_or_default();
                pr_info!("netlink: Failed to associated timeout policy '{name}'\n");
            }
        }
        let nat = ct.nat.map(|nat| Nat {
            wanted: Manip {
                source: nat.kind == NatKind::Source,
                destination: nat.kind == NatKind::Destination,
            },
            range: NatRange::new(
                version,
                nat.flags,
                [nat.min_addr, nat.max_addr],
                [nat.min_proto.to_bytes(), nat.max_proto.to_bytes()],
            ),
        });
        Ok(Self {
            template,
            version,
            zone: ct.zone,
            commit: ct.commit,
            force: ct.force,
            nat,
            mark: ct.mark,
            labels: ct.labels.map(|labels| labels.map(|labels| labels.bytes)),
            // There are no more than 16 events.
            eventmask: ct.eventmask.map(|mask| mask as u16),
        })
    }

    /// The version of IP of the packets it is for.
    pub(crate) fn version(&self) -> Version {
        self.version
    }

    /// The zone.
    pub(crate) fn zone(&self) -> u16 {
        self.zone
    }

    /// Whether it is for packets of an ethertype.
    #[inline]
    pub(crate) fn is_for(&self, eth_type: u16) -> bool {
        eth_type
            == match self.version {
                Version::V4 => ethertype::IPV4,
                Version::V6 => ethertype::IPV6,
            }
    }

    /// Executes it for a packet that starts with its network header and is no fragment.
    #[inline]
    pub(crate) fn execute(
        &self,
        place: Place<'_>,
        skb: SkBuff,
        packet: &mut PacketKey,
    ) -> Filtered {
        if self.commit {
            return self.commit(place, skb, packet);
        }
        let skb = self.lookup(place, skb, packet)?;
        if let Some(ct) = skb.connection() {
            ct.deliver_events();
        }
        Ok(skb)
    }
}
