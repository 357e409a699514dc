// SPDX-License-Identifier: GPL-2.0

//! Answers commands.

use super::{
    Answer,
    Request,
    trusted_peer, //
};
use crate::upcall::{
    rate_limit::RateLimit,
    wakeup::Stop, //
};
use std::{
    fs::{
        self,
        Permissions, //
    },
    io::{
        self,
        Read,
        Write, //
    },
    os::{
        fd::AsFd,
        unix::{
            fs::PermissionsExt,
            net::{
                UnixListener,
                UnixStream, //
            },
        },
    },
    path::Path,
    sync::{
        Arc,
        atomic::{
            AtomicUsize,
            Ordering, //
        },
    },
    thread,
    time::Duration,
};

/// What a program does on command.
pub trait Commands: Send + Sync {
    /// Executes a command. The error is for the user.
    fn execute(&self, method: &str, params: &[&str]) -> Result<String, String>;
}

/// How many may be connected at once.
const MOST_CLIENTS: usize = 16;
/// For how long a client may be silent, or not read.
const PATIENCE: Duration = Duration::from_secs(60);
/// The most that is read from a client.
const MOST_BYTES: u64 = 1 << 20;

/// A listening socket at a path, in place of one that nobody listens at any more.
pub fn listen(path: &Path) -> io::Result<UnixListener> {
    let told =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let bind = || -> io::Result<UnixListener> {
        let listener = UnixListener::bind(path)?;
        fs::set_permissions(path, Permissions::from_mode(0o600))?;
        Ok(listener)
    };
    match bind() {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => match UnixStream::connect(path) {
            Err(why) if why.kind() == io::ErrorKind::ConnectionRefused => {
                fs::remove_file(path).map_err(told)?;
                bind().map_err(told)
            }
            _ => Err(told(error)),
        },
        outcome => outcome.map_err(told),
    }
}

/// Answers commands that come through a listening socket.
pub struct Server {
    listener: UnixListener,
    commands: Arc<dyn Commands>,
    clients: Arc<AtomicUsize>,
    strangers: RateLimit,
}

impl Server {
    /// A server that does not work yet.
    pub fn new(listener: UnixListener, commands: Arc<dyn Commands>) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self {
            listener,
            commands,
            clients: Arc::default(),
            strangers: RateLimit::new(1, 10_000),
        })
    }

    /// Works until it is time to end. Each client has a thread: some commands wait.
    pub fn run(&self, stop: &Stop) -> io::Result<()> {
        while stop.wait(self.listener.as_fd())? {
            match self.listener.accept() {
                Ok((stream, _)) => self.welcome(stream),
                // Whoever it was is gone, or there are too many files: no reason to end.
                Err(_) => thread::sleep(Duration::from_millis(10)),
            }
        }
        Ok(())
    }

    fn welcome(&self, stream: UnixStream) {
        if let Err(why) = trusted_peer(&stream) {
            self.strangers
                .warn(format_args!("a client is turned away: {why}"));
            return;
        }
        let clients = self.clients.clone();
        if clients.fetch_add(1, Ordering::Relaxed) >= MOST_CLIENTS {
            clients.fetch_sub(1, Ordering::Relaxed);
            self.strangers
                .warn(format_args!("a client is turned away: there are too many"));
            return;
        }
        let commands = self.commands.clone();
        let serve = move || {
            if let Err(why) = converse(stream, &*commands) {
                log::debug!("a client is given up: {why}");
            }
            clients.fetch_sub(1, Ordering::Relaxed);
        };
        let thread = thread::Builder::new().name("client".into());
        if thread.spawn(serve).is_err() {
            self.clients.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// Answers one client for as long as it has requests.
fn converse(mut stream: UnixStream, commands: &dyn Commands) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let input = stream.try_clone()?.take(MOST_BYTES);
    for request in serde_json::Deserializer::from_reader(input).into_iter::<Request>() {
        let request = request?;
        let params: Vec<&str> = request.params.iter().map(String::as_str).collect();
        let (result, error) = match commands.execute(&request.method, &params) {
            Ok(text) => (Some(text), None),
            Err(why) => (None, Some(why)),
        };
        let id = request.id;
        stream.write_all(&serde_json::to_vec(&Answer { id, result, error })?)?;
    }
    Ok(())
}
