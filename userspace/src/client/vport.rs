// SPDX-License-Identifier: GPL-2.0

//! Requests and replies of the family `ovs_vport`.

use super::Client;
use super::datapath::{
    put_string,
    put_u32_array,
    u32_array, //
};
use super::error::{
    Error,
    Result,
    string, //
};
use super::family::Families;
use super::message::{
    Reply,
    Request, //
};
use netlink_packet_core::NLM_F_ECHO;
use netlink_packet_generic::GenlHeader;
use odp::nlattr::{
    Attrs,
    NoRoom,
    Writer, //
};
use odp::uapi::family::VPORT_VERSION;
use odp::uapi::{
    VportStats,
    tunnel_attr,
    vport_attr,
    vport_cmd,
    vport_upcall_attr,
    vxlan_ext, //
};

/// Options of a tunnel port that the datapath makes itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TunnelOptions {
    /// The UDP port, host byte order.
    pub dst_port: u16,
    /// VXLAN with group policy.
    pub gbp: bool,
}

/// Upcalls that a port caused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UpcallStats {
    /// Sent.
    pub success: u64,
    /// Lost.
    pub fail: u64,
}

/// A port, as the kernel tells of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Vport {
    /// The command of the message: NEW, DEL and SET tell of a change (`odp::uapi::vport_cmd`).
    pub command: u8,
    /// The datapath.
    pub dp_ifindex: i32,
    /// The number in the datapath.
    pub port_no: u32,
    /// The kind (`odp::uapi::vport_type`).
    pub kind: u32,
    /// The name of the device.
    pub name: String,
    /// The interface index of the device.
    pub ifindex: Option<i32>,
    /// The namespace of the device, when it is another.
    pub netnsid: Option<i32>,
    /// The netlink ports of its upcalls.
    pub upcall_pids: Vec<u32>,
    /// Packets and bytes.
    pub stats: Option<VportStats>,
    /// Upcalls.
    pub upcall_stats: Option<UpcallStats>,
    /// Options of a tunnel port.
    pub options: Option<TunnelOptions>,
}

impl Vport {
    /// Reads a reply or a notification.
    pub fn parse(reply: Reply<'_>) -> Result<Self> {
        let mut port = Self {
            command: reply.command,
            dp_ifindex: reply.dp_ifindex,
            ..Self::default()
        };
        let bad = || Error::Malformed("bad attribute of a port");
        for attr in reply.attrs() {
            match attr.kind() {
                vport_attr::PORT_NO => port.port_no = attr.get().ok_or_else(bad)?,
                vport_attr::TYPE => port.kind = attr.get().ok_or_else(bad)?,
                vport_attr::NAME => port.name = string(attr.payload()),
                vport_attr::IFINDEX => port.ifindex = Some(attr.get().ok_or_else(bad)?),
                vport_attr::NETNSID => port.netnsid = Some(attr.get().ok_or_else(bad)?),
                vport_attr::UPCALL_PID => port.upcall_pids = u32_array(attr.payload()),
                vport_attr::STATS => port.stats = Some(attr.get().ok_or_else(bad)?),
                vport_attr::UPCALL_STATS => {
                    port.upcall_stats = Some(UpcallStats::parse(attr.nested()));
                }
                vport_attr::OPTIONS => port.options = Some(TunnelOptions::parse(attr.nested())),
                _ => {}
            }
        }
        Ok(port)
    }
}

impl UpcallStats {
    fn parse(attrs: Attrs<'_>) -> Self {
        let mut stats = Self::default();
        for attr in attrs {
            match attr.kind() {
                vport_upcall_attr::SUCCESS => stats.success = attr.get().unwrap_or(0),
                vport_upcall_attr::FAIL => stats.fail = attr.get().unwrap_or(0),
                _ => {}
            }
        }
        stats
    }
}

impl TunnelOptions {
    fn parse(attrs: Attrs<'_>) -> Self {
        let mut options = Self::default();
        for attr in attrs {
            match attr.kind() {
                tunnel_attr::DST_PORT => options.dst_port = attr.get().unwrap_or(0),
                tunnel_attr::EXTENSION => {
                    options.gbp = attr.nested().any(|ext| ext.kind() == vxlan_ext::GBP);
                }
                _ => {}
            }
        }
        options
    }

    fn put(&self, w: &mut Writer<'_>) -> Result<(), NoRoom> {
        let options = w.start(vport_attr::OPTIONS)?;
        w.put(tunnel_attr::DST_PORT, &self.dst_port)?;
        if self.gbp {
            let extension = w.start(tunnel_attr::EXTENSION)?;
            w.put_flag(vxlan_ext::GBP)?;
            w.end(extension)?;
        }
        w.end(options)
    }
}

