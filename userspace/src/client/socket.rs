// SPDX-License-Identifier: GPL-2.0

//! A netlink socket that waits for its answers.
//!
//! Sequence numbers pair answers with requests; what does not belong to the request at hand is
//! passed over. Errors come with the kernel's extended acknowledgement.

use super::error::{
    Error,
    KernelError,
    Result, //
};
use super::message::{
    NLMSG_HDRLEN,
    Reply,
    Request, //
};
use netlink_packet_core::{
    NLM_F_ACK,
    NLM_F_CAPPED,
    NLM_F_DUMP,
    NLM_F_DUMP_INTR,
    NLMSG_DONE,
    NLMSG_ERROR,
    NLMSG_NOOP,
    NLMSG_OVERRUN,
    NetlinkBuffer, //
};
use netlink_sys::SocketAddr;
use netlink_sys::protocols::NETLINK_GENERIC;
use nix::errno::Errno;
use nix::sys::socket::{
    MsgFlags,
    MultiHeaders,
    NetlinkAddr,
    recvmmsg, //
};
use rustix::net::{
    RecvFlags,
    sockopt, //
};
use std::io::{
    self,
    IoSliceMut, //
};
use std::mem;
use std::os::fd::{
    AsFd,
    AsRawFd,
    BorrowedFd,
    RawFd, //
};

/// The room for one read: an upcall with a packet of 64 KiB, its key and actions.
pub const RECV_ROOM: usize = 192 * 1024;
/// The most requests sent at once: their acknowledgements queue up while the kernel works on them.
pub const MAX_BATCH: usize = 64;
/// The most bytes sent at once, but for a single request.
const MAX_BATCH_BYTES: usize = 64 * 1024;
/// `NLM_F_ACK_TLVS`: attributes follow the error.
const NLM_F_ACK_TLVS: u16 = 512;

/// Requests that are sent with one system call.
#[derive(Debug, Default)]
struct Outgoing {
    bytes: Vec<u8>,
    count: usize,
    /// The sequence number of the first.
    first: u32,
}

impl Outgoing {
    /// Whether a request may be sent along. One alone may be of any length.
    fn has_room(&self, request: &Request) -> bool {
        let len = self.bytes.len() + request.as_bytes().len();
        self.count == 0 || (self.count < MAX_BATCH && len <= MAX_BATCH_BYTES)
    }

    /// Adds a request, with its sequence number.
    fn push(&mut self, mut request: Request, sequence: u32) {
        if self.count == 0 {
            self.first = sequence;
        }
        request.set_sequence(sequence);
        request.add_flags(NLM_F_ACK);
        self.bytes.extend_from_slice(request.as_bytes());
        self.bytes.resize(odp::nlattr::align(self.bytes.len()), 0);
        self.count += 1;
    }
}

/// A netlink socket, connected to the kernel.
#[derive(Debug)]
pub struct Socket {
    inner: netlink_sys::Socket,
    port: u32,
    sequence: u32,
    buf: Vec<u8>,
}

impl Socket {
    /// Opens a generic netlink socket.
    pub fn open() -> Result<Self> {
        Self::open_protocol(NETLINK_GENERIC)
    }

    /// Opens a socket of another netlink protocol.
    pub(crate) fn open_protocol(protocol: isize) -> Result<Self> {
        let mut inner = netlink_sys::Socket::new(protocol).map_err(Error::io("socket"))?;
        let address = inner.bind_auto().map_err(Error::io("bind"))?;
        // From now on no process can send us messages in the kernel's name.
        inner
            .connect(&SocketAddr::new(0, 0))
            .map_err(Error::io("connect"))?;
        inner.set_ext_ack(true).map_err(Error::io("setsockopt"))?;
        inner.set_cap_ack(true).map_err(Error::io("setsockopt"))?;
        Ok(Self {
            port: address.port_number(),
            // Port and time differ between two users of a port number: stale answers do not match.
            sequence: address.port_number().wrapping_mul(0x9e37_79b9) >> 1,
            inner,
            buf: Vec::with_capacity(RECV_ROOM),
        })
    }

    /// The netlink port, which is what an upcall pid is.
    pub const fn port(&self) -> u32 {
        self.port
    }

