// SPDX-License-Identifier: GPL-2.0

//! Why the datapath drops a packet.
//!
//! The reasons of the Open vSwitch subsystem are what `skb:kfree_skb` reports, and what tools such
//! as retis and `perf` turn into names: their order is an interface.
//!
//! C version of this list: [`net/openvswitch/drop.h`](srctree/net/openvswitch/drop.h).

use crate::net::drop_reason;

/// A reason of the Open vSwitch subsystem, or one of the core's that the datapath uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The action list ended, and nothing in it took the packet.
    LastAction,
    /// An action failed.
    ActionError,
    /// A DROP action.
    Explicit,
    /// A DROP action with an error value.
    ExplicitWithError,
    /// A meter.
    Meter,
    /// Too many datapaths sent the packet to each other.
    RecursionLimit,
    /// Too many clones of the packet wait for their actions.
    DeferredLimit,
    /// The headers before the network header are too long to fragment the packet.
    FragL2TooLong,
    /// The packet needs fragmenting and is neither IPv4 nor IPv6.
    FragInvalidProto,
    /// Connection tracking did not let the packet pass.
    Conntrack,
    /// The time to live ran out.
    IpTtl,
    /// No reason that has a name.
    NotSpecified,
    /// The output port is not there, is down or has no carrier.
    DevReady,
    /// The packet is larger than the output port takes.
    PktTooBig,
}

/// The names, in the order of the numbers. Number 0 is not used.
pub(crate) static NAMES: drop_reason::Names<12> = drop_reason::Names::new([
    None,
    Some(c"OVS_DROP_LAST_ACTION"),
    Some(c"OVS_DROP_ACTION_ERROR"),
    Some(c"OVS_DROP_EXPLICIT"),
    Some(c"OVS_DROP_EXPLICIT_WITH_ERROR"),
    Some(c"OVS_DROP_METER"),
    Some(c"OVS_DROP_RECURSION_LIMIT"),
    Some(c"OVS_DROP_DEFERRED_LIMIT"),
    Some(c"OVS_DROP_FRAG_L2_TOO_LONG"),
    Some(c"OVS_DROP_FRAG_INVALID_PROTO"),
    Some(c"OVS_DROP_CONNTRACK"),
    Some(c"OVS_DROP_IP_TTL"),
]);

impl From<Reason> for drop_reason::Code {
    #[inline]
    fn from(reason: Reason) -> Self {
        let ovs = drop_reason::Code::openvswitch;
        match reason {
            Reason::LastAction => ovs(1),
            Reason::ActionError => ovs(2),
            Reason::Explicit => ovs(3),
            Reason::ExplicitWithError => ovs(4),
            Reason::Meter => ovs(5),
            Reason::RecursionLimit => ovs(6),
            Reason::DeferredLimit => ovs(7),
            Reason::FragL2TooLong => ovs(8),
            Reason::FragInvalidProto => ovs(9),
            Reason::Conntrack => ovs(10),
            Reason::IpTtl => ovs(11),
            Reason::NotSpecified => drop_reason::Code::NOT_SPECIFIED,
            Reason::DevReady => drop_reason::Code::DEV_READY,
            Reason::PktTooBig => drop_reason::Code::PKT_TOO_BIG,
        }
    }
}