/// How a request names a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VportId<'a> {
    /// By the name of its device.
    Name(&'a str),
    /// By its number.
    Number(u32),
}

/// A port to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewVport<'a> {
    /// The name of the device.
    pub name: &'a str,
    /// The kind (`odp::uapi::vport_type`).
    pub kind: u32,
    /// The number wanted.
    pub port_no: Option<u32>,
    /// The netlink ports of its upcalls. One that is zero: no upcalls.
    pub upcall_pids: &'a [u32],
    /// The interface index wanted for an internal port.
    pub ifindex: Option<i32>,
    /// Options of a tunnel port.
    pub options: Option<TunnelOptions>,
}

impl Families {
    fn vport_request(
        &self,
        command: u8,
        flags: u16,
        dp_ifindex: i32,
        attrs: impl Fn(&mut Writer<'_>) -> Result<(), NoRoom>,
    ) -> Result<Request> {
        let header = GenlHeader {
            cmd: command,
            version: VPORT_VERSION,
        };
        Request::new(self.vport.id, header, flags, dp_ifindex, attrs)
    }

    /// A request to make a port.
    pub fn new_vport(&self, dp_ifindex: i32, port: &NewVport<'_>) -> Result<Request> {
        self.vport_request(vport_cmd::NEW, NLM_F_ECHO, dp_ifindex, |w| {
            put_string(w, vport_attr::NAME, port.name)?;
            w.put(vport_attr::TYPE, &port.kind)?;
            if let Some(number) = port.port_no {
                w.put(vport_attr::PORT_NO, &number)?;
            }
            put_u32_array(w, vport_attr::UPCALL_PID, port.upcall_pids)?;
            if let Some(index) = port.ifindex {
                w.put(vport_attr::IFINDEX, &index)?;
            }
            match &port.options {
                Some(options) => options.put(w),
                None => Ok(()),
            }
        })
    }

    /// A request to give a port other netlink ports for its upcalls.
    pub fn set_vport_pids(&self, dp_ifindex: i32, port_no: u32, pids: &[u32]) -> Result<Request> {
        self.vport_request(vport_cmd::SET, 0, dp_ifindex, |w| {
            w.put(vport_attr::PORT_NO, &port_no)?;
            put_u32_array(w, vport_attr::UPCALL_PID, pids)
        })
    }

    /// A request to remove a port.
    pub fn del_vport(&self, dp_ifindex: i32, port_no: u32) -> Result<Request> {
        self.vport_request(vport_cmd::DEL, 0, dp_ifindex, |w| {
            w.put(vport_attr::PORT_NO, &port_no)
        })
    }

    /// A request to look a port up. By name the datapath may be zero: any.
    pub fn get_vport(&self, dp_ifindex: i32, id: VportId<'_>) -> Result<Request> {
        self.vport_request(vport_cmd::GET, 0, dp_ifindex, |w| match id {
            VportId::Name(name) => put_string(w, vport_attr::NAME, name),
            VportId::Number(number) => w.put(vport_attr::PORT_NO, &number),
        })
    }

    /// A request to dump the ports of a datapath.
    pub fn dump_vports(&self, dp_ifindex: i32) -> Result<Request> {
        self.vport_request(vport_cmd::GET, 0, dp_ifindex, |_| Ok(()))
    }
}

impl Client {
    /// Makes a port.
    pub fn new_vport(&mut self, dp_ifindex: i32, port: &NewVport<'_>) -> Result<Vport> {
        let request = self.families().new_vport(dp_ifindex, port)?;
        self.query(request, Vport::parse)
    }

    /// Gives a port other netlink ports for its upcalls.
    pub fn set_vport_pids(&mut self, dp_ifindex: i32, port_no: u32, pids: &[u32]) -> Result<()> {
        let request = self.families().set_vport_pids(dp_ifindex, port_no, pids)?;
        self.order(request)
    }

    /// Removes a port.
    pub fn del_vport(&mut self, dp_ifindex: i32, port_no: u32) -> Result<()> {
        let request = self.families().del_vport(dp_ifindex, port_no)?;
        self.order(request)
    }

    /// Looks a port up. By name the datapath may be zero: any.
    pub fn vport(&mut self, dp_ifindex: i32, id: VportId<'_>) -> Result<Vport> {
        let request = self.families().get_vport(dp_ifindex, id)?;
        self.query(request, Vport::parse)
    }

    /// The ports of a datapath, in no order.
    pub fn vports(&mut self, dp_ifindex: i32) -> Result<Vec<Vport>> {
        let request = self.families().dump_vports(dp_ifindex)?;
        self.collect(request, Vport::parse)
    }
}
