// SPDX-License-Identifier: GPL-2.0

//! Requests and replies of the family `ovs_datapath`.

use super::Client;
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
use netlink_packet_generic::GenlHeader;
use odp::nlattr::{
    NoRoom,
    Writer, //
};
use odp::uapi::family::DATAPATH_VERSION;
use odp::uapi::{
    DpStats,
    MegaflowStats,
    dp_attr,
    dp_cmd, //
};

/// A datapath, as the kernel tells of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Datapath {
    /// The interface index of its local port, by which requests name it.
    pub ifindex: i32,
    /// The name of its local port.
    pub name: String,
    /// Packets that hit and missed, and flows.
    pub stats: DpStats,
    /// What the masks cost.
    pub megaflow_stats: Option<MegaflowStats>,
    /// What user space has announced (`odp::uapi::user_features`).
    pub user_features: u32,
    /// The entries of the masks cache.
    pub masks_cache_size: Option<u32>,
    /// The netlink port for each processor's upcalls.
    pub per_cpu_pids: Vec<u32>,
}

impl Datapath {
    /// Reads a reply or a notification.
    pub fn parse(reply: Reply<'_>) -> Result<Self> {
        let mut dp = Self {
            ifindex: reply.dp_ifindex,
            ..Self::default()
        };
        let bad = || Error::Malformed("bad attribute of a datapath");
        for attr in reply.attrs() {
            match attr.kind() {
                dp_attr::NAME => dp.name = string(attr.payload()),
                dp_attr::STATS => dp.stats = attr.get().ok_or_else(bad)?,
                dp_attr::MEGAFLOW_STATS => dp.megaflow_stats = Some(attr.get().ok_or_else(bad)?),
                dp_attr::USER_FEATURES => dp.user_features = attr.get().ok_or_else(bad)?,
                dp_attr::MASKS_CACHE_SIZE => {
                    dp.masks_cache_size = Some(attr.get().ok_or_else(bad)?);
                }
                dp_attr::PER_CPU_PIDS => dp.per_cpu_pids = u32_array(attr.payload()),
                _ => {}
            }
        }
        Ok(dp)
    }
}

/// An array of u32 as an attribute holds it.
pub(crate) fn u32_array(payload: &[u8]) -> Vec<u32> {
    payload
        .chunks_exact(4)
        .filter_map(|chunk| Some(u32::from_ne_bytes(chunk.try_into().ok()?)))
        .collect()
}

/// Writes an array of u32.
pub(crate) fn put_u32_array(
    writer: &mut Writer<'_>,
    kind: u16,
    values: &[u32],
) -> Result<(), NoRoom> {
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_ne_bytes()).collect();
    writer.put_bytes(kind, &bytes)
}

/// Writes a string with its NUL.
pub(crate) fn put_string(writer: &mut Writer<'_>, kind: u16, text: &str) -> Result<(), NoRoom> {
    let payload = writer.reserve(kind, text.len() + 1)?;
    payload[..text.len()].copy_from_slice(text.as_bytes());
    Ok(())
}

/// How a request names a datapath.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatapathId<'a> {
    /// By the name of its local port.
    Name(&'a str),
    /// By the interface index of its local port.
    Index(i32),
}

/// What NEW and SET give a datapath. What is `None` or empty is not sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DatapathChange<'a> {
    /// The netlink port of the local port's upcalls. NEW needs it; zero: no upcalls.
    pub upcall_pid: Option<u32>,
    /// What user space can do. When SET does not have it, the kernel forgets what it knew.
    pub user_features: Option<u32>,
    /// The entries of the masks cache.
    pub masks_cache_size: Option<u32>,
    /// The netlink port for each processor's upcalls.
    pub per_cpu_pids: &'a [u32],
    /// The interface index wanted for the local port. NEW only.
    pub ifindex: Option<i32>,
}

/// Builds a request of this family.
pub fn request(
    families: &Families,
    command: u8,
    id: DatapathId<'_>,
    change: &DatapathChange<'_>,
) -> Result<Request> {
    let (name, index) = match id {
        DatapathId::Name(name) => (Some(name), 0),
        DatapathId::Index(index) => (None, index),
    };
    let header = GenlHeader {
        cmd: command,
        version: DATAPATH_VERSION,
    };
    Request::new(families.datapath.id, header, 0, index, |w| {
        if let Some(name) = name {
            put_string(w, dp_attr::NAME, name)?;
        }
        if let Some(pid) = change.upcall_pid {
            w.put(dp_attr::UPCALL_PID, &pid)?;
        }
        if let Some(features) = change.user_features {
            w.put(dp_attr::USER_FEATURES, &features)?;
        }
        if let Some(size) = change.masks_cache_size {
            w.put(dp_attr::MASKS_CACHE_SIZE, &size)?;
        }
        if !change.per_cpu_pids.is_empty() {
            put_u32_array(w, dp_attr::PER_CPU_PIDS, change.per_cpu_pids)?;
        }
        if let Some(index) = change.ifindex {
            w.put(dp_attr::IFINDEX, &index)?;
        }
        Ok(())
    })
}

impl Client {
    fn datapath_request(
        &self,
        command: u8,
        id: DatapathId<'_>,
        change: &DatapathChange<'_>,
    ) -> Result<Request> {
        request(self.families(), command, id, change)
    }

    /// Makes a datapath and its local port, a network device of this name.
    pub fn new_datapath(&mut self, name: &str, change: &DatapathChange<'_>) -> Result<Datapath> {
        let change = DatapathChange {
            upcall_pid: Some(change.upcall_pid.unwrap_or(0)),
            ..*change
        };
        let mut request = self.datapath_request(dp_cmd::NEW, DatapathId::Name(name), &change)?;
        request.add_flags(netlink_packet_core::NLM_F_ECHO);
        self.query(request, Datapath::parse)
    }

    /// Changes a datapath. Mind that features that are not given are reset.
    pub fn set_datapath(
        &mut self,
        id: DatapathId<'_>,
        change: &DatapathChange<'_>,
    ) -> Result<Datapath> {
        let mut request = self.datapath_request(dp_cmd::SET, id, change)?;
        request.add_flags(netlink_packet_core::NLM_F_ECHO);
        self.query(request, Datapath::parse)
    }

    /// Removes a datapath with its ports and flows.
    pub fn del_datapath(&mut self, id: DatapathId<'_>) -> Result<()> {
        let request = self.datapath_request(dp_cmd::DEL, id, &DatapathChange::default())?;
        self.order(request)
    }

    /// Looks a datapath up.
    pub fn datapath(&mut self, id: DatapathId<'_>) -> Result<Datapath> {
        let request = self.datapath_request(dp_cmd::GET, id, &DatapathChange::default())?;
        self.query(request, Datapath::parse)
    }

    /// All datapaths of the network namespace.
    pub fn datapaths(&mut self) -> Result<Vec<Datapath>> {
        let request = self.datapath_request(
            dp_cmd::GET,
            DatapathId::Index(0),
            &DatapathChange::default(),
        )?;
        self.collect(request, Datapath::parse)
    }
}
