// SPDX-License-Identifier: GPL-2.0

//! The text of connections.

use super::field::{
    self,
    Bits,
    hex_number, //
};
use crate::client::conntrack::{
    Counters,
    Entry,
    Layer4,
    ProtoInfo,
    Tuple,
    proto, //
};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::fmt::Write;
use std::net::IpAddr;

/// `IPS_*`.
pub const STATUS: &[(u32, &str)] = &[
    (1 << 0, "EXPECTED"),
    (1 << 1, "SEEN_REPLY"),
    (1 << 2, "ASSURED"),
    (1 << 3, "CONFIRMED"),
    (1 << 4, "SRC_NAT"),
    (1 << 5, "DST_NAT"),
    (1 << 6, "SEQ_ADJUST"),
    (1 << 7, "SRC_NAT_DONE"),
    (1 << 8, "DST_NAT_DONE"),
    (1 << 9, "DYING"),
    (1 << 10, "FIXED_TIMEOUT"),
    (1 << 11, "TEMPLATE"),
    (1 << 12, "UNTRACKED"),
];

/// `IP_CT_TCP_FLAG_*`.
pub const TCP_FLAGS: &[(u32, &str)] = &[
    (1 << 0, "WINDOW_SCALE"),
    (1 << 1, "SACK_PERM"),
    (1 << 2, "CLOSE_INIT"),
    (1 << 3, "BE_LIBERAL"),
    (1 << 4, "DATA_UNACKNOWLEDGED"),
    (1 << 5, "MAXACK_SET"),
];

/// The states of TCP, as Open vSwitch calls those of `enum tcp_conntrack`.
const TCP_STATES: [&str; 10] = [
    "CLOSED",
    "SYN_SENT",
    "SYN_RECV",
    "ESTABLISHED",
    "FIN_WAIT_1",
    "CLOSE_WAIT",
    "LAST_ACK",
    "TIME_WAIT",
    "CLOSING",
    "SYN_SENT",
];

/// `enum sctp_conntrack`.
const SCTP_STATES: [&str; 10] = [
    "CLOSED",
    "CLOSED",
    "COOKIE_WAIT",
    "COOKIE_ECHOED",
    "ESTABLISHED",
    "SHUTDOWN_SENT",
    "SHUTDOWN_RECD",
    "SHUTDOWN_ACK_SENT",
    "HEARTBEAT_SENT",
    "HEARTBEAT_ACKED",
];

/// The name of a state of TCP.
pub fn tcp_state(state: u8) -> &'static str {
    TCP_STATES.get(usize::from(state)).unwrap_or(&"CLOSED")
}

/// The name of a state of TCP without what depends on how the kernel tracks connections.
pub fn coarse_tcp_state(state: u8) -> &'static str {
    match tcp_state(state) {
        "SYN_RECV" => "ESTABLISHED",
        name => name,
    }
}

/// The name of a state of SCTP.
pub fn sctp_state(state: u8) -> &'static str {
    SCTP_STATES.get(usize::from(state)).unwrap_or(&"CLOSED")
}

/// The name of a protocol, or its number.
pub fn protocol(number: u8) -> String {
    let name = match number {
        proto::ICMP => "icmp",
        proto::ICMPV6 => "icmpv6",
        proto::TCP => "tcp",
        proto::UDP => "udp",
        proto::SCTP => "sctp",
        proto::UDPLITE => "udplite",
        proto::DCCP => "dccp",
        proto::IGMP => "igmp",
        _ => return number.to_string(),
    };
    name.to_owned()
}