    /// Asks for a receive buffer of so many bytes, beyond the system's limit if we may.
    pub fn set_receive_buffer(&self, bytes: usize) -> Result<()> {
        sockopt::set_socket_recv_buffer_size_force(&self.inner, bytes)
            .or_else(|_| sockopt::set_socket_recv_buffer_size(&self.inner, bytes))
            .map_err(|error| Error::io("setsockopt")(error.into()))
    }

    /// Joins a multicast group.
    pub fn subscribe(&mut self, group: u32) -> Result<()> {
        self.inner
            .add_membership(group)
            .map_err(Error::io("setsockopt"))
    }

    /// Makes [`Socket::receive`] return at once when there is nothing to read.
    pub fn set_nonblocking(&self, nonblocking: bool) -> Result<()> {
        self.inner
            .set_non_blocking(nonblocking)
            .map_err(Error::io("fcntl"))
    }

    /// Reads once: upcalls or notifications.
    ///
    /// Waits if the socket is a blocking one; else `None` says that there is nothing to read.
    /// [`Error::Overrun`] says that messages were lost; the next read goes on behind them.
    pub fn receive(&mut self) -> Result<Option<Messages<'_>>> {
        match self.read() {
            Ok(()) => Ok(Some(Messages {
                rest: &self.buf,
                sequence: None,
            })),
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads what there is, with one system call, as far as there is room. Does not wait.
    ///
    /// [`Error::Overrun`] is as for [`Socket::receive`].
    pub fn receive_many<'r>(
        &self,
        room: &'r mut Room,
    ) -> Result<impl Iterator<Item = Messages<'r>>> {
        room.fill(self.inner.as_raw_fd())?;
        let read = room.bufs.iter().zip(&room.lens);
        Ok(read.map(|(buf, len)| Messages {
            rest: &buf[..*len],
            sequence: None,
        }))
    }

    /// Sends a request and waits until it is acknowledged. `parse` is given the reply, if any.
    pub fn transact<T>(
        &mut self,
        request: Request,
        parse: impl FnOnce(Reply<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        let mut parse = Some(parse);
        let mut parsed = None;
        let mut outcome = self.batch([request], |_, reply| {
            if let Some(parse) = parse.take() {
                parsed = Some(parse(reply));
            }
        })?;
        if let Some(Err(error)) = outcome.pop() {
            return Err(error.into());
        }
        parsed.transpose()
    }

    /// Sends requests, many with one system call, and waits until each is acknowledged.
    ///
    /// The outcome of each is in its place of the returned vector: the kernel goes on with the next
    /// one when one has failed. `on_reply` is given the place of a request and its reply.
    pub fn batch(
        &mut self,
        requests: impl IntoIterator<Item = Request>,
        mut on_reply: impl FnMut(usize, Reply<'_>),
    ) -> Result<Vec<Result<(), KernelError>>> {
        let mut outcomes = Vec::new();
        let mut outgoing = Outgoing::default();
        for request in requests {
            if !outgoing.has_room(&request) {
                self.exchange(&mut outgoing, &mut outcomes, &mut on_reply)?;
            }
            outgoing.push(request, self.next_sequence());
        }
        if outgoing.count > 0 {
            self.exchange(&mut outgoing, &mut outcomes, &mut on_reply)?;
        }
        Ok(outcomes)
    }

    /// Sends what is to be sent, and waits until it is acknowledged.
    fn exchange(
        &mut self,
        outgoing: &mut Outgoing,
        outcomes: &mut Vec<Result<(), KernelError>>,
        on_reply: &mut impl FnMut(usize, Reply<'_>),
    ) -> Result<()> {
        let Outgoing {
            bytes,
            count,
            first,
        } = mem::take(outgoing);
        self.send(&bytes)?;
        self.await_acks(first, count, outcomes, on_reply)
    }

    /// Starts a dump.
    pub fn dump(&mut self, mut request: Request) -> Result<Dump<'_>> {
        let sequence = self.next_sequence();
        request.set_sequence(sequence);
        request.add_flags(NLM_F_DUMP);
        self.send(request.as_bytes())?;
        self.buf.clear();
        Ok(Dump {
            socket: self,
            sequence,
            at: 0,
            done: false,
            interrupted: false,
        })
    }

    /// Reads until the last of `count` requests, numbered from `first` on, is acknowledged.
    fn await_acks(
        &mut self,
        first: u32,
        count: usize,
        outcomes: &mut Vec<Result<(), KernelError>>,
        on_reply: &mut impl FnMut(usize, Reply<'_>),
    ) -> Result<()> {
        let base = outcomes.len();
        while outcomes.len() < base + count {
            self.read()?;
            for message in Parts::new(&self.buf) {
                let message = message?;
                let index = message.sequence.wrapping_sub(first) as usize;
                if index >= count {
                    continue;
                }
                match message.kind() {
                    Kind::Ack(outcome) => {
                        // Requests are worked on in their order.
                        if base + index != outcomes.len() {
                            return Err(Error::Malformed("acknowledgement out of order"));
                        }
                        outcomes.push(outcome);
                    }
                    Kind::Data(payload) => {
                        on_reply(base + index, Reply::parse(message.family, payload)?);
                    }
                    Kind::Noop => {}
                }
            }
        }
        Ok(())
    }

    /// Sends a request and returns the payload of the reply. For families that are not ours.
    pub(crate) fn query_raw(&mut self, mut request: Request) -> Result<Vec<u8>> {
        let sequence = self.next_sequence();
        request.set_sequence(sequence);
        request.add_flags(NLM_F_ACK);
        self.send(request.as_bytes())?;
        let mut reply = Vec::new();
        loop {
            self.read()?;
            for message in Parts::new(&self.buf) {
                let message = message?;
                if message.sequence != sequence {
                    continue;
                }
                match message.kind() {
                    Kind::Ack(outcome) => return Ok(outcome.map(|()| reply)?),
                    Kind::Data(payload) => reply = payload.to_vec(),
                    Kind::Noop => {}
                }
            }
        }
    }

    fn next_sequence(&mut self) -> u32 {
        // Zero is for what was not asked for.
        self.sequence = self.sequence.wrapping_add(1).max(1);
        self.sequence
    }

    fn send(&self, bytes: &[u8]) -> Result<()> {
        loop {
            match self.inner.send(bytes, 0) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::io("send")(error)),
            }
        }
    }

    fn read(&mut self) -> Result<()> {
        let flags = RecvFlags::TRUNC.bits() as i32;
        loop {
            self.buf.clear();
            match self.inner.recv(&mut self.buf, flags) {
                Ok(len) if len > self.buf.len() => {
                    return Err(Error::Malformed("message longer than the buffer"));
                }
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::io("recv")(error)),
            }
        }
    }
}

