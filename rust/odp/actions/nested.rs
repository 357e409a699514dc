// SPDX-License-Identifier: GPL-2.0

//! Actions with lists of their own: SAMPLE, CLONE, CHECK_PKT_LEN, DEC_TTL.

use super::super::{
    error::{
        Errno,
        Error, //
    },
    nlattr::{
        Attr,
        Attrs,
        HDRLEN, //
    },
    uapi::{
        action_attr,
        check_pkt_len_attr,
        dec_ttl_attr,
        sample_attr, //
    },
};
use super::{
    builder::{
        Builder,
        Nest, //
    },
    compile::Sink,
    op::Op,
};

/// An action whose list is being compiled.
#[derive(Clone, Copy)]
pub(super) struct Nested<'a> {
    action: Attr<'a>,
    op: Op,
    at: usize,
    /// The action in the dump.
    outer: Nest,
    /// The list in the dump.
    inner: Nest,
    /// The list is the second one of CHECK_PKT_LEN.
    greater: bool,
}

/// An action and the list that is to be compiled next.
pub(super) type Entered<'a> = (Nested<'a>, Attrs<'a>);

impl<'a> Nested<'a> {
    pub(super) fn action(&self) -> &Attr<'a> {
        &self.action
    }

    /// Where the list starts in the dump.
    pub(super) fn start(&self) -> u32 {
        self.inner.payload()
    }

    /// The list is at its end: completes the action, or goes on to its second list.
    pub(super) fn leave<S: Sink>(
        mut self,
        out: &mut Builder<S>,
    ) -> Result<Option<Entered<'a>>, Error<'a>> {
        out.dump_end(self.inner)?;
        // Operations that belong to the action.
        let total = out.ops().saturating_sub(self.at).saturating_sub(1);
        let total = u32::try_from(total).unwrap_or(u32::MAX);
        match &mut self.op {
            Op::Sample { body, .. } | Op::Clone { body, .. } | Op::DecTtl { body } => *body = total,
            Op::CheckPktLen { less_equal, .. } if !self.greater => {
                *less_equal = total;
                self.greater = true;
                self.inner = out.dump_start(check_pkt_len_attr::ACTIONS_IF_GREATER)?;
                let list = last(&self.action, check_pkt_len_attr::ACTIONS_IF_GREATER);
                return Ok(Some((
                    self,
                    list.map_or(Attrs::new(&[]), |list| list.nested()),
                )));
            }
            Op::CheckPktLen {
                less_equal,
                greater,
                ..
            } => *greater = total.saturating_sub(*less_equal),
            // There are no others.
            _ => {}
        }
        out.patch_op(self.at, self.op);
        if self.outer != self.inner {
            out.dump_end(self.outer)?;
        }
        Ok(None)
    }
}

/// Whether executing a list leaves the packet's key as it is.
///
/// What is executed once a packet was looked up again does not, and the lookup itself notes the
/// recirculation id.
fn keeps_key(list: &Attr<'_>) -> bool {
    list.nested().all(|action| {
        matches!(
            action.kind(),
            action_attr::OUTPUT
                | action_attr::TRUNC
                | action_attr::USERSPACE
                | action_attr::DROP
                | action_attr::PSAMPLE
        )
    })
}

/// Whether bytes are left over after, or missing at the end of, the last attribute of a payload.
fn ragged(attr: &Attr<'_>, attrs: &Attrs<'_>) -> bool {
    !attrs.rest().is_empty() || attr.payload().len() % 4 != 0
}

/// The last attribute of a type.
fn last<'a>(attr: &Attr<'a>, kind: u16) -> Option<Attr<'a>> {
    attr.nested().filter(|attr| attr.kind() == kind).last()
}

/// Refuses a list that is too short for an action, but not empty.
fn check_list<'a>(list: &Attr<'a>) -> Result<(), Error<'a>> {
    if (1..HDRLEN).contains(&list.payload().len()) {
        return Err(Error::invalid(list, refusal!("list of actions too short")));
    }
    Ok(())
}

/// Starts SAMPLE.
pub(super) fn sample<'a, S: Sink>(
    out: &mut Builder<S>,
    attr: &Attr<'a>,
    last: bool,
) -> Result<Entered<'a>, Error<'a>> {
    let mut probability = None;
    let mut actions = None;
    let mut args = attr.nested();
    for arg in args.by_ref() {
        let slot = match arg.kind() {
            sample_attr::PROBABILITY => &mut probability,
            sample_attr::ACTIONS => &mut actions,
            _ => return Err(Error::invalid(&arg, refusal!("SAMPLE: unknown argument"))),
        };
        if slot.replace(arg).is_some() {
            return Err(Error::invalid(
                &arg,
                refusal!("SAMPLE: argument given twice"),
            ));
        }
    }
    if ragged(attr, &args) {
        return Err(Error::invalid(
            attr,
            refusal!("SAMPLE: bytes left over after the arguments"),
        ));
    }
    let probability =
        probability.ok_or(Error::invalid(attr, refusal!("SAMPLE: no probability")))?;
    let probability: u32 = probability.get().ok_or(Error::invalid(
        &probability,
        refusal!("SAMPLE: the probability is not a u32"),
    ))?;
    let actions = actions.ok_or(Error::invalid(attr, refusal!("SAMPLE: no actions")))?;
    check_list(&actions)?;

    let op = Op::Sample {
        probability,
        body: 0,
        in_place: last || keeps_key(&actions),
        last,
    };
    let at = out.op(op)?;
    let outer = out.dump_start(action_attr::SAMPLE)?;
    out.dump_attr(sample_attr::PROBABILITY, &probability.to_ne_bytes())?;
    let inner = out.dump_start(sample_attr::ACTIONS)?;
    Ok((
        Nested {
            action: *attr,
            op,
            at,
            outer,
            inner,
            greater: false,
        },
        actions.nested(),
    ))
}

