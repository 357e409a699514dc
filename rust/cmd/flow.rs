// SPDX-License-Identifier: GPL-2.0

//! The family `ovs_flow`: installing, changing, listing and removing flows.
//!
//! A flow is named by a unique id of user space's choice (UFID), or by its key as it was before it
//! was masked.

use super::{
    attr,
    error,
    find,
    refuse_actions,
    report,
    support,
    Result, //
};
use crate::{
    actions::{
        self,
        Actions, //
    },
    alloc,
    datapath::{
        put_dp_ifindex,
        upcall::put_key,
        Datapath, //
    },
    flow_table::{
        FlowRef,
        NewFlow, //
    },
    net::{
        genetlink::{
            Command,
            Description,
            Dump,
            DumpMsg,
            DumpState,
            Family,
            Info,
            MulticastGroup,
            Op,
            DONT_VALIDATE_DUMP,
            DONT_VALIDATE_DUMP_STRICT,
            DONT_VALIDATE_STRICT,
            UNS_ADMIN_PERM, //
        },
        netlink::{
            self,
            nla_total_size,
            Attr,
            Body,
            GenlMsg,
            NetlinkSkBuff,
            Policy,
            PolicyTable, //
        }, //
    },
    odp::{
        classifier::identity::Identity,
        flow_attrs::{
            self,
            Match,
            Ufid,
            KEY_ATTR_MAX_SIZE, //
        },
        key::Key,
        mask::Compact,
        uapi::{
            family,
            flow_attr,
            flow_cmd,
            ufid_flags,
            FlowStats, //
        },
    },
    sync::{
        jiffies,
        rcu::Read, //
    },
};
use kernel::{
    prelude::*,
    sync::{
        rcu,
        Arc, //
    },
};
use zerocopy::IntoBytes;

static POLICY: PolicyTable<{ flow_attr::PAD as usize + 1 }> = PolicyTable::new()
    .with(flow_attr::KEY as u32, Policy::nested())
    .with(flow_attr::MASK as u32, Policy::nested())
    .with(flow_attr::ACTIONS as u32, Policy::nested())
    .with(flow_attr::CLEAR as u32, Policy::flag())
    .with(flow_attr::PROBE as u32, Policy::flag())
    .with(flow_attr::UFID as u32, Policy::min_len(1))
    .with(flow_attr::UFID_FLAGS as u32, Policy::u32());

static OPS: [Op; 4] = [
    Op::new::<New>(),
    Op::new::<Del>(),
    Op::with_dump::<Get>(),
    Op::new::<Set>(),
];

static GROUPS: [MulticastGroup; 1] = [MulticastGroup::const_new(family::FLOW)];

/// The family.
pub(crate) static FAMILY: Family = Family::const_new(
    &crate::THIS_MODULE,
    Description {
        name: family::FLOW,
        version: family::FLOW_VERSION,
        header_len: size_of::<i32>(),
        policy: &POLICY,
        ops: &OPS,
        groups: &GROUPS,
        resv_start_op: flow_cmd::SET + 1,
    },
);

/// What is logged when the actions of a new flow are refused.
const NEW_UNSAFE: &str = "Flow actions may not be safe on all matching packets.";
/// What is logged when those of a flow that there is are refused.
const CHANGE_UNSAFE: &str = "Actions may not be safe on all matching packets";

const VALIDATE: u8 = DONT_VALIDATE_STRICT | DONT_VALIDATE_DUMP;

/// Flags of a request (`NLM_F_*`).
mod flags {
    pub(super) const ECHO: u32 = 0x08;
    pub(super) const EXCL: u32 = 0x200;
    pub(super) const CREATE: u32 = 0x400;
}

/// What a request says of flows in general.
struct Request<'a> {
    ufid: Option<Ufid>,
    key: Option<Attr<'a>>,
    mask: Option<Attr<'a>>,
    actions: Option<Attr<'a>>,
    /// What to leave out of the reply.
    omit: u32,
    /// Not to be logged: user space is finding out what works.
    probe: bool,
}

