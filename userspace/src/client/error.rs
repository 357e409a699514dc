// SPDX-License-Identifier: GPL-2.0

//! What can go wrong between a client and the kernel.

use odp::nlattr::{
    Attrs,
    NoRoom, //
};
use std::{
    fmt,
    io, //
};

/// The result of talking to the kernel.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something did not work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The kernel refused a request.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// Messages were lost because the socket's receive buffer was full (`ENOBUFS`).
    #[error("netlink receive buffer overrun")]
    Overrun,
    /// A generic netlink family does not exist: the module is not loaded.
    #[error("Generic Netlink family '{0}' does not exist")]
    NoFamily(String),
    /// A message from the kernel makes no sense.
    #[error("malformed netlink message: {0}")]
    Malformed(&'static str),
    /// A request is longer than netlink allows.
    #[error("netlink request too long")]
    TooLong,
    /// A system call failed.
    #[error("{call}: {}", strerror(.source))]
    Io {
        /// The name of the call.
        call: &'static str,
        /// Its error.
        source: io::Error,
    },
}

impl Error {
    /// Makes the error of a system call, to be used with `map_err`.
    pub fn io(call: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| match source.raw_os_error() {
            Some(errno) if errno == rustix::io::Errno::NOBUFS.raw_os_error() => Self::Overrun,
            _ => Self::Io { call, source },
        }
    }

    /// The error number, where there is one.
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::Kernel(error) => Some(error.errno),
            Self::Overrun => Some(rustix::io::Errno::NOBUFS.raw_os_error()),
            Self::NoFamily(_) => Some(rustix::io::Errno::NOENT.raw_os_error()),
            Self::TooLong => Some(rustix::io::Errno::MSGSIZE.raw_os_error()),
            Self::Malformed(_) => Some(rustix::io::Errno::PROTO.raw_os_error()),
            Self::Io { source, .. } => source.raw_os_error(),
        }
    }

    /// Whether the error number is `errno`.
    pub fn is(&self, errno: rustix::io::Errno) -> bool {
        self.errno() == Some(errno.raw_os_error())
    }
}

impl From<NoRoom> for Error {
    fn from(_: NoRoom) -> Self {
        Self::TooLong
    }
}

/// A refused request: the error number and what the extended acknowledgement says of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KernelError {
    /// The error number, positive.
    pub errno: i32,
    /// What is wrong, in the kernel's words.
    pub message: Option<String>,
    /// The place of the attribute to blame, in bytes from the request's netlink header on.
    pub offset: Option<u32>,
    /// The type of an attribute that is missing.
    pub missing: Option<u32>,
}

/// `NLMSGERR_ATTR_MSG`.
const ATTR_MSG: u16 = 1;
/// `NLMSGERR_ATTR_OFFS`.
const ATTR_OFFS: u16 = 2;
/// `NLMSGERR_ATTR_MISS_TYPE`.
const ATTR_MISS_TYPE: u16 = 5;

impl KernelError {
    /// An error of which nothing but its number is known.
    pub fn new(errno: i32) -> Self {
        Self {
            errno,
            ..Self::default()
        }
    }

    /// Reads the attributes of an extended acknowledgement.
    pub fn parse(errno: i32, attrs: &[u8]) -> Self {
        let mut error = Self::new(errno);
        for attr in Attrs::new(attrs) {
            match attr.kind() {
                ATTR_MSG => error.message = Some(string(attr.payload())),
                ATTR_OFFS => error.offset = attr.get(),
                ATTR_MISS_TYPE => error.missing = attr.get(),
                _ => {}
            }
        }
        error
    }
}

impl fmt::Display for KernelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&errno_text(self.errno))?;
        match &self.message {
            Some(message) => write!(f, ": {message}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for KernelError {}

/// The C library's words for an error number.
pub fn errno_text(errno: i32) -> String {
    strerror(&io::Error::from_raw_os_error(errno))
}

/// The C library's words for an error, without the number that `io::Error` adds.
fn strerror(error: &io::Error) -> String {
    let text = error.to_string();
    match text.rfind(" (os error ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

/// A string as netlink carries it, up to the first NUL.
pub(crate) fn string(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}
