// SPDX-License-Identifier: GPL-2.0

//! The engine as a whole: starting it, asking how it is, stopping it.

use super::{
    control::Control,
    dispatch,
    flow_cache::Share,
    handler::{
        self,
        Handler, //
    },
    policy::Policy,
    ports::{
        self,
        Dispatch,
        Monitor, //
    },
    report::Report,
    revalidator::{
        self,
        Revalidator,
        Schedule, //
    },
    shared::Shared,
    time::Millis,
    unixctl::{
        self,
        Server, //
    },
};
use crate::client::{
    self,
    Client,
    DatapathChange,
    DatapathId,
    Socket, //
};
use odp::uapi::user_features;
use rustix::io::Errno;
use std::{
    fs, io,
    os::unix::net::UnixListener,
    panic::{
        self,
        AssertUnwindSafe, //
    },
    path::PathBuf,
    sync::Arc,
    thread::{
        self,
        JoinHandle, //
    },
};

/// Called when an engine cannot go on.
type OnFailure = Arc<dyn Fn(Error) + Send + Sync>;

/// The result of what an engine does.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an engine cannot start or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The datapath does not exist.
    #[error("datapath '{0}' does not exist")]
    NoDatapath(String),
    /// Another engine serves it.
    #[error("datapath '{0}' is served by another process")]
    Busy(String),
    /// The datapath has been deleted.
    #[error("datapath '{0}' was deleted")]
    Deleted(String),
    /// The datapath cannot choose by processor.
    #[error("the kernel does not support dispatch per processor")]
    NoPerCpu,
    /// A thread has panicked.
    #[error("internal error in thread '{0}'")]
    Panic(String),
    /// The kernel does not do what it is asked.
    #[error("cannot serve the datapath: {0}")]
    Client(#[from] client::Error),
    /// A system call failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<Errno> for Error {
    fn from(error: Errno) -> Self {
        Self::Io(error.into())
    }
}

/// How upcalls find their handler.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DispatchMode {
    /// By processor if the datapath can, else by port.
    #[default]
    Auto,
    /// By the processor that the packet is on.
    PerCpu,
    /// By the port that the packet came from.
    PerVport,
}

/// How an engine is to work.
#[derive(Clone, Debug)]
pub struct Config {
    /// The number of handlers; `None`: as many as there are processors to use.
    pub handlers: Option<usize>,
    /// The number of threads that look after flows; `None`: one, and one more for four handlers.
    pub revalidators: Option<usize>,
    /// How upcalls find their handler.
    pub dispatch: DispatchMode,
    /// The most flows ever. The dynamic limit may be lower.
    pub flow_limit: usize,
    /// For how long a flow may idle before it is deleted.
    pub max_idle: Millis,
    /// The longest time between looking after flows.
    pub max_revalidator: Millis,
    /// When rounds take long, flows with fewer packets per second than this are deleted rather than
    /// asked about.
    pub min_revalidate_pps: u64,
    /// Whether the flows stay when the engine is stopped.
    pub keep_flows: bool,
    /// A path to listen for commands at, besides the usual place.
    pub unixctl: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            handlers: None,
            revalidators: None,
            dispatch: DispatchMode::Auto,
            flow_limit: 200_000,
            max_idle: 10_000,
            max_revalidator: 500,
            min_revalidate_pps: 5,
            keep_flows: false,
            unixctl: None,
        }
    }
}

/// An engine at work.
///
/// Only [`Engine::stop`] leaves the datapath in order.
pub struct Engine {
    shared: Arc<Shared>,
    client: Client,
    threads: Vec<JoinHandle<()>>,
    keep_flows: bool,
    /// The features the datapath shall have afterwards.
    features: u32,
    /// The path that commands come through as well.
    unixctl: Option<PathBuf>,
    /// Held as long as the engine serves the datapath.
    lock: UnixListener,
}

/// The processors of the machine, present or not: the highest number plus one.
fn total_cpus() -> usize {
    let possible = fs::read_to_string("/sys/devices/system/cpu/possible").unwrap_or_default();
    let highest = possible
        .trim()
        .rsplit([',', '-'])
        .next()
        .and_then(|n| n.parse::<usize>().ok());
    highest.map_or_else(online_cpus, |highest| highest + 1)
}

