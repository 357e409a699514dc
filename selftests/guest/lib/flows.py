# SPDX-License-Identifier: GPL-2.0
"""Flows of all kinds, as text. Devices p1 and p2 are ports 1 and 2."""

import itertools

V4 = "eth_type(0x0800),ipv4"
V6 = "eth_type(0x86dd),ipv6"


def metadata():
    for value in (1, 0x72, 0x12345, 0xFFFFFFFF):
        yield f"skb_priority({value:#x}),in_port(1),eth(),eth_type(0x0806),arp()"
        yield f"skb_mark({value:#x}),in_port(1),eth(),eth_type(0x0806),arp()"
        yield f"skb_mark({value & 0xF:#x}/0xf),in_port(2),eth(),eth_type(0x0806),arp()"
        yield f"recirc_id({value:#x}),in_port(1),eth(),eth_type(0x88b5)"
        yield f"dp_hash({value & 0xFF:#x}/0xff),recirc_id(0x3),in_port(1),eth(),eth_type(0x88b5)"


def conntrack():
    for state in ("+trk", "+est+trk", "-new+trk", "+new-est+trk", "+inv+trk", "+rel+rpl+trk", "-trk"):
        yield f"ct_state({state}),in_port(1),eth(),{V4}()"
    yield f"ct_state(+trk),ct_zone(0x5),in_port(1),eth(),{V4}()"
    yield f"ct_state(+trk),ct_mark(0x5/0xff),in_port(1),eth(),{V4}()"
    yield f"ct_state(+trk),ct_label(0x1122334455667788/0xffffffffffffffff),in_port(1),eth(),{V4}()"
    yield f"ct_state(+trk),ct_tuple4(src=1.2.3.4,dst=4.3.2.1,proto=6,tp_src=1,tp_dst=2),in_port(1),eth(),{V4}()"
    yield f"ct_state(+trk),ct_tuple6(src=::1,dst=fd00::/ffff::,proto=17),in_port(1),eth(),{V6}()"


def tunnels():
    outer = ("src=1.1.1.1,dst=2.2.2.2", "ipv6_src=fd00::1,ipv6_dst=fd00::2", "src=1.1.0.0/255.255.0.0,dst=2.2.2.2")
    flags = ("flags(df|key)", "flags(-df+csum+key)", "flags(key)")
    for addresses, flag in itertools.product(outer, flags):
        yield f"tunnel(tun_id=0x5,{addresses},tos=0,ttl=64,{flag}),in_port(2),eth(),{V4}()"
    common = "tunnel(tun_id=0x7,src=1.1.1.1,dst=2.2.2.2,ttl=64,"
    yield f"{common}tp_src=0/0,tp_dst=4789,flags(key)),in_port(2),eth(),{V4}()"
    yield f"{common}vxlan(gbp(id=10,flags=0x8)),flags(key)),in_port(2),eth(),{V4}()"
    yield f"{common}geneve({{class=0x102,type=0x80,len=4,0xa}}),flags(key)),in_port(2),eth(),{V4}()"
    yield f"{common}geneve({{class=0x102,type=0x1,len=8,0x1122334455667788/0xffff}}),flags(key)),in_port(2),eth(),{V4}()"
    yield f"{common}geneve({{class=0x102,type=0x80,len=4,0xa}}{{class=0xffff,type=0x1,len=8,0x1122334455667788}}),flags(key)),in_port(2),eth(),{V4}()"
    yield f"{common}geneve({{class=0x102,type=0,len=0}}),flags(key)),in_port(2),eth(),{V4}()"
    yield f"{common}erspan(ver=1,idx=0x7),flags(key)),in_port(2),eth(),{V4}()"
    yield f"{common}erspan(ver=2,dir=1,hwid=0x5),flags(key)),in_port(2),eth(),{V4}()"
    yield f"tunnel(tun_id=0x7/0xff,src=1.1.1.1,dst=2.2.2.2,ttl=64,tos=0x4/0xfc,flags(+key)),in_port(2),eth(),{V4}()"
    yield f"tunnel(src=1.1.1.1,dst=2.2.2.2,ttl=0/0,flags(oam|df)),in_port(2),eth(),{V4}()"


