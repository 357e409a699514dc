// SPDX-License-Identifier: GPL-2.0

//! Connection tracking and address translation.

use super::super::{
    error::{
        Errno,
        Error, //
    },
    key::{
        Be16,
        Key, //
    },
    nlattr::{
        Attr,
        NoRoom,
        Writer, //
    },
    uapi::{
        action_attr,
        ct_attr,
        nat_attr,
        CtLabels, //
    },
};
use super::{
    builder::Builder,
    compile::Sink,
    op::Op,
    state::eth_p, //
};
use core::ffi::CStr;
use zerocopy::FromBytes;

/// The most bytes of the name of a helper, with the NUL (`NF_CT_HELPER_NAME_LEN`).
const HELPER_NAME_LEN: usize = 16;
/// The most bytes of the name of a timeout policy, with the NUL (`CTNL_TIMEOUT_NAME_MAX`).
const TIMEOUT_NAME_LEN: usize = 32;
/// The most bytes a CT action takes in a dump: all arguments and the longest names.
const DUMP_LEN: usize = 256;

/// The protocol family of a connection, by the flow's ethertype.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// `NFPROTO_IPV4`.
    Ipv4,
    /// `NFPROTO_IPV6`.
    Ipv6,
}

/// What to do with the addresses of a connection (`enum ovs_ct_nat`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NatKind {
    /// Translate as the connection was committed to be.
    Existing,
    /// Besides, translate the source of new connections.
    Source,
    /// Besides, translate the destination of new connections.
    Destination,
}

/// The bits of [`Nat::flags`] (`include/uapi/linux/netfilter/nf_nat.h`).
pub mod nat_flags {
    /// `NF_NAT_RANGE_MAP_IPS`: addresses are given.
    pub const MAP_IPS: u32 = 1 << 0;
    /// `NF_NAT_RANGE_PROTO_SPECIFIED`: ports are given.
    pub const PROTO_SPECIFIED: u32 = 1 << 1;
    /// `NF_NAT_RANGE_PROTO_RANDOM`: choose ports by a hash.
    pub const PROTO_RANDOM: u32 = 1 << 2;
    /// `NF_NAT_RANGE_PERSISTENT`: a client gets the same address for each connection.
    pub const PERSISTENT: u32 = 1 << 3;
    /// `NF_NAT_RANGE_PROTO_RANDOM_FULLY`: choose ports at random.
    pub const PROTO_RANDOM_FULLY: u32 = 1 << 4;
}

/// Address translation (`struct nf_nat_range2`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nat {
    /// What to translate.
    pub kind: NatKind,
    /// Of [`nat_flags`].
    pub flags: u32,
    /// The lowest address; of IPv4, in the first four bytes.
    pub min_addr: [u8; 16],
    /// The highest address.
    pub max_addr: [u8; 16],
    /// The lowest port.
    pub min_proto: Be16,
    /// The highest port.
    pub max_proto: Be16,
}

/// The arguments of CT (`struct ovs_conntrack_info`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ct<'a> {
    /// By the flow's ethertype.
    pub family: Family,
    /// The flow's IP protocol, for helper and timeout.
    pub proto: u8,
    /// Commit the connection.
    pub commit: bool,
    /// Delete a connection of the other direction first.
    pub force: bool,
    /// The zone.
    pub zone: u16,
    /// The mark to set, with its mask.
    pub mark: Option<[u32; 2]>,
    /// The labels to set, with their mask.
    pub labels: Option<[CtLabels; 2]>,
    /// The name of the helper.
    pub helper: Option<&'a CStr>,
    /// The events to report (`1 << IPCT_*`).
    pub eventmask: Option<u32>,
    /// The name of the timeout policy. C accepts the action when there is no such policy.
    pub timeout: Option<&'a CStr>,
    /// Address translation.
    pub nat: Option<Nat>,
}