/// Room for many reads at once.
#[derive(Debug)]
pub struct Room {
    bufs: Vec<Box<[u8]>>,
    /// The bytes that were read into each.
    lens: Vec<usize>,
}

impl Room {
    /// Room for so many reads. Memory is used as it is read into.
    pub fn new(reads: usize) -> Self {
        Self {
            bufs: (0..reads).map(|_| vec![0; RECV_ROOM].into()).collect(),
            lens: Vec::with_capacity(reads),
        }
    }

    fn fill(&mut self, fd: RawFd) -> Result<()> {
        loop {
            self.lens.clear();
            let mut headers = MultiHeaders::<NetlinkAddr>::preallocate(self.bufs.len(), None);
            let mut slices: Vec<_> = self
                .bufs
                .iter_mut()
                .map(|buf| [IoSliceMut::new(buf)])
                .collect();
            let flags = MsgFlags::MSG_DONTWAIT;
            match recvmmsg(fd, &mut headers, slices.iter_mut(), flags, None) {
                Ok(messages) => {
                    for message in messages {
                        if message.flags.contains(MsgFlags::MSG_TRUNC) {
                            return Err(Error::Malformed("message longer than the buffer"));
                        }
                        self.lens.push(message.bytes);
                    }
                    return Ok(());
                }
                Err(Errno::EAGAIN) => return Ok(()),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(Error::io("recvmmsg")(errno.into())),
            }
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }
}

/// A dump that is under way. What is left of it is read when it is dropped.
#[derive(Debug)]
pub struct Dump<'a> {
    socket: &'a mut Socket,
    sequence: u32,
    at: usize,
    done: bool,
    interrupted: bool,
}

