"""Makes some minutes of real connections, and records what the program counts of them: record.py DIRECTORY

It runs in the sandbox of the tests. The program writes for the node exporter, and Prometheus scrapes that. What
Prometheus stores of it goes into DIRECTORY.
"""

import collections
import math
import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../tests/monitors"))
from support import EXPORTED, PROGRAM, start, start_exporter, start_prometheus, started  # noqa: E402

# Where Debian's Prometheus stores what it scrapes.
STORED = "/var/lib/prometheus/metrics2"
# Seconds: until there is as much in TIME_WAIT as there is going to be, and then until the end.
BEFORE, RECORDED = 60, 240

# Everything is tracked. What is sent to the first port gets no further than to the table of tracked connections. No
# client of the second receives an answer, so that its connection is half-open.
SILENT, FLOODED = 9, 8080
RULES = f"""
    table inet plot {{
        chain output {{ type filter hook output priority filter; ct state new accept; }}
        chain input {{
            type filter hook input priority filter
            meta l4proto {{ tcp, udp }} th dport {SILENT} drop
            tcp sport {FLOODED} drop
        }}
    }}
"""
# Packets of a connection by UDP make it ASSURED that are exchanged so many seconds after the first.
ASSURED = 3


def setting(name, value=None):
    """Tells or changes one of the kernel's settings of tracked connections."""
    with open(f"/proc/sys/net/netfilter/nf_conntrack_{name}", "r" if value is None else "w") as file:
        return int(file.read()) if value is None else file.write(str(value))


def ramp(now, begin, end):
    """From 0 to 1 in this time."""
    return min(max((now - begin) / (end - begin), 0), 1)


class Budget:
    """How often something is to be done, by its rate."""

    def __init__(self):
        self.rest = 0.0

    def take(self, number):
        self.rest += number
        whole = int(self.rest)
        self.rest -= whole
        return range(whole)


class Web:
    """A server that clients connect to, and both ends."""

    def __init__(self, family, address):
        self.server = socket.create_server((address, 0), family=family, backlog=64)
        self.address = self.server.getsockname()[:2]
        self.open, self.leaked, self.slow = [], [], []

    def pair(self):
        client = socket.create_connection(self.address)
        return client, self.server.accept()[0]

    def request(self):
        """A connection that its client closes, and then is in TIME_WAIT."""
        for end in self.pair():
            end.close()

    def keep(self, number):
        while len(self.open) < number:
            self.open.append(self.pair())
        while len(self.open) > number:
            for end in self.open.pop():
                end.close()

    def half_close(self, kept, number):
        """So many that the client has closed, and the server hasn't."""
        while len(kept) < number:
            kept.append(self.pair())
            kept[-1][0].shutdown(socket.SHUT_WR)
        while len(kept) > number:
            for end in reversed(kept.pop()):
                end.close()


class Datagrams:
    """Connections of UDP, each from another pair of ports."""

    def __init__(self, family, address):
        self.address = address
        self.servers = [socket.socket(family, socket.SOCK_DGRAM) for _ in range(400)]
        self.clients = [socket.socket(family, socket.SOCK_DGRAM) for _ in range(800)]
        for end in self.servers + self.clients:
            end.bind((address, 0))
        self.pairs = ((client, server) for server in self.servers for client in self.clients)

    def exchange(self, pair):
        client, server = pair
        client.sendto(b"?", server.getsockname())
        server.sendto(b"!", server.recvfrom(1)[1])
        client.recv(1)
        return pair


def syn(address, port):
    """A SYN, and nothing more: the client forgets it."""
    with socket.socket() as client:
        client.setblocking(False)
        client.connect_ex((address, port))


def talk():
    """Two connected sockets of UDP."""
    ends = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
    ends[0].bind(("127.0.0.1", 0))
    ends[1].connect(ends[0].getsockname())
    ends[0].connect(ends[1].getsockname())
    return ends


