// SPDX-License-Identifier: GPL-2.0

//! Random actions, of which a text tells everything.

use super::parse::percent_probability;
use crate::cookie;
use crate::text::key::any as key_any;
use odp::nlattr::{
    F_NESTED,
    Writer, //
};
use odp::uapi::{
    action_attr,
    check_pkt_len_attr,
    ct_attr,
    dec_ttl_attr,
    key_attr,
    nat_attr,
    nsh_key_attr,
    psample_attr,
    sample_attr,
    userspace_attr, //
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

/// Attributes as bytes.
type Bytes = Vec<u8>;

fn attr(kind: u16, payload: impl AsRef<[u8]>) -> Bytes {
    let mut bytes = vec![0; 65536];
    let mut writer = Writer::new(&mut bytes);
    writer.put_bytes(kind, payload.as_ref()).unwrap();
    writer.as_bytes().to_vec()
}

/// An attribute of attributes.
fn nest(kind: u16, attrs: impl IntoIterator<Item = Bytes>) -> Bytes {
    attr(kind, attrs.into_iter().flatten().collect::<Bytes>())
}

fn native(kind: u16) -> impl Strategy<Value = Bytes> {
    any::<u32>().prop_map(move |number| attr(kind, number.to_ne_bytes()))
}

fn bytes(kind: u16, len: usize) -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), len).prop_map(move |payload| attr(kind, payload))
}

/// An action without actions in it.
fn leaf() -> impl Strategy<Value = Bytes> {
    let numbers = [
        action_attr::OUTPUT,
        action_attr::TRUNC,
        action_attr::RECIRC,
        action_attr::METER,
    ];
    let flags = [
        action_attr::POP_VLAN,
        action_attr::POP_ETH,
        action_attr::CT_CLEAR,
        action_attr::POP_NSH,
    ];
    let label = |kind: u16, tail: [u8; 2]| {
        vec(any::<u8>(), 6).prop_map(move |mpls| attr(kind, [&mpls[..], &tail].concat()))
    };
    prop_oneof![
        select(numbers.to_vec()).prop_flat_map(native),
        select(flags.to_vec()).prop_map(|kind| attr(kind, [])),
        bytes(action_attr::PUSH_VLAN, 4),
        bytes(action_attr::PUSH_ETH, 12),
        bytes(action_attr::POP_MPLS, 2),
        label(action_attr::PUSH_MPLS, [0, 0]),
        // The flags of ADD_MPLS have no text: it is of a packet of layer 3.
        label(action_attr::ADD_MPLS, 1_u16.to_ne_bytes()),
        (0..2_u32, any::<u32>()).prop_map(|(alg, basis)| {
            let numbers = [alg, basis].map(u32::to_ne_bytes);
            attr(action_attr::HASH, numbers.concat())
        }),
        set(),
        push_nsh(),
        ct(),
        userspace(),
        (any::<u32>(), option::of(vec(any::<u8>(), 1..17))).prop_map(|(group, cookie)| {
            let group = attr(psample_attr::GROUP, group.to_ne_bytes());
            let cookie = cookie.map(|cookie| attr(psample_attr::COOKIE, cookie));
            nest(
                action_attr::PSAMPLE | F_NESTED,
                [group].into_iter().chain(cookie),
            )
        }),
        // A drop for itself is told like no action at all.
        native(action_attr::OUTPUT)
            .prop_map(|output| [output, attr(action_attr::DROP, [0; 4])].concat()),
    ]
}

