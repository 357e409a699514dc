#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# timeout: 180
"""ovs-upcalld as a learning switch: flooding, learning, moves, aging, VLANs, start and end."""

import os
import signal
import subprocess
import tempfile

from lib import net, ovs, packet
from lib.ktap import equal, main, test, true
from lib.net import Wire
from lib.switch import PORTS, Upcalld, drain, dropped, expect, flooded, frame, learn, reaches, report, setup, station, wires

dp = None


def start():
    global dp
    dp = setup()


@test
def flood():
    """unknown stations and broadcasts: to all ports but the packet's own"""
    Upcalld()
    for port in PORTS:
        others = [i for i in PORTS if i != port]
        expect(frame(station(port), station(99)), port, *others)
        expect(frame(station(port), packet.BROADCAST), port, *others)
        expect(frame(station(port), bytes.fromhex("01005e000005")), port, *others)


@test
def learning():
    """what is sent to a station that was heard goes to its port alone"""
    Upcalld()
    for port in PORTS:
        learn(port, port)
    for port in PORTS:
        for to in PORTS:
            if port != to:
                expect(frame(station(port), station(to)), port, to)
    # To a station behind the same port: nowhere.
    learn(9, 1)
    wires[1].send(frame(station(1), station(9)))
    expect(frame(station(1), station(2)), 1, 2)


@test
def in_kernel():
    """from the second packet on the datapath does it alone"""
    Upcalld()
    learn(1, 1)
    learn(2, 2)
    expect(frame(station(1), station(2)), 1, 2)
    before = dp.stats()
    for _ in range(10):
        expect(frame(station(1), station(2)), 1, 2)
    after = dp.stats()
    equal((after[0] - before[0], after[1] - before[1]), (10, 0), "hits and misses")


@test
def move():
    """a station that moves is followed, also against flows that are in use"""
    Upcalld()
    learn(1, 1)
    learn(2, 2)
    for port in (3, 4, 1):
        expect(frame(station(2), station(1)), 2, *([1] if port == 3 else [3] if port == 4 else [4]))
        learn(1, port)
        # Flows to where it was are replaced within a round.
        net.wait_for(lambda p=port: reaches(2, 1, p), "packets follow it")


@test
def aging():
    """idle flows are removed, silent stations forgotten"""
    Upcalld("--max-idle", "0.5", "--mac-aging", "3")
    learn(1, 1)
    learn(2, 2)
    expect(frame(station(1), station(2)), 1, 2)
    true(dp.stats()[3] > 0, "no flow")
    net.wait_for(lambda: dp.stats()[3] == 0, "flows are removed")
    net.wait_for(lambda: flooded(1, 2), "the station is forgotten")


@test
def vlans():
    """access ports, a trunk, a trunk with a native VLAN"""
    Upcalld("-p", "p1:access=10", "-p", "p2:access=10", "-p", "p3:access=20", "-p", "p4:trunk=10,20,30")
    ten, twenty, thirty, forty = (((0x8100, vid),) for vid in (10, 20, 30, 40))
    expect(frame(station(1), packet.BROADCAST), 1, 2, 4, tags={4: ten})
    expect(frame(station(3), packet.BROADCAST), 3, 4, tags={4: twenty})
    expect(frame(station(4), packet.BROADCAST), 4, 3, sent=twenty)
    expect(frame(station(4), packet.BROADCAST), 4, 1, 2, sent=ten)
    # Known: tagged and untagged.
    expect(frame(station(1), station(4)), 1, 4, tags={4: ten})
    expect(frame(station(4), station(1)), 4, 1, sent=ten)
    expect(frame(station(3), station(4)), 3, 4, tags={4: twenty})
    expect(frame(station(4), station(3)), 4, 3, sent=twenty)
    # The station is known in another VLAN only.
    expect(frame(station(3), station(1)), 3, 4, tags={4: twenty})
    # Nobody else is in VLAN 30; the trunk is not in 40; the access port takes no tags.
    dropped(frame(station(4), packet.BROADCAST), 4, 3, sent=thirty, after=twenty)
    dropped(frame(station(4), packet.BROADCAST), 4, 3, sent=forty, after=twenty)
    dropped(frame(station(4), packet.BROADCAST), 4, 3, after=twenty)
    dropped(frame(station(1), packet.BROADCAST), 1, 2, 4, sent=ten, tags={4: ten})