impl Dump<'_> {
    /// The next reply; `None` at the end.
    #[expect(clippy::should_implement_trait, reason = "it lends what it returns")]
    pub fn next(&mut self) -> Result<Option<Reply<'_>>> {
        match self.next_message()? {
            Some((family, payload)) => Reply::parse(family, payload).map(Some),
            None => Ok(None),
        }
    }

    /// The type and payload of the next message; `None` at the end. For families that are not ours.
    pub(crate) fn next_message(&mut self) -> Result<Option<(u16, &[u8])>> {
        let range = loop {
            if self.done {
                return Ok(None);
            }
            if self.at >= self.socket.buf.len() {
                self.at = 0;
                if let Err(error) = self.socket.read() {
                    // Nothing says whether an end is still to come.
                    self.done = true;
                    return Err(error);
                }
            }
            let Some(message) = Parts::new(&self.socket.buf[self.at..]).next() else {
                self.at = usize::MAX;
                continue;
            };
            let message = message.inspect_err(|_| self.done = true)?;
            let start = self.at + NLMSG_HDRLEN;
            self.at = self.at.saturating_add(message.advance);
            if message.sequence != self.sequence {
                continue;
            }
            self.interrupted |= message.flags & NLM_F_DUMP_INTR != 0;
            match message.kind() {
                Kind::Ack(outcome) => {
                    self.done = true;
                    outcome?;
                }
                Kind::Data(payload) => break (message.family, start..start + payload.len()),
                Kind::Noop => {}
            }
        };
        let (family, range) = range;
        Ok(Some((family, &self.socket.buf[range])))
    }

    /// The next replies, as many as are read at once; `None` at the end. They are in `buf`, so that
    /// several threads can take turns in reading.
    pub fn next_messages<'b>(&mut self, buf: &'b mut Vec<u8>) -> Result<Option<Messages<'b>>> {
        if self.done {
            return Ok(None);
        }
        let sequence = self.sequence;
        let read = self.socket.read().and_then(|()| {
            for message in Parts::new(&self.socket.buf) {
                let message = message?;
                if message.sequence != sequence {
                    continue;
                }
                self.interrupted |= message.flags & NLM_F_DUMP_INTR != 0;
                if let Kind::Ack(outcome) = message.kind() {
                    self.done = true;
                    outcome?;
                }
            }
            Ok(())
        });
        // Nothing says whether an end is still to come.
        self.done |= read.is_err();
        read?;
        buf.clear();
        buf.reserve(RECV_ROOM);
        mem::swap(buf, &mut self.socket.buf);
        self.at = usize::MAX;
        Ok(Some(Messages {
            rest: buf,
            sequence: Some(sequence),
        }))
    }

    /// Whether the kernel has said that the dump is inconsistent because of a change meanwhile.
    pub const fn interrupted(&self) -> bool {
        self.interrupted
    }
}

impl Drop for Dump<'_> {
    fn drop(&mut self) {
        while let Ok(Some(_)) = self.next_message() {}
    }
}

/// The messages of one read. What is no message of a family is passed over.
#[derive(Clone, Debug)]
pub struct Messages<'a> {
    rest: &'a [u8],
    /// That of the request that these are answers to, if they are.
    sequence: Option<u32>,
}

impl<'a> Iterator for Messages<'a> {
    type Item = Result<Reply<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let mut parts = Parts::new(self.rest);
            let message = parts.next();
            self.rest = parts.rest;
            match message? {
                Err(error) => return Some(Err(error)),
                Ok(message) if self.sequence.is_some_and(|s| s != message.sequence) => {}
                Ok(message) => {
                    if let Kind::Data(payload) = message.kind() {
                        return Some(Reply::parse(message.family, payload));
                    }
                }
            }
        }
    }
}

/// One netlink message, header taken apart.
struct Part<'a> {
    family: u16,
    flags: u16,
    sequence: u32,
    payload: &'a [u8],
    /// The bytes to the next message.
    advance: usize,
}