/// The processors this process may use.
fn online_cpus() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Makes sure that no other engine serves the datapath, in this network namespace.
///
/// The lock is the socket for commands, whose address vanishes with its process.
fn lock(name: &str) -> Result<UnixListener> {
    let address = unixctl::address(name)?;
    UnixListener::bind_addr(&address).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => Error::Busy(name.into()),
        _ => error.into(),
    })
}

/// Has the datapath deliver upcalls to these handlers, as far as it is done for all ports at once.
fn announce(
    client: &mut Client,
    dp_ifindex: i32,
    before: u32,
    mode: DispatchMode,
    handlers: &[u32],
) -> Result<Dispatch> {
    let mut set = |features: u32, per_cpu_pids: &[u32]| {
        let change = DatapathChange {
            user_features: Some(features),
            per_cpu_pids,
            ..DatapathChange::default()
        };
        client.set_datapath(DatapathId::Index(dp_ifindex), &change)
    };
    let unsupported = |error: &client::Error| {
        error.is(Errno::OPNOTSUPP) || error.is(Errno::INVAL) || error.is(Errno::RANGE)
    };
    let base = (before | user_features::UNALIGNED) & !user_features::DISPATCH_UPCALL_PER_CPU;
    if mode != DispatchMode::PerVport {
        let features = base | user_features::DISPATCH_UPCALL_PER_CPU;
        match set(features, &dispatch::per_cpu(handlers, total_cpus())) {
            Ok(_) => return Ok(Dispatch::PerCpu),
            Err(error) if !unsupported(&error) => return Err(error.into()),
            Err(_) if mode == DispatchMode::PerCpu => return Err(Error::NoPerCpu),
            Err(_) => {}
        }
    }
    let many = match set(base | user_features::VPORT_PIDS, &[]) {
        Ok(_) => true,
        Err(error) if !unsupported(&error) => return Err(error.into()),
        Err(_) => {
            set(base, &[])?;
            false
        }
    };
    let handlers = handlers.to_vec();
    Ok(Dispatch::PerVport { handlers, many })
}

impl Engine {
    /// Starts to serve a datapath.
    ///
    /// The flows that it has are removed: nobody looks after them. `on_failure` is called, from a
    /// thread of the engine, when that cannot go on; the engine is to be stopped then.
    pub fn start(
        name: &str,
        policy: Arc<dyn Policy>,
        config: &Config,
        on_failure: impl Fn(Error) + Send + Sync + 'static,
    ) -> Result<Self> {
        let mut client = Client::connect()?;
        let datapath = client.datapath(DatapathId::Name(name)).map_err(|error| {
            match error.is(Errno::NODEV) {
                true => Error::NoDatapath(name.into()),
                false => error.into(),
            }
        })?;
        let lock = lock(name)?;
        let events = ports::subscribe(client.families())?;

        let total = total_cpus();
        let wanted = config.handlers;
        let count = wanted.unwrap_or_else(|| dispatch::default_handlers(online_cpus(), total));
        // More than a handler for each processor would never be called.
        let sockets = (0..count.clamp(1, total))
            .map(|_| handler::open())
            .collect::<Result<Vec<Socket>>>()?;
        let pids: Vec<u32> = sockets.iter().map(Socket::port).collect();
        let features = datapath.user_features;
        let dispatch = announce(
            &mut client,
            datapath.ifindex,
            features,
            config.dispatch,
            &pids,
        )?;

        let shared = Arc::new(Shared::new(
            &datapath,
            client.families(),
            policy,
            dispatch,
            &pids,
            config,
        )?);
        let mut engine = Self {
            shared,
            client,
            threads: Vec::new(),
            keep_flows: false,
            features: features & !user_features::DISPATCH_UPCALL_PER_CPU,
            unixctl: None,
            lock,
        };
        let started = engine.bring_up(sockets, events, config, Arc::new(on_failure));
        if let Err(error) = started {
            engine.stop();
            return Err(error);
        }
        engine.keep_flows = config.keep_flows;
        log::info!(
            "{name}: serving {} ports, Datapath dispatch mode: {}, {} handlers",
            engine.shared.ports.len(),
            engine.shared.ports.dispatch().name(),
            pids.len(),
        );
        Ok(engine)
    }

