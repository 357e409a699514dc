// SPDX-License-Identifier: GPL-2.0

//! Ports of a datapath.
//!
//! A port is a network device: one that somebody else made and that is taken over ([`netdev`]), or
//! one that the datapath makes, by which the host itself takes part ([`internal_dev`]).
//!
//! A port lives as long as somebody has a reference to it. Its device is given back before that,
//! when the port is removed ([`Vport::release`]), and an internal one goes with the last reference.
//!
//! C version of this file: [`net/openvswitch/vport.c`](srctree/net/openvswitch/vport.c).

mod internal_dev;
mod netdev;
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
    Netdev {
        dev: ARef<NetDevice>,
        link: RtnlCell<Enslaved<netdev::Handler>>,
        /// The device was taken over, and has not been given back.
        linked: Shared<bool>,
    },
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
        if let Err(err) = dp.attach(this.clone(), guard) {
            this.release();
            return Err(err);
        }
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
        let master = dp
            .ports()
            .find(port::LOCAL)
            .map(|local| ARef::from(local.device()))
            .ok_or(ENODEV)?;
        let this = Self::new(
            dp,
            Device::Netdev {
                dev: dev.clone(),
                link: RtnlCell::new(None),
                linked: Shared::new(false),
            },
            params,
        )?;
        if let Device::Netdev { link, linked, .. } = &this.device {
            let rtnl = Rtnl::lock();
            let enslaved = Enslaved::new(dev, master, this.clone(), &rtnl).map_err(|err| {
                netlink::Error::new(err, c"device cannot become a port of the datapath")
            })?;
            // Nothing was in the cell.
            drop(link.replace(Some(enslaved), &rtnl));
            linked.store(true);
        }
        if let Err(err) = dp.attach(this.clone(), guard) {
            this.release();
            return Err(err.into());
        }
        Ok(this)
    }

    /// Gives the device back. An internal one loses its connection to the port, and goes with it.
    ///
    /// The RTNL must not be held.
    pub(crate) fn release(&self) {
        match &self.device {
            Device::Internal(device) => drop(device.disconnect()),
            Device::Netdev { .. } => self.unlink(&Rtnl::lock()),
        }
    }

    /// Gives a device that was taken over back, unless that has happened.
    pub(crate) fn unlink(&self, rtnl: &RtnlGuard) {
        if let Device::Netdev { link, linked, .. } = &self.device {
            linked.store(false);
            if let Some(enslaved) = link.take(rtnl) {
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
            Device::Netdev { dev, .. } => dev,
        }
    }

    /// The type (`OVS_VPORT_TYPE_*`).
    pub(crate) fn kind(&self) -> u32 {
        match &self.device {
            Device::Internal(_) => vport_type::INTERNAL,
            Device::Netdev { .. } => vport_type::NETDEV,
        }
    }

    /// Whether the device is one of the datapath's own.
    pub(crate) fn is_internal(&self) -> bool {
        matches!(self.device, Device::Internal(_))
    }

    /// Whether the device was taken over and has not been given back.
    pub(crate) fn is_linked(&self) -> bool {
        match &self.device {
            Device::Internal(_) => false,
            Device::Netdev { linked, .. } => linked.load(),
        }
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
            Device::Netdev { .. } => skb.transmit(dev, ctx.bh),
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