@test
def native():
    """the native VLAN of a trunk leaves it without a tag"""
    Upcalld("-p", "p1:trunk=10:native=1", "-p", "p2:access=1", "-p", "p3:native-tagged=1:trunk=10", "-p", "p4:access=10")
    one, ten = ((0x8100, 1),), ((0x8100, 10),)
    expect(frame(station(1), packet.BROADCAST), 1, 2, 3, tags={3: one})
    expect(frame(station(2), packet.BROADCAST), 2, 1, 3, tags={3: one})
    expect(frame(station(3), packet.BROADCAST), 3, 1, 2, sent=one)
    expect(frame(station(4), packet.BROADCAST), 4, 1, 3, tags={1: ten, 3: ten})


@test
def priority_tag():
    """priority bits stay with a packet through a trunk"""
    Upcalld("-p", "p1:trunk=10", "-p", "p2:trunk=10", "-p", "p3:access=20", "-p", "p4:access=20")
    tag = ((0x8100, 0x600A),)
    expect(frame(station(1), packet.BROADCAST), 1, 2, sent=tag, tags={2: tag})


@test
def reserved():
    """what is meant for neighbours only is not forwarded, unless told"""
    data = frame(station(1), bytes.fromhex("0180c2000000"))
    daemon = Upcalld()
    dropped(data, 1, 2, 3, 4)
    daemon.end()
    Upcalld("--forward-bpdu")
    expect(data, 1, 2, 3, 4)


@test
def no_learning():
    """--flood: all packets go to all ports"""
    Upcalld("--flood")
    learn(1, 1)
    learn(2, 2)
    expect(frame(station(1), station(2)), 1, 2, 3, 4)


@test
def ports_come_and_go():
    """ports that are added take part; stations of removed ones are forgotten"""
    Upcalld()
    learn(4, 4)
    expect(frame(station(1), station(4)), 1, 4)
    dp.remove(4)
    net.wait_for(gone, "the station is forgotten")
    dp.add("p4", number=4)
    net.wait_for(lambda: flooded(1, 99), "the port takes part")
    learn(4, 4)
    net.wait_for(lambda: reaches(1, 4, 4), "packets go to the port alone")


def drops(pid):
    """The messages that the sockets of a process have lost."""
    inodes = {os.stat(f"/proc/{pid}/fd/{fd}").st_ino for fd in os.listdir(f"/proc/{pid}/fd")}
    with open("/proc/net/netlink", encoding="ascii") as file:
        lines = [line.split() for line in file][1:]
    return sum(int(line[8]) for line in lines if int(line[9]) in inodes)


@test
def news_lost():
    """more news of ports than the socket for them holds: all ports are looked at"""
    daemon = Upcalld()
    learn(4, 4)
    os.kill(daemon.process.pid, signal.SIGSTOP)
    sent = 0
    while not drops(daemon.process.pid):
        for _ in range(100):
            dp.request(ovs.VPORT, ovs.SET, ovs.u32(ovs.Vp.PORT_NO, 1), ovs.u32(ovs.Vp.UPCALL_PID, 0))
        sent += 100
        true(sent < 20000, "nothing is lost")
    # Of this it does not hear.
    dp.remove(4)
    net.veth("p5", "e5")
    dp.add("p5", number=5)
    os.kill(daemon.process.pid, signal.SIGCONT)
    net.wait_for(lambda: "port 4 is gone" in daemon.said() and "port 5: p5" in daemon.said(), "it looks at the ports")
    net.wait_for(gone, "the station is forgotten")
    dp.remove(5)
    dp.add("p4", number=4)
    net.wait_for(lambda: flooded(1, 99), "and hears of what comes")


