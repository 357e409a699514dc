// SPDX-License-Identifier: GPL-2.0

//! Pushing and popping the Network Service Header (RFC 8300).

use super::super::{
    error::Error,
    key::{
        Be16,
        Key, //
    },
    nlattr::{
        align,
        Attr, //
    },
    uapi::{
        key_attr,
        nsh_key_attr,
        NshBase,
        NshMd1, //
    },
};
use super::{
    builder::Builder,
    compile::Sink,
    op::Op,
    state::{
        eth_p,
        State, //
    },
};
use zerocopy::IntoBytes;

/// The longest header: its length is told in six bits, in units of four bytes.
const HDR_MAX_LEN: usize = 63 * 4;
/// The length of a header without context.
const BASE_HDR_LEN: usize = 8;
/// The most bytes of context.
const CTX_MAX_LEN: usize = HDR_MAX_LEN - BASE_HDR_LEN;

/// Metadata of fixed length.
const MD_TYPE1: u8 = 1;
/// Metadata of variable length.
const MD_TYPE2: u8 = 2;

/// The number of Ethernet in `np` of a header (`TUN_P_ETHERNET`).
const P_ETHERNET: u8 = 3;

/// Validates PUSH_NSH and makes the header.
#[inline(never)]
pub(super) fn push<'a, S: Sink>(
    out: &mut Builder<S>,
    state: &mut State,
    attr: &Attr<'a>,
) -> Result<(), Error<'a>> {
    // The protocols that `np` of a header can tell.
    if !state.ethernet
        && !matches!(
            state.eth_type,
            eth_p::IP | eth_p::IPV6 | eth_p::TEB | eth_p::NSH | eth_p::MPLS_UC
        )
    {
        return Err(Error::invalid(
            attr,
            refusal!("PUSH_NSH: an NSH header cannot be in front of this packet"),
        ));
    }
    let header = header(attr)?;
    let (len, bytes) = header.used();
    let at = out.bytes(bytes)?;
    out.op(Op::PushNsh { at, len })?;
    out.dump_same(attr)?;
    state.ethernet = false;
    Ok(())
}

/// A header as it is on the wire.
struct Header {
    bytes: [u8; HDR_MAX_LEN],
    len: u8,
}

impl Header {
    fn new(base: &NshBase, context: &[u8]) -> Self {
        // The length counts words. Bytes that do not make up one are left out, as in C.
        let words = u16::try_from(BASE_HDR_LEN.saturating_add(context.len()) / 4).unwrap_or(0);
        let version_flags_ttl_len = Be16::new(
            ((u16::from(base.flags) & 0x3) << 12)
                | ((u16::from(base.ttl) & 0x3f) << 6)
                | (words & 0x3f),
        );
        let types = [base.mdtype, base.np];
        let fixed = version_flags_ttl_len
            .as_bytes()
            .iter()
            .chain(&types)
            .chain(base.path_hdr.as_bytes());
        let mut bytes = [0; HDR_MAX_LEN];
        for (to, from) in bytes.iter_mut().zip(fixed.chain(context)) {
            *to = *from;
        }
        Self {
            bytes,
            len: u8::try_from(words.saturating_mul(4)).unwrap_or(0),
        }
    }

    fn used(&self) -> (u8, &[u8]) {
        let bytes = self.bytes.get(..usize::from(self.len)).unwrap_or(&[]);
        (self.len, bytes)
    }
}

fn header<'a>(attr: &Attr<'a>) -> Result<Header, Error<'a>> {
    let Some(nsh) = attr.nested().next().filter(|nsh| {
        nsh.kind() == key_attr::NSH && align(nsh.bytes().len()) == attr.payload().len()
    }) else {
        return Err(Error::invalid(attr, refusal!("PUSH_NSH: needs one header")));
    };

    let mut base: Option<NshBase> = None;
    let mut md1 = None;
    let mut md2 = None;
    let mut parts = nsh.nested();
    for part in parts.by_ref() {
        let invalid = |msg| Error::invalid(&part, msg);
        match part.kind() {
            nsh_key_attr::BASE => {
                base = Some(part.get().ok_or(invalid(refusal!(
                    "PUSH_NSH: the base header has not 8 bytes"
                )))?);
            }
            nsh_key_attr::MD1 => {
                if part.payload().len() != size_of::<NshMd1>() {
                    return Err(invalid(refusal!(
                        "PUSH_NSH: metadata of type 1 has not 16 bytes"
                    )));
                }
                md1 = Some(part);
            }
            nsh_key_attr::MD2 => {
                if !(1..=CTX_MAX_LEN).contains(&part.payload().len()) {
                    return Err(invalid(refusal!("PUSH_NSH: metadata empty or too long")));
                }
                md2 = Some(part);
            }
            _ => return Err(invalid(refusal!("PUSH_NSH: unknown part of a header"))),
        }
    }
    let invalid = |msg| Error::invalid(&nsh, msg);
    if !parts.rest().is_empty() {
        return Err(invalid(refusal!(
            "PUSH_NSH: bytes left over after the header"
        )));
    }
    let base = base.ok_or(invalid(refusal!("PUSH_NSH: no base header")))?;
    let (mdtype, context) = match (md1, md2) {
        (Some(md1), None) => (MD_TYPE1, md1),
        (None, Some(md2)) => (MD_TYPE2, md2),
        (Some(_), Some(_)) => return Err(invalid(refusal!("PUSH_NSH: metadata of two types"))),
        (None, None) => return Err(invalid(refusal!("PUSH_NSH: no metadata"))),
    };
    if base.mdtype != mdtype {
        return Err(invalid(refusal!(
            "PUSH_NSH: metadata not of the type the base header tells"
        )));
    }
    Ok(Header::new(&base, context.payload()))
}

/// Validates POP_NSH.
pub(super) fn pop<'a>(key: &Key, state: &mut State, attr: &Attr<'a>) -> Result<Op, Error<'a>> {
    if state.eth_type != eth_p::NSH {
        return Err(Error::invalid(attr, refusal!("POP_NSH: no NSH header")));
    }
    // IPv4, IPv6, Ethernet, NSH and MPLS.
    if !(1..=5).contains(&key.nsh.np) {
        return Err(Error::invalid(
            attr,
            refusal!("POP_NSH: the flow does not match a next protocol that is known"),
        ));
    }
    state.ethernet = key.nsh.np == P_ETHERNET;
    Ok(Op::PopNsh)
}
