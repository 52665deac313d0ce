"""Writes the first inputs of the fuzzer: seeds.py DIRECTORY

Each fuzz target has a folder in DIRECTORY. The inputs are the tables in
tests/fixtures, whole and a few rows at a time, the dumps of this kernel with
sockets of all kinds, every option of the manual page in every notation, and
ranges. fuzz/corpus keeps the inputs that reach new code.

The script opens sockets. Run the script in a network namespace of its own:
`unshare --map-root-user --net`.
"""

import hashlib
import itertools
import re
import socket
import struct
import subprocess
import sys
from pathlib import Path

directory = Path(sys.argv[1])
project = Path(__file__).parents[1]
fixtures = project / "tests/fixtures"


def write_seed(target, *parts):
    seed = b"".join(parts)
    file = directory / target / hashlib.sha1(seed).hexdigest()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(seed)


def split_tables(files, header):
    """Yields each table whole and in parts, each after the sizes of the reads.

    A part has the header and one or three rows. `header` is the number of lines
    in the header.
    """
    sizes = itertools.cycle([[], [1], [255], [3, 100], [151, 149], [64, 1, 1], [7, 90, 2, 33, 150, 255, 5]])
    for file in files:
        lines = file.read_bytes().splitlines(keepends=True)
        for number in (1, 3, max(len(lines), 1)):
            for start in range(header, max(len(lines), header + 1), number):
                table = b"".join(lines[:header] + lines[start : start + number])
                for size in itertools.islice(sizes, 2):
                    yield file, bytes([len(size), *size]) + table


for file, table in split_tables(sorted(fixtures.glob("*/net/*")), header=1):
    write_seed("rows", b"6" if file.name.endswith("6") else b"4", table)
for _, table in split_tables(sorted(fixtures.glob("conntrack/*/net/nf_conntrack")), header=0):
    write_seed("conntrack", table)

# Rows that no kernel has printed so far, and rows with values that a user of
# the system may choose.
ROW = b"header\n   0: 0100007F:1F90 %s:C001 %s\n   1: 00000000:0016 00000000:0000 0A"
for remote, state in ((b"10000000", b"01 0"), (b"00000001", b"0A"), (b"0000000G", b"01 0"), (b"0200007F", b"001 0")):
    write_seed("rows", b"4\0", ROW % (remote, state))
write_seed("rows", b"4\0", ROW % (b"0200007F", b"01 0"), b"\n ")
for remote in (b"1" + b"0" * 31, b"0" * 31 + b"1"):
    write_seed("rows", b"6\0", b"header\n   0: %032d:0016 %s:C001 01 0\n" % (0, remote))
for value in (b"CLOSE", b"[ASSURED]", b"[UNREPLIED]", b"src=1", b"sport=1"):
    row = b"ipv4     2 tcp      6 9 LAST_ACK src=1 dst=2 sport=3 zone-orig=%s dport=4 src=2 dst=1 secctx=%s use=1\n"
    write_seed("conntrack", b"\0", row % (value, value))
# This word begins and ends like a status.
write_seed("conntrack", b"\0", b"ipv4     2 udp      17 9 src=1 dst=2 src=2 dst=1 [ASSURED]RED] use=1\n")

# The requests of DumpKind in src/kernel/sock_diag.rs.
TCPDIAG_GETSOCK, SOCK_DIAG_BY_FAMILY, NETLINK_SOCK_DIAG = 18, 20, 4
FLAGS = 0x301  # NLM_F_REQUEST | NLM_F_DUMP
STATES = 0xFFF


def encode_request(kind, content):
    return struct.pack("=IHHII", 16 + len(content), kind, FLAGS, 0, 0) + content


def encode_udp_request(family):
    return encode_request(SOCK_DIAG_BY_FAMILY, struct.pack("=BBxxI48x", family, socket.IPPROTO_UDP, STATES))


subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
# The list keeps the sockets open.
sockets = []
for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
    listener = socket.create_server((address, 0), family=family)
    for shut in (None, "client", "both", "server"):
        client = socket.create_connection(listener.getsockname()[:2])
        server = listener.accept()[0]
        # After one shutdown, the ends are in FIN_WAIT2 and CLOSE_WAIT. After
        # both, the client is in TIME_WAIT.
        if shut in ("client", "both"):
            client.shutdown(socket.SHUT_WR)
        if shut in ("server", "both"):
            server.shutdown(socket.SHUT_WR)
        sockets += [client, server]
    unconnected = socket.socket(family, socket.SOCK_DGRAM)
    unconnected.bind((address, 0))
    connected = socket.socket(family, socket.SOCK_DGRAM)
    connected.connect(unconnected.getsockname()[:2])
    sockets += [listener, unconnected, connected]