/// SET and SET_MASKED of what packets have.
fn set() -> impl Strategy<Value = Bytes> {
    let plain = key_any::plain().prop_filter("settable", |(kind, ..)| {
        use key_attr::*;
        let known = [PRIORITY, SKB_MARK, ETHERNET, IPV4, IPV6, TCP, UDP, SCTP];
        known.contains(kind) || [ICMP, ICMPV6, ARP, ND].contains(kind)
    });
    let plain = prop_oneof![plain, key_any::mpls()].prop_map(|(kind, mut value, mask)| {
        if mask.iter().all(|byte| *byte == 0xff) {
            return nest(action_attr::SET, [attr(kind, value)]);
        }
        // Fields that are left alone are left out.
        for (value, mask) in value.iter_mut().zip(&mask) {
            *value &= mask;
        }
        nest(
            action_attr::SET_MASKED,
            [attr(kind, [value, mask].concat())],
        )
    });
    let nested = prop_oneof![key_any::tunnel(), key_any::nsh()]
        .prop_map(|(kind, value, _)| nest(action_attr::SET, [attr(kind, value)]));
    prop_oneof![plain, nested]
}

fn push_nsh() -> impl Strategy<Value = Bytes> {
    let header = vec(any::<u8>(), 8);
    let metadata = prop_oneof![
        vec(any::<u8>(), 16).prop_map(|contexts| (1, attr(nsh_key_attr::MD1, contexts))),
        (1..62_usize)
            .prop_flat_map(|words| vec(any::<u8>(), 4 * words))
            .prop_map(|data| (2, attr(nsh_key_attr::MD2, data))),
    ];
    (header, metadata).prop_map(|(mut header, (kind, metadata))| {
        header[2] = kind;
        let base = attr(nsh_key_attr::BASE, header);
        nest(
            action_attr::PUSH_NSH,
            [nest(key_attr::NSH, [base, metadata])],
        )
    })
}

/// A range from `first` to `second`; an end like the start is none.
fn range(kinds: [u16; 2], first: Bytes, second: Option<Bytes>) -> Vec<Bytes> {
    let second = second.filter(|second| *second != first);
    let end = second.map(|second| attr(kinds[1], second));
    [attr(kinds[0], first)].into_iter().chain(end).collect()
}

fn nat() -> impl Strategy<Value = Bytes> {
    let addresses = select(vec![4, 16_usize]).prop_flat_map(|len| {
        (vec(any::<u8>(), len), option::of(vec(any::<u8>(), len)))
            .prop_map(|(min, max)| range([nat_attr::IP_MIN, nat_attr::IP_MAX], min, max))
    });
    let port = || (1..=u16::MAX).prop_map(|port| port.to_ne_bytes().to_vec());
    let ports = (port(), option::of(port()))
        .prop_map(|(min, max)| range([nat_attr::PROTO_MIN, nat_attr::PROTO_MAX], min, max));
    let direction = select(vec![nat_attr::SRC, nat_attr::DST]);
    let flags = vec(any::<bool>(), 3);
    let whole = (direction, option::of(addresses), option::of(ports), flags).prop_map(
        |(direction, addresses, ports, flags)| {
            let kinds = [
                nat_attr::PERSISTENT,
                nat_attr::PROTO_HASH,
                nat_attr::PROTO_RANDOM,
            ];
            let flags = kinds.into_iter().zip(flags).filter(|(_, set)| *set);
            let parts = [attr(direction, [])]
                .into_iter()
                .chain(addresses.into_iter().flatten())
                .chain(ports.into_iter().flatten())
                .chain(flags.map(|(kind, _)| attr(kind, [])));
            nest(ct_attr::NAT, parts)
        },
    );
    prop_oneof![Just(attr(ct_attr::NAT, [])), whole]
}

/// CT, without the mask of events, which has no text.
fn ct() -> impl Strategy<Value = Bytes> {
    let name = |kind: u16| {
        option::of("[a-z0-9_-]{1,15}".prop_map(move |name| attr(kind, format!("{name}\0"))))
    };
    let parts = (
        option::of(Just(attr(ct_attr::COMMIT, []))),
        option::of(Just(attr(ct_attr::FORCE_COMMIT, []))),
        option::of((1..=u16::MAX).prop_map(|zone| attr(ct_attr::ZONE, zone.to_ne_bytes()))),
        option::of(bytes(ct_attr::MARK, 8)),
        option::of(bytes(ct_attr::LABELS, 32)),
        name(ct_attr::HELPER),
        name(ct_attr::TIMEOUT),
        option::of(nat()),
    );
    parts.prop_map(|(a, b, c, d, e, f, g, h)| {
        nest(
            action_attr::CT,
            [a, b, c, d, e, f, g, h].into_iter().flatten(),
        )
    })
}

