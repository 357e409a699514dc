// SPDX-License-Identifier: GPL-2.0

//! Setting fields: SET and SET_MASKED.

use super::super::{
    error::Error,
    key::{
        Be32,
        Key, //
    },
    nlattr::{
        align,
        Attr, //
    },
    uapi::{
        action_attr,
        key_attr,
        CtLabels,
        KeyEthernet,
        KeyIpv4,
        KeyIpv6,
        KeyPorts, //
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
    tunnel,
};
use zerocopy::{
    FromBytes,
    Immutable,
    IntoBytes, //
};

const IPPROTO_TCP: u8 = 6;
const IPPROTO_UDP: u8 = 17;
const IPPROTO_SCTP: u8 = 132;

/// The bits of a flow label.
const IPV6_LABEL: u32 = 0x000f_ffff;

/// Validates SET.
pub(super) fn set<'a, S: Sink>(
    out: &mut Builder<S>,
    key: &Key,
    state: &State,
    attr: &Attr<'a>,
) -> Result<(), Error<'a>> {
    let field = single(attr)?;
    if field.kind() == key_attr::TUNNEL {
        return tunnel::set(out, &field);
    }
    let op = compile(out, key, state, &field, false)?;
    out.op(op)?;
    let nest = out.dump_start(action_attr::SET)?;
    out.dump_same(&field)?;
    out.dump_end(nest)
}

/// Validates SET_MASKED.
pub(super) fn set_masked<'a, S: Sink>(
    out: &mut Builder<S>,
    key: &Key,
    state: &State,
    attr: &Attr<'a>,
) -> Result<(), Error<'a>> {
    let field = single(attr)?;
    let op = compile(out, key, state, &field, true)?;
    out.op(op)?;
    out.dump_same(attr)
}

/// The one field that is to be set.
fn single<'a>(attr: &Attr<'a>) -> Result<Attr<'a>, Error<'a>> {
    attr.nested()
        .next()
        .filter(|field| align(field.bytes().len()) == attr.payload().len())
        .ok_or(Error::invalid(attr, refusal!("SET: needs one field")))
}

/// The value and mask of a field; without a mask, one of all ones.
fn pair<'a, T: FromBytes + IntoBytes + Immutable>(
    field: &Attr<'a>,
    masked: bool,
) -> Result<[T; 2], Error<'a>> {
    const MSG: &core::ffi::CStr = refusal!("SET: the field has not the right length");
    let payload = field.payload();
    if !masked {
        let mut mask = T::new_zeroed();
        mask.as_mut_bytes().fill(0xff);
        let value = T::read_from_bytes(payload).map_err(|_| Error::invalid(field, MSG))?;
        return Ok([value, mask]);
    }
    // An odd byte at the end goes unnoticed, as in C.
    let len = payload.len() / 2;
    let half = |part: &[u8]| T::read_from_bytes(part).ok();
    let (Some(value), Some(mask)) = (
        payload.get(..len).and_then(half),
        payload.get(len..len.saturating_mul(2)).and_then(half),
    ) else {
        return Err(Error::invalid(field, MSG));
    };
    let mut bits = value.as_bytes().iter().zip(mask.as_bytes());
    if bits.any(|(value, mask)| value & !mask != 0) {
        return Err(Error::invalid(
            field,
            refusal!("SET: the value has bits that the mask has not"),
        ));
    }
    Ok([value, mask])
}

