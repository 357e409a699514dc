// SPDX-License-Identifier: GPL-2.0

//! A blocking client of the datapath's generic netlink families.
//!
//! A [`Client`] is a [`Socket`] and the numbers of the [`Families`]. Its methods send one request
//! each and wait for the answer; for many at once, build the [`Request`]s and pass them to
//! [`Socket::batch`]. Keys, masks and actions are the bytes of their netlink attributes, without
//! the header of the attribute that holds them.

pub mod conntrack;
pub mod ct_limit;
pub mod datapath;
pub mod error;
pub mod family;
pub mod flow;
pub mod link;
pub mod message;
pub mod packet;
pub mod socket;
pub mod vport;

pub use datapath::{
    Datapath,
    DatapathChange,
    DatapathId, //
};
pub use error::{
    Error,
    KernelError,
    Result, //
};
pub use family::{
    Families,
    Family, //
};
pub use flow::{
    Flow,
    FlowId,
    FlowPut,
    Ufid, //
};
pub use message::{
    Reply,
    Request, //
};
pub use packet::{
    Execute,
    Upcall,
    UpcallKind, //
};
pub use socket::{
    Dump,
    Messages,
    Room,
    Socket, //
};
pub use vport::{
    NewVport,
    TunnelOptions,
    Vport,
    VportId, //
};

/// A socket that knows the datapath's families.
#[derive(Debug)]
pub struct Client {
    socket: Socket,
    families: Families,
}

impl Client {
    /// Opens a socket and looks the families up.
    ///
    /// The kernel loads the module on the way if it can be found.
    pub fn connect() -> Result<Self> {
        let mut socket = Socket::open()?;
        let families = Families::resolve(&mut socket)?;
        Ok(Self { socket, families })
    }

    /// Opens a socket for families that were looked up before.
    pub fn with_families(families: Families) -> Result<Self> {
        Ok(Self {
            socket: Socket::open()?,
            families,
        })
    }

    /// The numbers of the families.
    pub const fn families(&self) -> &Families {
        &self.families
    }

    /// The socket.
    pub const fn socket(&mut self) -> &mut Socket {
        &mut self.socket
    }

    /// Sends a request and waits until it is acknowledged. `parse` is given the reply, if any.
    pub fn transact<T>(
        &mut self,
        request: Request,
        parse: impl FnOnce(Reply<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        self.socket.transact(request, parse)
    }

    /// Sends a request that must be replied to.
    fn query<T>(
        &mut self,
        request: Request,
        parse: impl FnOnce(Reply<'_>) -> Result<T>,
    ) -> Result<T> {
        self.transact(request, parse)?
            .ok_or(Error::Malformed("no reply"))
    }

    /// Sends a request whose reply does not matter.
    fn order(&mut self, request: Request) -> Result<()> {
        self.transact(request, |_| Ok(())).map(|_| ())
    }

    /// Sends a dump request and collects what `parse` makes of the replies.
    fn collect<T>(
        &mut self,
        request: Request,
        mut parse: impl FnMut(Reply<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut all = Vec::new();
        let mut dump = self.socket.dump(request)?;
        while let Some(reply) = dump.next()? {
            all.push(parse(reply)?);
        }
        Ok(all)
    }
}
