// SPDX-License-Identifier: GPL-2.0

//! Ports of a datapath.
//!
//! A port is a network device: one that somebody else made and that is taken over ([`netdev`]), one
//! that the datapath makes, by which the host itself takes part ([`internal_dev`]), or one for tunnels
//! that the port has another module make ([`tunnel`]).
//!
//! A port lives as long as somebody has a reference to it. Its device is given back before that,
//! when the port is removed ([`Vport::release`]), and one that was made for the port goes with the
//! last reference.
//!
//! C version of this file: [`net/openvswitch/vport.c`](srctree/net/openvswitch/vport.c).

mod internal_dev;
mod netdev;
pub mod tunnel;
mod upcall;

use crate::{
    actions::Context,
    datapath::{
        port,
        Datapath,
        OvsGuard,
        Pids, //
    },
    drop::Reason,
    net::{
        device::{
            Enslaved,
            NetDevice,
            RegisteredDevice, //
        },
        namespace::Net,
        netlink,
        ratelimit,
        rtnetlink::{
            LinkOpsRegistration,
            Rtnl,
            RtnlCell,
            RtnlGuard, //
        },
        skbuff::SkBuff, //
    },
    odp::{
        key::mac_proto,
        uapi::vport_type, //
    },
    sync::{
        once::Shared,
        percpu::PerCpu,
        rcu::{
            RcuBox,
            RcuPtr,
            Read, //
        }, //
    },
};
use kernel::{
    prelude::*,
    sync::{
        aref::ARef,
        rcu,
        Arc, //
    },
};
use tunnel::{
    Kind,
    Options,
    Tunnel, //
};

/// What a new port is to be like.
pub(crate) struct Params<'a> {
    /// The name of its device.
    pub(crate) name: &'a CStr,
    /// Its number.
    pub(crate) port_no: u16,
    /// Where its upcalls go.
    pub(crate) upcall_pids: RcuBox<Pids>,
    /// The interface index that an internal device is to have; zero: any.
    pub(crate) ifindex: i32,
}

/// The device of a port.
enum Device {
    Internal(RegisteredDevice<internal_dev::Internal>),
    Netdev(Takeover, ARef<NetDevice>),
    Tunnel(Takeover, Tunnel),
}

/// That a device was taken over.
struct Takeover {
    link: RtnlCell<Enslaved<netdev::Handler>>,
    /// The device was taken over, and has not been given back.
    linked: Shared<bool>,
}

impl Takeover {
    fn new() -> Self {
        Self {
            link: RtnlCell::new(None),
            linked: Shared::new(false),
        }
    }
}

/// A port.
pub(crate) struct Vport {
    dp: Arc<Datapath>,
    port_no: u16,
    device: Device,
    upcall_pids: RcuPtr<Pids>,
    upcalls: PerCpu<upcall::Counters>,
}

/// Makes the kind of link known that internal devices are of.
pub(crate) fn register_link_ops() -> Result<LinkOpsRegistration> {
    internal_dev::LINK_OPS.register()
}

impl Vport {
    fn new(dp: &Arc<Datapath>, device: Device, params: Params<'_>) -> Result<Arc<Self>> {
        Ok(Arc::new(
            Self {
                dp: dp.clone(),
                port_no: params.port_no,
                device,
                upcall_pids: RcuPtr::new(params.upcall_pids),
                upcalls: PerCpu::new(upcall::Counters::new)?,
            },
            GFP_KERNEL,
        )?)
    }

    /// Makes an internal device and adds it to a datapath.
    pub(crate) fn add_internal(
        dp: &Arc<Datapath>,
        net: &Net,
        params: Params<'_>,
        guard: &OvsGuard,
    ) -> Result<Arc<Self>> {
        dp.ports().prepare(params.port_no, guard)?;
        let device = internal_dev::create(net, &params)?;
        let this = Self::new(dp, Device::Internal(device), params)?;
        if let Device::Internal(device) = &this.device {
            // It is new: there is nothing to wait for.
            let _none = device.connect(this.clone());
        }
        this.attach(guard)?;
        Ok(this)
    }

