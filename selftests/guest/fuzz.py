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
import time

from lib import ktap, net
from lib.cycle import send
from lib.fuzzer import Fuzzer, keys
from lib.ktap import equal, find_module, main, test, true
from lib.netlink import DUMP, Socket, attr
from lib.ovs import DEL, DP, FLOW, GET, Datapath, Fl, output

MESSAGES = int(os.environ.get("FUZZ_MESSAGES", 12000))
SEED = int(os.environ.get("SEED", 1))
WORKERS = 2
# Messages in one network namespace, between two resets, and in one system call.
STAY, ROUND, BATCH = 10000, 1000, 50


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


class Place:
    """A network namespace with a device whose other end sends packets."""

    def __init__(self):
        os.unshare(os.CLONE_NEWNET)
        net.sysctl("net/ipv6/conf/default/disable_ipv6", 1)
        self.plug()

    def plug(self):
        net.veth("p1", "e1")
        self.sender = send()

    def unplug(self):
        """The device goes, whatever it is a port of."""
        self.stop()
        net.ip("link del p1")

    def stop(self):
        os.kill(self.sender, signal.SIGKILL)
        os.waitpid(self.sender, 0)


def work(number, count):
    """What one process does: (answers, those that were no errors)."""
    answers = good = 0
    start = time.monotonic()
    for at in range(0, count, STAY):
        place = Place()
        try:
            got = fuzz(place, (SEED * 1000 + number) * 10000 + at // STAY, min(STAY, count - at))
        finally:
            place.stop()
        answers, good = answers + got[0], good + got[1]
        if number == 0:
            print(f"# {WORKERS * (at + STAY)} messages, {time.monotonic() - start:.0f} s", flush=True)
    return answers, good


def fuzz(place, seed, count):
    nl = Socket()
    fuzzer = Fuzzer(seed, "dp0", nl)
    nl.sock.setblocking(False)
    answers = good = done = rounds = 0
    while done < count:
        dp = Datapath("dp0", nl.pid)
        dp.add("p1", number=1, pids=(nl.pid,))
        end = min(done + ROUND, count)
        while done < end:
            some = min(BATCH, end - done)
            with contextlib.suppress(OSError):
                nl.sock.sendto(fuzzer.messages(dp.ifindex, some), (0, 0))
            got = drain(nl.sock)
            answers, good, done = answers + got[0], good + got[1], done + some
        dp.nl.close()
        rounds += 1
        if rounds % 3 == 0:
            place.unplug()
            place.plug()
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
    fuzzer.close()
    nl.close()
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
