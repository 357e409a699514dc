// SPDX-License-Identifier: GPL-2.0

//! Keys and masks as policies see them, from and to the attributes that the datapath knows.
//!
//! A flow is put with the key attributes of its upcall as they came; only its mask is written.

use odp::{
    Key,
    flow_attrs::{
        self,
        KEY_ATTR_MAX_SIZE,
        Support, //
    },
    nlattr::{
        Attrs,
        NoRoom,
        Writer,
        total_size, //
    },
    uapi::flow_attr,
};

/// Reads the attributes of a key; `None` if they are not one that the datapath would take.
///
/// That includes the keys of frames that end within a VLAN tag, and of what is newer than this.
pub fn parse_key(attrs: &[u8]) -> Option<Key> {
    let mut room = [0; total_size(KEY_ATTR_MAX_SIZE)];
    let mut nest = Writer::new(&mut room);
    nest.put_bytes(flow_attr::KEY, attrs).ok()?;
    let mut key = Key::ZERO;
    let nest = Attrs::new(nest.as_bytes()).next()?;
    flow_attrs::parse_key(&mut key, nest, Support::ALL).ok()?;
    Some(key)
}

/// Writes the attributes of a mask for `key`.
///
/// What it matches of headers that the key has not is left out.
///
/// # Errors
///
/// None for a mask whose fields are all in range.
pub fn mask_attrs(key: &Key, mask: &Key) -> Result<Vec<u8>, NoRoom> {
    let mut room = [0; KEY_ATTR_MAX_SIZE];
    let mut writer = Writer::new(&mut room);
    flow_attrs::put_key(&mut writer, key, mask, true)?;
    Ok(writer.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use odp::{
        flow_attrs::Match,
        key::{
            Be16,
            Vlan,
            mac_proto, //
        },
        uapi::key_attr,
    };
    use proptest::prelude::*;

    fn ethernet() -> Key {
        Key {
            in_port: 3,
            mac_proto: mac_proto::ETHERNET,
            eth_src: [2, 0, 0, 0, 0, 1],
            eth_dst: [2, 0, 0, 0, 0, 2],
            eth_type: Be16::new(0x88cc),
            ..Key::ZERO
        }
    }

    fn ipv4() -> Key {
        Key {
            eth_type: Be16::new(0x0800),
            ip_proto: 6,
            ip_ttl: 64,
            tp_dst: Be16::new(80),
            ..ethernet()
        }
    }

    fn tag(tpid: u16, tci: u16) -> Vlan {
        Vlan {
            tpid: Be16::new(tpid),
            tci: Be16::new(tci),
        }
    }

    /// The attributes that the datapath sends for a key.
    fn attrs(key: &Key) -> Vec<u8> {
        let mut room = [0; KEY_ATTR_MAX_SIZE];
        let mut writer = Writer::new(&mut room);
        flow_attrs::put_key(&mut writer, key, key, false).unwrap();
        writer.as_bytes().to_vec()
    }

    /// What the datapath makes of a key and a mask.
    fn installed(key: &Key, mask: &Key) -> Match {
        let nest = |kind, attrs: &[u8]| {
            let mut bytes = vec![0; total_size(attrs.len())];
            Writer::new(&mut bytes).put_bytes(kind, attrs).unwrap();
            bytes
        };
        let key_nest = nest(flow_attr::KEY, &attrs(key));
        let mask_nest = nest(flow_attr::MASK, &mask_attrs(key, mask).unwrap());
        let mut found = Match::ZERO;
        flow_attrs::parse_match(
            &mut found,
            Attrs::new(&key_nest).next().unwrap(),
            Attrs::new(&mask_nest).next(),
            Support::ALL,
        )
        .unwrap();
        found
    }

    #[test]
    fn keys_come_back() {
        let one = Key {
            vlan: tag(0x8100, 0x100a),
            ..ipv4()
        };
        let two = Key {
            vlan: tag(0x88a8, 0x100a),
            cvlan: tag(0x8100, 0x3014),
            ..ipv4()
        };
        let length = Key {
            eth_type: Be16::new(4),
            ..ethernet()
        };
        for key in [ethernet(), ipv4(), one, two, length] {
            assert_eq!(parse_key(&attrs(&key)), Some(key));
        }
    }

    #[test]
    fn what_cannot_be_a_flow_is_refused() {
        let bytes = attrs(&ipv4());
        assert_eq!(parse_key(&bytes[..bytes.len() - 5]), None);
        assert_eq!(parse_key(&[0; 4096]), None);
        assert_eq!(parse_key(&[]), None);
        let cut_off = Key {
            eth_type: Be16::new(0x8100),
            ..ethernet()
        };
        assert_eq!(parse_key(&attrs(&cut_off)), None);
        let mut unknown = bytes;
        unknown.extend([4, 0, 200, 0]);
        assert_eq!(parse_key(&unknown), None);
    }

    #[test]
    fn headers_that_a_key_has_not_are_not_matched() {
        let mask = Key {
            eth_type: Be16::new(u16::MAX),
            tp_dst: Be16::new(u16::MAX),
            ..Key::ZERO
        };
        assert_eq!(installed(&ethernet(), &mask).mask.tp_dst, Be16::ZERO);
        let types = Attrs::new(&mask_attrs(&ethernet(), &mask).unwrap())
            .map(|attr| attr.kind())
            .collect::<Vec<_>>();
        assert!(!types.contains(&key_attr::TCP) && !types.contains(&key_attr::IPV4));
    }

    proptest! {
        /// The datapath matches the bits that a policy has chosen, and those it insists on.
        #[test]
        fn masks_arrive(
            tags in 0..3_usize,
            eth_src: [u8; 6],
            eth_dst: [u8; 6],
            tci: [u16; 2],
            recirc_id: u32,
            skb_mark: u32,
            ipv4_src: u32,
        ) {
            let mut key = ipv4();
            let mut mask = Key {
                recirc_id,
                in_port: u16::MAX,
                eth_type: Be16::new(u16::MAX),
                mac_proto: u8::MAX,
                tun_proto: u8::MAX,
                eth_src,
                eth_dst,
                // That there is no tag is always matched.
                vlan: tag(0, u16::MAX),
                cvlan: tag(0, u16::MAX),
                skb_mark,
                ipv4_src: ipv4_src.into(),
                ..Key::ZERO
            };
            if tags > 0 {
                key.vlan = tag(0x88a8, 0x100a);
                mask.vlan = tag(u16::MAX, tci[0] | 0x1000);
            }
            if tags > 1 {
                key.cvlan = tag(0x8100, 0x1014);
                mask.cvlan = tag(u16::MAX, tci[1] | 0x1000);
            }
            let found = installed(&key, &mask);
            prop_assert_eq!(found.key, key);
            prop_assert_eq!(found.mask, mask);
        }
    }
}
