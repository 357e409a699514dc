// SPDX-License-Identifier: GPL-2.0

//! Which station is behind which port.

use super::super::time::Millis;
use std::collections::{
    BTreeMap,
    BTreeSet,
    HashMap,
    HashSet, //
};

/// An Ethernet address.
pub type Mac = [u8; 6];

/// A station: the same address in two VLANs is two stations.
pub type Station = (u16, Mac);

/// What became of an attempt to learn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learned {
    /// Nothing changed, apart from the age of the entry.
    Known,
    /// A new station. `wanted`: packets to it have been flooded.
    New {
        /// Somebody asked for it while it was unknown, or another entry had to go for it.
        wanted: bool,
    },
    /// The station was behind another port before.
    Moved {
        /// That port.
        from: u32,
    },
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    port: u32,
    seen: Millis,
}

/// The table of learned stations.
///
/// It holds `capacity` entries. When it is full, the oldest entry of the port that has the most
/// makes room: a port that floods the table with addresses loses its own ones.
#[derive(Debug)]
pub struct MacTable {
    entries: HashMap<Station, Entry>,
    /// The entries of each port, oldest first; no port is without entries.
    ages: BTreeMap<u32, BTreeSet<(Millis, Station)>>,
    /// Unknown stations that were asked for.
    wanted: HashSet<Station>,
    capacity: usize,
    max_age: Millis,
}

impl MacTable {
    /// An empty table, in which entries live for `max_age` after the last packet.
    pub fn new(capacity: usize, max_age: Millis) -> Self {
        Self {
            entries: HashMap::new(),
            ages: BTreeMap::new(),
            wanted: HashSet::new(),
            capacity: capacity.max(1),
            max_age,
        }
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The port a station was last seen at.
    pub fn get(&self, station: &Station) -> Option<u32> {
        self.entries.get(station).map(|entry| entry.port)
    }

    /// Like [`MacTable::get`], and remembers that the station was asked for.
    pub fn find(&mut self, station: &Station) -> Option<u32> {
        let port = self.get(station);
        // Beyond the capacity the memory is worth less than the room it takes: then every new
        // station counts as wanted.
        if port.is_none() && self.wanted.len() <= self.capacity {
            self.wanted.insert(*station);
        }
        port
    }

    /// A packet of `station` came in by `port`.
    pub fn learn(&mut self, station: Station, port: u32, now: Millis) -> Learned {
        match self.get(&station) {
            Some(from) if from == port => {
                self.refresh(&station, port, now);
                Learned::Known
            }
            Some(from) => {
                self.remove(&station);
                self.insert(station, port, now);
                Learned::Moved { from }
            }
            None => {
                let evicts = self.entries.len() >= self.capacity;
                if evicts {
                    self.evict();
                }
                let overflown = self.wanted.len() > self.capacity;
                let wanted = self.wanted.remove(&station) || overflown || evicts;
                self.insert(station, port, now);
                Learned::New { wanted }
            }
        }
    }

    /// A packet of `station` has been seen at `port` at the time `seen`, by somebody else.
    ///
    /// Learns nothing new: the entry may have moved since.
    pub fn refresh(&mut self, station: &Station, port: u32, seen: Millis) {
        let Some(entry) = self.entries.get_mut(station) else {
            return;
        };
        if entry.port != port || entry.seen >= seen {
            return;
        }
        let before = entry.seen;
        entry.seen = seen;
        if let Some(ages) = self.ages.get_mut(&port) {
            ages.remove(&(before, *station));
            ages.insert((seen, *station));
        }
    }

    /// Removes what is too old; returns how many entries that were.
    pub fn expire(&mut self, now: Millis) -> usize {
        let mut old = Vec::new();
        for ages in self.ages.values() {
            let expired = ages
                .iter()
                .take_while(|(seen, _)| now.saturating_sub(*seen) >= self.max_age);
            old.extend(expired.map(|(_, station)| *station));
        }
        for station in &old {
            self.remove(station);
        }
        if self.wanted.len() > self.capacity && !old.is_empty() {
            // All flows are looked at again after this, so that no flood goes unnoticed.
            self.wanted.clear();
        }
        old.len()
    }

    /// Removes the entries of a port; returns how many there were.
    pub fn forget_port(&mut self, port: u32) -> usize {
        let ages = self.ages.remove(&port).unwrap_or_default();
        for (_, station) in &ages {
            self.entries.remove(station);
        }
        ages.len()
    }

    fn insert(&mut self, station: Station, port: u32, seen: Millis) {
        self.entries.insert(station, Entry { port, seen });
        self.ages.entry(port).or_default().insert((seen, station));
    }

    fn remove(&mut self, station: &Station) {
        let Some(Entry { port, seen }) = self.entries.remove(station) else {
            return;
        };
        if let Some(ages) = self.ages.get_mut(&port) {
            ages.remove(&(seen, *station));
            if ages.is_empty() {
                self.ages.remove(&port);
            }
        }
    }

    fn evict(&mut self) {
        let fullest = self.ages.values().max_by_key(|ages| ages.len());
        if let Some(&(_, station)) = fullest.and_then(BTreeSet::first) {
            self.remove(&station);
        }
    }
}

#[cfg(test)]
#[path = "mac_table_tests.rs"]
mod tests;
