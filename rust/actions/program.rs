// SPDX-License-Identifier: GPL-2.0

//! The memory of compiled actions.

use crate::{
    conntrack,
    datapath::errno,
    net::{
        namespace::Net,
        psample,
        tunnel::TunnelDst, //
    },
    odp::{
        self,
        actions::{
            Compiled,
            Ct,
            Env,
            HashAlg,
            Op,
            Program,
            Sink,
            Store,
            TunnelSet, //
        },
        Errno,
        Key, //
    },
    tunnel, //
};
use core::ops::Deref;
use kernel::prelude::*;

/// Compiled actions of a flow or of a packet from user space.
pub(crate) type Actions = Compiled<Memory>;

/// Compiled actions that are being executed.
pub(crate) struct Executable<'a> {
    program: Program<'a>,
    memory: &'a Memory,
}

impl<'a> Executable<'a> {
    /// These actions.
    #[inline]
    pub(crate) fn new(actions: &'a Actions) -> Self {
        Self {
            program: actions.program(),
            memory: actions.store(),
        }
    }

    /// The action of [`Op::Ct`].
    #[inline]
    pub(super) fn ct(&self, index: u32) -> Option<&'a conntrack::Action> {
        self.memory.cts.get(index as usize)
    }

    /// The tunnel of [`Op::SetTunnel`].
    #[inline]
    pub(super) fn tunnel(&self, index: u32) -> Option<&'a TunnelDst> {
        self.memory.tunnels.get(index as usize)
    }
}

impl<'a> Deref for Executable<'a> {
    type Target = Program<'a>;

    #[inline]
    fn deref(&self) -> &Program<'a> {
        &self.program
    }
}

/// What compiled actions are kept in.
pub(crate) struct Memory {
    ops: KVec<Op>,
    data: KVec<u64>,
    dump: KVec<u8>,
    cts: KVec<conntrack::Action>,
    tunnels: KVec<TunnelDst>,
    hashes: bool,
}

impl Memory {
    /// Whether the hash of the packet is asked for ([`HashAlg::L4`]).
    pub(crate) fn hashes(&self) -> bool {
        self.hashes
    }

    /// Whether the actions own more than memory.
    ///
    /// What they own, such as the module of a helper or a route to the other end of a tunnel, must go
    /// when their flow goes.
    pub(crate) fn owns_objects(&self) -> bool {
        !self.cts.is_empty() || !self.tunnels.is_empty()
    }

    /// Memory for what most lists of this length become. It grows where one becomes more.
    fn for_attrs(attrs: &[u8]) -> Result<Self> {
        /// The length of OUTPUT, the most common action.
        const ACTION: usize = 8;
        Ok(Self {
            ops: KVec::with_capacity(attrs.len().div_ceil(ACTION), GFP_KERNEL)?,
            data: KVec::new(),
            dump: KVec::with_capacity(attrs.len(), GFP_KERNEL)?,
            cts: KVec::new(),
            tunnels: KVec::new(),
            hashes: false,
        })
    }
}

impl Store for Memory {
    #[inline]
    fn ops(&self) -> &[Op] {
        &self.ops
    }

    #[inline]
    fn data(&self) -> &[u64] {
        &self.data
    }

    #[inline]
    fn dump(&self) -> &[u8] {
        &self.dump
    }
}

/// Actions that are being compiled, in a namespace.
struct Compiler<'a> {
    memory: Memory,
    net: &'a Net,
    log: bool,
}

impl Sink for Compiler<'_> {
    type Store = Memory;

    fn push_op(&mut self, op: Op) -> Result<(), Errno> {
        let Memory { ops, hashes, .. } = &mut self.memory;
        if let Op::Hash { alg, .. } = op {
            *hashes |= alg == HashAlg::L4;
        }
        ops.push(op, GFP_KERNEL).map_err(|_| Errno::ENOMEM)
    }

    fn patch_op(&mut self, at: usize, op: Op) {
        if let Some(place) = self.memory.ops.get_mut(at) {
            *place = op;
        }
    }

    fn push_data(&mut self, words: &[u64]) -> Result<(), Errno> {
        let data = &mut self.memory.data;
        data.extend_from_slice(words, GFP_KERNEL)
            .map_err(|_| Errno::ENOMEM)
    }

    fn push_dump(&mut self, bytes: &[u8]) -> Result<(), Errno> {
        let dump = &mut self.memory.dump;
        dump.extend_from_slice(bytes, GFP_KERNEL)
            .map_err(|_| Errno::ENOMEM)
    }

    fn patch_dump(&mut self, at: usize, len: [u8; 2]) {
        let rest = self.memory.dump.get_mut(at..);
        if let Some(place) = rest.and_then(|rest| rest.first_chunk_mut()) {
            *place = len;
        }
    }

    fn tunnel(&mut self, set: &TunnelSet<'_>) -> Result<u32, Errno> {
        let tunnel = tunnel::destination(set).map_err(errno::of)?;
        let tunnels = &mut self.memory.tunnels;
        let index = tunnels.len() as u32;
        tunnels
            .push(tunnel, GFP_KERNEL)
            .map_err(|_| Errno::ENOMEM)?;
        Ok(index)
    }

    fn ct(&mut self, ct: &Ct<'_>) -> Result<u32, Errno> {
        let action = conntrack::Action::new(self.net, ct, self.log).map_err(errno::of)?;
        let cts = &mut self.memory.cts;
        let index = cts.len() as u32;
        cts.push(action, GFP_KERNEL).map_err(|_| Errno::ENOMEM)?;
        Ok(index)
    }

    fn finish(self) -> Result<Memory, Errno> {
        Ok(self.memory)
    }
}

/// What this kernel can do.
const ENV: Env = Env {
    psample: psample::AVAILABLE,
};

/// Validates the payload of an ACTIONS attribute and compiles it, for packets with `key` in a
/// datapath of `net`. May sleep. With `log`, what is not an error but will not work is logged.
pub(crate) fn compile<'a>(
    attrs: &'a [u8],
    key: &Key,
    net: &Net,
    log: bool,
) -> Result<Actions, odp::Error<'a>> {
    let memory = Memory::for_attrs(attrs)
        .map_err(|_| odp::Error::new(Errno::ENOMEM, c"cannot store the actions"))?;
    odp::actions::compile(attrs, key, &ENV, Compiler { memory, net, log })
}