enum Kind<'a> {
    /// The end of what belongs to a request.
    Ack(Result<(), KernelError>),
    Data(&'a [u8]),
    Noop,
}

impl<'a> Part<'a> {
    fn kind(&self) -> Kind<'a> {
        match self.family {
            NLMSG_ERROR | NLMSG_DONE => Kind::Ack(self.outcome()),
            NLMSG_NOOP | NLMSG_OVERRUN => Kind::Noop,
            _ => Kind::Data(self.payload),
        }
    }

    /// What an error or the end of a dump says.
    fn outcome(&self) -> Result<(), KernelError> {
        let Some((code, rest)) = self.payload.split_first_chunk::<4>() else {
            return Ok(());
        };
        let code = i32::from_ne_bytes(*code);
        if code >= 0 {
            return Ok(());
        }
        // The request comes back before the attributes: its header alone, or all of it.
        let request = if self.family == NLMSG_DONE {
            0
        } else if self.flags & NLM_F_CAPPED != 0 {
            NLMSG_HDRLEN
        } else {
            let len = rest
                .first_chunk::<4>()
                .map_or(0, |l| u32::from_ne_bytes(*l));
            odp::nlattr::align(len as usize)
        };
        let attrs = match rest.get(request..) {
            Some(attrs) if self.flags & NLM_F_ACK_TLVS != 0 => attrs,
            _ => &[],
        };
        Err(KernelError::parse(code.saturating_neg(), attrs))
    }
}

/// Iterates over the netlink messages in what was read.
struct Parts<'a> {
    rest: &'a [u8],
}

