// SPDX-License-Identifier: GPL-2.0

//! Asks a running program.

use super::{
    Answer,
    Request,
    trusted_peer, //
};
use serde::Deserialize;
use serde_json::Value;
use std::{
    io::{
        self,
        Write, //
    },
    os::unix::net::{
        SocketAddr,
        UnixStream, //
    },
};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nobody is there, or does not talk.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The answer makes no sense.
    #[error("malformed answer: {0}")]
    Malformed(#[from] serde_json::Error),
    /// The program refuses, in words for the user.
    #[error("{0}")]
    Refused(String),
}

/// Has the program at an address execute a command, and returns what it says.
pub fn call(address: &SocketAddr, method: &str, params: &[&str]) -> Result<String, Error> {
    let mut stream = UnixStream::connect_addr(address)?;
    trusted_peer(&stream)?;
    let request = Request {
        id: Value::from(0),
        method: method.to_owned(),
        params: params.iter().map(|&param| param.to_owned()).collect(),
    };
    stream.write_all(&serde_json::to_vec(&request)?)?;
    // The other end does not end the stream: the first value is the answer.
    let answer = Answer::deserialize(&mut serde_json::Deserializer::from_reader(stream))?;
    match (answer.result, answer.error) {
        (_, Some(error)) => Err(Error::Refused(error)),
        (result, None) => Ok(result.unwrap_or_default()),
    }
}
