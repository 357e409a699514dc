// SPDX-License-Identifier: GPL-2.0

//! Requests and replies as bytes: netlink header, generic netlink header, `struct ovs_header`,
//! attributes. No input or output happens here.

use super::error::{
    Error,
    Result, //
};
use netlink_packet_core::{
    Emitable,
    NLM_F_REQUEST,
    NetlinkBuffer,
    NetlinkHeader, //
};
use netlink_packet_generic::GenlHeader;
use odp::nlattr::{
    Attrs,
    NoRoom,
    Writer, //
};
use odp::uapi::OvsHeader;
use zerocopy::{
    FromBytes,
    IntoBytes, //
};

/// The bytes of a netlink header.
pub(crate) const NLMSG_HDRLEN: usize = 16;
/// The bytes of a generic netlink header.
const GENL_HDRLEN: usize = 4;
/// The bytes before the attributes.
const ATTRS: usize = NLMSG_HDRLEN + GENL_HDRLEN + size_of::<OvsHeader>();
/// The room a request starts with. Most fit.
const ROOM: usize = 2048;
/// The most a request may take: actions of 64 KiB, a packet of as much, and a key.
const MAX_ROOM: usize = 256 * 1024;

/// A request, complete but for its sequence number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    bytes: Vec<u8>,
}

impl Request {
    /// Builds a request of a family of the datapath. `attrs` writes the attributes; it may be
    /// called again with a larger buffer.
    pub fn new(
        family: u16,
        command: GenlHeader,
        flags: u16,
        dp_ifindex: i32,
        attrs: impl Fn(&mut Writer<'_>) -> Result<(), NoRoom>,
    ) -> Result<Self> {
        let mut head = [0; GENL_HDRLEN + size_of::<OvsHeader>()];
        command.emit(&mut head);
        head[GENL_HDRLEN..].copy_from_slice(OvsHeader { dp_ifindex }.as_bytes());
        Self::raw(family, flags, &head, attrs)
    }

    /// Builds a request of any kind: `head` is what comes before the attributes.
    pub(crate) fn raw(
        message_type: u16,
        flags: u16,
        head: &[u8],
        attrs: impl Fn(&mut Writer<'_>) -> Result<(), NoRoom>,
    ) -> Result<Self> {
        let start = NLMSG_HDRLEN + head.len();
        let mut room = ROOM;
        let (mut bytes, len) = loop {
            let mut bytes = vec![0; room];
            let mut writer = Writer::new(&mut bytes[start..]);
            match attrs(&mut writer) {
                Ok(()) => {
                    let len = start + writer.len();
                    break (bytes, len);
                }
                Err(NoRoom) if room < MAX_ROOM => room *= 4,
                Err(NoRoom) => return Err(Error::TooLong),
            }
        };
        bytes.truncate(len);
        bytes[NLMSG_HDRLEN..start].copy_from_slice(head);
        let mut header = NetlinkHeader::default();
        header.length = u32::try_from(len).map_err(|_| Error::TooLong)?;
        header.message_type = message_type;
        header.flags = flags | NLM_F_REQUEST;
        header.emit(&mut bytes);
        Ok(Self { bytes })
    }

    /// A request made by another encoder, netlink header included.
    pub(crate) fn from_bytes(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }

    /// The bytes to be sent.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Adds flags of the netlink header.
    pub(crate) fn add_flags(&mut self, flags: u16) {
        let mut header = NetlinkBuffer::new(&mut self.bytes);
        let flags = header.flags() | flags;
        header.set_flags(flags);
    }

    /// Sets the sequence number.
    pub(crate) fn set_sequence(&mut self, sequence: u32) {
        NetlinkBuffer::new(&mut self.bytes).set_sequence_number(sequence);
    }
}

/// A message of one of the datapath's families.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply<'a> {
    /// The number of the family.
    pub family: u16,
    /// The command.
    pub command: u8,
    /// The datapath: the interface index of its local port.
    pub dp_ifindex: i32,
    attrs: &'a [u8],
}

impl<'a> Reply<'a> {
    /// Reads the headers of a message. `payload` is what follows the netlink header.
    pub fn parse(family: u16, payload: &'a [u8]) -> Result<Self> {
        let short = Error::Malformed("no room for the headers");
        let genl = GenlHeader::parse(payload).map_err(|_| Error::Malformed("no command"))?;
        let Some(rest) = payload.get(GENL_HDRLEN..) else {
            return Err(short);
        };
        let Ok((header, attrs)) = OvsHeader::read_from_prefix(rest) else {
            return Err(short);
        };
        Ok(Self {
            family,
            command: genl.cmd,
            dp_ifindex: header.dp_ifindex,
            attrs,
        })
    }

    /// Reads a whole message, as captured from a socket.
    pub fn from_message(message: &'a [u8]) -> Result<Self> {
        let buffer = NetlinkBuffer::new_checked(message)
            .map_err(|_| Error::Malformed("bad netlink header"))?;
        Self::parse(buffer.message_type(), buffer.payload())
    }

    /// The attributes.
    pub fn attrs(&self) -> Attrs<'a> {
        Attrs::new(self.attrs)
    }
}

/// The bytes before the attributes in a message of the datapath's families.
pub const HEADERS: usize = ATTRS;
