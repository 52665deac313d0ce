"""Records the counts of some minutes of real connections: record.py DIRECTORY

This script runs in the sandbox of the tests. The script makes connections, the
program writes their counts for the node exporter, and Prometheus scrapes the
exporter. Then the script copies the data of Prometheus into DIRECTORY.
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

# The directory of Debian's Prometheus for its data.
STORED = "/var/lib/prometheus/metrics2"
# The seconds before the recording, in which the number of connections in
# TIME_WAIT levels off, and the seconds of the recording.
BEFORE, RECORDED = 60, 240

# The kernel tracks all connections. Packets to the port SILENT enter the table
# of tracked connections, and are then dropped. Clients of the port FLOODED
# receive no answer, so their connections stay half-open.
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
# A UDP connection becomes ASSURED if its ends exchange packets this number of
# seconds after the first packet.
ASSURED = 3


def conntrack_sysctl(name, value=None):
    """Reads or changes a setting of the kernel for tracked connections."""
    with open(f"/proc/sys/net/netfilter/nf_conntrack_{name}", "r" if value is None else "w") as file:
        return int(file.read()) if value is None else file.write(str(value))


def ramp(now, begin, end):
    """Returns 0 before `begin`, 1 after `end`, and a ramp in between."""
    return min(max((now - begin) / (end - begin), 0), 1)


class Budget:
    """The fraction of an action that is not due yet.

    A caller adds the actions of each moment, and performs the whole ones.
    """

    def __init__(self):
        self.rest = 0.0

    def take(self, number):
        """Adds `number` actions, and returns a range of the whole ones."""
        self.rest += number
        whole = int(self.rest)
        self.rest -= whole
        return range(whole)


class Web:
    """A TCP server, and both ends of its connections."""

    def __init__(self, family, address):
        self.server = socket.create_server((address, 0), family=family, backlog=64)
        self.address = self.server.getsockname()[:2]
        self.open, self.leaked, self.slow = [], [], []

    def connect(self):
        """Opens a connection, and returns both ends."""
        client = socket.create_connection(self.address)
        return client, self.server.accept()[0]

    def request(self):
        """Opens a connection that the client closes, which leaves TIME_WAIT."""
        for end in self.connect():
            end.close()

    def keep(self, number):
        """Opens or closes connections until `number` are open."""
        while len(self.open) < number:
            self.open.append(self.connect())
        while len(self.open) > number:
            for end in self.open.pop():
                end.close()

    def half_close(self, kept, number):
        """Opens or closes half-closed connections until there are `number`.

        The client has closed such a connection, and the server has not.
        """
        while len(kept) < number:
            kept.append(self.connect())
            kept[-1][0].shutdown(socket.SHUT_WR)
        while len(kept) > number:
            for end in reversed(kept.pop()):
                end.close()


class Datagrams:
    """UDP sockets, whose pairs of ports are one connection each."""

    def __init__(self, family, address):
        self.address = address
        self.servers = [socket.socket(family, socket.SOCK_DGRAM) for _ in range(400)]
        self.clients = [socket.socket(family, socket.SOCK_DGRAM) for _ in range(800)]
        for end in self.servers + self.clients:
            end.bind((address, 0))
        self.pairs = ((client, server) for server in self.servers for client in self.clients)

    def exchange(self, pair):
        """Sends a datagram in each direction, and returns the pair."""
        client, server = pair
        client.sendto(b"?", server.getsockname())
        server.sendto(b"!", server.recvfrom(1)[1])
        client.recv(1)
        return pair


def send_syn(address, port):
    """Sends a SYN from a client that is closed at once."""
    with socket.socket() as client:
        client.setblocking(False)
        client.connect_ex((address, port))


def connect_datagrams():
    """Returns two UDP sockets that are connected to each other."""
    ends = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
    ends[0].bind(("127.0.0.1", 0))
    ends[1].connect(ends[0].getsockname())
    ends[0].connect(ends[1].getsockname())
    return ends


class Connections:
    """All connections of the recording.

    Times are seconds since the start of the recording.
    """

    def __init__(self):
        self.limit = conntrack_sysctl("max")
        self.webs = [Web(socket.AF_INET, "127.0.0.1"), Web(socket.AF_INET6, "::1")]
        self.datagrams = [Datagrams(socket.AF_INET, "127.0.0.2"), Datagrams(socket.AF_INET6, "::1")]
        self.flooded = socket.create_server(("127.0.0.3", FLOODED), backlog=1024)
        self.scanner = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.requests, self.flood, self.syns, self.scan = Budget(), Budget(), Budget(), Budget()
        self.talks, self.scanned, self.tracked, self.replied = [], 0, 0, collections.deque()

    def update_sockets(self, now, passed):
        """Changes the sockets of this device."""
        web = self.webs[0]
        # A busy minute of short connections, and users who come and go.
        for n in self.requests.take(passed * (14 + 30 * ramp(now, 70, 80) - 30 * ramp(now, 130, 140))):
            self.webs[n % 3 == 0].request()
        web.keep(90 + int(35 * math.sin(now / 17) + 90 * ramp(now, 70, 90) - 90 * ramp(now, 130, 160)))
        self.webs[1].keep(40 + int(15 * math.sin(now / 23 + 1)))
        while len(self.talks) < 2 * (20 + 30 * ramp(now, 70, 100)):
            self.talks.extend(connect_datagrams())
        # A burst of connections that the server closes late, and a leak.
        web.half_close(web.slow, 70 if 25 <= now < 37 else 3)
        web.half_close(web.leaked, 5 + int(100 * ramp(now, 60, 220)))
        # A SYN flood against this device.
        for _ in self.flood.take(passed * 9 * (105 <= now < 135)):
            send_syn("127.0.0.3", FLOODED)

    def update_forwarded(self, now, passed):
        """Changes the connections that are not sockets of this device."""
        # A scan that no host answers. The kernel soon drops its connections.
        is_scan = 30 <= now < 55
        conntrack_sysctl("udp_timeout", 20 if is_scan else 600)
        for _ in self.scan.take(passed * self.limit / 200 * is_scan):
            self.scanned += 1
            self.scanner.sendto(b"?", (f"127.1.{self.scanned // 250 % 250}.{self.scanned % 250 + 1}", SILENT))
        # A SYN flood through this device.
        for n in self.syns.take(passed * (2 + 110 * (190 <= now < 215))):
            send_syn(f"127.0.{n}.9", SILENT)
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
    conntrack_sysctl("udp_timeout_stream", 600)
    conntrack_sysctl("tcp_timeout_syn_sent", 30)
    connections = Connections()

    start(PROGRAM, "-f", "prometheus", "-i", "1", "-o", f"{EXPORTED}/network-connections.prom")
    start(PROGRAM, "--conntrack", "-f", "prometheus", "-i", "4", "-o", f"{EXPORTED}/network-conntrack.prom")
    start_exporter()

    begin, last, is_recorded = time.monotonic() + BEFORE, -BEFORE, False
    while (now := time.monotonic() - begin) < RECORDED:
        if now >= 0 and not is_recorded:
            start_prometheus()
            is_recorded = True
        connections.update_sockets(now, now - last)
        connections.update_forwarded(now, now - last)
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
