// SPDX-License-Identifier: GPL-2.0

//! Requests and replies of the family `ovs_flow`.

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
use netlink_packet_core::{
    NLM_F_CREATE,
    NLM_F_ECHO, //
};
use netlink_packet_generic::GenlHeader;
use odp::nlattr::{
    NoRoom,
    Writer, //
};
use odp::uapi::family::FLOW_VERSION;
use odp::uapi::{
    FlowStats,
    flow_attr,
    flow_cmd, //
};
use std::fmt;

/// The id that user space gives to a flow: 128 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ufid(pub [u8; 16]);

impl Ufid {
    /// As four words in host byte order, which is how Open vSwitch writes an id.
    pub fn words(&self) -> [u32; 4] {
        let mut words = [0; 4];
        for (word, bytes) in words.iter_mut().zip(self.0.chunks_exact(4)) {
            *word = bytes.try_into().map_or(0, u32::from_ne_bytes);
        }
        words
    }

    /// From four words in host byte order.
    pub fn from_words(words: [u32; 4]) -> Self {
        let mut bytes = [0; 16];
        for (to, word) in bytes.chunks_exact_mut(4).zip(words) {
            to.copy_from_slice(&word.to_ne_bytes());
        }
        Self(bytes)
    }
}

impl fmt::Display for Ufid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d] = self.words();
        write!(
            f,
            "{a:08x}-{:04x}-{:04x}-{:04x}-{:04x}{d:08x}",
            b >> 16,
            b & 0xffff,
            c >> 16,
            c & 0xffff
        )
    }
}

/// A flow, as the kernel tells of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// The command of the message: NEW, DEL and SET tell of a change (`odp::uapi::flow_cmd`).
    pub command: u8,
    /// The datapath.
    pub dp_ifindex: i32,
    /// The id, if it has one.
    pub ufid: Option<Ufid>,
    /// The attributes of the key; empty if it was left out.
    pub key: Vec<u8>,
    /// The attributes of the mask; empty if it was left out.
    pub mask: Vec<u8>,
    /// The attributes of the actions. `None`: left out, which a dump does with very long ones.
    pub actions: Option<Vec<u8>>,
    /// Packets and bytes.
    pub stats: FlowStats,
    /// When it was used last, in ms of the monotonic clock.
    pub used: Option<u64>,
    /// The TCP flags of all packets so far.
    pub tcp_flags: u8,
}

impl Flow {
    /// Reads a reply or a notification.
    pub fn parse(reply: Reply<'_>) -> Result<Self> {
        let mut flow = Self {
            command: reply.command,
            dp_ifindex: reply.dp_ifindex,
            ..Self::default()
        };
        let bad = || Error::Malformed("bad attribute of a flow");
        for attr in reply.attrs() {
            match attr.kind() {
                flow_attr::KEY => flow.key = attr.payload().to_vec(),
                flow_attr::MASK => flow.mask = attr.payload().to_vec(),
                flow_attr::ACTIONS => flow.actions = Some(attr.payload().to_vec()),
                flow_attr::STATS => flow.stats = attr.get().ok_or_else(bad)?,
                flow_attr::USED => flow.used = Some(attr.get().ok_or_else(bad)?),
                flow_attr::TCP_FLAGS => flow.tcp_flags = attr.get().ok_or_else(bad)?,
                flow_attr::UFID => flow.ufid = attr.get().map(Ufid),
                _ => {}
            }
        }
        Ok(flow)
    }
}

/// How a request names a flow: by its id if it has one, else by its key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowId<'a> {
    /// The id.
    pub ufid: Option<Ufid>,
    /// The attributes of the key.
    pub key: Option<&'a [u8]>,
}

/// A flow to be made or changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowPut<'a> {
    /// How it is named. NEW needs the key.
    pub id: FlowId<'a>,
    /// The attributes of the mask; without, all that the key gives must match.
    pub mask: Option<&'a [u8]>,
    /// The attributes of the actions. SET without leaves them as they are.
    pub actions: Option<&'a [u8]>,
    /// NEW: fail if there is such a flow, instead of giving it these actions.
    pub create: bool,
    /// SET: start the statistics anew.
    pub clear: bool,
    /// The kernel need not log errors: we only try.
    pub probe: bool,
    /// Reply with the flow; with CLEAR, as it was before.
    pub echo: bool,
}

impl FlowId<'_> {
    fn put(&self, w: &mut Writer<'_>) -> Result<(), NoRoom> {
        if let Some(ufid) = &self.ufid {
            w.put_bytes(flow_attr::UFID, &ufid.0)?;
        }
        if let Some(key) = self.key {
            w.put_bytes(flow_attr::KEY, key)?;
        }
        Ok(())
    }
}