    fn bring_up(
        &mut self,
        sockets: Vec<Socket>,
        events: Socket,
        config: &Config,
        on_failure: OnFailure,
    ) -> Result<()> {
        let shared = self.shared.clone();
        shared.sync_ports(&mut self.client)?;
        // Upcalls wait in their sockets until this is done, and find no flow of unknown meaning.
        self.client.flush_flows(shared.dp_ifindex)?;

        for (number, socket) in sockets.into_iter().enumerate() {
            let handler = Handler::new(shared.clone(), number, socket)?;
            let run = move || handler.run();
            self.spawn(format!("handler{number}"), &on_failure, run)?;
        }
        let schedule = Schedule {
            max_idle: config.max_idle,
            interval: config.max_revalidator,
            min_pps: config.min_revalidate_pps,
        };
        let revalidator = Revalidator::new(shared.clone(), schedule)?;
        self.spawn("revalidator0".into(), &on_failure, move || {
            revalidator.run()
        })?;
        let monitor = Monitor::new(shared, events)?;
        self.spawn("ports".into(), &on_failure, move || monitor.run())?;
        self.serve(self.lock.try_clone()?, &on_failure)?;
        if let Some(path) = &config.unixctl {
            self.serve(unixctl::listen(path)?, &on_failure)?;
            self.unixctl = Some(path.clone());
        }
        Ok(())
    }

    /// Answers commands that come through a socket.
    fn serve(&mut self, listener: UnixListener, on_failure: &OnFailure) -> Result<()> {
        let server = Server::new(listener, Arc::new(self.control()))?;
        let shared = self.shared.clone();
        self.spawn("control".into(), on_failure, move || {
            Ok(server.run(&shared.stop)?)
        })
    }

    /// Starts a thread that tells when it fails.
    fn spawn(
        &mut self,
        name: String,
        on_failure: &OnFailure,
        run: impl FnOnce() -> Result<()> + Send + 'static,
    ) -> Result<()> {
        let on_failure = on_failure.clone();
        let builder = thread::Builder::new().name(name.clone());
        self.threads.push(builder.spawn(move || {
            let outcome = panic::catch_unwind(AssertUnwindSafe(run));
            if let Err(error) = outcome.unwrap_or(Err(Error::Panic(name))) {
                on_failure(error);
            }
        })?);
        Ok(())
    }

    /// Controls it, and tells how it is doing.
    pub fn control(&self) -> Control {
        Control::new(self.shared.clone())
    }

    /// Stops it: no upcalls are sent any more, its threads end, its flows are removed.
    ///
    /// Returns how it was doing last before the flows were.
    pub fn stop(mut self) -> Report {
        let report = self.control().report();
        if let Err(error) = self.withdraw() {
            if !error.is(Errno::NODEV) {
                log::warn!("{}: cannot end upcalls: {error}", self.shared.name);
            }
        }
        self.shared.stop.stop();
        self.shared.orders.bell.ring();
        for thread in self.threads.drain(..) {
            // A panic has been told of.
            let _ = thread.join();
        }
        if let Some(path) = self.unixctl.take() {
            // Whoever has removed it already.
            let _ = fs::remove_file(path);
        }
        if !self.keep_flows {
            if let Err(error) = self.remove_flows() {
                log::warn!("{}: cannot remove flows: {error}", self.shared.name);
            }
        }
        report
    }

    /// Has the datapath send no more upcalls here.
    fn withdraw(&mut self) -> client::Result<()> {
        let dp_ifindex = self.shared.dp_ifindex;
        if let Dispatch::PerVport { .. } = self.shared.ports.dispatch() {
            for vport in self.client.vports(dp_ifindex)? {
                match self.client.set_vport_pids(dp_ifindex, vport.port_no, &[0]) {
                    // Gone meanwhile.
                    Err(error) if error.is(Errno::NODEV) => {}
                    other => other?,
                }
            }
        }
        let change = DatapathChange {
            user_features: Some(self.features),
            ..DatapathChange::default()
        };
        self.client
            .set_datapath(DatapathId::Index(dp_ifindex), &change)
            .map(|_| ())
    }

    fn remove_flows(&mut self) -> client::Result<()> {
        let shared = &self.shared;
        let flows = shared.flows.select(Share::ALL, |_| true);
        let requests = flows
            .iter()
            .map(|flow| revalidator::delete(shared, flow))
            .collect::<client::Result<Vec<_>>>()?;
        // What is not there, with or without its datapath, need not be removed.
        self.client.socket().batch(requests, |_, _| {})?;
        Ok(())
    }
}