impl<'a> Request<'a> {
    fn new(info: &Info<'a>) -> Result<Self> {
        let ufid = match info.attr(flow_attr::UFID.into()) {
            Some(ufid) => Ufid::parse(Some(&attr(ufid)?)),
            None => None,
        };
        Ok(Self {
            ufid,
            key: info.attr(flow_attr::KEY.into()),
            mask: info.attr(flow_attr::MASK.into()),
            actions: info.attr(flow_attr::ACTIONS.into()),
            omit: match info.attr(flow_attr::UFID_FLAGS.into()) {
                Some(flags) => flags.u32()?,
                None => 0,
            },
            probe: info.attr(flow_attr::PROBE.into()).is_some(),
        })
    }

    /// Parses key and mask.
    fn parse_match(&self, info: &Info<'_>, key: Attr<'a>) -> Result<KBox<Match>> {
        let mut parsed: KBox<Match> = alloc::zeroed(GFP_KERNEL)?;
        let mask = self.mask.map(attr).transpose()?;
        flow_attrs::parse_match(&mut parsed, attr(key)?, mask, support(info.net()))
            .map_err(|err| report(self.probe, error(err)))?;
        Ok(parsed)
    }

    /// What names the flow that the request is about, if it says so.
    fn identity(&self, info: &Info<'_>) -> Result<Option<Identity>> {
        let mut by_key = None;
        if let Some(key) = self.key {
            let mut parsed: KBox<Match> = alloc::zeroed(GFP_KERNEL)?;
            flow_attrs::parse_key(&mut parsed.key, attr(key)?, support(info.net()))
                .map_err(|err| report(self.probe, error(err)))?;
            by_key = Some(Identity::from_key(&parsed.key));
        }
        Ok(self
            .ufid
            .and_then(|ufid| Identity::from_ufid(ufid.as_bytes()))
            .or(by_key))
    }

    /// Compiles the actions for packets with the masked key of `parsed`.
    ///
    /// If they are refused, `message` is logged.
    fn compile(
        &self,
        info: &Info<'_>,
        actions: Attr<'a>,
        parsed: &Match,
        message: &str,
    ) -> Result<Actions> {
        let mut key: KBox<Key> = alloc::zeroed(GFP_KERNEL)?;
        key.set_masked(&parsed.key, &parsed.mask);
        actions::compile(actions.payload(), &key, info.net(), !self.probe)
            .map_err(|err| refuse_actions(self.probe, err, message))
    }
}

/// The error for a flow that is not there.
fn no_flow() -> netlink::Error {
    netlink::Error::new(ENOENT, c"there is no such flow")
}

/// Whether a reply would be read by anybody.
fn must_notify(info: &Info<'_>) -> bool {
    info.flags() & flags::ECHO != 0 || FAMILY.has_listeners(info.net(), 0)
}

/// Allocates a message about a flow with `dump` bytes of actions.
fn message(info: &Info<'_>, cmd: u8, dump: usize) -> Result<GenlMsg> {
    let size = [
        3 * nla_total_size(KEY_ATTR_MAX_SIZE),
        nla_total_size(Ufid::MAX_LEN),
        nla_total_size(size_of::<FlowStats>()),
        2 * nla_total_size(size_of::<u64>()),
        nla_total_size(dump),
    ];
    let size = size
        .iter()
        .fold(0usize, |sum, size| sum.saturating_add(*size));
    Ok(NetlinkSkBuff::new(size, GFP_KERNEL)?.genlmsg_put(
        info.portid(),
        info.seq(),
        &FAMILY,
        cmd,
    )?)
}