/// Validates CT.
#[inline(never)]
pub(super) fn ct<'a, S: Sink>(
    out: &mut Builder<S>,
    key: &Key,
    attr: &Attr<'a>,
) -> Result<(), Error<'a>> {
    let ct = Ct::parse(key, attr)?;
    let index = out.ct(&ct)?;
    out.op(Op::Ct { index })?;
    let mut buf = [0; DUMP_LEN];
    let mut writer = Writer::new(&mut buf);
    ct.put(&mut writer)?;
    out.dump(writer.as_bytes())
}

/// A value and a mask that is not zero.
fn pair<'a, T: FromBytes>(
    arg: &Attr<'a>,
    is_zero: impl Fn(&T) -> bool,
    [length, zero]: [&'static CStr; 2],
) -> Result<[T; 2], Error<'a>> {
    let [value, mask] = arg.get().ok_or(Error::invalid(arg, length))?;
    if is_zero(&mask) {
        return Err(Error::invalid(arg, zero));
    }
    Ok([value, mask])
}

/// A string of at most `max` bytes with a NUL among them.
fn string<'a>(arg: &Attr<'a>, max: usize, msg: &'static CStr) -> Result<&'a CStr, Error<'a>> {
    let bytes = arg.payload();
    if bytes.len() > max {
        return Err(Error::invalid(arg, msg));
    }
    CStr::from_bytes_until_nul(bytes).map_err(|_| Error::invalid(arg, msg))
}

