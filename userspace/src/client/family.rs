// SPDX-License-Identifier: GPL-2.0

//! The numbers the kernel gave to the datapath's generic netlink families.

use super::error::{
    Error,
    Result, //
};
use super::message::Request;
use super::socket::Socket;
use netlink_packet_core::{
    NLM_F_REQUEST,
    NetlinkHeader,
    NetlinkMessage,
    NetlinkPayload,
    ParseableParametrized, //
};
use netlink_packet_generic::ctrl::nlas::{
    GenlCtrlAttrs,
    McastGrpAttrs, //
};
use netlink_packet_generic::ctrl::{
    GenlCtrl,
    GenlCtrlCmd, //
};
use netlink_packet_generic::{
    GenlHeader,
    GenlMessage, //
};
use odp::uapi::family;
use rustix::io::Errno;
use std::ffi::CStr;

/// A family.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Family {
    /// Its number, the type of its messages.
    pub id: u16,
    /// Its multicast group; zero if it has none.
    pub group: u32,
}

/// The six families of the datapath.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Families {
    /// `ovs_datapath`.
    pub datapath: Family,
    /// `ovs_vport`.
    pub vport: Family,
    /// `ovs_flow`.
    pub flow: Family,
    /// `ovs_packet`.
    pub packet: Family,
    /// `ovs_meter`; old kernels lack it.
    pub meter: Option<Family>,
    /// `ovs_ct_limit`; absent from kernels without connection counting.
    pub ct_limit: Option<Family>,
}

impl Families {
    /// Asks the kernel.
    pub fn resolve(socket: &mut Socket) -> Result<Self> {
        let optional = |family: Result<Family>| match family {
            Ok(family) => Ok(Some(family)),
            Err(Error::NoFamily(_)) => Ok(None),
            Err(error) => Err(error),
        };
        Ok(Self {
            datapath: Family::resolve(socket, family::DATAPATH)?,
            vport: Family::resolve(socket, family::VPORT)?,
            flow: Family::resolve(socket, family::FLOW)?,
            packet: Family::resolve(socket, family::PACKET)?,
            meter: optional(Family::resolve(socket, family::METER))?,
            ct_limit: optional(Family::resolve(socket, family::CT_LIMIT))?,
        })
    }
}

impl Family {
    /// Asks the kernel for one family.
    pub fn resolve(socket: &mut Socket, name: &CStr) -> Result<Self> {
        let name = name.to_string_lossy().into_owned();
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST;
        let mut message = NetlinkMessage::new(
            header,
            NetlinkPayload::from(GenlMessage::from_payload(GenlCtrl {
                cmd: GenlCtrlCmd::GetFamily,
                nlas: vec![GenlCtrlAttrs::FamilyName(name.clone())],
            })),
        );
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        let reply = match socket.query_raw(Request::from_bytes(bytes)) {
            Err(error) if error.is(Errno::NOENT) => return Err(Error::NoFamily(name)),
            reply => reply?,
        };
        Self::parse(&reply)
    }

    /// Reads the answer of the generic netlink controller.
    fn parse(reply: &[u8]) -> Result<Self> {
        let bad = |_| Error::Malformed("bad answer of the generic netlink controller");
        let header = GenlHeader::parse(reply).map_err(bad)?;
        let attrs = reply
            .get(4..)
            .ok_or(Error::Malformed("no family attributes"))?;
        let ctrl = GenlCtrl::parse_with_param(attrs, header).map_err(bad)?;
        let mut family = Self::default();
        for attr in ctrl.nlas {
            match attr {
                GenlCtrlAttrs::FamilyId(id) => family.id = id,
                // Each of the datapath's families has one group at most.
                GenlCtrlAttrs::McastGroups(groups) => {
                    for attr in groups.into_iter().flatten() {
                        if let McastGrpAttrs::Id(id) = attr {
                            family.group = id;
                        }
                    }
                }
                _ => {}
            }
        }
        if family.id == 0 {
            return Err(Error::Malformed("a family without a number"));
        }
        Ok(family)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The controller is a family too, and every kernel has it.
    #[test]
    fn the_controller_resolves() {
        let mut socket = Socket::open().unwrap();
        let family = Family::resolve(&mut socket, c"nlctrl").unwrap();
        assert_eq!(family.id, 16);
        assert_ne!(family.group, 0);
    }

    #[test]
    fn an_unknown_family_is_named() {
        let mut socket = Socket::open().unwrap();
        let error = Family::resolve(&mut socket, c"no_such_family").unwrap_err();
        assert_eq!(
            error.to_string(),
            "Generic Netlink family 'no_such_family' does not exist"
        );
        assert!(error.is(Errno::NOENT));
    }
}
