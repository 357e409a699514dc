// SPDX-License-Identifier: GPL-2.0

//! The memory of compiled actions.

use crate::{
    net::psample,
    odp::{
        self,
        actions::{
            Compiled,
            Ct,
            Env,
            Op,
            Sink,
            Store,
            TunnelSet, //
        },
        Errno,
        Key, //
    },
};
use kernel::prelude::*;

/// Compiled actions of a flow or of a packet from user space.
pub(crate) type Actions = Compiled<Memory>;

/// What compiled actions are kept in.
pub(crate) struct Memory {
    ops: KVec<Op>,
    data: KVec<u64>,
    dump: KVec<u8>,
}

impl Memory {
    /// Memory for what most lists of this length become. It grows where one becomes more.
    fn for_attrs(attrs: &[u8]) -> Result<Self> {
        /// The length of OUTPUT, the most common action.
        const ACTION: usize = 8;
        Ok(Self {
            ops: KVec::with_capacity(attrs.len().div_ceil(ACTION), GFP_KERNEL)?,
            data: KVec::new(),
            dump: KVec::with_capacity(attrs.len(), GFP_KERNEL)?,
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

impl Sink for Memory {
    type Store = Self;

    fn push_op(&mut self, op: Op) -> Result<(), Errno> {
        self.ops.push(op, GFP_KERNEL).map_err(|_| Errno::ENOMEM)
    }

    fn patch_op(&mut self, at: usize, op: Op) {
        if let Some(place) = self.ops.get_mut(at) {
            *place = op;
        }
    }

    fn push_data(&mut self, words: &[u64]) -> Result<(), Errno> {
        self.data
            .extend_from_slice(words, GFP_KERNEL)
            .map_err(|_| Errno::ENOMEM)
    }

    fn push_dump(&mut self, bytes: &[u8]) -> Result<(), Errno> {
        self.dump
            .extend_from_slice(bytes, GFP_KERNEL)
            .map_err(|_| Errno::ENOMEM)
    }

    fn patch_dump(&mut self, at: usize, len: [u8; 2]) {
        if let Some(place) = self
            .dump
            .get_mut(at..)
            .and_then(|rest| rest.first_chunk_mut())
        {
            *place = len;
        }
    }

    fn tunnel(&mut self, _set: &TunnelSet<'_>) -> Result<u32, Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    fn ct(&mut self, _ct: &Ct<'_>) -> Result<u32, Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    fn finish(self) -> Result<Self, Errno> {
        Ok(self)
    }
}

/// What this kernel can do.
const ENV: Env = Env {
    psample: psample::AVAILABLE,
};

/// Validates the payload of an ACTIONS attribute and compiles it, for packets with `key`.
pub(crate) fn compile<'a>(attrs: &'a [u8], key: &Key) -> Result<Actions, odp::Error<'a>> {
    let memory = Memory::for_attrs(attrs)
        .map_err(|_| odp::Error::new(Errno::ENOMEM, c"cannot store the actions"))?;
    odp::actions::compile(attrs, key, &ENV, memory)
}
