// SPDX-License-Identifier: GPL-2.0

//! Netlink attributes: reading them from bytes and writing them to a buffer.
//!
//! Kernel header: [`include/uapi/linux/netlink.h`](srctree/include/uapi/linux/netlink.h). Lengths
//! and types are in host byte order; a length counts the four bytes of the header but not the
//! padding that aligns the next attribute to four bytes.

use super::error::{
    Errno,
    Error, //
};
use zerocopy::{
    FromBytes,
    Immutable,
    IntoBytes, //
};

/// The bytes of an attribute's header.
pub const HDRLEN: usize = 4;

/// Flag in the type: the payload holds attributes.
pub const F_NESTED: u16 = 1 << 15;
/// Flag in the type: the payload is in network byte order.
pub const F_NET_BYTEORDER: u16 = 1 << 14;
/// The bits of the type that are neither flag.
pub const TYPE_MASK: u16 = !(F_NESTED | F_NET_BYTEORDER);

/// Rounds a length up to the alignment of attributes.
pub const fn align(len: usize) -> usize {
    (len.wrapping_add(3)) & !3
}

/// The bytes an attribute with `payload` bytes takes, padding included.
pub const fn total_size(payload: usize) -> usize {
    align(HDRLEN + payload)
}

/// One attribute: a view of its header and payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attr<'a> {
    bytes: &'a [u8],
    kind: u16,
}

impl<'a> Attr<'a> {
    /// The type, without the flags.
    pub const fn kind(&self) -> u16 {
        self.kind
    }

    /// The payload.
    pub fn payload(&self) -> &'a [u8] {
        self.bytes.get(HDRLEN..).unwrap_or(&[])
    }

    /// Header and payload, without padding.
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The payload as a fixed-size value, if it has exactly that size.
    pub fn get<T: FromBytes>(&self) -> Option<T> {
        T::read_from_bytes(self.payload()).ok()
    }

    /// The attributes nested in the payload.
    pub fn nested(&self) -> Attrs<'a> {
        Attrs::new(self.payload())
    }
}

/// An iterator over the attributes in a slice.
///
/// It ends where no whole attribute is left; [`Attrs::rest`] then tells what was left over.
#[derive(Clone, Copy, Debug)]
pub struct Attrs<'a> {
    bytes: &'a [u8],
}

impl<'a> Attrs<'a> {
    /// Iterates over the attributes in `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// What was not consumed yet.
    pub const fn rest(&self) -> &'a [u8] {
        self.bytes
    }
}

impl<'a> Iterator for Attrs<'a> {
    type Item = Attr<'a>;

    fn next(&mut self) -> Option<Attr<'a>> {
        let (len, kind) = match *self.bytes {
            [l0, l1, t0, t1, ..] => (
                usize::from(u16::from_ne_bytes([l0, l1])),
                u16::from_ne_bytes([t0, t1]),
            ),
            _ => return None,
        };
        if len < HDRLEN {
            return None;
        }
        let bytes = self.bytes.get(..len)?;
        self.bytes = self.bytes.get(align(len)..).unwrap_or(&[]);
        Some(Attr {
            bytes,
            kind: kind & TYPE_MASK,
        })
    }
}

/// Writes attributes into a buffer the caller gives.
///
/// Every method fails with [`NoRoom`] when the buffer is full and then leaves it as it was.
pub struct Writer<'b> {
    buf: &'b mut [u8],
    len: usize,
}

/// The buffer is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom;

impl From<NoRoom> for Error<'_> {
    fn from(_: NoRoom) -> Self {
        Error::new(Errno::EMSGSIZE, c"message too long")
    }
}

/// The place of a nest that was started.
#[must_use = "a nest must be ended"]
#[derive(Debug)]
pub struct Nest(usize);

impl<'b> Writer<'b> {
    /// Writes at the start of `buf`.
    pub fn new(buf: &'b mut [u8]) -> Self {
        Self { buf, len: 0 }
    }

    /// The bytes written so far.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing was written yet.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What was written so far.
    pub fn as_bytes(&self) -> &[u8] {
        self.buf.get(..self.len).unwrap_or(&[])
    }

    /// Forgets everything written after the first `len` bytes.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Makes room for an attribute of `len` payload bytes and returns that payload, zeroed.
    pub fn reserve(&mut self, kind: u16, len: usize) -> Result<&mut [u8], NoRoom> {
        let total = u16::try_from(HDRLEN.checked_add(len).ok_or(NoRoom)?).map_err(|_| NoRoom)?;
        let end = self.len.checked_add(align(total.into())).ok_or(NoRoom)?;
        let attr = self.buf.get_mut(self.len..end).ok_or(NoRoom)?;
        attr.fill(0);
        let (header, payload) = attr.split_at_mut_checked(HDRLEN).ok_or(NoRoom)?;
        let [l0, l1] = total.to_ne_bytes();
        let [t0, t1] = kind.to_ne_bytes();
        for (to, from) in header.iter_mut().zip([l0, l1, t0, t1]) {
            *to = from;
        }
        self.len = end;
        payload.get_mut(..len).ok_or(NoRoom)
    }

    /// Writes an attribute with `payload` as it is.
    pub fn put_bytes(&mut self, kind: u16, payload: &[u8]) -> Result<(), NoRoom> {
        let to = self.reserve(kind, payload.len())?;
        if to.len() == payload.len() {
            to.copy_from_slice(payload);
        }
        Ok(())
    }

    /// Writes an attribute with the bytes of `value`.
    pub fn put<T: IntoBytes + Immutable>(&mut self, kind: u16, value: &T) -> Result<(), NoRoom> {
        self.put_bytes(kind, value.as_bytes())
    }

    /// Writes an attribute without payload.
    pub fn put_flag(&mut self, kind: u16) -> Result<(), NoRoom> {
        self.reserve(kind, 0).map(|_| ())
    }

    /// Writes `attrs`, whole attributes with their padding, as they are.
    pub fn put_raw(&mut self, attrs: &[u8]) -> Result<(), NoRoom> {
        let end = self.len.checked_add(align(attrs.len())).ok_or(NoRoom)?;
        let to = self.buf.get_mut(self.len..end).ok_or(NoRoom)?;
        to.fill(0);
        for (to, from) in to.iter_mut().zip(attrs) {
            *to = *from;
        }
        self.len = end;
        Ok(())
    }

    /// Starts an attribute whose payload is what is written until [`Writer::end`].
    ///
    /// Like `nla_nest_start_noflag()`: [`F_NESTED`] is only set when `kind` has it.
    pub fn start(&mut self, kind: u16) -> Result<Nest, NoRoom> {
        let at = self.len;
        self.put_flag(kind)?;
        Ok(Nest(at))
    }

    /// Ends a nest. A nest over 65,535 bytes is taken back.
    pub fn end(&mut self, nest: Nest) -> Result<(), NoRoom> {
        let Nest(at) = nest;
        let len = u16::try_from(self.len.saturating_sub(at)).map_err(|_| {
            self.len = at;
            NoRoom
        })?;
        let [l0, l1] = len.to_ne_bytes();
        if let Some([a, b, ..]) = self.buf.get_mut(at..) {
            *a = l0;
            *b = l1;
        }
        Ok(())
    }

    /// Takes a nest back with all that was written since.
    pub fn cancel(&mut self, nest: Nest) {
        self.truncate(nest.0);
    }
}
