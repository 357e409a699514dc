// SPDX-License-Identifier: GPL-2.0

//! Requests and replies of the family `ovs_ct_limit`.

use super::Client;
use super::error::{
    Error,
    Result, //
};
use super::message::{
    Reply,
    Request, //
};
use netlink_packet_generic::GenlHeader;
use odp::uapi::family::{
    CT_LIMIT,
    CT_LIMIT_VERSION, //
};
use odp::uapi::{
    ZoneLimit,
    ct_limit_attr,
    ct_limit_cmd, //
};
use zerocopy::{
    FromBytes,
    IntoBytes, //
};

/// The `zone_id` of the limit for all zones that have none of their own.
pub const DEFAULT_ZONE: i32 = -1;

/// Reads the limits of a reply.
pub fn parse(reply: Reply<'_>) -> Result<Vec<ZoneLimit>> {
    let mut limits = Vec::new();
    for attr in reply.attrs() {
        if attr.kind() == ct_limit_attr::ZONE_LIMIT {
            let (all, rest) = <[ZoneLimit]>::ref_from_prefix_with_elems(
                attr.payload(),
                attr.payload().len() / size_of::<ZoneLimit>(),
            )
            .map_err(|_| Error::Malformed("bad limits of zones"))?;
            if !rest.is_empty() {
                return Err(Error::Malformed("bad limits of zones"));
            }
            limits.extend_from_slice(all);
        }
    }
    Ok(limits)
}

impl Client {
    /// Builds a request of this family. Without limits, it has no attribute.
    fn ct_limit_request(&self, cmd: u8, limits: &[ZoneLimit]) -> Result<Request> {
        let family = self.families().ct_limit.as_ref();
        let family = family.ok_or(Error::NoFamily(CT_LIMIT.to_string_lossy().into_owned()))?;
        let header = GenlHeader {
            cmd,
            version: CT_LIMIT_VERSION,
        };
        Request::new(family.id, header, 0, 0, |w| {
            if limits.is_empty() {
                return Ok(());
            }
            w.put_bytes(ct_limit_attr::ZONE_LIMIT, limits.as_bytes())
        })
    }

    /// Sets the limits of zones in this network namespace.
    pub fn set_ct_limits(&mut self, limits: &[ZoneLimit]) -> Result<()> {
        let request = self.ct_limit_request(ct_limit_cmd::SET, limits)?;
        self.order(request)
    }

    /// Takes limits of zones away, or the default one.
    pub fn del_ct_limits(&mut self, zones: &[i32]) -> Result<()> {
        let request = self.ct_limit_request(ct_limit_cmd::DEL, &named(zones))?;
        self.order(request)
    }

    /// The limits of some zones, or of all that have one, with the default one.
    pub fn ct_limits(&mut self, zones: &[i32]) -> Result<Vec<ZoneLimit>> {
        let request = self.ct_limit_request(ct_limit_cmd::GET, &named(zones))?;
        self.query(request, parse)
    }
}

/// Limits that only name zones.
fn named(zones: &[i32]) -> Vec<ZoneLimit> {
    let named = |&zone_id: &i32| ZoneLimit {
        zone_id,
        ..ZoneLimit::default()
    };
    zones.iter().map(named).collect()
}
