#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# timeout: 240
"""What dpctl does beyond ovs-dpctl: JSON, filters, monitor, top, completions, the manual page."""

import itertools
import json
import re
import subprocess
import tempfile

from lib import net
from lib.ktap import defer, equal, main, test, true

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
    yield f"{common}erspan(ver=1,idx=0x7),flags(key)),in_port(2),eth(),{V4}()"


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


# Each with a flow that it is valid for.
ACTIONS = (
    ("drop", None),
    ("1,2,3", None),
    ("trunc(100),2", None),
    ("recirc(0x12)", None),
    ("push_vlan(vid=5,pcp=3),2,pop_vlan,3", None),
    ("push_vlan(tpid=0x88a8,vid=5,pcp=0),2", None),
    ("push_mpls(label=5,tc=1,ttl=64,bos=1,eth_type=0x8847),2", V4),
    ("set(eth(src=02:00:00:00:00:05)),2", None),
    ("set(eth(src=02:00:00:00:00:00/ff:ff:ff:00:00:00,dst=02:00:00:00:00:06)),2", None),
    ("set(skb_priority(0x7)),set(skb_mark(0x1/0xf)),2", None),
    ("set(ipv4(src=1.1.1.1,ttl=3)),2", V4),
    ("set(ipv4(dst=1.1.0.0/255.255.0.0,tos=0x4/0xfc)),2", V4),
    ("set(ipv6(dst=fd00::7,hlimit=3)),2", V6),
    ("set(tcp(src=80)),2", "tcp("),
    ("set(udp(src=80,dst=81/0xff)),2", "udp("),
    ("set(sctp(dst=81)),2", "sctp("),
    ("hash(l4(5)),recirc(0x3)", None),
    ("hash(sym_l4(0)),recirc(0x3)", None),
    ("sample(sample=50.0%,actions(2)),3", None),
    ("sample(sample=12.5%,actions(userspace(pid=3),2)),3", None),
    ("clone(push_vlan(vid=4,pcp=0),2),3", None),
    ("check_pkt_len(size=1500,gt(2),le(3))", None),
    ("userspace(pid=1234,userdata(ff00000000000001)),2", None),
    ("userspace(pid=7,slow_path(cfm)),2", None),
    ("userspace(pid=7,sFlow(vid=9,pcp=7,output=10),actions),2", None),
    ("userspace(pid=7,ipfix(output_port=10)),2", None),
    ("userspace(pid=7,flow_sample(probability=123,collector_set_id=1234,obs_domain_id=2345,obs_point_id=3456,"
     "output_port=10,egress)),2", None),
    ("userspace(pid=5,controller(reason=1,dont_send=0,continuation=1,recirc_id=4444,rule_cookie=0x5555,"
     "controller_id=0,max_len=65535)),2", None),
    ("userspace(pid=5,userdata(00112233),tunnel_out_port=2),2", None),
    ("dec_ttl(le_1(userspace(pid=1))),2", V4),
    ("psample(group=5,cookie=1122),2", None),
    ("ct_clear,2", V4),
    ("pop_eth,2", "eth_type(0x88b5)"),
)


def lines():
    """Flows, all different, with actions by turns."""
    keys = [key for family in (metadata, conntrack, tunnels, link, network, transport) for key in family()]
    keys.append("in_port(1),eth(),eth_type(0x88b5)")
    turn = 0
    for key in keys:
        while True:
            actions, needs = ACTIONS[turn % len(ACTIONS)]
            turn += 1
            if needs is None or (needs in key and "mpls" not in key and "encap" not in key):
                break
        yield f"{key} {actions}"


def setup():
    net.load()
    net.quiet_devices()
    net.veth("p1", "e1")
    net.veth("p2", "e2")
    defer(call, "dpctl", "del-dp", "dp0")
    net.run("dpctl", "add-dp", "dp0", "p1", "p2", "int0,type=internal")