/// Describes a flow.
///
/// Actions that do not fit are left out if `may_omit_actions`.
fn fill(
    msg: &mut Body,
    dp: &Datapath,
    flow: &FlowRef<'_>,
    omit: u32,
    may_omit_actions: bool,
) -> Result {
    put_dp_ifindex(msg, dp.ifindex());
    let identity = flow.identity();
    let ufid = identity.ufid();
    match (&ufid, identity.key()) {
        (Some((ufid, len)), _) => {
            msg.put_bytes(flow_attr::UFID.into(), ufid.get(..*len).unwrap_or(ufid))?;
        }
        (None, Some(key)) => put_key(msg.nest_start(flow_attr::KEY.into())?, &key, &key, false)?,
        (None, None) => return Err(no_flow()),
    }
    let with_key = ufid.is_some() && omit & ufid_flags::OMIT_KEY == 0;
    let with_mask = omit & ufid_flags::OMIT_MASK == 0;
    if with_key || with_mask {
        let (key, mask) = flow.key_and_mask().ok_or_else(no_flow)?;
        if with_key {
            put_key(msg.nest_start(flow_attr::KEY.into())?, &key, &key, false)?;
        }
        if with_mask {
            put_key(msg.nest_start(flow_attr::MASK.into())?, &key, &mask, true)?;
        }
    }

    let stats = flow.stats();
    if stats.used != 0 {
        let used = jiffies::to_monotonic_ms(stats.used);
        msg.put_u64(flow_attr::USED.into(), used, flow_attr::PAD.into())?;
    }
    if stats.packets != 0 {
        let stats = FlowStats {
            n_packets: stats.packets,
            n_bytes: stats.bytes,
        };
        msg.put_bytes(flow_attr::STATS.into(), stats.as_bytes())?;
    }
    let [_, low_flags] = stats.tcp_flags.to_be_bytes();
    if low_flags != 0 {
        msg.put_u8(flow_attr::TCP_FLAGS.into(), low_flags)?;
    }

    if omit & ufid_flags::OMIT_ACTIONS == 0 {
        let actions = flow.actions().ok_or_else(no_flow)?;
        let put = msg.put_bytes(flow_attr::ACTIONS.into(), actions.program().dump());
        if !may_omit_actions {
            put?;
        }
    }
    Ok(())
}

/// Installs a flow, or replaces the actions of one.
struct New;

impl Command for New {
    const CMD: u8 = flow_cmd::NEW;
    const FLAGS: u8 = UNS_ADMIN_PERM;
    const VALIDATE: u8 = VALIDATE;

    fn doit(info: &Info<'_>) -> Result {
        let request = Request::new(info)?;
        let key = info
            .require(flow_attr::KEY.into(), c"a flow needs a key")
            .map_err(|err| report(request.probe, err))?;
        let actions = info
            .require(flow_attr::ACTIONS.into(), c"a flow needs actions")
            .map_err(|err| report(request.probe, err))?;
        let parsed = request.parse_match(info, key)?;
        let identity = request
            .ufid
            .and_then(|ufid| Identity::from_ufid(ufid.as_bytes()))
            .unwrap_or_else(|| Identity::from_key(&parsed.key));
        let compiled = request.compile(info, actions, &parsed, NEW_UNSAFE)?;
        let mask = Compact::new(&parsed.mask);
        let new = NewFlow::new(&parsed.key, &mask, identity.as_ref())?;
        let reply = match must_notify(info) {
            true => Some(message(
                info,
                flow_cmd::NEW,
                compiled.program().dump().len(),
            )?),
            false => None,
        };
        let dp = find(info)?;

        let mut table = dp.flows.write();
        let existing = {
            let guard = rcu::read_lock();
            let rcu = Read::from(&guard);
            let named = match identity.as_ref().ufid() {
                Some(_) => table.find(identity.as_ref(), rcu),
                None => None,
            };
            let found = named.or_else(|| dp.flows.lookup_masks(&parsed.key, rcu).flow);
            match found {
                Some(flow) => Some(replaceable(info, &dp, &flow, &parsed, rcu)?),
                None => None,
            }
        };
        let number = match existing {
            Some(number) => {
                table.set_actions(number, compiled)?;
                number
            }
            None => table.insert(new, compiled)?,
        };
        notify(info, &dp, reply, number, request.omit, || drop(table))
    }
}

