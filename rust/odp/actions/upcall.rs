// SPDX-License-Identifier: GPL-2.0

//! What goes to user space: USERSPACE and PSAMPLE.

use super::super::{
    error::{
        Errno,
        Error, //
    },
    nlattr::{
        Attr,
        F_NESTED, //
    },
    uapi::{
        psample_attr,
        userspace_attr, //
    },
};
use super::{
    builder::Builder,
    compile::{
        Env,
        Sink, //
    },
    op::Op,
};
use zerocopy_derive::{
    FromBytes,
    Immutable,
    IntoBytes,
    KnownLayout, //
};

/// Arguments of [`Op::Userspace`](super::Op::Userspace).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Userspace<'a> {
    /// The netlink port to send to, unless the datapath or the packet tells another.
    pub pid: u32,
    /// Tell the tunnel the packet would leave this port by.
    pub egress_tun_port: Option<u32>,
    /// Tell these actions: those of the list that is being executed, as attributes.
    pub actions: Option<&'a [u8]>,
    /// What to hand back.
    pub userdata: Option<&'a [u8]>,
}

/// How the arguments of USERSPACE are stored; the user's data follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct UserspaceHeader {
    pub(super) pid: u32,
    pub(super) egress_tun_port: u32,
    pub(super) actions: u32,
    pub(super) userdata_len: u32,
}

/// Stands for a number that was not given.
pub(super) const NONE: u32 = u32::MAX;

/// A u32 where the netlink policy lets it be longer.
fn long_u32(attr: &Attr<'_>) -> Option<u32> {
    attr.payload()
        .first_chunk()
        .copied()
        .map(u32::from_ne_bytes)
}

/// Validates USERSPACE, an action of the list that starts at `list` of the dump.
pub(super) fn userspace<'a, S: Sink>(
    out: &mut Builder<S>,
    attr: &Attr<'a>,
    last: bool,
    list: u32,
) -> Result<(), Error<'a>> {
    let mut header = UserspaceHeader {
        pid: 0,
        egress_tun_port: NONE,
        actions: NONE,
        userdata_len: NONE,
    };
    let mut userdata: &[u8] = &[];
    let mut args = attr.nested();
    // Of arguments that are given more than once, the last one counts.
    for arg in args.by_ref() {
        let short = |msg| Error::invalid(&arg, msg).with_errno(Errno::ERANGE);
        match arg.kind() {
            userspace_attr::PID => {
                header.pid =
                    long_u32(&arg).ok_or(short(refusal!("USERSPACE: the pid is not a u32")))?;
            }
            userspace_attr::USERDATA => {
                userdata = arg.payload();
                header.userdata_len = u32::try_from(userdata.len()).unwrap_or(NONE);
            }
            userspace_attr::EGRESS_TUN_PORT => {
                header.egress_tun_port =
                    long_u32(&arg).ok_or(short(refusal!("USERSPACE: the port is not a u32")))?;
            }
            userspace_attr::ACTIONS => header.actions = list,
            _ => {
                return Err(Error::invalid(
                    &arg,
                    refusal!("USERSPACE: unknown argument"),
                ))
            }
        }
    }
    if !args.rest().is_empty() {
        return Err(Error::invalid(
            attr,
            refusal!("USERSPACE: bytes left over after the arguments"),
        ));
    }
    if header.pid == 0 {
        return Err(Error::invalid(attr, refusal!("USERSPACE: no pid, or zero")));
    }
    let at = out.data(&header)?;
    out.bytes(userdata)?;
    out.op(Op::Userspace { at, last })?;
    out.dump_same(attr)
}

/// Whether the sender marked an attribute as nested.
fn is_nested(attr: &Attr<'_>) -> bool {
    match *attr.bytes() {
        [_, _, t0, t1, ..] => u16::from_ne_bytes([t0, t1]) & F_NESTED != 0,
        _ => false,
    }
}

/// Validates PSAMPLE. It is young enough for C to be strict about it.
pub(super) fn psample<'a, S: Sink>(
    out: &mut Builder<S>,
    env: &Env,
    attr: &Attr<'a>,
    last: bool,
) -> Result<(), Error<'a>> {
    let invalid = |msg| Error::invalid(attr, msg);
    if !env.psample {
        return Err(
            invalid(refusal!("PSAMPLE: the kernel has no psample")).with_errno(Errno::EOPNOTSUPP)
        );
    }
    if !is_nested(attr) {
        return Err(invalid(refusal!("PSAMPLE: NLA_F_NESTED is missing")));
    }
    let mut group = None;
    let mut cookie: &[u8] = &[];
    let mut args = attr.nested();
    // Of arguments that are given more than once, the last one counts.
    for arg in args.by_ref() {
        let invalid = |msg| Error::invalid(&arg, msg);
        match arg.kind() {
            psample_attr::GROUP | psample_attr::COOKIE if is_nested(&arg) => {
                return Err(invalid(refusal!("PSAMPLE: NLA_F_NESTED is not expected")));
            }
            psample_attr::GROUP => {
                let number: u32 = arg
                    .get()
                    .ok_or(invalid(refusal!("PSAMPLE: the group is not a u32")))?;
                group = Some(number);
            }
            psample_attr::COOKIE => {
                cookie = arg.payload();
                if cookie.len() > psample_attr::COOKIE_MAX_SIZE {
                    return Err(invalid(refusal!("PSAMPLE: the cookie is too long"))
                        .with_errno(Errno::ERANGE));
                }
            }
            _ => return Err(invalid(refusal!("PSAMPLE: unknown argument"))),
        }
    }
    if !args.rest().is_empty() {
        return Err(invalid(refusal!(
            "PSAMPLE: bytes left over after the arguments"
        )));
    }
    let op = Op::Psample {
        group: group.ok_or(invalid(refusal!("PSAMPLE: no group")))?,
        cookie: out.bytes(cookie)?,
        cookie_len: u8::try_from(cookie.len()).unwrap_or(0),
        last,
    };
    out.op(op)?;
    out.dump_same(attr)
}
