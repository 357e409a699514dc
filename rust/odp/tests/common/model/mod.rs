// SPDX-License-Identifier: GPL-2.0

//! What actions do to a packet, as simply as it can be said: the opposite of how the datapath does it.
//!
//! A packet is its bytes; checksums are computed anew from all of them; copies are copies.

pub mod action;
pub mod checksum;
mod execute;
mod fields;
pub mod input;
mod layers;
pub mod packet;
pub mod random;

pub use action::{
    encode,
    Action, //
};
pub use packet::{
    Event,
    Packet,
    Stop, //
};

pub const IPV4: u16 = 0x0800;
pub const IPV6: u16 = 0x86dd;
pub const TEB: u16 = 0x6558;
pub const MPLS: [u16; 2] = [0x8847, 0x8848];
pub const NSH: u16 = 0x894f;
pub const TAGS: [u16; 2] = [0x8100, 0x88a8];

/// The ports that packets can be sent to. The last has packets without an Ethernet header.
pub const PORTS: [u32; 3] = [2, 3, 9];
/// Where packets come in.
pub const INPUT: u16 = 1;

/// The process that USERSPACE sends packets to.
pub const PROCESS: u32 = 77777;

/// A meter that all packets pass, one that drops all, and one that is not there.
pub const METERS: [u32; 3] = [1, 2, 3];
pub const METER_DROPS: u32 = 2;

/// The lists of the flows for recirculation ids 1, 2, ...; there is none for the one after the last.
pub type Flows = Vec<Vec<Action>>;
pub const FLOWS: u32 = 4;