/// Whether a request to install a flow may replace the actions of `found`, the flow that has its
/// UFID or its packets: if it does not insist on a new one, and means the same flow.
///
/// Returns the number of the flow to change.
fn replaceable(
    info: &Info<'_>,
    dp: &Datapath,
    found: &FlowRef<'_>,
    parsed: &Match,
    rcu: Read<'_>,
) -> Result<u32> {
    // Generic netlink takes NLM_F_EXCL for part of a request to dump, so that user space says
    // NLM_F_CREATE and means both.
    if info.flags() & (flags::CREATE | flags::EXCL) != 0 {
        return Err(netlink::Error::new(
            EEXIST,
            c"a flow with this UFID, or for these packets, exists",
        ));
    }
    let by_key = Identity::from_key(&parsed.key);
    let same = match found.identity().key() {
        Some(_) => found.identity() == by_key.as_ref(),
        None => found
            .key_and_mask()
            .is_some_and(|(key, _)| key == parsed.key),
    };
    if same {
        return Ok(found.number());
    }
    if found.identity().key().is_some() {
        if let Some(flow) = dp.flows.find(by_key.as_ref(), rcu) {
            return Ok(flow.number());
        }
    }
    Err(netlink::Error::new(
        ENOENT,
        c"the flow for these packets has another key",
    ))
}

/// Completes a reply about the flow with a number, lets the table go by `unlock`, and sends it.
fn notify(
    info: &Info<'_>,
    dp: &Datapath,
    reply: Option<GenlMsg>,
    number: u32,
    omit: u32,
    unlock: impl FnOnce(),
) -> Result {
    let Some(mut reply) = reply else {
        return Ok(());
    };
    {
        let guard = rcu::read_lock();
        let flow = dp
            .flows
            .get(number, Read::from(&guard))
            .ok_or_else(no_flow)?;
        fill(&mut reply, dp, &flow, omit, false)?;
    }
    unlock();
    reply.notify(&FAMILY, info, 0, GFP_KERNEL);
    Ok(())
}

/// The number of the flow with an identity, and the length of its actions as attributes.
fn locate(dp: &Datapath, identity: &Identity) -> Result<(u32, usize)> {
    let guard = rcu::read_lock();
    let flow = dp
        .flows
        .find(identity.as_ref(), Read::from(&guard))
        .ok_or_else(no_flow)?;
    let actions = flow.actions().ok_or_else(no_flow)?;
    Ok((flow.number(), actions.program().dump().len()))
}

/// Changes a flow: its actions, or what was counted for it.
struct Set;

impl Command for Set {
    const CMD: u8 = flow_cmd::SET;
    const FLAGS: u8 = UNS_ADMIN_PERM;
    const VALIDATE: u8 = VALIDATE;

    fn doit(info: &Info<'_>) -> Result {
        let request = Request::new(info)?;
        let parsed = match request.key {
            Some(key) => Some(request.parse_match(info, key)?),
            None => None,
        };
        let by_key = parsed
            .as_ref()
            .map(|parsed| Identity::from_key(&parsed.key));
        let identity = request
            .ufid
            .and_then(|ufid| Identity::from_ufid(ufid.as_bytes()))
            .or(by_key)
            .ok_or_else(|| {
                let err = netlink::Error::new(EINVAL, c"neither key nor UFID of a flow is given");
                report(request.probe, err)
            })?;
        let compiled = match (request.actions, &parsed) {
            (None, _) => None,
            (Some(actions), Some(parsed)) => {
                Some(request.compile(info, actions, parsed, CHANGE_UNSAFE)?)
            }
            (Some(actions), None) => {
                let err = netlink::Error::new(EINVAL, c"actions need the key of their flow");
                return Err(report(request.probe, err.with_attr(actions)));
            }
        };
        let dp: Arc<Datapath> = find(info)?;

        let mut table = dp.flows.write();
        let (number, old_len) = locate(&dp, &identity)?;
        let len = compiled
            .as_ref()
            .map_or(old_len, |actions| actions.program().dump().len());
        let mut reply = match must_notify(info) {
            true => Some(message(info, flow_cmd::SET, len)?),
            false => None,
        };
        if let Some(compiled) = compiled {
            table.set_actions(number, compiled)?;
        }
        if let Some(reply) = &mut reply {
            let guard = rcu::read_lock();
            let flow = dp
                .flows
                .get(number, Read::from(&guard))
                .ok_or_else(no_flow)?;
            fill(reply, &dp, &flow, request.omit, false)?;
        }
        if info.attr(flow_attr::CLEAR.into()).is_some() {
            table.clear_stats(number);
        }
        drop(table);
        if let Some(reply) = reply {
            reply.notify(&FAMILY, info, 0, GFP_KERNEL);
        }
        Ok(())
    }
}