def call(program, *args):
    done = subprocess.run([program, *args], capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


def dump(program, *options):
    """The flows that a program prints, sorted."""
    code, out, err = call(program, *options, "dump-flows", "dp0")
    equal((code, err), (0, ""), f"{program} dump-flows")
    return sorted(re.sub(r"used:[0-9.]+s", "used:SOME", line) for line in out.splitlines())


def install(program, flows):
    """Adds flows by a program; those that it or the kernel refused do not count."""
    net.run("dpctl", "del-flows", "dp0")
    with tempfile.NamedTemporaryFile("w", encoding="ascii") as file:
        file.write("\n".join(flows) + "\n")
        file.flush()
        return call(program, "add-flows", "dp0", file.name)


def differences(ours, theirs):
    """What lists do not have in common, one of them only."""
    return [("dpctl", line) for line in ours if line not in theirs] + [
        ("ovs-dpctl", line) for line in theirs if line not in ours
    ]


def without_id(line):
    """ovs-dpctl makes an id up for a flow that has none."""
    return re.sub(r"ufid:[0-9a-f-]+, ", "", line)


def as_flow(line):
    """A line of a dump as the argument of add-flow."""
    key, rest = without_id(line).split(", packets:", 1)
    return f"{key} {rest.split('actions:', 1)[1]}"


@test
def structured():
    """--json: the same flows as text, as JSON"""
    install("dpctl", lines())
    flows = json.loads(net.run("dpctl", "--json", "-m", "--no-names", "dump-flows", "dp0"))
    equal(sorted(f"{f['flow']} {f['actions']}" for f in flows),
          sorted(as_flow(line) for line in dump("dpctl", "-m", "--no-names")), "flows")
    shown = json.loads(net.run("dpctl", "--json", "show"))
    equal([(dp["name"], dp["flows"], [p["name"] for p in dp["ports"]]) for dp in shown],
          [("dp0", len(flows), ["dp0", "p1", "p2", "int0"])], "datapaths")
    equal(json.loads(net.run("dpctl", "--json", "dump-dps")), ["system@dp0"], "names")
    equal(json.loads(net.run("dpctl", "--json", "parse-actions", "2, 3")), ["2,3"], "actions")


@test
def filtered():
    """filter= chooses the same flows as ovs-dpctl, by OpenFlow's fields"""
    install("dpctl", lines())
    found = []
    for text in ("in_port=1,tcp", "udp,udp_dst=2", "ip,nw_dst=192.168.0.1", "ipv6", "arp", "icmp,icmp_type=8",
                 "dl_vlan=100", "in_port=2"):
        # Debian's program writes some actions in another way.
        ours, theirs = (
            [line.split(", packets:")[0] for line in net.run(program, "dump-flows", "dp0", f"filter={text}").splitlines()]
            for program in ("dpctl", "ovs-dpctl")
        )
        found += [(text, *difference) for difference in differences(ours, theirs)]
    equal(found, [], "differences")


@test
def monitored():
    """monitor tells of ports and flows that come and go; top has rates of all ports"""
    flow = "in_port(1),eth(),eth_type(0x88b5)"
    net.run("dpctl", "del-flows", "dp0")
    with tempfile.NamedTemporaryFile("w+", encoding="utf-8") as said:
        with subprocess.Popen(["dpctl", "monitor", "dp0"], stdout=said) as process:
            try:
                # It tells nothing of its own accord: change something until it listens.
                def listens():
                    net.run("dpctl", "add-flow", "dp0", flow, "2")
                    net.run("dpctl", "del-flow", "dp0", flow)
                    return "flow new" in open(said.name, encoding="utf-8").read()

                net.wait_for(listens, "monitor tells")
                net.run("dpctl", "add-if", "dp0", "int1,type=internal")
                net.run("dpctl", "del-if", "dp0", "int1")
                net.wait_for(lambda: "port deleted" in open(said.name, encoding="utf-8").read(), "monitor tells")
            finally:
                process.kill()
        lines = open(said.name, encoding="utf-8").read()
        for wanted in (f"system@dp0: flow new: {flow}, ", "flow deleted: ", "port new: 4: int1 (internal)",
                       "port deleted: 4: int1 (internal)"):
            true(wanted in lines, f"{wanted} is not in {lines}")
    rates = json.loads(net.run("dpctl", "--json", "top", "dp0"))
    equal([port["name"] for port in rates["ports"]], ["dp0", "p1", "p2", "int0"], "ports")


@test
def generated():
    """completions and the manual page know every command"""
    listed = [line.split()[0] for line in net.run("dpctl", "list-commands").splitlines()[1:]]
    true(len(listed) > 20, listed)
    for args in (("completions", "bash"), ("completions", "zsh"), ("completions", "fish"), ("manual",)):
        text = net.run("dpctl", *args).replace("\\-", "-")
        equal([name for name in listed if name not in text], [], f"{args}")


if __name__ == "__main__":
    main(setup)