def gone():
    drain()
    data = frame(station(1), station(4))
    wires[1].send(data)
    return [wires[i].receive(0.5) for i in (2, 3)] == [data, data]


@test
def internal():
    """the host takes part through the internal port"""
    net.up("dp0")
    wires[0] = Wire("dp0")
    Upcalld()
    data = frame(station(1), packet.BROADCAST)
    expect(data, 1, 2, 3, 4)
    equal(wires[0].receive(), data, "packet to the host")
    data = frame(net.mac("dp0"), station(1))
    expect(data, 0, 1)
    data = frame(station(1), net.mac("dp0"))
    expect(data, 1)
    equal(wires[0].receive(), data, "packet to the host")
    del wires[0]
    net.ip("link set dp0 down")


@test
def terminated():
    """SIGTERM and SIGINT: it ends with status 0, flows are gone, and it starts again"""
    for number in (signal.SIGTERM, signal.SIGINT):
        daemon = Upcalld()
        learn(1, 1)
        true(dp.stats()[3] > 0, "no flow")
        equal(daemon.end(number), 0, "status")
        true("misses:" in daemon.said(), f"no statistics: {daemon.said()}")
        equal(dp.stats()[3], 0, "flows")
    Upcalld()
    learn(1, 1)


@test
def killed():
    """after SIGKILL it starts again, and nothing of the old flows stays"""
    daemon = Upcalld()
    learn(1, 1)
    learn(2, 2)
    daemon.end(signal.SIGKILL)
    dp.flow_from(3, ovs.output(1))
    Upcalld()
    learn(3, 3)
    expect(frame(station(1), station(3)), 1, 3)


@test
def kept():
    """--keep-flows leaves the flows"""
    daemon = Upcalld("--keep-flows")
    learn(1, 1)
    count = dp.stats()[3]
    equal(daemon.end(), 0, "status")
    equal(dp.stats()[3], count, "flows")
    dp.flush()


@test
def twice():
    """a datapath has one ovs-upcalld only; one that does not exist has none"""
    Upcalld()
    for name, why in (("dp0", "another process"), ("nothing", "does not exist")):
        done = subprocess.run(["ovs-upcalld", name], capture_output=True, text=True, timeout=20, check=False)
        equal(done.returncode, 1, "status")
        true(why in done.stderr, done.stderr)
    learn(1, 1)


@test
def asked():
    """SIGUSR1: it prints its statistics and goes on"""
    daemon = Upcalld()
    learn(1, 1)
    daemon.process.send_signal(signal.SIGUSR1)
    net.wait_for(lambda: "misses:" in daemon.said(), "statistics")
    learn(2, 2)


@test
def flow_file():
    """--flows: rules with priorities and wildcards decide, those of a port while it is there"""
    with tempfile.NamedTemporaryFile("w", encoding="ascii") as file:
        file.write(
            "in_port=p1 p2,p3  # unless another one decides\n"
            "priority=20 ip,nw_dst=10.0.0.7 drop\n"
            "priority=10 udp,in_port=p1,tp_dst=53 set(eth(src=02:00:00:00:00:99)),p4\n"
            "in_port(2),eth(dst=02:00:00:00:01:00/ff:ff:ff:ff:ff:00) p1\n"
        )
        file.flush()
        Upcalld("--flows", file.name)
    data = datagram(54)
    for _ in range(3):
        expect(data, 1, 2, 3)
    changed = datagram(53)
    for _ in range(3):
        wires[1].send(changed)
        got = wires[4].receive()
        equal(got, changed[:6] + bytes.fromhex("020000000099") + changed[12:], "packet with another source")
    for _ in range(3):
        wires[1].send(datagram(53, "10.0.0.7"))
        expect(data, 1, 2, 3)
    expect(frame(station(2), bytes.fromhex("020000000105")), 2, 1)
    wires[2].send(frame(station(2), bytes.fromhex("020000000205")))
    expect(data, 1, 2, 3)
    true(dp.stats()[0] > 0, "no packet hit a flow")
    dp.remove(3)
    net.wait_for(lambda: not arrives(data, 1, 2), "the rule of the port that is gone")
    dp.add("p3", number=3)
    net.wait_for(lambda: arrives(data, 1, 2), "the rule is back with its port")