def link():
    for mac in ("02:00:00:00:00:01", "02:00:00:00:00:01/ff:ff:00:00:00:00", "01:00:00:00:00:00/01:00:00:00:00:00"):
        for kind in (0x0842, 0x88CC, 0x8809, 0x0600):
            yield f"in_port(1),eth(src={mac}),eth_type({kind:#06x})"
            yield f"in_port(2),eth(src=02:00:00:00:00:09,dst={mac}),eth_type({kind:#06x})"
    for vid, pcp in itertools.product(("0", "100", "4095", "0x10/0xff0"), ("0", "7", "4/0x4")):
        yield f"in_port(1),eth(),eth_type(0x8100),vlan(vid={vid},pcp={pcp}),encap({V4}(frag=no))"
    yield "in_port(1),eth(),eth_type(0x8100),vlan(vid=5,pcp=0),encap(eth_type(0x0806),arp(op=1))"
    yield "in_port(1),eth(),eth_type(0x88a8),vlan(vid=5,pcp=1),encap(eth_type(0x8100),vlan(vid=6,pcp=2),encap(eth_type(0x0806),arp()))"
    for op in (1, 2, 3):
        yield f"in_port(1),eth(),eth_type(0x0806),arp(sip=10.0.0.{op},tip=10.0.0.0/255.255.255.0,op={op},sha=02:00:00:00:00:01)"
    for label in (0, 16, 0xFFFFF):
        yield f"in_port(1),eth(),eth_type(0x8847),mpls(label={label},tc=3,ttl=64,bos=1)"
        yield f"in_port(1),eth(),eth_type(0x8848),mpls(label={label}/0xfffff,tc=0/0,ttl=0/0x0,bos=1/1)"
        yield f"in_port(1),eth(),eth_type(0x8847),mpls(label={label},tc=0,ttl=255,bos=0,label=7/0xfffff,tc=0/0,ttl=0/0x0,bos=1/1)"
    yield "in_port(1),eth(),eth_type(0x894f),nsh(mdtype=1,np=1,spi=0x5/0xffffff,si=7,c1=0x1/0xff)"
    yield "in_port(1),eth(),eth_type(0x894f),nsh(flags=0,ttl=63,mdtype=1,np=3,spi=0x123456,si=255,c1=0x1,c2=0x2,c3=0x3,c4=0x4)"


def network():
    for frag in ("no", "first", "later"):
        yield f"in_port(1),eth(),{V4}(frag={frag})"
        yield f"in_port(1),eth(),{V6}(frag={frag})"
    for bits in (0, 0x80000000, 0xFF000000, 0xFFFFF000, 0xFFFFFFFF):
        mask = ".".join(str(bits >> shift & 255) for shift in (24, 16, 8, 0))
        yield f"in_port(1),eth(),{V4}(src=10.1.2.3/{mask},dst=192.168.0.1,ttl=5)"
        yield f"in_port(2),eth(),{V4}(dst=10.1.2.3/{mask},tos=0x1/0x3)"
    for mask in ("ffff::", "ffff:ffff:ffff:ffff::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::ffff"):
        yield f"in_port(1),eth(),{V6}(src=fd00:1:2::3/{mask},hlimit=64)"
        yield f"in_port(1),eth(),{V6}(dst=fd00:1:2:4:5:6:7:8/{mask},label=0x12345,tclass=0x70/0xf0)"
    for ttl, tos in itertools.product((0, 1, 255), ("0", "0xff", "0x10/0x1c", "0/0x3")):
        yield f"in_port(1),eth(),{V4}(tos={tos},ttl={ttl})"
        yield f"in_port(1),eth(),{V6}(tclass={tos},hlimit={ttl})"
    for proto in (0, 47, 89, 112):
        yield f"in_port(1),eth(),{V4}(proto={proto},frag=no)"