/// Starts CLONE.
pub(super) fn clone<'a, S: Sink>(
    out: &mut Builder<S>,
    attr: &Attr<'a>,
    last: bool,
) -> Result<Entered<'a>, Error<'a>> {
    check_list(attr)?;
    let op = Op::Clone {
        body: 0,
        in_place: last || keeps_key(attr),
        last,
    };
    let at = out.op(op)?;
    let nest = out.dump_start(action_attr::CLONE)?;
    Ok((
        Nested {
            action: *attr,
            op,
            at,
            outer: nest,
            inner: nest,
            greater: false,
        },
        attr.nested(),
    ))
}

/// Starts CHECK_PKT_LEN.
pub(super) fn check_pkt_len<'a, S: Sink>(
    out: &mut Builder<S>,
    attr: &Attr<'a>,
    last: bool,
) -> Result<Entered<'a>, Error<'a>> {
    let mut pkt_len = None;
    let mut greater = None;
    let mut less_equal = None;
    let mut args = attr.nested();
    // Of arguments that are given more than once, the last one counts.
    for arg in args.by_ref() {
        let out_of_range = |msg| Error::invalid(&arg, msg).with_errno(Errno::ERANGE);
        let slot = match arg.kind() {
            check_pkt_len_attr::PKT_LEN => {
                let Some([a, b]) = arg.payload().first_chunk() else {
                    return Err(out_of_range(refusal!(
                        "CHECK_PKT_LEN: the length is not a u16"
                    )));
                };
                pkt_len = Some(u16::from_ne_bytes([*a, *b]));
                continue;
            }
            check_pkt_len_attr::ACTIONS_IF_GREATER => &mut greater,
            check_pkt_len_attr::ACTIONS_IF_LESS_EQUAL => &mut less_equal,
            _ => {
                return Err(Error::invalid(
                    &arg,
                    refusal!("CHECK_PKT_LEN: unknown argument"),
                ))
            }
        };
        check_list(&arg).map_err(|error| error.with_errno(Errno::ERANGE))?;
        *slot = Some(arg);
    }
    let invalid = |msg| Error::invalid(attr, msg);
    if !args.rest().is_empty() {
        return Err(invalid(refusal!(
            "CHECK_PKT_LEN: bytes left over after the arguments"
        )));
    }
    let pkt_len = pkt_len
        .filter(|len| *len != 0)
        .ok_or(invalid(refusal!("CHECK_PKT_LEN: no length, or zero")))?;
    let (Some(greater), Some(less_equal)) = (greater, less_equal) else {
        return Err(invalid(refusal!(
            "CHECK_PKT_LEN: one of the lists is missing"
        )));
    };

    let op = Op::CheckPktLen {
        pkt_len,
        less_equal_in_place: last || keeps_key(&less_equal),
        greater_in_place: last || keeps_key(&greater),
        last,
        less_equal: 0,
        greater: 0,
    };
    let at = out.op(op)?;
    let outer = out.dump_start(action_attr::CHECK_PKT_LEN)?;
    out.dump_attr(check_pkt_len_attr::PKT_LEN, &pkt_len.to_ne_bytes())?;
    let inner = out.dump_start(check_pkt_len_attr::ACTIONS_IF_LESS_EQUAL)?;
    Ok((
        Nested {
            action: *attr,
            op,
            at,
            outer,
            inner,
            greater: false,
        },
        less_equal.nested(),
    ))
}

/// Starts DEC_TTL.
pub(super) fn dec_ttl<'a, S: Sink>(
    out: &mut Builder<S>,
    attr: &Attr<'a>,
) -> Result<Entered<'a>, Error<'a>> {
    let mut actions = None;
    let mut args = attr.nested();
    for arg in args.by_ref() {
        match arg.kind() {
            dec_ttl_attr::ACTION if actions.is_none() => actions = Some(arg),
            dec_ttl_attr::ACTION => {
                return Err(Error::invalid(
                    &arg,
                    refusal!("DEC_TTL: argument given twice"),
                ));
            }
            0 => return Err(Error::invalid(&arg, refusal!("DEC_TTL: unknown argument"))),
            // Of a user space newer than this.
            _ => {}
        }
    }
    if ragged(attr, &args) {
        return Err(Error::invalid(
            attr,
            refusal!("DEC_TTL: bytes left over after the arguments"),
        ));
    }
    let actions = actions.ok_or(Error::invalid(attr, refusal!("DEC_TTL: no actions")))?;
    check_list(&actions)?;

    let op = Op::DecTtl { body: 0 };
    let at = out.op(op)?;
    let outer = out.dump_start(action_attr::DEC_TTL)?;
    let inner = out.dump_start(dec_ttl_attr::ACTION)?;
    Ok((
        Nested {
            action: *attr,
            op,
            at,
            outer,
            inner,
            greater: false,
        },
        actions.nested(),
    ))
}