class Connections:
    """All of them, as they come and go. Times are seconds since the recording began."""

    def __init__(self):
        self.limit = setting("max")
        self.webs = [Web(socket.AF_INET, "127.0.0.1"), Web(socket.AF_INET6, "::1")]
        self.datagrams = [Datagrams(socket.AF_INET, "127.0.0.2"), Datagrams(socket.AF_INET6, "::1")]
        self.flooded = socket.create_server(("127.0.0.3", FLOODED), backlog=1024)
        self.scanner = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.requests, self.flood, self.syns, self.scan = Budget(), Budget(), Budget(), Budget()
        self.talks, self.scanned, self.tracked, self.replied = [], 0, 0, collections.deque()

    def sockets(self, now, passed):
        web = self.webs[0]
        # A busy minute of short connections, and users who come and go.
        for n in self.requests.take(passed * (14 + 30 * ramp(now, 70, 80) - 30 * ramp(now, 130, 140))):
            self.webs[n % 3 == 0].request()
        web.keep(90 + int(35 * math.sin(now / 17) + 90 * ramp(now, 70, 90) - 90 * ramp(now, 130, 160)))
        self.webs[1].keep(40 + int(15 * math.sin(now / 23 + 1)))
        while len(self.talks) < 2 * (20 + 30 * ramp(now, 70, 100)):
            self.talks.extend(talk())
        # A burst of what is closed late, and a leak.
        web.half_close(web.slow, 70 if 25 <= now < 37 else 3)
        web.half_close(web.leaked, 5 + int(100 * ramp(now, 60, 220)))
        # A flood of this device.
        for _ in self.flood.take(passed * 9 * (105 <= now < 135)):
            syn("127.0.0.3", FLOODED)

    def forwarded(self, now, passed):
        """What only the table of tracked connections has."""
        # A scan that nobody answers, and is soon forgotten.
        is_scan = 30 <= now < 55
        setting("udp_timeout", 20 if is_scan else 600)
        for _ in self.scan.take(passed * self.limit / 200 * is_scan):
            self.scanned += 1
            self.scanner.sendto(b"?", (f"127.1.{self.scanned // 250 % 250}.{self.scanned % 250 + 1}", SILENT))
        # A flood that goes through this device.
        for n in self.syns.take(passed * (2 + 110 * (190 <= now < 215))):
            syn(f"127.0.{n}.9", SILENT)
        # Users whose connections fill the table.
        part = 0.42 * ramp(now, -BEFORE, -BEFORE + 20) + 0.42 * ramp(now, 75, 175)
        for _ in range(min(int(self.limit * part) - self.tracked, 5000)):
            one = self.datagrams[self.tracked % 4 == 3]
            self.replied.append((now, one, one.exchange(next(one.pairs))))
            self.tracked += 1
        while self.replied and self.replied[0][0] < now - ASSURED:
            _, one, pair = self.replied.popleft()
            if random.random() < 0.8:
                one.exchange(pair)


def main():
    (directory,) = sys.argv[1:]
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    subprocess.run(["nft", RULES], check=True)
    setting("udp_timeout_stream", 600)
    setting("tcp_timeout_syn_sent", 30)
    connections = Connections()

    start(PROGRAM, "-f", "prometheus", "-i", "1", "-o", f"{EXPORTED}/network-connections.prom")
    start(PROGRAM, "--conntrack", "-f", "prometheus", "-i", "4", "-o", f"{EXPORTED}/network-conntrack.prom")
    start_exporter()

    begin, last, is_recorded = time.monotonic() + BEFORE, -BEFORE, False
    while (now := time.monotonic() - begin) < RECORDED:
        if now >= 0 and not is_recorded:
            start_prometheus()
            is_recorded = True
        connections.sockets(now, now - last)
        connections.forwarded(now, now - last)
        last = now
        time.sleep(0.1)

    for process in started:
        process.send_signal(signal.SIGTERM)
        process.wait()
    shutil.rmtree(f"{directory}.new", ignore_errors=True)
    shutil.copytree(STORED, f"{directory}.new")
    shutil.rmtree(directory, ignore_errors=True)
    os.rename(f"{directory}.new", directory)


main()