requests = [
    encode_request(TCPDIAG_GETSOCK, struct.pack("=BBBB48xII", 0, 0, 0, 0, STATES, 0)),
    encode_udp_request(socket.AF_INET),
    encode_udp_request(socket.AF_INET6),
]
for number, request in enumerate(requests):
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as netlink:
        netlink.send(request)
        kind = 0
        while kind != 3:  # NLMSG_DONE
            datagram = netlink.recv(1 << 16)
            write_seed("diag", bytes([number]), datagram)
            # The first 100 bytes of the datagram, and the first message with
            # the end of the dump after it.
            write_seed("diag", bytes([number]), datagram[:100])
            first = struct.unpack_from("=I", datagram)[0]
            write_seed("diag", bytes([number]), datagram[:first], struct.pack("=IHHIIi", 20, 3, 2, 0, 0, 0))
            (kind,) = struct.unpack_from("=H", datagram, 4)
    # NLMSG_ERROR with ENOENT, the answer of a kernel without the module, and
    # the end of a dump with NLM_F_DUMP_INTR.
    write_seed("diag", bytes([number]), struct.pack("=IHHIIi", 36, 2, 0, 0, 0, -2), request[:16])
    write_seed("diag", bytes([number]), struct.pack("=IHHIIi", 20, 3, 0x12, 0, 0, 0))
for release in (b"2.6.32-754.el6.x86_64", b"3.18.0", b"4.3.9", b"4.4.0-210-generic", b"4.19", b"5.", b"10.0.1"):
    write_seed("diag", b"\0", release)

VALUES = {
    "PORT": (b"80", b"65536"),
    "SOURCE": (b"proc", b"netlink", b"auto", b"none"),
    "FORMAT": (b"json", b"ndjson", b"prometheus", b"influx", b"collectd", b"xml"),
    "KEY": (b"tcp4.LISTEN", b"all", b"other.ASSURED", b"tcp."),
    "KEY=RANGE": (b"tcp=@1:2", b"udp6.CLOSE=~:9", b"all=5:", b"all=2:1", b"all"),
    "FILE": (b"/tmp/FILE", b""),
    "SECONDS": (b"60", b"86400", b"86401", b"0"),
    None: (None,),
}
manual = (project / "network-connections.1").read_text()
options = re.findall(r"^\.It (?:Fl (\w) , )?Fl Fl ([a-z-]+)(?: Ar (.*))?$", manual, re.MULTILINE)
assert len(options) == 13, f"expected 13 options in the manual page, found {options}"
for short, long, value in options:
    name = value.replace(" Ns = Ns Ar ", "=") or None
    long = b"--" + long.encode()
    for value in VALUES[name]:
        lines = [[long], [long + b"=" + (value or b"")], [long, value or b"/proc/1"], [b"--", long]]
        if short:
            short_one = b"-" + short.encode()
            lines += [[short_one], [short_one + (value or b"a")], [b"-a" + short.encode(), value or b"-"]]
        for line in lines:
            for others in ([], [b"--conntrack"], [b"-wtcp=1"], [b"/proc/1"], [b"/proc"]):
                write_seed("options", b"\0".join(line + others))
write_seed("options", b"\0".join([b"--local-port=1"] * 17))
write_seed("options", b"\0".join([b"-qtcp"] * 92))
# A word that is longer than the part that the program prints.
write_seed("options", b"\0".join([b"/proc", b"x" * 1025]))

RANGES = """10 0 10: ~:10 ~:-1 ~: 10:20 10:10 -5:10 -10:-5 @10 @10: @~:10 @~: @10:20 2147483647 99999999999999999999:
    -99999999999:10 @4294967296:4294967306 : :10 @ @: ~ 1:~ 20:10 -5 0:-1 1.5 1:2:3 +1 --1:5 1: 0x10 @@1 |""".split()
KEYS = b"tcp4.LISTEN udp all tcp6.UNKNOWN table.percent other4.ASSURED table.entries tcp.ESTABLISHED all.x".split()
for number, (text, key) in enumerate(zip(RANGES, itertools.cycle(KEYS))):
    for conntrack in (0, 1):
        added = struct.pack("=BBI", number, number * 5 % 16, [10, 0xFFFFFFFF, 1][number % 3]) * (number % 4)
        entries, limit = [(7, 100), (300, 0), (50_000_000, 60_000_000)][number % 3]
        head = struct.pack("=BIIB", conntrack, entries, limit, number % 4)
        word = key + b"=" + text.encode()
        write_seed("ranges", head, added, word)
        write_seed("ranges", head, added, b"\0".join([word, key + b"=5", b"tcp=@1:"]))
