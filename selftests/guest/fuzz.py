#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
# timeout: 400
"""Random messages to all families: valid ones with attributes changed, lost, doubled, moved, nested.

FUZZ_MESSAGES= says how many, SEED= which ones. Several processes send them, while packets come in.
What must hold: the kernel does not complain, and a valid request does what it should at any time.
"""

import contextlib
import os
import signal
import struct

from lib import ktap, net
from lib.cycle import send
from lib.fuzzer import LIMIT, METER, Fuzzer, keys
from lib.ktap import equal, find_module, main, test, true
from lib.netlink import ACK, DUMP, REQUEST, Error, Socket, attr
from lib.ovs import DEL, DP, FLOW, GET, PACKET, VPORT, Datapath, Fl, output

MESSAGES = int(os.environ.get("FUZZ_MESSAGES", 12000))
SEED = int(os.environ.get("SEED", 1))
WORKERS = 2
# Messages between two resets, and in one system call.
ROUND, BATCH = 1000, 50


def setup():
    net.load()
    find_module()
    net.quiet_devices()


def drain(sock):
    """Answers: (how many there were, how many of them without an error)."""
    count = good = 0
    with contextlib.suppress(OSError):
        while True:
            data = sock.recv(1 << 17)
            count += 1
            good += struct.unpack_from("=H", data, 4)[0] != 2 or struct.unpack_from("=i", data, 16)[0] == 0
    return count, good


def works(dp):
    """A valid flow can be installed, and is found."""
    dp.flow(next(keys()), output(2), attr(Fl.UFID, b"valid"))
    found = dp.request(FLOW, GET, attr(Fl.UFID, b"valid"))[0]
    equal(found.get(Fl.ACTIONS), output(2), "actions of a valid flow")


def work(number, count):
    """What one process does, in a network namespace of its own: (answers, those that were no errors)."""
    os.unshare(os.CLONE_NEWNET)
    net.sysctl("net/ipv6/conf/default/disable_ipv6", 1)
    net.veth("p1", "e1")
    sender = send()
    try:
        return fuzz(Fuzzer(SEED * 1000 + number, "dp0"), count)
    finally:
        os.kill(sender, signal.SIGKILL)


def fuzz(fuzzer, count):
    nl = Socket()
    known = {family: nl.family(family)[0] for family in (DP, VPORT, FLOW, PACKET, METER)}
    with contextlib.suppress(Error):
        known[LIMIT] = nl.family(LIMIT)[0]
    nl.sock.setblocking(False)
    answers = good = 0
    for start in range(0, count, ROUND):
        dp = Datapath("dp0", nl.pid)
        dp.add("p1", number=1, pids=(nl.pid,))
        for at in range(start, min(start + ROUND, count), BATCH):
            batch = []
            for _ in range(min(BATCH, count - at)):
                family, flags, payload = fuzzer.message(dp.ifindex)
                kind = known.get(family, known[FLOW])
                batch.append(struct.pack("=IHHII", 16 + len(payload), kind, flags | REQUEST | ACK, at, 0) + payload)
                batch.append(bytes(-len(payload) % 4))
            with contextlib.suppress(OSError):
                nl.sock.sendto(b"".join(batch), (0, 0))
            got = drain(nl.sock)
            answers, good = answers + got[0], good + got[1]
        dp.nl.close()
        # What there is now may have any name.
        other = Socket()
        for message in other.request(DP, GET, flags=DUMP):
            other.request(DP, DEL, message.dp_ifindex)
        other.close()
        dp = Datapath("dp0")
        works(dp)
        dp.delete()
        dp.nl.close()
        ktap.forget()
    return answers, good


@test
def random_messages():
    """random messages to all families, from several processes, under traffic"""
    children, (reader, writer) = [], os.pipe()
    for number in range(WORKERS):
        pid = os.fork()
        if not pid:
            status = 1
            try:
                ktap.forget()
                os.write(writer, struct.pack("=QQ", *work(number, MESSAGES // WORKERS)))
                status = 0
            except BaseException as error:  # pylint: disable=broad-except
                print(f"# process {number}: {type(error).__name__}: {error}", flush=True)
            finally:
                os._exit(status)
        children.append(pid)
    equal([os.waitpid(pid, 0)[1] for pid in children], [0] * WORKERS, "status of the processes")
    totals = [struct.unpack("=QQ", os.read(reader, 16)) for _ in range(WORKERS)]
    answers, good = (sum(total[i] for total in totals) for i in (0, 1))
    print(f"# SEED={SEED}: {MESSAGES} messages, {answers} answers, {good} of them no errors")
    true(MESSAGES / 50 < good < answers, "too few messages are valid, or all are")


if __name__ == "__main__":
    main(setup)