/// Removes a flow, or all of them.
struct Del;

impl Command for Del {
    const CMD: u8 = flow_cmd::DEL;
    const FLAGS: u8 = UNS_ADMIN_PERM;
    const VALIDATE: u8 = VALIDATE;

    fn doit(info: &Info<'_>) -> Result {
        let request = Request::new(info)?;
        let identity = request.identity(info)?;
        let dp = find(info)?;

        let mut table = dp.flows.write();
        let Some(identity) = identity else {
            table.flush();
            return Ok(());
        };
        let (number, len) = locate(&dp, &identity)?;
        // The flow goes in any case; who listens is told of a message lost for want of memory.
        let mut reply = must_notify(info).then(|| message(info, flow_cmd::DEL, len));
        if let Some(Ok(reply)) = &mut reply {
            let guard = rcu::read_lock();
            let flow = dp
                .flows
                .get(number, Read::from(&guard))
                .ok_or_else(no_flow)?;
            fill(reply, &dp, &flow, request.omit, false)?;
        }
        table.remove(number);
        drop(table);
        match reply {
            Some(Ok(reply)) => reply.notify(&FAMILY, info, 0, GFP_KERNEL),
            Some(Err(err)) => FAMILY.set_err(info.net(), 0, 0, err.code()),
            None => (),
        }
        Ok(())
    }
}

/// Describes one flow, or all of them.
struct Get;

impl Command for Get {
    const CMD: u8 = flow_cmd::GET;
    // The request for a dump has attributes that count.
    const VALIDATE: u8 = DONT_VALIDATE_STRICT | DONT_VALIDATE_DUMP_STRICT;

    fn doit(info: &Info<'_>) -> Result {
        let request = Request::new(info)?;
        let identity = request.identity(info)?.ok_or_else(|| {
            let err = netlink::Error::new(EINVAL, c"neither key nor UFID of a flow is given");
            report(request.probe, err)
        })?;
        let dp = find(info)?;

        let table = dp.flows.write();
        let (number, len) = locate(&dp, &identity)?;
        let mut reply = message(info, flow_cmd::GET, len)?;
        {
            let guard = rcu::read_lock();
            let flow = dp
                .flows
                .get(number, Read::from(&guard))
                .ok_or_else(no_flow)?;
            fill(&mut reply, &dp, &flow, request.omit, false)?;
        }
        drop(table);
        Ok(reply.reply(info)?)
    }
}

impl Dump for Get {
    fn dump(msg: &mut DumpMsg<'_>, state: &mut DumpState<'_>) -> Result {
        let omit = match state.info().attr(flow_attr::UFID_FLAGS.into()) {
            Some(flags) => flags.u32()?,
            None => 0,
        };
        let dp = find(state.info())?;
        let [next, end, ..] = state.cursor();
        if *end == 0 {
            // The flows that come later are not followed, for they might never end.
            *end = dp.flows.end() as c_long;
        }
        let (Ok(first), Ok(end)) = (u32::try_from(*next), u32::try_from(*end)) else {
            return Ok(());
        };
        let guard = rcu::read_lock();
        let mut is_first = true;
        for flow in dp.flows.flows_in(first, end, Read::from(&guard)) {
            let mut record = msg.record(&FAMILY, flow_cmd::GET)?;
            fill(&mut record, &dp, &flow, omit, is_first)?;
            record.end();
            is_first = false;
            *next = flow.number() as c_long + 1;
        }
        Ok(())
    }
}
