// SPDX-License-Identifier: GPL-2.0

//! Keys and masks as the netlink attributes of the datapath, as far as policies look at them:
//! metadata, Ethernet, VLAN tags.
//!
//! A flow is put with the key attributes of its upcall as they came, so that what is not
//! understood here is still right; only the mask is written.

use odp::{
    Key,
    key::{
        Be16,
        VLAN_TAG_PRESENT,
        Vlan,
        mac_proto, //
    },
    nlattr::{
        Attrs,
        NoRoom,
        Writer, //
    },
    uapi::{
        KeyEthernet,
        key_attr, //
    },
};

/// `ETH_P_802_2`: stands for the ethertype of a frame that has a length instead.
const ETH_P_802_2: u16 = 0x0004;

/// The room the attributes of a mask take at most.
const MASK_ROOM: usize = 128;

/// Reads a key; `None` if it makes no sense.
///
/// The fields from the network header on are left zero.
pub fn parse_key(attrs: &[u8]) -> Option<Key> {
    let mut key = Key {
        in_port: odp::key::PORT_NONE,
        ..Key::ZERO
    };
    let mut tags = 0;
    parse_level(attrs, &mut key, &mut tags)?;
    if key.mac_proto == mac_proto::ETHERNET && key.eth_type.get() == 0 {
        key.eth_type = Be16::new(ETH_P_802_2);
    }
    Some(key)
}

/// Reads the attributes before, within the first, or within the second VLAN tag.
fn parse_level(attrs: &[u8], key: &mut Key, tags: &mut usize) -> Option<()> {
    let (mut eth_type, mut tci, mut encap) = (None, None, None);
    let mut attrs = Attrs::new(attrs);
    for attr in attrs.by_ref() {
        match attr.kind() {
            key_attr::RECIRC_ID => key.recirc_id = attr.get()?,
            key_attr::IN_PORT => key.in_port = u16::try_from(attr.get::<u32>()?).ok()?,
            key_attr::PRIORITY => key.priority = attr.get()?,
            key_attr::SKB_MARK => key.skb_mark = attr.get()?,
            key_attr::ETHERNET => {
                let ethernet: KeyEthernet = attr.get()?;
                key.mac_proto = mac_proto::ETHERNET;
                key.eth_src = ethernet.src;
                key.eth_dst = ethernet.dst;
            }
            key_attr::ETHERTYPE => eth_type = Some(attr.get::<Be16>()?),
            key_attr::VLAN => tci = Some(attr.get::<Be16>()?),
            key_attr::ENCAP => encap = Some(attr.payload()),
            _ => {}
        }
    }
    if !attrs.rest().is_empty() {
        return None;
    }
    match (eth_type, tci, encap) {
        (Some(tpid), Some(tci), Some(encap)) if tci.get() & VLAN_TAG_PRESENT != 0 => {
            let tag = match tags {
                0 => &mut key.vlan,
                1 => &mut key.cvlan,
                _ => return None,
            };
            *tag = Vlan { tpid, tci };
            *tags += 1;
            parse_level(encap, key, tags)
        }
        (Some(eth_type), ..) => {
            // Either no tag, or one that is cut off.
            key.eth_type = eth_type;
            Some(())
        }
        (None, ..) => Some(()),
    }
}

/// Writes a mask for `key`; `None` if it matches fields that are not among those named above.
pub fn mask_attrs(key: &Key, mask: &Key) -> Option<Vec<u8>> {
    let understood = Key {
        recirc_id: mask.recirc_id,
        in_port: mask.in_port,
        eth_type: mask.eth_type,
        mac_proto: mask.mac_proto,
        eth_src: mask.eth_src,
        eth_dst: mask.eth_dst,
        vlan: mask.vlan,
        cvlan: mask.cvlan,
        priority: mask.priority,
        skb_mark: mask.skb_mark,
        ..Key::ZERO
    };
    if understood != *mask {
        return None;
    }
    let mut room = [0; MASK_ROOM];
    let mut writer = Writer::new(&mut room);
    put_mask(&mut writer, key, mask).ok()?;
    Some(writer.as_bytes().to_vec())
}