impl FlowPut<'_> {
    fn put(&self, w: &mut Writer<'_>) -> Result<(), NoRoom> {
        self.id.put(w)?;
        if let Some(mask) = self.mask {
            w.put_bytes(flow_attr::MASK, mask)?;
        }
        if let Some(actions) = self.actions {
            w.put_bytes(flow_attr::ACTIONS, actions)?;
        }
        if self.clear {
            w.put_flag(flow_attr::CLEAR)?;
        }
        if self.probe {
            w.put_flag(flow_attr::PROBE)?;
        }
        Ok(())
    }
}

fn echo(echo: bool) -> u16 {
    if echo { NLM_F_ECHO } else { 0 }
}

impl Families {
    fn flow_request(
        &self,
        command: u8,
        flags: u16,
        dp_ifindex: i32,
        attrs: impl Fn(&mut Writer<'_>) -> Result<(), NoRoom>,
    ) -> Result<Request> {
        let header = GenlHeader {
            cmd: command,
            version: FLOW_VERSION,
        };
        Request::new(self.flow.id, header, flags, dp_ifindex, attrs)
    }

    /// A request to make a flow, or without `create` to give one other actions.
    pub fn new_flow(&self, dp_ifindex: i32, flow: &FlowPut<'_>) -> Result<Request> {
        let create = if flow.create { NLM_F_CREATE } else { 0 };
        let flags = create | echo(flow.echo);
        self.flow_request(flow_cmd::NEW, flags, dp_ifindex, |w| flow.put(w))
    }

    /// A request to change a flow that exists.
    pub fn set_flow(&self, dp_ifindex: i32, flow: &FlowPut<'_>) -> Result<Request> {
        self.flow_request(flow_cmd::SET, echo(flow.echo), dp_ifindex, |w| flow.put(w))
    }

    /// A request to look a flow up.
    pub fn get_flow(&self, dp_ifindex: i32, id: FlowId<'_>, ufid_flags: u32) -> Result<Request> {
        self.flow_request(flow_cmd::GET, 0, dp_ifindex, |w| {
            id.put(w)?;
            put_ufid_flags(w, ufid_flags)
        })
    }

    /// A request to remove a flow; with `reply`, to tell its last state.
    pub fn del_flow(
        &self,
        dp_ifindex: i32,
        id: FlowId<'_>,
        ufid_flags: u32,
        reply: bool,
    ) -> Result<Request> {
        self.flow_request(flow_cmd::DEL, echo(reply), dp_ifindex, |w| {
            id.put(w)?;
            put_ufid_flags(w, ufid_flags)
        })
    }

    /// A request to remove all flows of a datapath.
    pub fn flush_flows(&self, dp_ifindex: i32) -> Result<Request> {
        self.flow_request(flow_cmd::DEL, 0, dp_ifindex, |_| Ok(()))
    }

    /// A request to dump the flows of a datapath. `ufid_flags` (`odp::uapi::ufid_flags`) says what
    /// is left out.
    pub fn dump_flows(&self, dp_ifindex: i32, ufid_flags: u32) -> Result<Request> {
        self.flow_request(flow_cmd::GET, 0, dp_ifindex, |w| {
            put_ufid_flags(w, ufid_flags)
        })
    }
}

fn put_ufid_flags(w: &mut Writer<'_>, flags: u32) -> Result<(), NoRoom> {
    match flags {
        0 => Ok(()),
        _ => w.put(flow_attr::UFID_FLAGS, &flags),
    }
}

impl Client {
    /// Makes a flow, or without `create` gives one other actions. Replies if `echo` is set.
    pub fn new_flow(&mut self, dp_ifindex: i32, flow: &FlowPut<'_>) -> Result<Option<Flow>> {
        let request = self.families().new_flow(dp_ifindex, flow)?;
        self.transact(request, Flow::parse)
    }

    /// Changes a flow that exists. Replies if `echo` is set.
    pub fn set_flow(&mut self, dp_ifindex: i32, flow: &FlowPut<'_>) -> Result<Option<Flow>> {
        let request = self.families().set_flow(dp_ifindex, flow)?;
        self.transact(request, Flow::parse)
    }

    /// Looks a flow up.
    pub fn flow(&mut self, dp_ifindex: i32, id: FlowId<'_>) -> Result<Flow> {
        let request = self.families().get_flow(dp_ifindex, id, 0)?;
        self.query(request, Flow::parse)
    }

    /// Removes a flow and returns its last state.
    pub fn del_flow(&mut self, dp_ifindex: i32, id: FlowId<'_>) -> Result<Flow> {
        let request = self.families().del_flow(dp_ifindex, id, 0, true)?;
        self.query(request, Flow::parse)
    }

    /// Removes all flows of a datapath.
    pub fn flush_flows(&mut self, dp_ifindex: i32) -> Result<()> {
        let request = self.families().flush_flows(dp_ifindex)?;
        self.order(request)
    }

    /// The flows of a datapath, in no order.
    pub fn flows(&mut self, dp_ifindex: i32) -> Result<Vec<Flow>> {
        let request = self.families().dump_flows(dp_ifindex, 0)?;
        self.collect(request, Flow::parse)
    }
}