impl<'a> Ct<'a> {
    fn parse(key: &Key, attr: &Attr<'a>) -> Result<Self, Error<'a>> {
        let family = match key.eth_type.get() {
            eth_p::IP => Family::Ipv4,
            eth_p::IPV6 => Family::Ipv6,
            _ => {
                return Err(Error::invalid(
                    attr,
                    refusal!("CT: the flow is neither IPv4 nor IPv6"),
                ))
            }
        };
        let mut ct = Self {
            family,
            proto: key.ip_proto,
            commit: false,
            force: false,
            zone: 0,
            mark: None,
            labels: None,
            helper: None,
            eventmask: None,
            timeout: None,
            nat: None,
        };
        let mut args = attr.nested();
        for arg in args.by_ref() {
            ct.parse_arg(&arg)?;
        }
        if !args.rest().is_empty() {
            return Err(Error::invalid(
                attr,
                refusal!("CT: bytes left over after the arguments"),
            ));
        }
        if !ct.commit && ct.mark.is_some() {
            return Err(Error::invalid(
                attr,
                refusal!("CT: setting the mark requires COMMIT"),
            ));
        }
        if !ct.commit && ct.labels.is_some() {
            return Err(Error::invalid(
                attr,
                refusal!("CT: setting labels requires COMMIT"),
            ));
        }
        Ok(ct)
    }

    fn parse_arg(&mut self, arg: &Attr<'a>) -> Result<(), Error<'a>> {
        let invalid = |msg| Error::invalid(arg, msg);
        match arg.kind() {
            kind @ (ct_attr::COMMIT | ct_attr::FORCE_COMMIT) => {
                if !arg.payload().is_empty() {
                    return Err(invalid(refusal!("CT: COMMIT is a flag")));
                }
                self.commit = true;
                self.force |= kind == ct_attr::FORCE_COMMIT;
            }
            ct_attr::ZONE => {
                self.zone = arg
                    .get()
                    .ok_or(invalid(refusal!("CT: the zone is not a u16")))?;
            }
            ct_attr::MARK => {
                const MSGS: [&CStr; 2] = [
                    refusal!("CT: the mark is not two u32"),
                    refusal!("CT: the mask of the mark is zero"),
                ];
                self.mark = Some(pair(arg, |mask: &u32| *mask == 0, MSGS)?);
            }
            ct_attr::LABELS => {
                const MSGS: [&CStr; 2] = [
                    refusal!("CT: the labels have not twice 16 bytes"),
                    refusal!("CT: the mask of the labels is zero"),
                ];
                let zero = |mask: &CtLabels| mask.bytes == [0; 16];
                self.labels = Some(pair(arg, zero, MSGS)?);
            }
            ct_attr::HELPER => {
                const MSG: &CStr = refusal!("CT: the name of the helper is too long or has no NUL");
                self.helper = Some(string(arg, HELPER_NAME_LEN, MSG)?);
            }
            ct_attr::NAT => self.parse_nat(arg)?,
            ct_attr::EVENTMASK => {
                let mask = arg
                    .get()
                    .ok_or(invalid(refusal!("CT: the event mask is not a u32")))?;
                self.eventmask = Some(mask);
            }
            ct_attr::TIMEOUT => {
                const MSG: &CStr =
                    refusal!("CT: the name of the timeout is too long or has no NUL");
                let name = string(arg, TIMEOUT_NAME_LEN, MSG)?;
                self.timeout = Some(name).filter(|name| !name.is_empty());
            }
            _ => return Err(invalid(refusal!("CT: unknown argument"))),
        }
        Ok(())
    }

    /// Validates NAT. Where C lets it be given twice, the second one adds to the first.
    fn parse_nat(&mut self, attr: &Attr<'a>) -> Result<(), Error<'a>> {
        let mut given = self.nat.is_some();
        let mut nat = self.nat.unwrap_or(Nat {
            kind: NatKind::Existing,
            flags: 0,
            min_addr: [0; 16],
            max_addr: [0; 16],
            min_proto: Be16::ZERO,
            max_proto: Be16::ZERO,
        });
        let mut max_addr = false;
        let mut max_proto = false;

        let mut args = attr.nested();
        for arg in args.by_ref() {
            let flag = || {
                if arg.payload().is_empty() {
                    Ok(())
                } else {
                    Err(Error::invalid(&arg, refusal!("NAT: not a flag")))
                }
            };
            let port = || {
                let port = arg.get().map(u16::from_ne_bytes).map(Be16::new);
                port.ok_or(Error::invalid(&arg, refusal!("NAT: the port is not a u16")))
            };
            match arg.kind() {
                kind @ (nat_attr::SRC | nat_attr::DST) => {
                    flag()?;
                    if given {
                        const MSG: &CStr = refusal!("NAT: only one of SRC and DST may be given");
                        return Err(Error::invalid(&arg, MSG).with_errno(Errno::ERANGE));
                    }
                    given = true;
                    nat.kind = if kind == nat_attr::SRC {
                        NatKind::Source
                    } else {
                        NatKind::Destination
                    };
                }
                nat_attr::IP_MIN => {
                    nat.min_addr = self.family.addr(&arg)?;
                    nat.flags |= nat_flags::MAP_IPS;
                }
                nat_attr::IP_MAX => {
                    nat.max_addr = self.family.addr(&arg)?;
                    max_addr = true;
                    nat.flags |= nat_flags::MAP_IPS;
                }
                nat_attr::PROTO_MIN => {
                    nat.min_proto = port()?;
                    nat.flags |= nat_flags::PROTO_SPECIFIED;
                }
                nat_attr::PROTO_MAX => {
                    nat.max_proto = port()?;
                    max_proto = true;
                    nat.flags |= nat_flags::PROTO_SPECIFIED;
                }
                nat_attr::PERSISTENT => {
                    flag()?;
                    nat.flags |= nat_flags::PERSISTENT;
                }
                nat_attr::PROTO_HASH => {
                    flag()?;
                    nat.flags |= nat_flags::PROTO_RANDOM;
                }
                nat_attr::PROTO_RANDOM => {
                    flag()?;
                    nat.flags |= nat_flags::PROTO_RANDOM_FULLY;
                }
                _ => return Err(Error::invalid(&arg, refusal!("NAT: unknown argument"))),
            }
        }
        let invalid = |msg| Error::invalid(attr, msg);
        if !args.rest().is_empty() {
            return Err(invalid(refusal!(
                "NAT: bytes left over after the arguments"
            )));
        }
        if !given && nat.flags != 0 {
            return Err(invalid(refusal!("NAT: arguments require SRC or DST")));
        }
        // C wants COMMIT to come first, and so do we.
        if given && !self.commit {
            return Err(invalid(refusal!("NAT: SRC and DST require COMMIT")));
        }
        if nat.flags & nat_flags::MAP_IPS != 0 && !max_addr {
            nat.max_addr = nat.min_addr;
        }
        if nat.flags & nat_flags::PROTO_SPECIFIED != 0 && !max_proto {
            nat.max_proto = nat.min_proto;
        }
        self.nat = Some(nat);
        Ok(())
    }

    /// Writes the action as C dumps it.
    fn put(&self, out: &mut Writer<'_>) -> Result<(), NoRoom> {
        let nest = out.start(action_attr::CT)?;
        if self.commit {
            out.put_flag(if self.force {
                ct_attr::FORCE_COMMIT
            } else {
                ct_attr::COMMIT
            })?;
        }
        out.put(ct_attr::ZONE, &self.zone)?;
        if let Some(mark) = &self.mark {
            out.put(ct_attr::MARK, mark)?;
        }
        if let Some(labels) = &self.labels {
            out.put(ct_attr::LABELS, labels)?;
        }
        if let Some(helper) = self.helper {
            out.put_bytes(ct_attr::HELPER, helper.to_bytes_with_nul())?;
        }
        if let Some(eventmask) = &self.eventmask {
            out.put(ct_attr::EVENTMASK, eventmask)?;
        }
        if let Some(timeout) = self.timeout {
            out.put_bytes(ct_attr::TIMEOUT, timeout.to_bytes_with_nul())?;
        }
        if let Some(nat) = &self.nat {
            nat.put(self.family, out)?;
        }
        out.end(nest)
    }
}

impl Family {
    fn addr<'a>(self, arg: &Attr<'a>) -> Result<[u8; 16], Error<'a>> {
        let len = self.addr_len();
        if arg.payload().len() != len {
            return Err(Error::invalid(
                arg,
                refusal!("NAT: not an address of the flow's protocol"),
            ));
        }
        let mut addr = [0; 16];
        for (to, from) in addr.iter_mut().zip(arg.payload()) {
            *to = *from;
        }
        Ok(addr)
    }

    const fn addr_len(self) -> usize {
        match self {
            Family::Ipv4 => 4,
            Family::Ipv6 => 16,
        }
    }
}

impl Nat {
    fn put(&self, family: Family, out: &mut Writer<'_>) -> Result<(), NoRoom> {
        let nest = out.start(ct_attr::NAT)?;
        match self.kind {
            NatKind::Existing => return out.end(nest),
            NatKind::Source => out.put_flag(nat_attr::SRC)?,
            NatKind::Destination => out.put_flag(nat_attr::DST)?,
        }
        if self.flags & nat_flags::MAP_IPS != 0 {
            let len = family.addr_len();
            out.put_bytes(nat_attr::IP_MIN, self.min_addr.get(..len).unwrap_or(&[]))?;
            if self.max_addr != self.min_addr {
                out.put_bytes(nat_attr::IP_MAX, self.max_addr.get(..len).unwrap_or(&[]))?;
            }
        }
        if self.flags & nat_flags::PROTO_SPECIFIED != 0 {
            out.put(nat_attr::PROTO_MIN, &self.min_proto.get())?;
            if self.max_proto != self.min_proto {
                out.put(nat_attr::PROTO_MAX, &self.max_proto.get())?;
            }
        }
        for (flag, kind) in [
            (nat_flags::PERSISTENT, nat_attr::PERSISTENT),
            (nat_flags::PROTO_RANDOM, nat_attr::PROTO_HASH),
            (nat_flags::PROTO_RANDOM_FULLY, nat_attr::PROTO_RANDOM),
        ] {
            if self.flags & flag != 0 {
                out.put_flag(kind)?;
            }
        }
        out.end(nest)
    }
}