fn put_mask(w: &mut Writer<'_>, key: &Key, mask: &Key) -> Result<(), NoRoom> {
    w.put(key_attr::RECIRC_ID, &mask.recirc_id)?;
    w.put(key_attr::PRIORITY, &mask.priority)?;
    w.put(key_attr::SKB_MARK, &mask.skb_mark)?;
    // The number is wider on the wire. The datapath matches it in full whatever the mask.
    w.put(key_attr::IN_PORT, &u32::MAX)?;
    if key.mac_proto == mac_proto::ETHERNET {
        let ethernet = KeyEthernet {
            src: mask.eth_src,
            dst: mask.eth_dst,
        };
        w.put(key_attr::ETHERNET, &ethernet)?;
    }
    let mut nests = Vec::new();
    for (tag, mask) in [(&key.vlan, &mask.vlan), (&key.cvlan, &mask.cvlan)] {
        if tag.tci.get() & VLAN_TAG_PRESENT == 0 {
            break;
        }
        // The datapath insists on these bits.
        let tci = Be16::new(mask.tci.get() | VLAN_TAG_PRESENT);
        w.put(key_attr::ETHERTYPE, &Be16::new(u16::MAX))?;
        w.put(key_attr::VLAN, &tci)?;
        nests.push(w.start(key_attr::ENCAP)?);
    }
    w.put(key_attr::ETHERTYPE, &mask.eth_type)?;
    while let Some(nest) = nests.pop() {
        w.end(nest)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ethernet() -> KeyEthernet {
        KeyEthernet {
            src: [2, 0, 0, 0, 0, 1],
            dst: [2, 0, 0, 0, 0, 2],
        }
    }

    /// The attributes of an upcall's key, with tags as (TPID, TCI), outermost first.
    fn attrs(tags: &[(u16, u16)], eth_type: Option<u16>) -> Vec<u8> {
        let mut room = [0; 256];
        let mut w = Writer::new(&mut room);
        w.put(key_attr::RECIRC_ID, &0_u32).unwrap();
        w.put(key_attr::IN_PORT, &3_u32).unwrap();
        w.put(key_attr::CT_STATE, &0_u32).unwrap();
        w.put(key_attr::ETHERNET, &ethernet()).unwrap();
        let mut nests = Vec::new();
        for (tpid, tci) in tags {
            w.put(key_attr::ETHERTYPE, &Be16::new(*tpid)).unwrap();
            w.put(key_attr::VLAN, &Be16::new(*tci)).unwrap();
            nests.push(w.start(key_attr::ENCAP).unwrap());
        }
        if let Some(eth_type) = eth_type {
            w.put(key_attr::ETHERTYPE, &Be16::new(eth_type)).unwrap();
        }
        for nest in nests.into_iter().rev() {
            w.end(nest).unwrap();
        }
        w.as_bytes().to_vec()
    }

    fn expected() -> Key {
        Key {
            in_port: 3,
            mac_proto: mac_proto::ETHERNET,
            eth_src: ethernet().src,
            eth_dst: ethernet().dst,
            eth_type: Be16::new(0x0800),
            ..Key::ZERO
        }
    }

    fn tag(tpid: u16, tci: u16) -> Vlan {
        Vlan {
            tpid: Be16::new(tpid),
            tci: Be16::new(tci),
        }
    }

    #[test]
    fn keys_with_and_without_tags() {
        let parse = |tags, eth_type| parse_key(&attrs(tags, eth_type)).unwrap();
        assert_eq!(parse(&[], Some(0x0800)), expected());
        let one = Key {
            vlan: tag(0x8100, 0x100a),
            ..expected()
        };
        assert_eq!(parse(&[(0x8100, 0x100a)], Some(0x0800)), one);
        let two = Key {
            vlan: tag(0x88a8, 0x100a),
            cvlan: tag(0x8100, 0x3014),
            ..expected()
        };
        assert_eq!(
            parse(&[(0x88a8, 0x100a), (0x8100, 0x3014)], Some(0x0800)),
            two
        );
        let length = Key {
            eth_type: Be16::new(4),
            ..expected()
        };
        assert_eq!(parse(&[], None), length);
        let cut_off = Key {
            eth_type: Be16::new(0x8100),
            ..expected()
        };
        assert_eq!(parse(&[(0x8100, 0)], None), cut_off);
    }

    #[test]
    fn nonsense_is_refused() {
        let mut bytes = attrs(&[], Some(0x0800));
        bytes.truncate(bytes.len() - 5);
        assert_eq!(parse_key(&bytes), None);
        let tags = [(0x8100, 0x1001); 3];
        assert_eq!(parse_key(&attrs(&tags, Some(0x0800))), None);
    }

    #[test]
    fn masks_have_the_shape_of_their_keys() {
        let key = parse_key(&attrs(&[(0x8100, 0x100a)], Some(0x0800))).unwrap();
        let mask = Key {
            in_port: u16::MAX,
            eth_type: Be16::new(u16::MAX),
            eth_src: [0xff; 6],
            vlan: tag(0xffff, 0x1fff),
            ..Key::ZERO
        };
        let bytes = mask_attrs(&key, &mask).unwrap();
        let find = |bytes, kind| Attrs::new(bytes).find(|attr| attr.kind() == kind).unwrap();
        let ethernet: KeyEthernet = find(&bytes, key_attr::ETHERNET).get().unwrap();
        assert_eq!((ethernet.src, ethernet.dst), ([0xff; 6], [0; 6]));
        let tci: Be16 = find(&bytes, key_attr::VLAN).get().unwrap();
        assert_eq!(tci.get(), 0x1fff);
        let encap = find(&bytes, key_attr::ENCAP);
        let inner: Be16 = find(encap.payload(), key_attr::ETHERTYPE).get().unwrap();
        assert_eq!(inner.get(), 0xffff);
        assert!(find(encap.payload(), key_attr::ETHERTYPE).bytes().len() == 6);
    }

    #[test]
    fn masks_of_other_fields_are_refused() {
        let mask = Key {
            ip_proto: 0xff,
            ..Key::ZERO
        };
        assert_eq!(mask_attrs(&expected(), &mask), None);
    }
}
