// SPDX-License-Identifier: GPL-2.0

//! Requests for devices, as user space makes them.

use crate::{
    bindings,
    net::{
        device::{
            NetDevice,
            OwnedLink, //
        },
        namespace::Net, //
    },
    odp::nlattr::{
        Attrs,
        NoRoom,
        Writer, //
    }, //
};
use kernel::{
    error::to_result,
    prelude::*, //
};

/// The header of a message (`struct nlmsghdr`).
const NLMSGHDR: usize = 16;
/// What follows it in a message about a link (`struct ifinfomsg`).
const IFINFOMSG: usize = 16;
/// Enough for a request.
const REQUEST: usize = 256;
/// Enough for the beginning of an answer, with what the driver says.
const ANSWER: usize = 8192;

const NLMSG_ERROR: u16 = 2;
const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_ACK: u16 = 0x4;
const NLM_F_EXCL: u16 = 0x200;
const NLM_F_CREATE: u16 = 0x400;

const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_LINKINFO: u16 = 18;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;

/// A request about a link, and then the answer.
struct Talk {
    request: [u8; REQUEST],
    answer: KVec<u8>,
}

impl Talk {
    fn new() -> Result<Self> {
        Ok(Self {
            request: [0; REQUEST],
            answer: KVec::from_elem(0, ANSWER, GFP_KERNEL)?,
        })
    }

    /// Sends a request with the attributes that are written; the type of the message that answers it.
    fn ask(
        &mut self,
        net: &Net,
        kind: u16,
        flags: u16,
        put: impl FnOnce(&mut Writer<'_>) -> Result<(), NoRoom>,
    ) -> Result<u16> {
        let (header, attrs) = self.request.split_at_mut(NLMSGHDR + IFINFOMSG);
        let mut writer = Writer::new(attrs);
        put(&mut writer).map_err(|NoRoom| EMSGSIZE)?;
        let len = header.len() + writer.len();
        for (at, bytes) in [
            (0, (len as u32).to_ne_bytes().as_slice()),
            (4, &kind.to_ne_bytes()),
            (6, &(NLM_F_REQUEST | flags).to_ne_bytes()),
        ] {
            if let Some(to) = header.get_mut(at..at + bytes.len()) {
                to.copy_from_slice(bytes);
            }
        }
        // SAFETY: The namespace is valid, and both buffers have as many bytes as is said.
        to_result(unsafe {
            bindings::rtnl_request(
                net.as_ptr(),
                self.request.as_mut_ptr().cast(),
                len,
                self.answer.as_mut_ptr().cast(),
                self.answer.len(),
            )
        })?;
        let kind = self.answer.get(4..).and_then(|bytes| bytes.first_chunk());
        kind.map(|kind| u16::from_ne_bytes(*kind)).ok_or(EIO)
    }

    /// The error that an answer of this type tells of, if it does.
    fn refusal(&self, kind: u16) -> Result {
        let code = self
            .answer
            .get(NLMSGHDR..)
            .and_then(|bytes| bytes.first_chunk());
        match (kind, code.map(|code| i32::from_ne_bytes(*code))) {
            (NLMSG_ERROR, Some(code @ ..=-1)) => Err(Error::from_errno(code)),
            _ => Ok(()),
        }
    }
}

/// Has the driver of a kind of links make a device; `data` writes what is to be said to the driver.
/// Also returns what the driver says of the device.
///
/// May sleep. The RTNL must not be held. The kind must be one of links that user space can delete.
pub(in crate::net) fn new_link(
    net: &Net,
    name: &CStr,
    kind: &str,
    mtu: u32,
    data: impl FnOnce(&mut Writer<'_>) -> Result<(), NoRoom>,
) -> Result<(OwnedLink, Told)> {
    // The kernel would choose another one.
    if name.is_empty() || name.to_bytes().contains(&b'%') {
        return Err(EINVAL);
    }
    if NetDevice::by_name(net, name).is_some() {
        return Err(EEXIST);
    }
    let mut talk = Talk::new()?;
    let asked = talk.ask(
        net,
        RTM_NEWLINK,
        NLM_F_ACK | NLM_F_EXCL | NLM_F_CREATE,
        |w| {
            w.put_bytes(IFLA_IFNAME, name.to_bytes_with_nul())?;
            w.put(IFLA_MTU, &mtu)?;
            let info = w.start(IFLA_LINKINFO)?;
            w.put_bytes(IFLA_INFO_KIND, kind.as_bytes())?;
            let nest = w.start(IFLA_INFO_DATA)?;
            data(w)?;
            w.end(nest)?;
            w.end(info)
        },
    );
    if let Ok(kind) = asked {
        talk.refusal(kind)?;
    }
    // If there is no memory for the answer, this is the device nevertheless, and goes.
    let link = NetDevice::by_name(net, name).map(OwnedLink::new);
    asked?;
    let link = link.ok_or(ENODEV)?;
    let kind = talk.ask(net, RTM_GETLINK, 0, |w| {
        w.put_bytes(IFLA_IFNAME, name.to_bytes_with_nul())
    })?;
    talk.refusal(kind)?;
    match kind {
        RTM_NEWLINK => Ok((link, Told(talk.answer))),
        _ => Err(ENODEV),
    }
}

/// What the kernel says of a device.
pub(crate) struct Told(KVec<u8>);

impl Told {
    /// One of the attributes that the driver tells of.
    pub(crate) fn data(&self, kind: u16) -> Option<&[u8]> {
        let attrs = self.0.get(NLMSGHDR + IFINFOMSG..)?;
        let info = Attrs::new(attrs).find(|attr| attr.kind() == IFLA_LINKINFO)?;
        let data = info.nested().find(|attr| attr.kind() == IFLA_INFO_DATA)?;
        let attr = data.nested().find(|attr| attr.kind() == kind)?;
        Some(attr.payload())
    }
}
