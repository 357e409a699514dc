// SPDX-License-Identifier: GPL-2.0

//! Keys, attributes, and a sink.

use odp::{
    actions::{
        compile,
        Compiled,
        Ct,
        Env,
        Op,
        Sink,
        Store,
        TunnelSet, //
    },
    key::{
        Be16,
        Key,
        Tunnel, //
    },
    nlattr::align,
    uapi::action_attr,
    Errno,
    Error, //
};

pub const ENV: Env = Env { psample: true };

/// A tunnel that was to be made.
#[derive(Clone, Debug, PartialEq)]
pub struct Tun {
    pub proto: u8,
    pub tunnel: Tunnel,
    pub bridge: bool,
    pub critical: bool,
}

/// A program in vectors. The connections that were to be tracked are written down as text.
#[derive(Debug, Default)]
pub struct Mem {
    pub ops: Vec<Op>,
    pub data: Vec<u64>,
    pub dump: Vec<u8>,
    pub tunnels: Vec<Tun>,
    pub cts: Vec<String>,
    /// How many more calls succeed.
    pub left: Option<usize>,
}

impl Mem {
    fn call(&mut self) -> Result<(), Errno> {
        match &mut self.left {
            None => Ok(()),
            Some(0) => Err(Errno::ENOMEM),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
        }
    }
}

impl Store for Mem {
    fn ops(&self) -> &[Op] {
        &self.ops
    }

    fn data(&self) -> &[u64] {
        &self.data
    }

    fn dump(&self) -> &[u8] {
        &self.dump
    }
}

impl Sink for Mem {
    type Store = Self;

    fn push_op(&mut self, op: Op) -> Result<(), Errno> {
        self.call()?;
        self.ops.push(op);
        Ok(())
    }

    fn patch_op(&mut self, at: usize, op: Op) {
        self.ops[at] = op;
    }

    fn push_data(&mut self, words: &[u64]) -> Result<(), Errno> {
        self.call()?;
        self.data.extend(words);
        Ok(())
    }

    fn push_dump(&mut self, bytes: &[u8]) -> Result<(), Errno> {
        self.call()?;
        assert_eq!(bytes.len() % 4, 0);
        self.dump.extend(bytes);
        Ok(())
    }

    fn patch_dump(&mut self, at: usize, len: [u8; 2]) {
        self.dump[at..at + 2].copy_from_slice(&len);
    }

    fn tunnel(&mut self, set: &TunnelSet<'_>) -> Result<u32, Errno> {
        self.call()?;
        self.tunnels.push(Tun {
            proto: set.proto,
            tunnel: *set.tunnel,
            bridge: set.bridge,
            critical: set.critical,
        });
        Ok(self.tunnels.len() as u32 - 1)
    }

    fn ct(&mut self, ct: &Ct<'_>) -> Result<u32, Errno> {
        self.call()?;
        if ct.helper == Some(c"none") {
            return Err(Errno::ENOENT);
        }
        self.cts.push(format!("{ct:?}"));
        Ok(self.cts.len() as u32 - 1)
    }

    fn finish(self) -> Result<Self, Errno> {
        Ok(self)
    }
}

/// An attribute.
pub fn attr(kind: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend((payload.len() as u16 + 4).to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(payload);
    bytes.resize(align(bytes.len()), 0);
    bytes
}

/// An attribute of attributes.
pub fn nest(kind: u16, attrs: &[Vec<u8>]) -> Vec<u8> {
    attr(kind, &attrs.concat())
}

pub fn u32(kind: u16, value: u32) -> Vec<u8> {
    attr(kind, &value.to_ne_bytes())
}

pub fn u16(kind: u16, value: u16) -> Vec<u8> {
    attr(kind, &value.to_ne_bytes())
}

pub fn output(port: u32) -> Vec<u8> {
    u32(action_attr::OUTPUT, port)
}

pub fn eth(eth_type: u16) -> Key {
    Key {
        mac_proto: 1,
        eth_type: Be16::new(eth_type),
        ..Key::ZERO
    }
}

pub fn ip(proto: u8) -> Key {
    Key {
        ip_proto: proto,
        ip_ttl: 64,
        ..eth(0x0800)
    }
}

pub fn ip6(proto: u8) -> Key {
    Key {
        ip_proto: proto,
        ..eth(0x86dd)
    }
}

pub fn l3(key: Key) -> Key {
    Key {
        mac_proto: 0,
        ..key
    }
}

pub fn run<'a>(key: &Key, attrs: &'a [u8]) -> Result<Compiled<Mem>, Error<'a>> {
    compile(attrs, key, &ENV, Mem::default())
}

/// The actions compile to these operations, and are dumped as they are.
#[track_caller]
pub fn ok(key: &Key, attrs: &[Vec<u8>], ops: &[Op]) -> Compiled<Mem> {
    let bytes = attrs.concat();
    ok_as(key, attrs, ops, &bytes)
}

/// The actions compile to these operations, and are dumped as `dump`.
#[track_caller]
pub fn ok_as(key: &Key, attrs: &[Vec<u8>], ops: &[Op], dump: &[u8]) -> Compiled<Mem> {
    let bytes = attrs.concat();
    let compiled = run(key, &bytes).unwrap();
    assert_eq!(compiled.store().ops, ops);
    assert_eq!(compiled.program().dump(), dump);
    compiled
}

/// The actions are refused, and it is said why and where.
#[track_caller]
pub fn err(key: &Key, attrs: &[Vec<u8>], errno: Errno) {
    let bytes = attrs.concat();
    let error = run(key, &bytes).unwrap_err();
    assert_eq!(error.errno, errno, "{error}");
    assert!(!odp::actions::reason(error.msg).is_empty());
    if let Some(attr) = error.attr {
        assert!(bytes.as_ptr_range().contains(&attr.as_ptr()));
    }
}

/// The actions are refused with `EINVAL`.
#[track_caller]
pub fn inval(key: &Key, attrs: &[Vec<u8>]) {
    err(key, attrs, Errno::EINVAL);
}
