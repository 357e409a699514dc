// SPDX-License-Identifier: GPL-2.0

//! The family `ovs_meter`.

use super::{
    attr,
    dp_ifindex,
    find,
    Result, //
};
use crate::{
    datapath::{
        put_dp_ifindex,
        OvsGuard, //
    },
    meter::{
        Band,
        Meter,
        Params,
        Totals,
        Unit,
        MAX_BANDS, //
    },
    net::{
        genetlink::{
            Command,
            Description,
            Family,
            Info,
            MulticastGroup,
            Op,
            DONT_VALIDATE_DUMP,
            DONT_VALIDATE_STRICT,
            UNS_ADMIN_PERM, //
        },
        netlink::{
            self,
            nla_total_size,
            Body,
            GenlMsg,
            NetlinkSkBuff,
            Policy,
            PolicyTable, //
        }, //
    },
    odp::{
        self,
        uapi::{
            band_attr,
            band_type,
            family,
            meter_attr,
            meter_cmd,
            FlowStats, //
        },
    },
};
use kernel::prelude::*;
use zerocopy::{
    FromBytes,
    IntoBytes, //
};

static POLICY: PolicyTable<{ meter_attr::MAX as usize + 1 }> = PolicyTable::new()
    .with(meter_attr::ID as u32, Policy::u32())
    .with(meter_attr::KBPS as u32, Policy::flag())
    .with(
        meter_attr::STATS as u32,
        Policy::min_len(size_of::<FlowStats>() as u16),
    )
    .with(meter_attr::BANDS as u32, Policy::nested())
    .with(meter_attr::USED as u32, Policy::u64())
    .with(meter_attr::CLEAR as u32, Policy::flag())
    .with(meter_attr::MAX_METERS as u32, Policy::u32())
    .with(meter_attr::MAX_BANDS as u32, Policy::u32());

static OPS: [Op; 4] = [
    Op::new::<Features>(),
    Op::new::<Set>(),
    Op::new::<Get>(),
    Op::new::<Del>(),
];

static GROUPS: [MulticastGroup; 1] = [MulticastGroup::const_new(family::METER)];

/// The family.
pub(crate) static FAMILY: Family = Family::const_new(
    &crate::THIS_MODULE,
    Description {
        name: family::METER,
        version: family::METER_VERSION,
        header_len: size_of::<i32>(),
        policy: &POLICY,
        ops: &OPS,
        groups: &GROUPS,
        resv_start_op: meter_cmd::GET + 1,
    },
);

const VALIDATE: u8 = DONT_VALIDATE_STRICT | DONT_VALIDATE_DUMP;

/// The attribute that a band is in an answer: its number says nothing (`OVS_BAND_ATTR_UNSPEC`).
const BAND: u32 = 0;

/// Starts the answer to a request.
fn answer(info: &Info<'_>, cmd: u8) -> Result<GenlMsg> {
    let band = nla_total_size(nla_total_size(size_of::<FlowStats>()));
    let size = [
        size_of::<i32>(),
        nla_total_size(size_of::<u32>()),
        nla_total_size(size_of::<FlowStats>()),
        nla_total_size(size_of::<u64>()),
        nla_total_size(band),
    ]
    .iter()
    .sum();
    let mut msg = NetlinkSkBuff::new(size, GFP_KERNEL)?.genlmsg_put(
        info.portid(),
        info.seq(),
        &FAMILY,
        cmd,
    )?;
    put_dp_ifindex(&mut msg, dp_ifindex(info));
    Ok(msg)
}

/// The id that a request names a meter by.
fn id(info: &Info<'_>) -> Result<u32> {
    info.require(meter_attr::ID.into(), c"meter id is missing")?
        .u32()
}

/// Puts statistics.
fn put_stats(msg: &mut Body, totals: &Totals) -> Result {
    msg.put_bytes(meter_attr::STATS.into(), totals.all.as_bytes())?;
    msg.put_u64(
        meter_attr::USED.into(),
        totals.used_ms,
        meter_attr::PAD.into(),
    )?;
    let mut bands = msg.nest_start(meter_attr::BANDS.into())?;
    if let Some(stats) = &totals.band {
        let mut band = bands.nest_start(BAND)?;
        band.put_bytes(band_attr::STATS.into(), stats.as_bytes())?;
        band.end()?;
    }
    bands.end()
}

/// Tells what meters there can be.
struct Features;

impl Command for Features {
    const CMD: u8 = meter_cmd::FEATURES;
    const VALIDATE: u8 = VALIDATE;

    fn doit(info: &Info<'_>) -> Result {
        let dp = find(info)?;
        let mut msg = answer(info, meter_cmd::FEATURES)?;
        msg.put_u32(meter_attr::MAX_METERS.into(), dp.meters.max())?;
        msg.put_u32(meter_attr::MAX_BANDS.into(), MAX_BANDS as u32)?;
        let mut bands = msg.nest_start(meter_attr::BANDS.into())?;
        let mut band = bands.nest_start(BAND)?;
        band.put_u32(band_attr::TYPE.into(), band_type::DROP)?;
        band.end()?;
        bands.end()?;
        Ok(msg.reply(info)?)
    }
}