/// A cookie of Open vSwitch's, with all that its text tells of.
fn cookie() -> impl Strategy<Value = Bytes> {
    let parts = (1..=5_u16, vec(any::<u8>(), cookie::LEN), 0..3_u32);
    parts.prop_map(|(class, bytes, direction)| {
        let mut data = vec![0; cookie::LEN];
        data[..2].copy_from_slice(&class.to_ne_bytes());
        let told: &[(usize, usize)] = match class {
            1 => &[(24, 26), (28, 32)],
            2 => &[(28, 32)],
            3 => &[(24, 26), (28, 44)],
            4 => &[(24, 28)],
            _ => &[(24, 44)],
        };
        for &(from, to) in told {
            data[from..to].copy_from_slice(&bytes[from..to]);
        }
        match class {
            // A tag is there unless all of it is zero.
            1 => {
                data[24] &= 0xef;
                if data[24..26] != [0, 0] {
                    data[24] |= 0x10;
                }
            }
            // There are seven reasons.
            2 => {
                let reasons = u32::from(bytes[28] & 0x7f);
                data[28..32].copy_from_slice(&reasons.to_ne_bytes());
            }
            3 => data[44..48].copy_from_slice(&direction.to_ne_bytes()),
            _ => {}
        }
        data
    })
}

fn userspace() -> impl Strategy<Value = Bytes> {
    let other = vec(any::<u8>(), 0..64).prop_filter("no cookie", |data| data.len() != cookie::LEN);
    let data = prop_oneof![other, cookie()].prop_map(|data| attr(userspace_attr::USERDATA, data));
    let parts = (
        native(userspace_attr::PID),
        option::of(data),
        option::of(Just(attr(userspace_attr::ACTIONS, []))),
        option::of(native(userspace_attr::EGRESS_TUN_PORT)),
    );
    parts.prop_map(|(pid, data, actions, port)| {
        let more = [data, actions, port].into_iter().flatten();
        nest(action_attr::USERSPACE, [pid].into_iter().chain(more))
    })
}

/// Any action.
pub(super) fn action() -> impl Strategy<Value = Bytes> {
    leaf().prop_recursive(4, 32, 4, |inner| {
        let list = || vec(inner.clone(), 0..4).prop_map(|actions| actions.concat());
        prop_oneof![
            list().prop_map(|actions| attr(action_attr::CLONE, actions)),
            // Percentages have one decimal place.
            (0_u32..=1000, list()).prop_map(|(tenths, actions)| {
                let probability = percent_probability(f64::from(tenths) / 10.0);
                let probability = attr(sample_attr::PROBABILITY, probability.to_ne_bytes());
                let actions = attr(sample_attr::ACTIONS, actions);
                nest(action_attr::SAMPLE, [probability, actions])
            }),
            (any::<u16>(), list(), list()).prop_map(|(len, greater, less_equal)| {
                let parts = [
                    attr(check_pkt_len_attr::PKT_LEN, len.to_ne_bytes()),
                    attr(check_pkt_len_attr::ACTIONS_IF_GREATER, greater),
                    attr(check_pkt_len_attr::ACTIONS_IF_LESS_EQUAL, less_equal),
                ];
                nest(action_attr::CHECK_PKT_LEN, parts)
            }),
            list().prop_map(|actions| {
                nest(action_attr::DEC_TTL, [attr(dec_ttl_attr::ACTION, actions)])
            }),
        ]
    })
}
