// SPDX-License-Identifier: GPL-2.0

//! The ports of the datapath, as they come and go.

use super::{
    dispatch,
    engine::{
        Error,
        Result, //
    },
    policy::{
        Policy,
        Port, //
    },
    shared::Shared,
};
use crate::client::{
    self,
    Client,
    DatapathId,
    Families,
    Reply,
    Socket,
    Vport,
    VportId, //
};
use odp::uapi::{
    dp_cmd,
    vport_cmd, //
};
use rustix::io::Errno;
use std::{
    collections::BTreeMap,
    os::fd::AsFd,
    sync::{
        Arc,
        Mutex,
        MutexGuard,
        PoisonError, //
    },
};

/// The netlink ports that ports send upcalls to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Dispatch {
    /// The datapath chooses by processor.
    PerCpu,
    /// Each port has its own: some of these handlers'.
    PerVport {
        /// All handlers.
        handlers: Vec<u32>,
        /// Whether a port may have several.
        many: bool,
    },
}

impl Dispatch {
    /// What Open vSwitch calls it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::PerCpu => "per-cpu",
            Self::PerVport { .. } => "per-vport",
        }
    }
}

/// The ports that are known, with their names.
#[derive(Debug)]
pub(super) struct Ports {
    known: Mutex<BTreeMap<u32, String>>,
    dispatch: Dispatch,
}

impl Ports {
    /// None yet.
    pub(super) fn new(dispatch: Dispatch) -> Self {
        Self {
            known: Mutex::default(),
            dispatch,
        }
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<u32, String>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.known().len()
    }

    /// Whether a port is known.
    pub(super) fn contains(&self, number: u32) -> bool {
        self.known().contains_key(&number)
    }

    /// How upcalls are dispatched.
    pub(super) fn dispatch(&self) -> &Dispatch {
        &self.dispatch
    }

    /// There is a port; `true` if it is new. The policy is told.
    pub(super) fn add(&self, policy: &dyn Policy, port: &Port) -> bool {
        let mut known = self.known();
        match known.insert(port.number, port.name.clone()) {
            Some(name) if name == port.name => return false,
            Some(_) => policy.port_removed(port.number),
            None => {}
        }
        policy.port_added(port);
        true
    }

    /// A port is gone; `true` if it was known. The policy is told.
    fn remove(&self, policy: &dyn Policy, number: u32) -> bool {
        let mut known = self.known();
        let was_known = known.remove(&number).is_some();
        if was_known {
            policy.port_removed(number);
        }
        was_known
    }
}

impl Shared {
    /// There is a port: has its upcalls come here.
    fn port_found(&self, client: &mut Client, vport: &Vport) -> Result<()> {
        let port = Port {
            number: vport.port_no,
            name: vport.name.clone(),
        };
        if !self.ports.add(&*self.policy, &port) {
            return Ok(());
        }
        log::info!("{}: port {}: {}", self.name, port.number, port.name);
        self.orders.bell.ring();
        if let Dispatch::PerVport { handlers, many } = self.ports.dispatch() {
            let pids = dispatch::per_vport(handlers, port.number, *many);
            match client.set_vport_pids(self.dp_ifindex, port.number, &pids) {
                // Gone already: we shall hear of it.
                Err(error) if error.is(Errno::NODEV) => {}
                other => other?,
            }
        }
        Ok(())
    }

    fn port_lost(&self, number: u32) {
        if self.ports.remove(&*self.policy, number) {
            log::info!("{}: port {number} is gone", self.name);
            self.orders.bell.ring();
        }
    }

    /// Looks up a port that a packet came from before the news of it.
    pub(super) fn look_up_port(&self, client: &mut Client, number: u32) -> Result<()> {
        match client.vport(self.dp_ifindex, VportId::Number(number)) {
            Ok(vport) => self.port_found(client, &vport),
            Err(error) if error.is(Errno::NODEV) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Compares all ports with what is known.
    pub(super) fn sync_ports(&self, client: &mut Client) -> Result<()> {
        client
            .datapath(DatapathId::Index(self.dp_ifindex))
            .map_err(|error| self.deleted_if_no_device(error))?;
        let vports = client.vports(self.dp_ifindex)?;
        let gone: Vec<u32> = {
            let known = self.ports.known();
            let is_gone = |number: &&u32| vports.iter().all(|vport| vport.port_no != **number);
            known.keys().filter(is_gone).copied().collect()
        };
        gone.into_iter().for_each(|number| self.port_lost(number));
        for vport in &vports {
            self.port_found(client, vport)?;
        }
        Ok(())
    }

    /// The error that says that the datapath is gone, when that is what it means.
    pub(super) fn deleted_if_no_device(&self, error: client::Error) -> Error {
        if error.is(Errno::NODEV) {
            Error::Deleted(self.name.clone())
        } else {
            error.into()
        }
    }
}

/// Follows the ports of the datapath.
pub(super) struct Monitor {
    shared: Arc<Shared>,
    events: Socket,
    client: Client,
}

/// A socket that gets the news of datapaths and ports. To be opened before ports are looked at.
pub(super) fn subscribe(families: &Families) -> Result<Socket> {
    let mut events = Socket::open()?;
    events.set_nonblocking(true)?;
    events.subscribe(families.vport.group)?;
    events.subscribe(families.datapath.group)?;
    Ok(events)
}

impl Monitor {
    pub(super) fn new(shared: Arc<Shared>, events: Socket) -> Result<Self> {
        let client = Client::with_families(shared.families.clone())?;
        Ok(Self {
            shared,
            events,
            client,
        })
    }

    /// Works until it is time to end.
    pub(super) fn run(mut self) -> Result<()> {
        while self.shared.stop.wait(self.events.as_fd())? {
            let Self {
                shared,
                events,
                client,
            } = &mut self;
            match events.receive() {
                Ok(None) => {}
                Ok(Some(messages)) => {
                    for message in messages {
                        handle(shared, client, message?)?;
                    }
                }
                Err(client::Error::Overrun) => {
                    // Until it is empty the kernel loses more of them, and does not say so again.
                    drain(events)?;
                    // Whatever was in the news that were lost: the ports tell.
                    shared.sync_ports(client)?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// Reads what there is to read.
fn drain(events: &mut Socket) -> Result<()> {
    loop {
        match events.receive() {
            Ok(None) => return Ok(()),
            Ok(Some(_)) | Err(client::Error::Overrun) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn handle(shared: &Shared, client: &mut Client, message: Reply<'_>) -> Result<()> {
    if message.dp_ifindex != shared.dp_ifindex {
        return Ok(());
    }
    if message.family == shared.families.datapath.id {
        return match message.command {
            dp_cmd::DEL => Err(Error::Deleted(shared.name.clone())),
            _ => Ok(()),
        };
    }
    let vport = Vport::parse(message)?;
    match vport.command {
        vport_cmd::DEL => shared.port_lost(vport.port_no),
        vport_cmd::NEW | vport_cmd::SET => shared.port_found(client, &vport)?,
        _ => {}
    }
    Ok(())
}
