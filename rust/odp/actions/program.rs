// SPDX-License-Identifier: GPL-2.0

//! Reading compiled programs.

use super::super::{
    nlattr::{
        self,
        Attr,
        Attrs, //
    },
    uapi::{
        action_attr,
        check_pkt_len_attr,
        dec_ttl_attr,
        sample_attr, //
    },
};
use super::{
    op::{
        At,
        Bytes,
        Op, //
    },
    upcall::{
        Userspace,
        UserspaceHeader,
        NONE, //
    },
};
use zerocopy::{
    FromBytes,
    Immutable,
    IntoBytes,
    KnownLayout, //
};

/// The memory a compiled program is kept in.
pub trait Store {
    /// The operations, as [`Sink::push_op`](super::Sink::push_op) was given them.
    fn ops(&self) -> &[Op];

    /// The data, as [`Sink::push_data`](super::Sink::push_data) was given them.
    fn data(&self) -> &[u64];

    /// The actions' attributes, as [`Sink::push_dump`](super::Sink::push_dump) was given them.
    fn dump(&self) -> &[u8];
}

/// A validated list of actions, to be executed.
#[derive(Clone, Copy, Debug)]
pub struct Program<'a> {
    ops: &'a [Op],
    data: &'a [u64],
    dump: &'a [u8],
}

/// A list within a program, or what is left of it.
///
/// It has no lifetime, so that it can be put aside together with a reference to its program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct List {
    at: u32,
    end: u32,
}

impl List {
    /// Splits off the next `len` operations.
    #[inline]
    #[must_use = "the operations of a nested list are not those of the list it is in"]
    pub fn take(&mut self, len: u32) -> Self {
        let at = self.at;
        self.at = at.saturating_add(len).min(self.end);
        Self { at, end: self.at }
    }

    /// Whether no operation is left.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.at >= self.end
    }
}

impl<'a> Program<'a> {
    pub(super) fn new(store: &'a impl Store) -> Self {
        Self {
            ops: store.ops(),
            data: store.data(),
            dump: store.dump(),
        }
    }

    /// The whole program.
    #[inline]
    pub fn list(&self) -> List {
        List {
            at: 0,
            end: u32::try_from(self.ops.len()).unwrap_or(u32::MAX),
        }
    }

    /// Takes the next operation from a list.
    #[inline]
    pub fn next(&self, list: &mut List) -> Option<Op> {
        if list.is_empty() {
            return None;
        }
        let op = self.ops.get(usize::try_from(list.at).ok()?)?;
        list.at = list.at.wrapping_add(1);
        Some(*op)
    }

    /// The attribute of the next operation of a list, and whether it is the last one of the list.
    ///
    /// For whoever wants to tell what is executed: this goes through all of the program.
    pub fn next_attr(&self, list: &List) -> Option<(Attr<'a>, bool)> {
        if list.is_empty() {
            return None;
        }
        let mut operations = list.at;
        nth(Attrs::new(self.dump), &mut operations)
    }

    /// The data at a place. There are none if the place is one of another program.
    #[inline]
    pub fn get<T: FromBytes + KnownLayout + Immutable>(&self, at: At<T>) -> Option<&'a T> {
        T::ref_from_prefix(self.tail(at.word())?)
            .ok()
            .map(|(data, _)| data)
    }

    /// Bytes at a place. There are none if the place is one of another program.
    #[inline]
    pub fn bytes(&self, at: At<Bytes>, len: usize) -> Option<&'a [u8]> {
        self.tail(at.word())?.get(..len)
    }

    /// The arguments of [`Op::Userspace`].
    pub fn userspace(&self, at: At<UserspaceHeader>) -> Option<Userspace<'a>> {
        let (header, rest) = UserspaceHeader::ref_from_prefix(self.tail(at.word())?).ok()?;
        Some(Userspace {
            pid: header.pid,
            egress_tun_port: (header.egress_tun_port != NONE).then_some(header.egress_tun_port),
            actions: self.actions(header.actions),
            userdata: match header.userdata_len {
                NONE => None,
                len => rest.get(..usize::try_from(len).ok()?),
            },
        })
    }

    /// The program as attributes, as user space is told of it.
    ///
    /// What was sent, except for what the C module also changes: flags are gone from the types of
    /// actions, the arguments of SAMPLE, CHECK_PKT_LEN, CT and tunnels are in a fixed order, those
    /// that say nothing are left out and defaults are there.
    #[inline]
    pub const fn dump(&self) -> &'a [u8] {
        self.dump
    }

    fn tail(&self, word: u32) -> Option<&'a [u8]> {
        Some(self.data.get(usize::try_from(word).ok()?..)?.as_bytes())
    }

    /// The attributes of the list that starts at `start` of the dump; the program's own is at zero,
    /// every other one has the header of an attribute in front.
    fn actions(&self, start: u32) -> Option<&'a [u8]> {
        match start {
            NONE => None,
            0 => Some(self.dump),
            _ => {
                let header = usize::try_from(start).ok()?.checked_sub(nlattr::HDRLEN)?;
                let attr = Attrs::new(self.dump.get(header..)?).next()?;
                Some(attr.payload())
            }
        }
    }
}

/// The action after `n` others, and whether it is the last one of its list.
///
/// There is an operation for each action, and those of nested lists follow that of the action they
/// belong to. Lists are nested no deeper than [`MAX_DEPTH`](super::MAX_DEPTH).
fn nth<'a>(mut list: Attrs<'a>, n: &mut u32) -> Option<(Attr<'a>, bool)> {
    while let Some(action) = list.next() {
        if *n == 0 {
            return Some((action, list.rest().is_empty()));
        }
        *n = n.wrapping_sub(1);
        let holds_list = |argument: &Attr<'_>| match action.kind() {
            action_attr::SAMPLE => argument.kind() == sample_attr::ACTIONS,
            action_attr::CHECK_PKT_LEN => argument.kind() != check_pkt_len_attr::PKT_LEN,
            action_attr::DEC_TTL => argument.kind() == dec_ttl_attr::ACTION,
            _ => false,
        };
        let found = match action.kind() {
            action_attr::CLONE => nth(action.nested(), n),
            action_attr::SAMPLE | action_attr::CHECK_PKT_LEN | action_attr::DEC_TTL => action
                .nested()
                .filter(holds_list)
                .find_map(|argument| nth(argument.nested(), n)),
            _ => None,
        };
        if found.is_some() {
            return found;
        }
    }
    None
}