/// Validates a field.
fn compile<'a, S: Sink>(
    out: &mut Builder<S>,
    key: &Key,
    state: &State,
    field: &Attr<'a>,
    masked: bool,
) -> Result<Op, Error<'a>> {
    let invalid = |msg| Error::invalid(field, msg);
    match field.kind() {
        key_attr::PRIORITY => Ok(Op::SetPriority {
            masked: pair(field, masked)?,
        }),
        key_attr::SKB_MARK => Ok(Op::SetSkbMark {
            masked: pair(field, masked)?,
        }),
        key_attr::CT_MARK => pair::<u32>(field, masked).map(|_| Op::SetConnection),
        key_attr::CT_LABELS => pair::<CtLabels>(field, masked).map(|_| Op::SetConnection),
        key_attr::ETHERNET => {
            let pair = pair::<KeyEthernet>(field, masked)?;
            if !state.ethernet {
                return Err(invalid(refusal!("SET: no Ethernet header")));
            }
            Ok(Op::SetEthernet {
                at: out.data(&pair)?,
            })
        }
        key_attr::IPV4 => {
            let pair = ipv4(key, state, field, masked)?;
            Ok(Op::SetIpv4 {
                at: out.data(&pair)?,
            })
        }
        key_attr::IPV6 => {
            let pair = ipv6(key, state, field, masked)?;
            Ok(Op::SetIpv6 {
                at: out.data(&pair)?,
            })
        }
        key_attr::TCP => Ok(Op::SetTcp {
            masked: ports(key, state, field, masked, IPPROTO_TCP)?,
        }),
        key_attr::UDP => Ok(Op::SetUdp {
            masked: ports(key, state, field, masked, IPPROTO_UDP)?,
        }),
        key_attr::SCTP => Ok(Op::SetSctp {
            masked: ports(key, state, field, masked, IPPROTO_SCTP)?,
        }),
        key_attr::MPLS => {
            let masked = pair::<Be32>(field, masked)?;
            if !eth_p::is_mpls(state.eth_type) {
                return Err(invalid(refusal!(
                    "SET: the packet is not known to have a label"
                )));
            }
            Ok(Op::SetMpls { masked })
        }
        key_attr::TUNNEL => Err(invalid(refusal!("SET: a tunnel cannot be set with a mask"))),
        _ => Err(invalid(refusal!("SET: the field cannot be set"))),
    }
}

fn ipv4<'a>(
    key: &Key,
    state: &State,
    field: &Attr<'a>,
    masked: bool,
) -> Result<[KeyIpv4; 2], Error<'a>> {
    let [value, mask] = pair::<KeyIpv4>(field, masked)?;
    if state.eth_type != eth_p::IP {
        return Err(Error::invalid(
            field,
            refusal!("SET: the packet is not IPv4"),
        ));
    }
    fixed_fields(
        key,
        field,
        masked,
        [value.proto, mask.proto],
        [value.frag, mask.frag],
    )?;
    Ok([value, mask])
}

fn ipv6<'a>(
    key: &Key,
    state: &State,
    field: &Attr<'a>,
    masked: bool,
) -> Result<[KeyIpv6; 2], Error<'a>> {
    let [value, mut mask] = pair::<KeyIpv6>(field, masked)?;
    if state.eth_type != eth_p::IPV6 {
        return Err(Error::invalid(
            field,
            refusal!("SET: the packet is not IPv6"),
        ));
    }
    fixed_fields(
        key,
        field,
        masked,
        [value.proto, mask.proto],
        [value.frag, mask.frag],
    )?;
    if !masked {
        mask.label &= Be32::new(IPV6_LABEL);
    }
    if (value.label.get() | mask.label.get()) & !IPV6_LABEL != 0 {
        return Err(Error::invalid(
            field,
            refusal!("SET: more than 20 bits of flow label"),
        ));
    }
    Ok([value, mask])
}

/// Protocol and kind of fragment are what the packet is: they have to stay as they are.
fn fixed_fields<'a>(
    key: &Key,
    field: &Attr<'a>,
    masked: bool,
    [proto, proto_mask]: [u8; 2],
    [frag, frag_mask]: [u8; 2],
) -> Result<(), Error<'a>> {
    let same = if masked {
        proto_mask == 0 && frag_mask == 0
    } else {
        proto == key.ip_proto && frag == key.ip_frag
    };
    if same {
        Ok(())
    } else {
        Err(Error::invalid(
            field,
            refusal!("SET: protocol and fragment type cannot be set"),
        ))
    }
}

fn ports<'a>(
    key: &Key,
    state: &State,
    field: &Attr<'a>,
    masked: bool,
    proto: u8,
) -> Result<[KeyPorts; 2], Error<'a>> {
    let pair = pair(field, masked)?;
    if !matches!(state.eth_type, eth_p::IP | eth_p::IPV6) || key.ip_proto != proto {
        return Err(Error::invalid(
            field,
            refusal!("SET: the flow does not match the protocol whose ports are to be set"),
        ));
    }
    Ok(pair)
}
