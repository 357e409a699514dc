# SPDX-License-Identifier: GPL-2.0
"""churn.py TIMES: make and delete datapaths, ports and flows, with traffic all the time.

Prints how many hits and misses there were.
"""

import os
import signal
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# pylint: disable=wrong-import-position
from lib import ktap, net, ovs
from lib.cycle import send
from lib.netlink import Socket, attr, string
from lib.ovs import DEL, DP, FLOW, Datapath, Dp, Feature, Fl, Vp, output


def flows(dp):
    """Flows that the traffic hits, one after the other, and flows it does not."""
    for i in range(10):
        ufid = attr(Fl.UFID, struct.pack("=I", i))
        key = ovs.in_port(1) + ovs.eth() + ovs.eth_type(0x0800) + ovs.ipv4(ttl=i)
        dp.flow(key, output(i), ufid)
    dp.flow_from(1, ovs.push_vlan(0x1064) + output(2) + output(1), attr(Fl.UFID, b"all"))
    dp.request(FLOW, DEL, attr(Fl.UFID, struct.pack("=I", 5)))


def churn(number, listener, counts):
    dp = Datapath("dp0", listener.pid, Feature.UNALIGNED)
    try:
        dp.add("p1", pids=(listener.pid,))
        dp.add("int0", Vp.INTERNAL)
        # It comes and goes as fast as can be, but for each tenth, which waits for traffic.
        waits = number % 10 == 0
        if waits:
            net.wait_for(lambda: dp.stats()[1], "misses")
        flows(dp)
        if waits:
            net.wait_for(lambda: dp.stats()[0], "hits")
        for i, count in enumerate(dp.stats()[:2]):
            counts[i] += count
        # In all orders: what is left goes with the datapath.
        if number & 1:
            dp.remove(1)
        if number & 2:
            dp.flush()
        if number & 4:
            dp.remove(2)
    finally:
        dp.nl.request(DP, DEL, 0, string(Dp.NAME, "dp0"))
        dp.nl.close()
        ktap.forget()


def main(times):
    counts = [0, 0]
    listener = Socket()
    sender = send()
    try:
        for number in range(times):
            churn(number, listener, counts)
            while listener_has_more(listener):
                pass
    finally:
        os.kill(sender, signal.SIGKILL)
        os.waitpid(sender, 0)
    print(f"{counts[0]} hits, {counts[1]} misses")
    ktap.true(all(counts), "no traffic")


def listener_has_more(listener):
    try:
        return listener.pending()
    except OSError:
        # It was full: upcalls were lost, as they may be.
        return True


if __name__ == "__main__":
    net.up("e1")
    net.up("p1")
    net.plugged("e1")
    main(int(sys.argv[1]))