def transport():
    for name, proto in (("tcp", 6), ("udp", 17), ("sctp", 132)):
        for ports in ("src=1,dst=2", "dst=80", "src=1024/0xfc00,dst=65535", "src=53/0xff", "dst=8080/0xfff0", "src=0"):
            # The kernel wants both of TCP.
            flags = ",tcp_flags(0/0)" if name == "tcp" else ""
            yield f"in_port(1),eth(),{V4}(proto={proto},frag=no),{name}({ports}){flags}"
            yield f"in_port(1),eth(),{V6}(proto={proto},frag=no),{name}({ports}){flags}"
    for flags in ("+syn-ack", "+fin", "0x2/0x12", "-rst", "+psh+ack", "+ece+cwr-urg", "0x111/0xfff"):
        yield f"in_port(1),eth(),{V4}(proto=6,frag=no),tcp(),tcp_flags({flags})"
    for kind, code in ((8, 0), (0, 0), (3, 4), (11, 1)):
        yield f"in_port(1),eth(),{V4}(proto=1,frag=no),icmp(type={kind},code={code})"
        yield f"in_port(1),eth(),{V6}(proto=58,frag=no),icmpv6(type={kind + 100},code={code})"
    for kind, address in itertools.product((135, 136), ("fd00::2", "fd00::/ffff::")):
        lla = "sll=02:00:00:00:00:01" if kind == 135 else "tll=02:00:00:00:00:02"
        yield f"in_port(1),eth(),{V6}(proto=58,frag=no),icmpv6(type={kind},code=0),nd(target={address},{lla})"


MPLS = "mpls("
NSH = "nsh("
PLAIN = "no Ethernet header"

# Each with a part of the flows that it is valid for.
ACTIONS = (
    ("drop", ""),
    ("1,2,3", ""),
    ("trunc(100),2", ""),
    ("recirc(0x12)", ""),
    ("push_vlan(vid=5,pcp=3),2,pop_vlan,3", ""),
    ("push_vlan(tpid=0x88a8,vid=5,pcp=0),2", ""),
    ("push_vlan(vid=5,pcp=0,cfi=1),2", ""),
    ("push_mpls(label=5,tc=1,ttl=64,bos=1,eth_type=0x8847),2", V4),
    ("add_mpls(label=5,tc=1,ttl=64,bos=1,eth_type=0x8847),2", V4),
    ("pop_mpls(eth_type=0x800),2", MPLS),
    ("set(mpls(label=6,tc=1,ttl=9,bos=1)),2", MPLS),
    ("set(eth(src=02:00:00:00:00:05)),2", ""),
    ("set(eth(src=02:00:00:00:00:05,dst=02:00:00:00:00:06)),2", ""),
    ("set(eth(src=02:00:00:00:00:00/ff:ff:ff:00:00:00,dst=02:00:00:00:00:06)),2", ""),
    ("set(skb_priority(0x7)),set(skb_mark(0x1/0xf)),2", ""),
    ("set(ipv4(src=1.1.1.1,ttl=3)),2", V4),
    ("set(ipv4(dst=1.1.0.0/255.255.0.0,tos=0x4/0xfc)),2", V4),
    ("set(ipv6(dst=fd00::7,hlimit=3)),2", V6),
    ("set(ipv6(label=0x5,tclass=0x4/0xfc)),2", V6),
    ("set(tcp(src=80)),2", "tcp("),
    ("set(udp(src=80,dst=81/0xff)),2", "udp("),
    ("set(sctp(dst=81)),2", "sctp("),
    ("set(tunnel(tun_id=0x7,src=1.1.1.1,dst=2.2.2.2,tos=0,ttl=64,flags(df|csum|key))),2", ""),
    ("set(tunnel(tun_id=0x7,dst=2.2.2.2,ttl=64,tp_dst=4789,geneve({class=0x102,type=0x80,len=4,0xa}),flags(key))),2", ""),
    ("set(tunnel(tun_id=0x7,ipv6_src=::1,ipv6_dst=::2,tos=0x1,ttl=3,vxlan(gbp(id=3,flags=0x4)),flags(key))),2", ""),
    ("set(tunnel(tun_id=0x7,dst=2.2.2.2,ttl=64,erspan(ver=1,idx=0x7),flags(key))),2", ""),
    ("pop_nsh(),recirc(0x3)", NSH),
    ("push_nsh(flags=0,ttl=63,mdtype=1,np=3,spi=0x10,si=255,c1=0x1,c2=0x2,c3=0x3,c4=0x4),recirc(0x4)", ""),
    ("push_nsh(flags=0,ttl=63,mdtype=2,np=3,spi=0x10,si=255,md2=0x11020304),recirc(0x4)", ""),
    ("hash(l4(5)),recirc(0x3)", ""),
    ("hash(sym_l4(0)),recirc(0x3)", ""),
    ("sample(sample=50.0%,actions(2)),3", ""),
    ("sample(sample=12.5%,actions(userspace(pid=3),2)),3", ""),
    ("clone(push_vlan(vid=4,pcp=0),2),3", ""),
    ("check_pkt_len(size=1500,gt(2),le(3))", ""),
    ("check_pkt_len(size=100,gt(drop),le(push_vlan(vid=4,pcp=0),2))", ""),
    ("userspace(pid=1234,userdata(ff00000000000001)),2", ""),
    ("userspace(pid=7,slow_path(cfm)),2", ""),
    ("userspace(pid=7,sFlow(vid=9,pcp=7,output=10),actions),2", ""),
    ("userspace(pid=7,ipfix(output_port=10)),2", ""),
    ("userspace(pid=7,flow_sample(probability=123,collector_set_id=1234,obs_domain_id=2345,obs_point_id=3456,"
     "output_port=10,egress)),2", ""),
    ("userspace(pid=5,controller(reason=1,dont_send=0,continuation=1,recirc_id=4444,rule_cookie=0x5555,"
     "controller_id=0,max_len=65535)),2", ""),
    ("userspace(pid=5,userdata(00112233),tunnel_out_port=2),2", ""),
    ("dec_ttl(le_1(userspace(pid=1))),2", V4),
    ("psample(group=5,cookie=0x1122),2", ""),
    ("psample(group=5,cookie=0x0011),2", ""),
    ("psample(group=7),2", ""),
    ("meter(1),2", ""),
    ("push_eth(src=00:00:00:00:00:01,dst=00:00:00:00:00:02),2", PLAIN),
    ("pop_eth,2", "eth_type(0x88b5)"),
    ("ct,2", V4),
    ("ct_clear,2", V4),
    ("ct(commit,zone=5,mark=0x1/0xff,label=0x1/0x3),recirc(0x5)", V6),
    ("ct(commit,mark=0x5/0xffffffff,label=0x1122334455667788/0xffffffffffffffffffffffffffffffff),2", V4),
    ("ct(force_commit,zone=65535,timeout=short),2", V4),
    ("ct(commit,nat(src=10.0.0.1-10.0.0.9:1000-2000,random)),2", V4),
    ("ct(commit,nat(dst=10.0.0.1:80,hash)),2", V4),
    ("ct(commit,nat(src=10.0.0.1,persistent)),2", V4),
    ("ct(commit,nat(src=[fe80::1]-[fe80::9]:5,persistent,hash)),2", V6),
    ("ct(commit,nat(dst=fe80::1)),2", V6),
    ("ct(commit,nat(src)),ct(nat),2", V4),
    ("2,drop", ""),
)


