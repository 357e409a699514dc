// SPDX-License-Identifier: GPL-2.0

//! Messages of the family `ovs_packet`: upcalls from the kernel, packets to it.

use super::Client;
use super::error::{
    Error,
    Result, //
};
use super::family::Families;
use super::message::{
    Reply,
    Request, //
};
use netlink_packet_generic::GenlHeader;
use odp::uapi::family::PACKET_VERSION;
use odp::uapi::{
    packet_attr,
    packet_cmd, //
};

/// Why a packet came up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpcallKind {
    /// No flow matched it.
    Miss,
    /// A flow's USERSPACE action.
    Action,
}

/// A packet that the kernel passes to user space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upcall<'a> {
    /// Why.
    pub kind: UpcallKind,
    /// The datapath.
    pub dp_ifindex: i32,
    /// The attributes of the packet's key.
    pub key: &'a [u8],
    /// The packet, from the Ethernet header on if the key has one.
    pub packet: &'a [u8],
    /// What the USERSPACE action gave to be handed back.
    pub userdata: Option<&'a [u8]>,
    /// The attributes of the tunnel the packet would leave by.
    pub egress_tunnel: Option<&'a [u8]>,
    /// The attributes of the flow's actions.
    pub actions: Option<&'a [u8]>,
    /// The largest fragment received.
    pub mru: Option<u16>,
    /// The length before truncation.
    pub len: Option<u32>,
    /// The hash and how it was made. To be given back with EXECUTE.
    pub hash: Option<u64>,
}

impl<'a> Upcall<'a> {
    /// Reads a message.
    pub fn parse(message: Reply<'a>) -> Result<Self> {
        let kind = match message.command {
            packet_cmd::MISS => UpcallKind::Miss,
            packet_cmd::ACTION => UpcallKind::Action,
            _ => return Err(Error::Malformed("not an upcall")),
        };
        let (mut key, mut packet) = (None, None);
        let mut upcall = Self {
            kind,
            dp_ifindex: message.dp_ifindex,
            key: &[],
            packet: &[],
            userdata: None,
            egress_tunnel: None,
            actions: None,
            mru: None,
            len: None,
            hash: None,
        };
        for attr in message.attrs() {
            match attr.kind() {
                packet_attr::PACKET => packet = Some(attr.payload()),
                packet_attr::KEY => key = Some(attr.payload()),
                packet_attr::USERDATA => upcall.userdata = Some(attr.payload()),
                packet_attr::EGRESS_TUN_KEY => upcall.egress_tunnel = Some(attr.payload()),
                packet_attr::ACTIONS => upcall.actions = Some(attr.payload()),
                packet_attr::MRU => upcall.mru = attr.get(),
                packet_attr::LEN => upcall.len = attr.get(),
                packet_attr::HASH => upcall.hash = attr.get(),
                _ => {}
            }
        }
        upcall.key = key.ok_or(Error::Malformed("an upcall without a key"))?;
        upcall.packet = packet.ok_or(Error::Malformed("an upcall without a packet"))?;
        Ok(upcall)
    }
}

/// A packet to be given to the kernel, with what to do with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Execute<'a> {
    /// The packet, from the Ethernet header on if the key has one.
    pub packet: &'a [u8],
    /// The attributes of the key. The kernel takes metadata from it and reads the rest anew.
    pub key: &'a [u8],
    /// The attributes of the actions.
    pub actions: &'a [u8],
    /// The kernel need not log errors: we only try.
    pub probe: bool,
    /// The hash the upcall came with.
    pub hash: Option<u64>,
    /// The largest fragment the upcall came with.
    pub mru: Option<u16>,
    /// The netlink port of upcalls that this causes.
    pub upcall_pid: Option<u32>,
}

impl Families {
    /// A request to apply actions to a packet.
    pub fn execute(&self, dp_ifindex: i32, execute: &Execute<'_>) -> Result<Request> {
        let header = GenlHeader {
            cmd: packet_cmd::EXECUTE,
            version: PACKET_VERSION,
        };
        Request::new(self.packet.id, header, 0, dp_ifindex, |w| {
            w.put_bytes(packet_attr::PACKET, execute.packet)?;
            w.put_bytes(packet_attr::KEY, execute.key)?;
            w.put_bytes(packet_attr::ACTIONS, execute.actions)?;
            if execute.probe {
                w.put_flag(packet_attr::PROBE)?;
            }
            if let Some(mru) = execute.mru {
                w.put(packet_attr::MRU, &mru)?;
            }
            if let Some(hash) = execute.hash {
                w.put(packet_attr::HASH, &hash)?;
            }
            if let Some(pid) = execute.upcall_pid {
                w.put(packet_attr::UPCALL_PID, &pid)?;
            }
            Ok(())
        })
    }
}

impl Client {
    /// Applies actions to a packet.
    pub fn execute(&mut self, dp_ifindex: i32, execute: &Execute<'_>) -> Result<()> {
        let request = self.families().execute(dp_ifindex, execute)?;
        self.order(request)
    }
}
