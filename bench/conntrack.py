"""Has connections tracked, and holds them until standard input ends: conntrack.py NUMBER [4|6]

They are of UDP over IPv4 or IPv6 and nobody answers them, in the table of a network namespace of this process's
own, which only root can make. A line on standard output tells that all are there.
"""

import ctypes
import signal
import socket
import subprocess
import sys

CLONE_NEWNET = 0x40000000
# The addresses of the clients but for their last part, and of the server.
FAMILIES = {
    "4": (socket.AF_INET, "192.0.2.", "198.51.100.1"),
    "6": (socket.AF_INET6, "2001:db8::1:", "2001:db8::2"),
}
CLIENTS = 50
# How many seconds the kernel keeps what isn't answered, instead of 30.
LIFETIME = 24 * 60 * 60
# Rows are made where what is sent leaves. What arrives at an address, which all of the networks are here, is
# dropped.
SETUP = """
ip link set lo up
ip route add local 192.0.2.0/24 dev lo
ip route add local 198.51.100.0/24 dev lo
ip route add local 2001:db8::/32 dev lo
nft 'table inet bench { chain output { type filter hook output priority 0; ct state invalid drop; }; }'
nft 'table inet bench { chain input { type filter hook input priority 0; drop; }; }'
"""


def parameter(name, value=None):
    with open("/proc/sys/net/" + name, "r" if value is None else "w") as file:
        return int(file.read()) if value is None else file.write(str(value))


def track(number, family, clients, server):
    for client in range(CLIENTS):
        with socket.socket(family, socket.SOCK_DGRAM) as one:
            one.bind((clients + str(client + 1), 0))
            for port in range(client, number, CLIENTS):
                one.sendto(b"?", (server, 10000 + port // CLIENTS))


def main():
    # ^C is for all of a terminal's processes; this ends by the end of its input.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    number = int(sys.argv[1])
    family, clients, server = FAMILIES[sys.argv[2] if len(sys.argv) > 2 else "4"]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    subprocess.run(["sh", "-ec", SETUP], check=True)
    # That of the whole machine, which a namespace of its own can't change.
    limit = parameter("netfilter/nf_conntrack_max")
    if limit < number:
        sys.exit(f"{sys.argv[0]}: the kernel tracks {limit} at most: net.netfilter.nf_conntrack_max")
    parameter("netfilter/nf_conntrack_udp_timeout", LIFETIME)
    parameter("ipv6/ip_nonlocal_bind", 1)
    track(number, family, clients, server)
    with open("/proc/self/net/nf_conntrack") as table:
        rows = sum(1 for _ in table)
    if rows != number:
        sys.exit(f"{sys.argv[0]}: there are {rows} rows")
    print("open", flush=True)
    sys.stdin.read()


main()
