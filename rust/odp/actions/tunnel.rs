// SPDX-License-Identifier: GPL-2.0

//! Setting the tunnel a packet is sent through.

use super::super::{error::Error, key::Tunnel, nlattr::Attr};
use super::{builder::Builder, compile::Sink};

/// The tunnel of [`Op::SetTunnel`](super::Op::SetTunnel).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TunnelSet {
    /// `AF_INET` (2) or `AF_INET6` (10).
    pub proto: u8,
    /// Addresses, flags and options. [`tun_flags::INFO_BRIDGE`] tells `IP_TUNNEL_INFO_BRIDGE`.
    ///
    /// [`tun_flags::INFO_BRIDGE`]: super::super::key::tun_flags::INFO_BRIDGE
    pub tunnel: Tunnel,
    /// A Geneve option is critical (`IP_TUNNEL_CRIT_OPT_BIT`).
    pub critical: bool,
}

pub(super) fn set<'a, S: Sink>(_out: &mut Builder<S>, field: &Attr<'a>) -> Result<(), Error<'a>> {
    Err(Error::invalid(field, c"SET: tunnels cannot be set yet"))
}
