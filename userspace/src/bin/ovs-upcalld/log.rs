// SPDX-License-Identifier: GPL-2.0

//! What is told on the standard error, and to a syslog server.

use clap::ValueEnum;
use log::{
    LevelFilter,
    Log,
    Metadata,
    Record, //
};
use serde_json::json;
use std::{
    env,
    io::{
        self,
        Write, //
    },
    net::{
        Ipv4Addr,
        Ipv6Addr,
        SocketAddr,
        UdpSocket, //
    },
    process, thread,
    time::{
        SystemTime,
        UNIX_EPOCH, //
    },
};

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Level {
    Off,
    Error,
    Warn,
    Info,
    Debug,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Lines to be read
    Text,
    /// Lines of JSON, with the time, the level and the thread
    Json,
}

/// Writes to the standard error, and sends to a server.
struct Logger {
    level: LevelFilter,
    format: Format,
    /// The standard error goes to systemd's journal, which takes the level from the line.
    journal: bool,
    server: Option<UdpSocket>,
}

/// Starts to log.
pub(crate) fn start(level: Level, format: Format, server: Option<SocketAddr>) -> io::Result<()> {
    let level = match level {
        Level::Off => LevelFilter::Off,
        Level::Error => LevelFilter::Error,
        Level::Warn => LevelFilter::Warn,
        Level::Info => LevelFilter::Info,
        Level::Debug => LevelFilter::Debug,
    };
    let logger = Logger {
        level,
        format,
        journal: env::var_os("JOURNAL_STREAM").is_some(),
        server: server.map(connect).transpose()?,
    };
    log::set_max_level(level);
    log::set_boxed_logger(Box::new(logger)).map_err(io::Error::other)
}

fn connect(server: SocketAddr) -> io::Result<UdpSocket> {
    let socket = match server {
        SocketAddr::V4(_) => UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)),
    }?;
    socket.connect(server)?;
    // A network that is stuck must not hold anyone up.
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// The number that syslog has for a level.
fn severity(level: log::Level) -> u8 {
    match level {
        log::Level::Error => 3,
        log::Level::Warn => 4,
        log::Level::Info => 6,
        log::Level::Debug | log::Level::Trace => 7,
    }
}

fn level_name(record: &Record<'_>) -> String {
    record.level().as_str().to_ascii_lowercase()
}

fn text(record: &Record<'_>, journal: bool) -> String {
    let prefix = match journal {
        true => format!("<{}>", severity(record.level())),
        false => String::new(),
    };
    let level = level_name(record);
    format!("{prefix}ovs-upcalld: {level}: {}", record.args())
}

fn json(record: &Record<'_>) -> String {
    let time = SystemTime::now().duration_since(UNIX_EPOCH);
    json!({
        "time": time.unwrap_or_default().as_secs_f64(),
        "level": level_name(record),
        "thread": thread::current().name(),
        "module": record.target(),
        "message": record.args().to_string(),
    })
    .to_string()
}

/// A message as RFC 5424 has it, of the facility for daemons. The server knows time and host.
fn syslog(record: &Record<'_>) -> String {
    const DAEMON: u8 = 3;
    let priority = DAEMON * 8 + severity(record.level());
    let pid = process::id();
    format!("<{priority}>1 - - ovs-upcalld {pid} - - {}", record.args())
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= self.level
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let line = match self.format {
            Format::Text => text(record, self.journal),
            Format::Json => json(record),
        };
        // There is nobody to tell that nobody can be told.
        let _ = writeln!(io::stderr().lock(), "{line}");
        if let Some(server) = &self.server {
            let _ = server.send(syslog(record).as_bytes());
        }
    }

    fn flush(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use log::Level as LogLevel;

    fn with_record(check: impl FnOnce(&Record<'_>)) {
        check(
            &Record::builder()
                .args(format_args!("br0: a \"word\""))
                .level(LogLevel::Warn)
                .target("upcall")
                .build(),
        );
    }

    #[test]
    fn forms_of_a_message() {
        with_record(|record| {
            assert_eq!(text(record, false), "ovs-upcalld: warn: br0: a \"word\"");
            assert!(text(record, true).starts_with("<4>ovs-upcalld: "));
            let sent = syslog(record);
            assert!(sent.starts_with("<28>1 - - ovs-upcalld "), "{sent}");
            let json: serde_json::Value = serde_json::from_str(&json(record)).unwrap();
            assert_eq!(json["level"], "warn");
            assert_eq!(json["message"], "br0: a \"word\"");
            assert!(json["time"].as_f64().unwrap() > 1e9);
        });
    }

    #[test]
    fn a_server_is_sent_to() {
        let server = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let logger = Logger {
            level: LevelFilter::Info,
            format: Format::Text,
            journal: false,
            server: Some(connect(server.local_addr().unwrap()).unwrap()),
        };
        with_record(|record| logger.log(record));
        let mut buf = [0; 200];
        let len = server.recv(&mut buf).unwrap();
        assert!(buf[..len].ends_with(b" - - br0: a \"word\""));
    }
}
