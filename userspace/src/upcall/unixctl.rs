// SPDX-License-Identifier: GPL-2.0

//! Commands to a running program through a Unix socket.
//!
//! The protocol is that of Open vSwitch's daemons, JSON-RPC 1.0, so that `ovs-appctl` can be used
//! as well. A request has a method, and texts as parameters; its answer is a text, or an error.
//!
//! The socket of a program that serves a datapath has a name in the abstract name space, made of
//! the datapath's. It belongs to the network namespace, as the datapath does, and vanishes with the
//! process. Such names have no permissions: both ends ask who the other one is.

mod client;
mod server;

pub use client::{
    Error,
    call, //
};
pub use server::{
    Commands,
    Server,
    listen, //
};

use rustix::{
    net::sockopt::socket_peercred,
    process::geteuid, //
};
use serde::{
    Deserialize,
    Serialize, //
};
use serde_json::Value;
use std::{
    io,
    os::{
        linux::net::SocketAddrExt,
        unix::net::{
            SocketAddr,
            UnixStream, //
        },
    },
};

/// A request.
#[derive(Debug, Deserialize, Serialize)]
struct Request {
    id: Value,
    method: String,
    #[serde(default)]
    params: Vec<String>,
}

/// An answer; one of `result` and `error` is null.
#[derive(Debug, Deserialize, Serialize)]
struct Answer {
    id: Value,
    result: Option<String>,
    error: Option<String>,
}

/// The address of the program that answers a datapath's upcalls.
pub fn address(datapath: &str) -> io::Result<SocketAddr> {
    SocketAddr::from_abstract_name(format!("openvswitch-rs/upcall/{datapath}"))
}

/// The process at the other end, if it is root's or of the same user as this one.
fn trusted_peer(stream: &UnixStream) -> io::Result<()> {
    let peer = socket_peercred(stream)?;
    if peer.uid.is_root() || peer.uid == geteuid() {
        return Ok(());
    }
    let (pid, uid) = (peer.pid.as_raw_nonzero(), peer.uid.as_raw());
    Err(io::Error::new(
        io::ErrorKind::PermissionDenied,
        format!("process {pid} of user {uid} is at the other end"),
    ))
}

#[cfg(test)]
mod tests;