/// The band that an attribute describes.
fn band(from: &odp::nlattr::Attr<'_>) -> Result<Band> {
    let error = |code, msg| netlink::Error::new(code, msg).with_bytes(from.bytes());
    let (mut kind, mut rate, mut burst) = (None, None, None);
    for attr in from.nested() {
        let field = match attr.kind() {
            band_attr::TYPE => &mut kind,
            band_attr::RATE => &mut rate,
            band_attr::BURST => &mut burst,
            band_attr::STATS if attr.payload().len() < size_of::<FlowStats>() => {
                return Err(error(ERANGE, c"statistics of a band are too short"));
            }
            _ => continue,
        };
        let Some(value) = attr.payload().first_chunk() else {
            return Err(error(ERANGE, c"attribute of a band is too short"));
        };
        *field = Some(u32::from_ne_bytes(*value));
    }
    let (Some(kind), Some(rate), Some(burst)) = (kind, rate, burst) else {
        return Err(error(EINVAL, c"a band needs type, rate and burst"));
    };
    if rate == 0 {
        return Err(error(EINVAL, c"the rate of a band is zero"));
    }
    Ok(Band {
        rate,
        burst,
        drops: kind == band_type::DROP,
    })
}

/// What a request says of a meter.
fn params(info: &Info<'_>) -> Result<Params> {
    let bands = info.require(meter_attr::BANDS.into(), c"the meter's bands are missing")?;
    let mut given = attr(bands)?.nested();
    let first = given.next();
    if given.next().is_some() {
        return Err(netlink::Error::new(EINVAL, c"a meter has at most one band").with_attr(bands));
    }
    let keep_stats = info.attr(meter_attr::CLEAR.into()).is_none();
    let stats = info
        .attr(meter_attr::STATS.into())
        .filter(|_| keep_stats)
        .and_then(|stats| FlowStats::read_from_prefix(stats.payload()).ok());
    Ok(Params {
        unit: match info.attr(meter_attr::KBPS.into()) {
            Some(_) => Unit::Kilobits,
            None => Unit::Packets,
        },
        band: first.as_ref().map(band).transpose()?,
        keep_stats,
        stats: stats.map(|(stats, _)| stats).unwrap_or_default(),
    })
}

/// Makes a meter, in place of the one with its id if there is one.
struct Set;

impl Command for Set {
    const CMD: u8 = meter_cmd::SET;
    const FLAGS: u8 = UNS_ADMIN_PERM;
    const VALIDATE: u8 = VALIDATE;

    fn doit(info: &Info<'_>) -> Result {
        let id = id(info)?;
        let meter = Meter::new(&params(info)?)?;
        let mut msg = answer(info, meter_cmd::SET)?;

        let guard = OvsGuard::lock();
        let old = find(info)?.meters.set(id, meter, &guard).map_err(|err| {
            if err == EFBIG {
                netlink::Error::new(err, c"there are too many meters")
            } else {
                err.into()
            }
        })?;
        drop(guard);
        msg.put_u32(meter_attr::ID.into(), id)?;
        if let Some(old) = old.filter(|old| old.keeps_stats()) {
            put_stats(&mut msg, &old.totals())?;
        }
        Ok(msg.reply(info)?)
    }
}

/// Tells the statistics of a meter.
struct Get;

impl Command for Get {
    const CMD: u8 = meter_cmd::GET;
    const VALIDATE: u8 = VALIDATE;

    fn doit(info: &Info<'_>) -> Result {
        let id = id(info)?;
        let meter = find(info)?
            .meters
            .find(id)
            .ok_or(netlink::Error::new(ENOENT, c"no meter has this id"))?;
        let mut msg = answer(info, meter_cmd::GET)?;
        msg.put_u32(meter_attr::ID.into(), id)?;
        put_stats(&mut msg, &meter.totals())?;
        Ok(msg.reply(info)?)
    }
}

/// Removes a meter. It is no error if there is none.
struct Del;

impl Command for Del {
    const CMD: u8 = meter_cmd::DEL;
    const FLAGS: u8 = UNS_ADMIN_PERM;
    const VALIDATE: u8 = VALIDATE;

    fn doit(info: &Info<'_>) -> Result {
        let id = id(info)?;
        let mut msg = answer(info, meter_cmd::DEL)?;
        let guard = OvsGuard::lock();
        let old = find(info)?.meters.remove(id, &guard)?;
        drop(guard);
        if let Some(old) = old {
            msg.put_u32(meter_attr::ID.into(), id)?;
            put_stats(&mut msg, &old.totals())?;
        }
        Ok(msg.reply(info)?)
    }
}