    /// Takes over a device and adds it to a datapath.
    pub(crate) fn add_netdev(
        dp: &Arc<Datapath>,
        net: &Net,
        params: Params<'_>,
        guard: &OvsGuard,
    ) -> core::result::Result<Arc<Self>, netlink::Error> {
        dp.ports().prepare(params.port_no, guard)?;
        let dev = netdev::find(net, params.name)?;
        let this = Self::new(dp, Device::Netdev(Takeover::new(), dev), params)?;
        this.take_over().map_err(|err| {
            netlink::Error::new(err, c"device cannot become a port of the datapath")
        })?;
        this.attach(guard)?;
        Ok(this)
    }

    /// Makes a device for tunnels and adds it to a datapath.
    pub(crate) fn add_tunnel(
        dp: &Arc<Datapath>,
        net: &Net,
        params: Params<'_>,
        kind: &'static Kind,
        options: Options,
        guard: &OvsGuard,
    ) -> Result<Arc<Self>> {
        dp.ports().prepare(params.port_no, guard)?;
        let tunnel = Tunnel::create(kind, net, params.name, options)?;
        let this = Self::new(dp, Device::Tunnel(Takeover::new(), tunnel), params)?;
        this.take_over()?;
        this.attach(guard)?;
        Ok(this)
    }

    /// Takes the device over.
    fn take_over(self: &Arc<Self>) -> Result {
        let (takeover, dev) = match &self.device {
            Device::Internal(_) => return Err(EINVAL),
            Device::Netdev(takeover, dev) => (takeover, dev),
            Device::Tunnel(takeover, tunnel) => (takeover, &*tunnel.link),
        };
        let master = self.dp.ports().find(port::LOCAL).ok_or(ENODEV)?;
        let master = ARef::from(master.device());
        let rtnl = Rtnl::lock();
        let enslaved = Enslaved::new(dev.clone(), master, self.clone(), &rtnl)?;
        // Nothing was in the cell.
        drop(takeover.link.replace(Some(enslaved), &rtnl));
        takeover.linked.store(true);
        Ok(())
    }

    /// Adds the port, whose device is in place, to its datapath, or else gives the device back.
    fn attach(self: &Arc<Self>, guard: &OvsGuard) -> Result {
        self.dp
            .attach(self.clone(), guard)
            .inspect_err(|_| self.release())
    }

    /// Gives the device back. One that the port has made goes with the port.
    ///
    /// The RTNL must not be held.
    pub(crate) fn release(&self) {
        match &self.device {
            Device::Internal(device) => drop(device.disconnect()),
            Device::Netdev(..) | Device::Tunnel(..) => self.unlink(&Rtnl::lock()),
        }
    }

    /// What was done to take the device over.
    fn takeover(&self) -> Option<&Takeover> {
        match &self.device {
            Device::Internal(_) => None,
            Device::Netdev(takeover, _) | Device::Tunnel(takeover, _) => Some(takeover),
        }
    }

    /// Gives a device that was taken over back, unless that has happened.
    pub(crate) fn unlink(&self, rtnl: &RtnlGuard) {
        if let Some(takeover) = self.takeover() {
            takeover.linked.store(false);
            if let Some(enslaved) = takeover.link.take(rtnl) {
                enslaved.release(rtnl);
            }
        }
    }

    /// The port that a device is, if it was taken over.
    pub(crate) fn of_device(dev: &NetDevice) -> Option<Arc<Self>> {
        let guard = rcu::read_lock();
        Enslaved::<netdev::Handler>::data_of(dev, Read::from(&guard)).map(Arc::from)
    }

    /// The datapath.
    #[inline]
    pub(crate) fn datapath(&self) -> &Arc<Datapath> {
        &self.dp
    }