@test
def asked_by_flows():
    """packets that a flow sends up go to the policy, by what the flow gives along"""
    # Any number: the datapath chooses by processor.
    controller = "controller(reason=1,dont_send=0,continuation=0,recirc_id=1,rule_cookie=0x1,controller_id=0,max_len=65535)"
    with tempfile.NamedTemporaryFile("w", encoding="ascii") as file:
        file.write(f"in_port=p1 userspace(pid=4294967295,{controller}),p2\nin_port=p3 userspace(pid=4294967295,userdata(0102)),p2\n")
        file.flush()
        Upcalld("--flows", file.name)
    for port in (1, 1, 3):
        expect(frame(station(port), station(2)), port, 2)

    def counted():
        counts = report()["counts"]
        return (counts["misses"], counts["actions"], counts["bad"]) == (2, 2, 1)

    net.wait_for(counted, "all are counted")


@test
def strays():
    """flows with an identifier of ours that nobody knows of are removed, those of others are not; lost ones are given up"""
    Upcalld("--max-idle", "60")
    learn(1, 1)
    ours = subprocess.run(["dpctl", "-m", "dump-flows", "dp0"], capture_output=True, text=True, timeout=60, check=True).stdout[:13]
    for begin, match in ((ours, "eth_type(0x88b5)"), ("ufid:00000001", "eth_type(0x88b6)")):
        net.run("dpctl", "add-flow", "dp0", f"{begin}-0000-0000-0000-000000000001,in_port(4),eth(),{match}", "drop")
    net.wait_for(lambda: report()["counts"]["strays"] == 1, "the stray is removed")
    net.wait_for(lambda: "0x88b5" not in net.run("dpctl", "dump-flows", "dp0"), "the stray is gone")
    true("0x88b6" in net.run("dpctl", "dump-flows", "dp0"), "another's flow is gone")
    net.run("dpctl", "del-flows", "dp0")
    net.wait_for(lambda: report()["counts"]["vanished"] == 1, "the flow that the datapath has lost is given up")
    equal(report()["flows"]["current"], 0, "flows")


def datagram(port, dst=packet.B4):
    body = packet.ipv4(packet.udp(dport=port, dst=dst), packet.UDP, dst=dst)
    return packet.pad(packet.ether(body, 0x0800))


def arrives(data, port, to):
    """Whether a packet comes out of a port."""
    drain()
    wires[port].send(data)
    return wires[to].receive(0.5) == data


@test
def per_vport():
    """dispatch by port works, too, and is undone at the end"""
    daemon = Upcalld("--dispatch", "per-vport")
    learn(1, 1)
    learn(2, 2)
    expect(frame(station(1), station(2)), 1, 2)
    daemon.end()
    equal(dp.port(1).get(ovs.Vp.UPCALL_PID)[:4], bytes(4), "pid of a port")


@test
def many_stations():
    """thousands of stations that send at once: it stays within its limits and goes on"""
    daemon = Upcalld("--flow-limit", "200", "--mac-table-size", "500")
    learn(1, 1)
    for i in range(3000):
        wires[2].send(packet.udp4(src=bytes.fromhex("0a0000") + i.to_bytes(3, "big"), dst=station(1)))
    misses = dp.stats()[1]
    net.wait_for(lambda: dp.stats()[3] <= 400, "flows are few")
    true(misses > 0, "no misses")
    net.wait_for(goes_on, "packets go on")
    equal(daemon.end(), 0, "status")


def goes_on():
    """Whether a packet arrives. Those from before may still do, too."""
    drain()
    return reaches(3, 1, 1)


@test
def datapath_deleted():
    """it ends when the datapath is deleted"""
    daemon = Upcalld()
    dp.delete()
    equal(daemon.process.wait(10), 1, "status")
    true("deleted" in daemon.said(), daemon.said())


if __name__ == "__main__":
    os.environ["LC_ALL"] = "C"
    main(start)
