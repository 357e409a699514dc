// SPDX-License-Identifier: GPL-2.0

//! How many messages the kernel could not put into a socket.
//!
//! An overrun is seen as an error of the next read, however many messages were lost. The kernel
//! counts them, and tells in `/proc/net/netlink`.

use std::{
    collections::HashMap,
    fs, //
};

/// The number of generic netlink there.
const GENERIC: &str = "16";

/// What sockets have lost since they were opened, by their netlink ports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Loss(HashMap<u32, u64>);

impl Loss {
    /// What the kernel says now; nothing if there is no `/proc`.
    pub(super) fn read() -> Self {
        let table = fs::read_to_string("/proc/thread-self/net/netlink");
        Self::parse(&table.unwrap_or_default())
    }

    fn parse(table: &str) -> Self {
        let mut lines = table.lines().map(str::split_whitespace);
        let mut titles = lines.next().into_iter().flatten();
        let Some(drops) = titles.position(|title| title == "Drops") else {
            return Self::default();
        };
        let sockets = lines.filter_map(|mut line| {
            let (_, protocol, port) = (line.next()?, line.next()?, line.next()?);
            let drops = line.nth(drops - 3)?.parse().ok()?;
            (protocol == GENERIC).then_some((port.parse().ok()?, drops))
        });
        Self(sockets.collect())
    }

    /// What the socket of a netlink port has lost.
    pub(super) fn of(&self, port: u32) -> Option<u64> {
        self.0.get(&port).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::super::client::Socket,
        *, //
    };

    const TABLE: &str = "\
sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode
000000009e6e8ae5 0   4711       00000000 0        0        0     2        5        17
000000009e6e8ae6 16  4711       00000000 0        0        0     2        77       18
000000009e6e8ae7 16  4160750871 00000022 0        0        0     2        0        19
";

    #[test]
    fn the_table_is_read() {
        let loss = Loss::parse(TABLE);
        assert_eq!(loss.of(4711), Some(77));
        assert_eq!(loss.of(4_160_750_871), Some(0));
        assert_eq!(loss.of(1), None);
        assert_eq!(Loss::parse(""), Loss::default());
    }

    #[test]
    fn a_new_socket_has_lost_nothing() {
        let socket = Socket::open().unwrap();
        assert_eq!(Loss::read().of(socket.port()), Some(0));
    }
}