impl<'a> Parts<'a> {
    fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = Result<Part<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        let all = self.rest;
        if all.is_empty() {
            return None;
        }
        self.rest = &[];
        let Ok(header) = NetlinkBuffer::new_checked(all) else {
            return Some(Err(Error::Malformed("bad netlink header")));
        };
        let len = header.length() as usize;
        let advance = odp::nlattr::align(len);
        self.rest = all.get(advance..).unwrap_or(&[]);
        Some(Ok(Part {
            family: header.message_type(),
            flags: header.flags(),
            sequence: header.sequence_number(),
            payload: &all[NLMSG_HDRLEN..len],
            advance,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(message: &[u8]) -> Result<(), KernelError> {
        match Parts::new(message).next().unwrap().unwrap().kind() {
            Kind::Ack(outcome) => outcome,
            _ => panic!("not an acknowledgement"),
        }
    }

    /// What the C module of Linux 7.2 says to a masks cache that is too large.
    #[test]
    fn the_kernels_words_are_kept() {
        let mut message = vec![
            0x6c, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x03, 0x0a, 0xa1, 0xbe, 0x75, 0xad, 0x00,
            0x00, 0x00, 0xde, 0xff, 0xff, 0xff, 0x28, 0x00, 0x00, 0x00, 0x25, 0x00, 0x0d, 0x00,
            0x0a, 0xa1, 0xbe, 0x75, 0x00, 0x00, 0x00, 0x00, 0x19, 0x00, 0x01, 0x00,
        ];
        message.extend_from_slice(b"integer out of range\0\0\0\0");
        message.extend_from_slice(&[0x08, 0x00, 0x02, 0x00, 0x20, 0x00, 0x00, 0x00]);
        message.extend_from_slice(&[
            0x24, 0x00, 0x04, 0x80, 0x0c, 0x00, 0x04, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
            0x00, 0x00, 0x0c, 0x00, 0x05, 0x00, 0x00, 0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
            0x08, 0x00, 0x01, 0x00, 0x04, 0x00, 0x00, 0x00,
        ]);
        let error = outcome(&message).unwrap_err();
        assert_eq!(error.errno, 34);
        assert_eq!(error.offset, Some(32));
        assert_eq!(error.missing, None);
        assert_eq!(
            error.to_string(),
            "Numerical result out of range: integer out of range"
        );
    }

    #[test]
    fn an_acknowledgement_is_no_error() {
        let message = [
            0x24, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x01, 0x27, 0xba, 0xe0, 0x7c, 0xa5, 0x00,
            0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xd4, 0x00, 0x00, 0x00, 0x27, 0x00, 0x05, 0x04,
            0x27, 0xba, 0xe0, 0x7c, 0x00, 0x00, 0x00, 0x00,
        ];
        assert_eq!(outcome(&message), Ok(()));
    }

    #[test]
    fn requests_are_answered_in_their_order() {
        let mut socket = Socket::open().unwrap();
        // The controller (family 16) knows no command 200.
        let unknown = || Request::raw(16, 0, &[200, 1, 0, 0], |_| Ok(())).unwrap();
        let count = 3 * MAX_BATCH + 1;
        let outcomes = socket.batch((0..count).map(|_| unknown()), |_, _| ());
        let outcomes = outcomes.unwrap();
        assert_eq!(outcomes.len(), count);
        assert!(
            outcomes
                .iter()
                .all(|o| o.as_ref().is_err_and(|e| e.errno == 95))
        );
    }

    #[test]
    fn requests_share_system_calls() {
        // So many of so many bytes each, and how many are sent at once.
        for (count, len, wanted) in [
            (150, 100, [64, 64, 22].as_slice()),
            (64, 20, &[64]),
            (5, 30_000, &[2, 2, 1]),
            (2, 60_000, &[1, 1]),
        ] {
            let mut sent = Vec::new();
            let mut outgoing = Outgoing::default();
            for sequence in 0..count {
                let attr = vec![0; len - NLMSG_HDRLEN - 4];
                let request = Request::raw(16, 0, &[], |w| w.put_bytes(1, &attr)).unwrap();
                if !outgoing.has_room(&request) {
                    sent.push(mem::take(&mut outgoing));
                }
                outgoing.push(request, sequence);
            }
            sent.push(outgoing);
            assert_eq!(sent.iter().map(|o| o.count).collect::<Vec<_>>(), wanted);
            for outgoing in &sent {
                let sequences: Vec<_> = Parts::new(&outgoing.bytes)
                    .map(|part| part.unwrap().sequence)
                    .collect();
                let all = outgoing.first..outgoing.first + outgoing.count as u32;
                assert_eq!(sequences, all.collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn many_are_read_at_once() {
        let socket = Socket::open().unwrap();
        let mut room = Room::new(4);
        assert_eq!(socket.receive_many(&mut room).unwrap().count(), 0);
        for _ in 0..6 {
            let unknown = Request::raw(16, 0, &[200, 1, 0, 0], |_| Ok(())).unwrap();
            socket.send(unknown.as_bytes()).unwrap();
        }
        // All are answered when they are sent.
        assert_eq!(socket.receive_many(&mut room).unwrap().count(), 4);
        for messages in socket.receive_many(&mut room).unwrap() {
            let [part] = Parts::new(messages.rest)
                .collect::<Vec<_>>()
                .try_into()
                .ok()
                .unwrap();
            let part: Part<'_> = part.unwrap();
            assert_eq!(part.family, NLMSG_ERROR);
        }
        assert_eq!(socket.receive_many(&mut room).unwrap().count(), 0);
    }

    #[test]
    fn a_dump_may_be_given_up() {
        let mut socket = Socket::open().unwrap();
        // The families themselves: CTRL_CMD_GETFAMILY.
        let families = || Request::raw(16, 0, &[3, 1, 0, 0], |_| Ok(())).unwrap();
        for _ in 0..3 {
            let mut dump = socket.dump(families()).unwrap();
            assert!(dump.next().unwrap().is_some());
        }
        let mut dump = socket.dump(families()).unwrap();
        let mut count = 0;
        while dump.next().unwrap().is_some() {
            count += 1;
        }
        assert!(count > 1);
        assert!(!dump.interrupted());
        drop(dump);
        // Several replies at once are the same ones.
        let mut dump = socket.dump(families()).unwrap();
        let mut buf = Vec::new();
        let mut at_once = 0;
        while let Some(messages) = dump.next_messages(&mut buf).unwrap() {
            at_once += messages.map(Result::unwrap).collect::<Vec<_>>().len();
        }
        assert_eq!(at_once, count);
    }
}
