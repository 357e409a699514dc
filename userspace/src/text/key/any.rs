// SPDX-License-Identifier: GPL-2.0

//! Random attributes of keys and masks, of which a text tells everything.

use super::*;
use odp::nlattr::Writer;
use odp::uapi::{
    nsh_key_attr,
    tunnel_key_attr as tun,
    vxlan_ext, //
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

/// An attribute: its type, its value and its mask.
pub(crate) type Masked = (u16, Vec<u8>, Vec<u8>);

/// Attributes one after the other, the first of each type: keys and masks.
pub(crate) fn put(attrs: &[Masked]) -> (Vec<u8>, Vec<u8>) {
    let (mut key, mut mask) = (vec![0; 65536], vec![0; 65536]);
    let (mut key, mut mask) = (Writer::new(&mut key), Writer::new(&mut mask));
    let mut seen = Vec::new();
    for (kind, value, bits) in attrs {
        if !seen.contains(kind) {
            key.put_bytes(*kind, value).unwrap();
            mask.put_bytes(*kind, bits).unwrap();
            seen.push(*kind);
        }
    }
    (key.as_bytes().to_vec(), mask.as_bytes().to_vec())
}

/// Any attribute.
pub(crate) fn attr() -> impl Strategy<Value = Masked> {
    // There is no name for the headers of an IPv6 packet.
    let nameless = number(key_attr::IPV6_EXTHDRS, 2);
    let leaf = prop_oneof![6 => plain(), 1 => tunnel(), 1 => nsh(), 1 => mpls(), 1 => nameless];
    leaf.prop_recursive(3, 8, 4, |inner| {
        vec(inner, 0..4).prop_map(|attrs| {
            let (key, mask) = put(&attrs);
            (key_attr::ENCAP, key, mask)
        })
    })
}

/// Bytes of a mask.
fn bits(len: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(vec![0xff; len]),
        Just(vec![0; len]),
        vec(select(vec![0, 0xff, 0xf0, 0x0f]), len),
    ]
}

/// The attributes that every key and mask text can carry exactly, with a value and a mask.
pub(crate) fn plain() -> impl Strategy<Value = Masked> {
    let plain: Vec<&KeyAttr> = KEY_ATTRS
        .iter()
        .filter(|attr| attr.shape.len().is_some())
        .collect();
    (
        prop::sample::select(plain),
        prop::collection::vec(any::<u8>(), 40),
        prop::collection::vec(prop::sample::select(vec![0, 0xff, 0xf0, 0x0f]), 40),
        0..4_u8,
    )
        .prop_map(|(attr, mut value, mut mask, how)| {
            let len = attr.shape.len().unwrap_or(0);
            value.truncate(len);
            mask.truncate(len);
            match how {
                0 => mask.fill(0xff),
                1 => mask.fill(0),
                _ => {}
            }
            trim(attr, &mut value, &mut mask);
            (attr.kind, value, mask)
        })
}

/// Takes away what has no text: padding, unknown fragments, bits that do not exist.
fn trim(attr: &KeyAttr, value: &mut [u8], mask: &mut [u8]) {
    match attr.shape {
        Shape::Struct(len, fields) => {
            for at in 0..len {
                if !fields.iter().any(|f| (f.at..f.at + f.len).contains(&at)) {
                    value[at] = 0;
                    mask[at] = 0;
                }
            }
            for field in fields {
                match field.format {
                    Format::Fragment => {
                        let full = mask[field.at] & 1 != 0;
                        mask[field.at] = if full { 0xff } else { 0 };
                        value[field.at] = if full { value[field.at] % 3 } else { 0 };
                    }
                    Format::Label => {
                        for bytes in [&mut *value, &mut *mask] {
                            bytes[field.at] = 0;
                            bytes[field.at + 1] &= 0xf;
                        }
                    }
                    _ => {}
                }
            }
        }
        Shape::TcpFlags => {
            value[0] &= 0xf;
            if mask[0] & 0xf == 0xf && mask[1] == 0xff {
                mask.fill(0xff);
            } else {
                mask[0] &= 0xf;
            }
            for (value, mask) in value.iter_mut().zip(mask) {
                *value &= *mask;
            }
        }
        Shape::EtherType => value[0] |= 0x08,
        Shape::Vlan => {
            value[0] |= 0x10;
            mask[0] |= 0x10;
        }
        _ => {}
    }
}

/// An attribute of so many bytes.
fn number(kind: u16, len: usize) -> impl Strategy<Value = Masked> {
    (vec(any::<u8>(), len), bits(len)).prop_map(move |(value, mask)| (kind, value, mask))
}

