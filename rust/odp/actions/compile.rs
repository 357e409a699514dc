// SPDX-License-Identifier: GPL-2.0

//! Validating a list of actions and compiling it.

use super::super::{
    error::{
        Errno,
        Error, //
    },
    key::Key,
    nlattr::{
        Attr,
        Attrs, //
    },
    uapi::action_attr, //
};
use super::{
    builder::Builder,
    ct::{
        self,
        Ct, //
    },
    nested::{
        self,
        Entered,
        Nested, //
    },
    nsh,
    op::Op,
    plain,
    program::{
        Program,
        Store, //
    },
    set,
    state::State,
    tunnel::TunnelSet,
    upcall,
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
    fn tunnel(&mut self, set: &TunnelSet<'_>) -> Result<u32, Errno>;

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
/// The text of an error begins as what C logs besides, see [`reason`](super::reason).
pub fn compile<'a, S: Sink>(
    attrs: &'a [u8],
    key: &Key,
    env: &Env,
    sink: S,
) -> Result<Compiled<S::Store>, Error<'a>> {
    let mut compiler = Compiler {
        key,
        env,
        out: Builder::new(sink),
    };
    compiler.run(Attrs::new(attrs))?;
    Ok(Compiled(compiler.out.finish()?))
}

/// A list that is being compiled.
///
/// Lists are nested deeper than the kernel's stack would like to recurse.
#[derive(Clone, Copy)]
struct Level<'a> {
    /// What is left of it.
    attrs: Attrs<'a>,
    /// What is known of the packet at this point.
    state: State,
    /// What it belongs to.
    nested: Option<Nested<'a>>,
}

struct Compiler<'k, S> {
    key: &'k Key,
    env: &'k Env,
    out: Builder<S>,
}

impl<S: Sink> Compiler<'_, S> {
    fn run<'a>(&mut self, attrs: Attrs<'a>) -> Result<(), Error<'a>> {
        let mut levels = [Level {
            attrs,
            state: State::new(self.key),
            nested: None,
        }; MAX_DEPTH + 1];
        let mut depth = 0;
        while let Some(level) = levels.get_mut(depth) {
            let entered = match level.attrs.next() {
                Some(attr) => {
                    let last = level.attrs.rest().is_empty();
                    let list = level.nested.map_or(0, |nested| nested.start());
                    self.action(&mut level.state, &attr, last, list)?
                }
                None => {
                    let nested = level.nested;
                    if !level.attrs.rest().is_empty() {
                        return Err(left_over(nested));
                    }
                    let Some(nested) = nested else {
                        return Ok(());
                    };
                    depth = depth.saturating_sub(1);
                    nested.leave(&mut self.out)?
                }
            };
            let Some((nested, attrs)) = entered else {
                continue;
            };
            let Some([parent, child]) = levels
                .get_mut(depth..)
                .and_then(|levels| levels.first_chunk_mut::<2>())
            else {
                return Err(
                    Error::invalid(nested.action(), refusal!("actions nested too deep"))
                        .with_errno(Errno::EOVERFLOW),
                );
            };
            *child = Level {
                attrs,
                state: parent.state.nested(self.key),
                nested: Some(nested),
            };
            depth = depth.saturating_add(1);
        }
        Ok(())
    }

    /// Compiles one action, or the start of one that has a list.
    ///
    /// `last`: it is the last one of its list, which starts at `list` of the dump.
    fn action<'a>(
        &mut self,
        state: &mut State,
        attr: &Attr<'a>,
        last: bool,
        list: u32,
    ) -> Result<Option<Entered<'a>>, Error<'a>> {
        let out = &mut self.out;
        match attr.kind() {
            action_attr::SET => set::set(out, self.key, state, attr)?,
            action_attr::SET_MASKED => set::set_masked(out, self.key, state, attr)?,
            action_attr::CT => ct::ct(out, self.key, attr)?,
            action_attr::USERSPACE => upcall::userspace(out, attr, last, list)?,
            action_attr::PSAMPLE => upcall::psample(out, self.env, attr, last)?,
            action_attr::PUSH_NSH => nsh::push(out, state, attr)?,
            action_attr::SAMPLE => return nested::sample(out, attr, last).map(Some),
            action_attr::CLONE => return nested::clone(out, attr, last).map(Some),
            action_attr::CHECK_PKT_LEN => return nested::check_pkt_len(out, attr, last).map(Some),
            action_attr::DEC_TTL => return nested::dec_ttl(out, attr).map(Some),
            _ => {
                let op = plain::action(self.key, state, attr, last)?;
                out.op(op)?;
                out.dump_same(attr)?;
            }
        }
        Ok(None)
    }
}

fn left_over(nested: Option<Nested<'_>>) -> Error<'_> {
    const MSG: &core::ffi::CStr = refusal!("bytes left over after the last action");
    match nested {
        Some(nested) => Error::invalid(nested.action(), MSG),
        None => Error::new(Errno::EINVAL, MSG),
    }
}