    /// The number.
    #[inline]
    pub(crate) fn port_no(&self) -> u16 {
        self.port_no
    }

    /// The device.
    #[inline]
    pub(crate) fn device(&self) -> &NetDevice {
        match &self.device {
            Device::Internal(device) => device,
            Device::Netdev(_, dev) => dev,
            Device::Tunnel(_, tunnel) => &tunnel.link,
        }
    }

    /// The device for tunnels, if the port has made one.
    pub(crate) fn tunnel(&self) -> Option<&Tunnel> {
        match &self.device {
            Device::Tunnel(_, tunnel) => Some(tunnel),
            _ => None,
        }
    }

    /// The type (`OVS_VPORT_TYPE_*`).
    pub(crate) fn kind(&self) -> u32 {
        match &self.device {
            Device::Internal(_) => vport_type::INTERNAL,
            Device::Netdev(..) => vport_type::NETDEV,
            Device::Tunnel(_, tunnel) => tunnel.kind.number,
        }
    }

    /// Whether the device is one of the datapath's own.
    pub(crate) fn is_internal(&self) -> bool {
        matches!(self.device, Device::Internal(_))
    }

    /// Whether the device was taken over and has not been given back.
    pub(crate) fn is_linked(&self) -> bool {
        self.takeover()
            .is_some_and(|takeover| takeover.linked.load())
    }

    /// Whether the device is in a namespace.
    pub(crate) fn is_in(&self, net: &Net) -> bool {
        let guard = rcu::read_lock();
        self.device().net(Read::from(&guard)) == net
    }

    /// The number by which `net` knows the namespace that the device is in, if that is another one.
    pub(crate) fn peer_net_id(&self, net: &Net) -> Option<i32> {
        let guard = rcu::read_lock();
        let peer = self.device().net(Read::from(&guard));
        (peer != net).then(|| net.peer_id(peer, GFP_ATOMIC))
    }

    /// Sends a packet out of the port.
    ///
    /// `mac_proto` is the one of the packet: whether it starts with an Ethernet header.
    #[inline]
    pub(crate) fn send(&self, ctx: &Context<'_>, mut skb: SkBuff, mac_proto: u8) {
        let dev = self.device();
        if !dev.is_ethernet() {
            if !dev.is_headerless() || prepare_headerless(&mut skb, mac_proto).is_err() {
                return skb.drop_reason(Reason::NotSpecified);
            }
        } else if mac_proto != mac_proto::ETHERNET {
            return skb.drop_reason(Reason::NotSpecified);
        }
        if skb.mtu_len(dev) > dev.mtu() && !skb.is_gso() {
            return too_long(skb, dev);
        }
        match &self.device {
            Device::Internal(_) => internal_dev::receive(skb, dev, ctx.bh),
            Device::Netdev(..) | Device::Tunnel(..) => skb.transmit(dev, ctx.bh),
        }
    }
}

/// Makes a packet ready for a device whose packets have no header before the network header: for
/// it an Ethernet frame is a protocol like another.
fn prepare_headerless(skb: &mut SkBuff, mac_proto: u8) -> Result {
    /// `ETH_P_TEB`.
    const TEB: [u8; 2] = [0x65, 0x58];

    if mac_proto == mac_proto::ETHERNET {
        skb.set_network_offset(0)?;
        skb.reset_mac_len();
        skb.set_protocol(TEB);
    }
    Ok(())
}

/// Drops a packet that is longer than the device's MTU.
#[cold]
fn too_long(skb: SkBuff, dev: &NetDevice) {
    dev.count_tx_error();
    if dev.is_up() && ratelimit::allowed() {
        pr_warn!(
            "{}: dropped over-mtu packet: {} > {}\n",
            dev.name(),
            skb.mtu_len(dev),
            dev.mtu()
        );
    }
    skb.drop_reason(Reason::NotSpecified);
}
