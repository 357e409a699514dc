// SPDX-License-Identifier: GPL-2.0

//! Appending to the parts of a program.

use super::super::{
    error::{
        Errno,
        Error, //
    },
    nlattr::{
        self,
        Attr, //
    },
};
use super::{
    compile::Sink,
    ct::Ct,
    op::{
        At,
        Bytes,
        Op, //
    },
    tunnel::TunnelSet,
};
use zerocopy::{
    Immutable,
    IntoBytes, //
};

/// A sink, and how much it was given.
pub(super) struct Builder<S> {
    sink: S,
    ops: usize,
    words: u32,
    dump: usize,
}

/// The place of the header of a nest in the dump.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Nest(u32);

impl Nest {
    /// The place of the first attribute in the nest.
    pub(super) const fn payload(self) -> u32 {
        self.0.saturating_add(4)
    }
}

fn full<'e>(errno: Errno) -> Error<'e> {
    Error::new(errno, refusal!("cannot store the actions"))
}

const fn too_long<'e>() -> Error<'e> {
    Error::new(Errno::EMSGSIZE, refusal!("list of actions too long"))
}

impl<S: Sink> Builder<S> {
    pub(super) const fn new(sink: S) -> Self {
        Self {
            sink,
            ops: 0,
            words: 0,
            dump: 0,
        }
    }

    /// How many operations there are.
    pub(super) const fn ops(&self) -> usize {
        self.ops
    }

    pub(super) fn finish<'e>(self) -> Result<S::Store, Error<'e>> {
        // The dump is to fit an attribute.
        if self.dump.saturating_add(nlattr::HDRLEN) > usize::from(u16::MAX) {
            return Err(too_long());
        }
        self.sink.finish().map_err(full)
    }

    /// Appends an operation and returns its place.
    pub(super) fn op<'e>(&mut self, op: Op) -> Result<usize, Error<'e>> {
        self.sink.push_op(op).map_err(full)?;
        let at = self.ops;
        self.ops = self.ops.saturating_add(1);
        Ok(at)
    }

    pub(super) fn patch_op(&mut self, at: usize, op: Op) {
        self.sink.patch_op(at, op);
    }

    /// Appends data and returns their place.
    pub(super) fn data<'e, T: IntoBytes + Immutable>(
        &mut self,
        data: &T,
    ) -> Result<At<T>, Error<'e>> {
        Ok(At::new(self.words(data.as_bytes())?))
    }

    /// Appends bytes and returns their place.
    pub(super) fn bytes<'e>(&mut self, bytes: &[u8]) -> Result<At<Bytes>, Error<'e>> {
        Ok(At::new(self.words(bytes)?))
    }

    fn words<'e>(&mut self, bytes: &[u8]) -> Result<u32, Error<'e>> {
        const WORDS: usize = 10;
        let at = self.words;
        for bytes in bytes.chunks(8 * WORDS) {
            let mut words = [0u64; WORDS];
            for (to, from) in words.as_mut_bytes().iter_mut().zip(bytes) {
                *to = *from;
            }
            let len = bytes.len().div_ceil(8);
            self.sink
                .push_data(words.get(..len).unwrap_or(&[]))
                .map_err(full)?;
            let len = u32::try_from(len).map_err(|_| too_long())?;
            self.words = self.words.checked_add(len).ok_or(too_long())?;
        }
        Ok(at)
    }

    pub(super) fn tunnel<'e>(&mut self, set: &TunnelSet<'_>) -> Result<u32, Error<'e>> {
        self.sink
            .tunnel(set)
            .map_err(|errno| Error::new(errno, refusal!("SET: cannot make the tunnel")))
    }

    pub(super) fn ct<'e>(&mut self, ct: &Ct<'_>) -> Result<u32, Error<'e>> {
        self.sink.ct(ct).map_err(|errno| match errno {
            Errno::ENOMEM => full(errno),
            // Nothing else can be wrong.
            _ => Error::new(
                errno,
                refusal!("CT: there is no such helper for the flow's protocol"),
            ),
        })
    }

    /// Appends whole attributes to the dump.
    pub(super) fn dump<'e>(&mut self, bytes: &[u8]) -> Result<(), Error<'e>> {
        self.sink.push_dump(bytes).map_err(full)?;
        self.dump = self.dump.saturating_add(bytes.len());
        Ok(())
    }

    fn dump_header<'e>(&mut self, kind: u16, len: usize) -> Result<(), Error<'e>> {
        let len = len.saturating_add(nlattr::HDRLEN);
        let [l0, l1] = u16::try_from(len).map_err(|_| too_long())?.to_ne_bytes();
        let [t0, t1] = kind.to_ne_bytes();
        self.dump(&[l0, l1, t0, t1])
    }

    /// Appends an attribute to the dump.
    pub(super) fn dump_attr<'e>(&mut self, kind: u16, payload: &[u8]) -> Result<(), Error<'e>> {
        self.dump_header(kind, payload.len())?;
        let (whole, rest) = payload
            .split_at_checked(payload.len() & !3)
            .unwrap_or((&[], &[]));
        self.dump(whole)?;
        match *rest {
            [a] => self.dump(&[a, 0, 0, 0]),
            [a, b] => self.dump(&[a, b, 0, 0]),
            [a, b, c] => self.dump(&[a, b, c, 0]),
            _ => Ok(()),
        }
    }

    /// Appends an action to the dump as it was sent, but for the flags of its type.
    pub(super) fn dump_same<'e>(&mut self, attr: &Attr<'_>) -> Result<(), Error<'e>> {
        self.dump_attr(attr.kind(), attr.payload())
    }

    /// Starts a nest in the dump.
    pub(super) fn dump_start<'e>(&mut self, kind: u16) -> Result<Nest, Error<'e>> {
        let nest = Nest(u32::try_from(self.dump).map_err(|_| too_long())?);
        self.dump_header(kind, 0)?;
        Ok(nest)
    }

    /// Ends a nest in the dump.
    pub(super) fn dump_end<'e>(&mut self, nest: Nest) -> Result<(), Error<'e>> {
        let at = usize::try_from(nest.0).map_err(|_| too_long())?;
        let len = u16::try_from(self.dump.saturating_sub(at)).map_err(|_| too_long())?;
        self.sink.patch_dump(at, len.to_ne_bytes());
        Ok(())
    }
}