/// A tunnel: addresses and numbers, options of one kind, and flags.
pub(crate) fn tunnel() -> impl Strategy<Value = Masked> {
    let numbers = (
        option::of(number(tun::ID, 8)),
        option::of(number(tun::IPV4_SRC, 4)),
        option::of(number(tun::IPV4_DST, 4)),
        option::of(number(tun::IPV6_SRC, 16)),
        option::of(number(tun::IPV6_DST, 16)),
        option::of(number(tun::TOS, 1)),
        option::of(number(tun::TTL, 1)),
        option::of(number(tun::TP_SRC, 2)),
        option::of(number(tun::TP_DST, 2)),
    );
    let options = option::of(prop_oneof![
        vec(geneve(), 0..3).prop_map(|options| {
            let (values, masks): (Vec<_>, Vec<_>) = options.into_iter().unzip();
            (tun::GENEVE_OPTS, values.concat(), masks.concat())
        }),
        vxlan(),
        erspan(),
    ]);
    // A flag that is not matched is not told.
    let flags = vec((any::<bool>(), any::<bool>()), 3);
    (numbers, options, flags).prop_map(|(numbers, options, flags)| {
        let (a, b, c, d, e, f, g, h, i) = numbers;
        let attrs: Vec<Masked> = [a, b, c, d, e, f, g, h, i, options]
            .into_iter()
            .flatten()
            .collect();
        let (mut key, mut mask) = put(&attrs);
        let flag = |bytes: &mut Vec<u8>, kind: u16| {
            bytes.extend(4_u16.to_ne_bytes());
            bytes.extend(kind.to_ne_bytes());
        };
        let kinds = [tun::OAM, tun::DONT_FRAGMENT, tun::CSUM];
        for (kind, (set, matched)) in kinds.into_iter().zip(flags) {
            if matched {
                flag(&mut mask, kind);
            }
            if matched && set {
                flag(&mut key, kind);
            }
        }
        (key_attr::TUNNEL, key, mask)
    })
}

/// An option of Geneve. Its length is always matched.
fn geneve() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    (0..4_u8)
        .prop_flat_map(|words| {
            let len = 3 + 4 * usize::from(words);
            (Just(words), vec(any::<u8>(), len), bits(len))
        })
        .prop_map(|(words, mut value, mut mask)| {
            value.insert(3, words);
            mask.insert(3, 0x1f);
            (value, mask)
        })
}

fn vxlan() -> impl Strategy<Value = Masked> {
    (any::<u32>(), select(vec![u32::MAX, 0, 0xf0_ffff])).prop_map(|(value, mask)| {
        let nest = |policy: u32| {
            // There are 24 bits of it.
            let policy = (policy & 0xff_ffff).to_ne_bytes().to_vec();
            put(&[(vxlan_ext::GBP, policy, Vec::new())]).0
        };
        (tun::VXLAN_OPTS, nest(value), nest(mask))
    })
}

fn erspan() -> impl Strategy<Value = Masked> {
    let first = (any::<u32>(), any::<u32>()).prop_map(|(index, mask)| {
        let data = |index: u32| [&index.to_be_bytes()[..], &[0; 4]].concat();
        (1_u32, data(index & 0xf_ffff), data(mask))
    });
    let second = (any::<u16>(), any::<u16>()).prop_map(|(value, mask)| {
        // Direction and hardware id.
        let data = |word: u16| [&[0; 6][..], &(word & 0x3f8).to_be_bytes()].concat();
        (2_u32, data(value), data(mask))
    });
    prop_oneof![first, second].prop_map(|(version, value, mask)| {
        let value = [version.to_ne_bytes().to_vec(), value].concat();
        let mask = [vec![0xff; 4], mask].concat();
        (tun::ERSPAN_OPTS, value, mask)
    })
}

/// A Network Service Header. Fields that are not matched are not told.
pub(crate) fn nsh() -> impl Strategy<Value = Masked> {
    (vec(any::<u8>(), 24), bits(24), any::<bool>()).prop_map(|(mut value, mut mask, first)| {
        for range in [
            0..1,
            1..2,
            2..3,
            3..4,
            4..7,
            7..8,
            8..12,
            12..16,
            16..20,
            20..24,
        ] {
            if mask[range.clone()].iter().all(|byte| *byte == 0) {
                value[range].fill(0);
            }
        }
        (value[2], mask[2]) = if first { (1, 0xff) } else { (0, 0) };
        let nest = |header: &[u8]| {
            let mut attrs = vec![(nsh_key_attr::BASE, header[..8].to_vec(), Vec::new())];
            if first {
                attrs.push((nsh_key_attr::MD1, header[8..].to_vec(), Vec::new()));
            }
            put(&attrs).0
        };
        (key_attr::NSH, nest(&value), nest(&mask))
    })
}

/// Labels of MPLS.
pub(crate) fn mpls() -> impl Strategy<Value = Masked> {
    (1..4_usize).prop_flat_map(|labels| number(key_attr::MPLS, 4 * labels))
}
