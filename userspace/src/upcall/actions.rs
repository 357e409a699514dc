// SPDX-License-Identifier: GPL-2.0

//! A list of actions, as a policy writes it.

use odp::{
    key::VLAN_TAG_PRESENT,
    uapi::action_attr, //
};
use std::sync::Arc;

/// A list of actions in the datapath's own form: netlink attributes in the order of execution.
///
/// Cheap to clone. The empty list drops the packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actions(Arc<[u8]>);

impl Actions {
    /// No actions: drops the packet.
    pub fn drop() -> Self {
        Self(Arc::from([]))
    }

    /// The attributes, padding included.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether the packet is dropped.
    pub fn is_drop(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<&[u8]> for Actions {
    /// Takes attributes as they are; the datapath validates them.
    fn from(attrs: &[u8]) -> Self {
        Self(Arc::from(attrs))
    }
}

/// Writes a list of actions.
#[derive(Debug, Default)]
pub struct Builder(Vec<u8>);

impl Builder {
    /// Starts with an empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends the packet as it is now out of a port.
    pub fn output(&mut self, port: u32) -> &mut Self {
        self.put(action_attr::OUTPUT, port.to_ne_bytes())
    }

    /// Puts a tag before the others. `tci` is in host byte order; its CFI bit is set here.
    pub fn push_vlan(&mut self, tpid: u16, tci: u16) -> &mut Self {
        let [p0, p1] = tpid.to_be_bytes();
        let [t0, t1] = (tci | VLAN_TAG_PRESENT).to_be_bytes();
        self.put(action_attr::PUSH_VLAN, [p0, p1, t0, t1])
    }

    /// Takes the outermost tag off.
    pub fn pop_vlan(&mut self) -> &mut Self {
        self.put(action_attr::POP_VLAN, [])
    }

    /// The list.
    pub fn build(&self) -> Actions {
        Actions::from(self.0.as_slice())
    }

    /// Adds an attribute whose payload, of 0 or 4 bytes, needs no padding.
    fn put<const N: usize>(&mut self, kind: u16, payload: [u8; N]) -> &mut Self {
        const { assert!(N == 0 || N == 4) };
        self.0.extend((4 + N as u16).to_ne_bytes());
        self.0.extend(kind.to_ne_bytes());
        self.0.extend(payload);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wire_form() {
        let actions = Builder::new()
            .pop_vlan()
            .push_vlan(0x8100, 0x2007)
            .output(0x0102_0304)
            .build();
        let bytes = actions.as_bytes();
        assert_eq!(bytes.len(), 4 + 8 + 8);
        assert_eq!(bytes[0..4], [[4, 0], [5, 0]].concat());
        assert_eq!(bytes[4..12], [8, 0, 4, 0, 0x81, 0x00, 0x30, 0x07]);
        assert_eq!(bytes[16..20], 0x0102_0304_u32.to_ne_bytes());
        assert!(!actions.is_drop());
        assert!(Builder::new().build().is_drop());
    }
}