/// Writes a connection: with `verbose` what the kernel knows of its state, with `statistics` what
/// was counted and the times.
pub fn format(out: &mut String, entry: &Entry, verbose: bool, statistics: bool) {
    let counters = |counters: Counters| Some(counters).filter(|_| statistics);
    out.push_str(&protocol(entry.orig.proto));
    format_tuple(out, "orig", &entry.orig, counters(entry.counters_orig));
    format_tuple(out, "reply", &entry.reply, counters(entry.counters_reply));
    if statistics {
        format_time(out, "start", entry.start);
        format_time(out, "stop", entry.stop);
    }
    if verbose {
        let _ = write!(out, ",id={}", entry.id);
    }
    if entry.zone != 0 {
        let _ = write!(out, ",zone={}", entry.zone);
    }
    if verbose {
        format_flags(out, "status", STATUS, entry.status);
    }
    if statistics {
        let _ = write!(out, ",timeout={}", entry.timeout);
    }
    if entry.mark != 0 {
        let _ = write!(out, ",mark={}", entry.mark);
    }
    if entry.labels != 0 {
        out.push_str(",labels=");
        hex_number(out, &entry.labels.to_be_bytes());
    }
    if let Some(info) = entry.protoinfo {
        out.push_str(",protoinfo=(");
        format_protoinfo(out, info, verbose);
        out.push(')');
    }
    if let Some(helper) = &entry.helper {
        let _ = write!(out, ",helper={helper}");
    }
    if let Some(parent) = entry.parent.filter(|_| verbose) {
        format_tuple(out, "parent", &parent, None);
    }
}

fn format_tuple(out: &mut String, name: &str, tuple: &Tuple, counters: Option<Counters>) {
    let address = |address| match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => field::ipv6(&address.octets()),
    };
    let (src, dst) = (address(tuple.src), address(tuple.dst));
    let _ = write!(out, ",{name}=(src={src},dst={dst}");
    let _ = match tuple.layer4 {
        Layer4::Ports { src, dst } => write!(out, ",sport={src},dport={dst}"),
        Layer4::Icmp { id, kind, code } => write!(out, ",id={id},type={kind},code={code}"),
    };
    match counters {
        None
        | Some(Counters {
            packets: 0,
            bytes: 0,
        }) => {}
        Some(Counters { packets, bytes }) => {
            let _ = write!(out, ",packets={packets},bytes={bytes}");
        }
    }
    out.push(')');
}

/// Writes a time as the clock on the wall shows it.
fn format_time(out: &mut String, name: &str, time: Option<u64>) {
    let time = time.filter(|&time| time != 0);
    let Some(time) = time.and_then(|time| Timestamp::from_nanosecond(time.into()).ok()) else {
        return;
    };
    let time = time.to_zoned_datetime(TimeZone::system());
    let _ = write!(out, ",{name}={}", time.strftime("%Y-%m-%dT%H:%M:%S.%3f"));
}

fn format_flags(out: &mut String, name: &str, bits: &Bits, flags: u32) {
    let known = bits.iter().fold(0, |all, (bit, _)| all | bit);
    let _ = write!(out, ",{name}=");
    field::flags(out, bits, flags & known, '|');
}

fn format_protoinfo(out: &mut String, info: ProtoInfo, verbose: bool) {
    match info {
        ProtoInfo::Tcp { state, .. } if !verbose => {
            let _ = write!(out, "state={}", coarse_tcp_state(state));
        }
        ProtoInfo::Tcp {
            state,
            wscale: [orig, reply],
            flags,
        } => {
            // There is one state for both directions in the kernel.
            let state = tcp_state(state);
            let _ = write!(out, "state_orig={state},state_reply={state}");
            if (orig, reply) != (0, 0) {
                let _ = write!(out, ",wscale_orig={orig},wscale_reply={reply}");
            }
            format_flags(out, "flags_orig", TCP_FLAGS, flags[0].into());
            format_flags(out, "flags_reply", TCP_FLAGS, flags[1].into());
        }
        ProtoInfo::Sctp { state, vtags } => {
            // Open vSwitch prints the tags as they lie in memory.
            let [orig, reply] = vtags.map(|tag| u32::from_ne_bytes(tag.to_be_bytes()));
            let _ = write!(
                out,
                "state={},vtag_orig={orig},vtag_reply={reply}",
                sctp_state(state)
            );
        }
    }
}
