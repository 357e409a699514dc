// SPDX-License-Identifier: GPL-2.0

//! SET of a tunnel.

use super::support::*;
use odp::{
    actions::Op,
    key::tun_flags,
    uapi::{
        action_attr::{
            SET,
            SET_MASKED, //
        },
        key_attr::TUNNEL,
        tunnel_key_attr::*,
        vxlan_ext, //
    },
    Errno, //
};

fn set(args: &[Vec<u8>]) -> Vec<u8> {
    nest(SET, &[nest(TUNNEL, args)])
}

fn dst() -> Vec<u8> {
    attr(IPV4_DST, &[10, 0, 0, 1])
}

fn ttl() -> Vec<u8> {
    attr(TTL, &[64])
}

fn flag(kind: u16) -> Vec<u8> {
    attr(kind, &[])
}

#[track_caller]
fn dumps_as(args: &[Vec<u8>], dump: &[Vec<u8>]) -> Tun {
    let compiled = ok_as(
        &ip(6),
        &[set(args)],
        &[Op::SetTunnel { index: 0 }],
        &set(dump),
    );
    compiled.store().tunnels[0].clone()
}

#[track_caller]
fn same(args: &[Vec<u8>]) -> Tun {
    dumps_as(args, args)
}

#[test]
fn dumps() {
    let set = same(&[dst(), ttl()]);
    assert_eq!((set.proto, set.bridge, set.critical), (2, false, false));
    let set = same(&[attr(IPV6_DST, &[1; 16]), ttl()]);
    assert_eq!(set.proto, 10);
    same(&[
        attr(ID, &[0, 0, 0, 0, 0, 0, 0, 7]),
        attr(IPV4_SRC, &[10, 0, 0, 2]),
        dst(),
        attr(TOS, &[4]),
        attr(TTL, &[0]),
        flag(DONT_FRAGMENT),
        flag(CSUM),
        attr(TP_SRC, &[0x12, 0xb5]),
        attr(TP_DST, &[0x12, 0xb5]),
        flag(OAM),
        attr(GENEVE_OPTS, &[0, 1, 0, 1, 5, 5, 5, 5]),
    ]);
    // The longest one there can be.
    let mut options = Vec::new();
    for _ in 0..63 {
        options.extend([0, 1, 0x80, 0]);
    }
    let set = same(&[
        attr(ID, &[1; 8]),
        attr(IPV6_SRC, &[2; 16]),
        attr(IPV6_DST, &[1; 16]),
        attr(TOS, &[4]),
        ttl(),
        flag(DONT_FRAGMENT),
        flag(CSUM),
        attr(TP_SRC, &[1, 1]),
        attr(TP_DST, &[1, 1]),
        flag(OAM),
        attr(GENEVE_OPTS, &options),
    ]);
    assert!(set.critical);
    // In C's order, without what is zero or says nothing.
    dumps_as(
        &[
            flag(PAD),
            ttl(),
            dst(),
            attr(TOS, &[0]),
            attr(GENEVE_OPTS, &[]),
        ],
        &[dst(), ttl()],
    );
    let gbp = |args: &[Vec<u8>]| nest(VXLAN_OPTS, args);
    same(&[dst(), ttl(), gbp(&[u32(vxlan_ext::GBP, 9)])]);
    dumps_as(
        &[dst(), ttl(), gbp(&[])],
        &[dst(), ttl(), gbp(&[u32(vxlan_ext::GBP, 0)])],
    );
    same(&[dst(), ttl(), attr(ERSPAN_OPTS, &[3; 12])]);
    let set = same(&[flag(IPV4_INFO_BRIDGE)]);
    assert!(set.bridge);
    same(&[attr(ID, &[1; 8]), flag(IPV4_INFO_BRIDGE)]);
}

/// Empty options leave a flag, which C keeps too, but does not dump.
#[test]
fn empty_options() {
    let set = dumps_as(&[dst(), ttl(), attr(GENEVE_OPTS, &[])], &[dst(), ttl()]);
    assert_eq!(set.tunnel.flags, tun_flags::GENEVE_OPT);
    assert_eq!(set.tunnel.opts_len, 0);
}

#[test]
fn refused() {
    for args in [
        &[][..],
        &[ttl()],
        &[dst()],
        &[dst(), ttl(), attr(IPV6_DST, &[1; 16])],
        &[attr(IPV4_DST, &[0; 4]), ttl()],
        &[attr(IPV6_DST, &[0; 16]), ttl()],
        &[dst(), ttl(), flag(17)],
        &[dst(), attr(TTL, &[1, 1])],
        &[dst(), ttl(), flag(IPV4_INFO_BRIDGE)],
        &[dst(), ttl(), vec![0]],
        &[dst(), ttl(), attr(GENEVE_OPTS, &[0; 5])],
        &[dst(), ttl(), attr(GENEVE_OPTS, &[0; 256])],
        // An option that is longer than what is there.
        &[dst(), ttl(), attr(GENEVE_OPTS, &[0, 1, 0, 1])],
        &[
            dst(),
            ttl(),
            attr(GENEVE_OPTS, &[0, 1, 0, 0, 0, 1, 0, 2, 0, 0, 0, 0]),
        ],
        &[dst(), ttl(), attr(GENEVE_OPTS, &[]), attr(GENEVE_OPTS, &[])],
    ] {
        inval(&ip(6), &[set(args)]);
    }
    inval(
        &ip(6),
        &[nest(SET_MASKED, &[nest(TUNNEL, &[dst(), ttl()])])],
    );
    let two = [nest(TUNNEL, &[dst(), ttl()]), nest(TUNNEL, &[dst(), ttl()])];
    inval(&ip(6), &[nest(SET, &two)]);
}

#[test]
fn sink_errors() {
    let sink = Mem {
        left: Some(0),
        ..Mem::default()
    };
    let list = set(&[dst(), ttl()]);
    let error = odp::actions::compile(&list, &ip(6), &ENV, sink).unwrap_err();
    assert_eq!(error.errno, Errno::ENOMEM);
}
