// SPDX-License-Identifier: GPL-2.0

//! Names of ports, to be used in place of their numbers.

use super::scan::{
    Scanner,
    SyntaxError, //
};
use std::collections::BTreeMap;
use std::fmt::Write;

/// The names and numbers of a datapath's ports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ports {
    names: BTreeMap<u32, String>,
    numbers: BTreeMap<String, u32>,
}

impl Ports {
    /// Adds a port.
    pub fn insert(&mut self, number: u32, name: &str) {
        self.names.insert(number, name.to_owned());
        self.numbers.insert(name.to_owned(), number);
    }

    /// The number of a port.
    pub fn number(&self, name: &str) -> Option<u32> {
        self.numbers.get(name).copied()
    }

    /// Writes a port: its name if it has one, else its number.
    pub(crate) fn format(ports: Option<&Self>, out: &mut String, number: u32) {
        match ports.and_then(|ports| ports.names.get(&number)) {
            Some(name) => out.push_str(name),
            // Writing to a string does not fail.
            None => write!(out, "{number}").unwrap_or(()),
        }
    }

    /// Reads a port: a number or a known name.
    pub(crate) fn parse(
        ports: Option<&Self>,
        scanner: &mut Scanner<'_>,
    ) -> Result<u32, SyntaxError> {
        if scanner.at_digit() {
            return scanner.number();
        }
        let error = scanner.error();
        let name = scanner.take_while(|c| !matches!(c, ',' | ')' | '/' | ' ' | '\t' | '\r' | '\n'));
        let number = ports.and_then(|ports| ports.numbers.get(name));
        number.copied().ok_or(error)
    }
}

impl<'a> FromIterator<(u32, &'a str)> for Ports {
    fn from_iter<T: IntoIterator<Item = (u32, &'a str)>>(ports: T) -> Self {
        let mut all = Self::default();
        for (number, name) in ports {
            all.insert(number, name);
        }
        all
    }
}