def ipless():
    """Flows of packets without an Ethernet header."""
    for text in ("src=10.0.0.1", "proto=89,frag=no", "dst=10.0.0.0/255.0.0.0"):
        yield f"in_port(3),{V4}({text})"
    yield f"in_port(3),{V6}(dst=fd00::/ffff::)"


def lines():
    """Flows, all different, with actions by turns: each action that there is, each with a flow that it is valid for."""
    families = (metadata, conntrack, tunnels, link, network, transport, ipless)
    keys = [key for family in families for key in family()]
    keys.append("in_port(1),eth(),eth_type(0x88b5)")
    waiting = list(ACTIONS)
    for number, key in enumerate(keys):
        place = next(place for place, (actions, needs) in enumerate(waiting) if valid(key, actions, needs))
        actions, needs = waiting.pop(place)
        waiting.append((actions, needs))
        # No packet may match two flows.
        if "recirc_id(" not in key:
            key = f"recirc_id({0x1000 + number:#x}),{key}"
        yield f"{key} {actions}"


def valid(key, actions, needs):
    """Whether the kernel takes these actions for this flow."""
    if needs == PLAIN:
        return "eth(" not in key
    if needs not in key or "encap(" in key and needs:
        return False
    # What else changes headers needs to know which there are, and where.
    return actions == "drop" or "eth(" in key and (needs != "" or not any(part in key for part in ("vlan(", MPLS, NSH)))
