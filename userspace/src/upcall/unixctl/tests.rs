// SPDX-License-Identifier: GPL-2.0

use super::*;
use crate::upcall::wakeup::Stop;
use std::{
    env, fs,
    io::{
        Read,
        Write, //
    },
    os::unix::{
        fs::PermissionsExt,
        net::UnixListener, //
    },
    process,
    sync::Arc,
    thread,
};

struct Echo;

impl Commands for Echo {
    fn execute(&self, method: &str, params: &[&str]) -> Result<String, String> {
        match method {
            "echo" => Ok(params.join(" ")),
            other => Err(format!("\"{other}\" is not a valid command")),
        }
    }
}

/// Runs `test` with the address of a server.
fn with_server(name: &str, test: impl FnOnce(&SocketAddr)) {
    let address = address(&format!("test-{name}-{}", process::id())).unwrap();
    let listener = UnixListener::bind_addr(&address).unwrap();
    let server = Server::new(listener, Arc::new(Echo)).unwrap();
    let stop = Stop::new().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| server.run(&stop).unwrap());
        test(&address);
        stop.stop();
    });
}

#[test]
fn commands_are_answered() {
    with_server("answer", |address| {
        assert_eq!(call(address, "echo", &["a", "b\n\""]).unwrap(), "a b\n\"");
        let error = call(address, "nonsense", &[]).unwrap_err();
        assert_eq!(error.to_string(), "\"nonsense\" is not a valid command");
    });
}

/// What `ovs-appctl` of Open vSwitch 3.5 sends: two requests may follow each other on a stream.
#[test]
fn the_protocol_is_open_vswitchs() {
    with_server("protocol", |address| {
        let mut stream = UnixStream::connect_addr(address).unwrap();
        let request = r#"{"id":3,"method":"echo","params":["x"]}"#;
        write!(stream, "{request}{request}").unwrap();
        let wanted = r#"{"id":3,"result":"x","error":null}"#.repeat(2);
        let mut answer = vec![0; wanted.len()];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(String::from_utf8(answer).unwrap(), wanted);
    });
}

#[test]
fn nonsense_ends_a_conversation_and_no_other() {
    with_server("nonsense", |address| {
        let mut stream = UnixStream::connect_addr(address).unwrap();
        stream.write_all(b"{\"id\":[}").unwrap();
        assert_eq!(stream.read(&mut [0; 8]).unwrap(), 0);
        assert_eq!(call(address, "echo", &[]).unwrap(), "");
    });
}

#[test]
fn paths_of_the_dead_are_taken_over() {
    let path = env::temp_dir().join(format!("ovs-upcalld-{}.ctl", process::id()));
    let first = listen(&path).unwrap();
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(listen(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    drop(first);
    drop(listen(&path).unwrap());
    fs::remove_file(&path).unwrap();
}

#[test]
fn nobody_is_there() {
    let address = address("no such datapath").unwrap();
    let error = call(&address, "echo", &[]).unwrap_err();
    assert!(matches!(error, Error::Io(e) if e.kind() == io::ErrorKind::ConnectionRefused));
}
