"""Makes the kernel track connections, and keeps them until standard input ends.

    conntrack.py NUMBER [4|6]

The connections are UDP connections over IPv4 or IPv6 that nobody answers. The
script makes a network namespace for them, so it must run as root. After the
kernel tracks all connections, the script prints a line.
"""

import ctypes
import signal
import socket
import subprocess
import sys

CLONE_NEWNET = 0x40000000
# For each address family: the constant of Python, the addresses of the clients
# without their last part, and the address of the server.
FAMILIES = {
    "4": (socket.AF_INET, "192.0.2.", "198.51.100.1"),
    "6": (socket.AF_INET6, "2001:db8::1:", "2001:db8::2"),
}
CLIENTS = 50
# How many seconds the kernel keeps an unanswered connection, instead of 30.
LIFETIME = 24 * 60 * 60
# The kernel creates a row when a packet leaves. The local routes make every
# address of these networks an address of this namespace. The input chain drops
# the packets that arrive, so nobody answers.
SETUP = """
ip link set lo up
ip route add local 192.0.2.0/24 dev lo
ip route add local 198.51.100.0/24 dev lo
ip route add local 2001:db8::/32 dev lo
nft 'table inet bench { chain output { type filter hook output priority 0; ct state invalid drop; }; }'
nft 'table inet bench { chain input { type filter hook input priority 0; drop; }; }'
"""
SYSCTLS = "/proc/sys/net/"


def read_parameter(name):
    with open(SYSCTLS + name) as file:
        return int(file.read())


def write_parameter(name, value):
    with open(SYSCTLS + name, "w") as file:
        file.write(str(value))


def send_datagrams(number, family, clients, server):
    for client in range(CLIENTS):
        with socket.socket(family, socket.SOCK_DGRAM) as sender:
            sender.bind((clients + str(client + 1), 0))
            for index in range(client, number, CLIENTS):
                sender.sendto(b"?", (server, 10000 + index // CLIENTS))


def main():
    # A terminal sends the SIGINT of ^C to every process in the foreground. This
    # process ends at the end of its input instead.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    number = int(sys.argv[1])
    family, clients, server = FAMILIES[sys.argv[2] if len(sys.argv) > 2 else "4"]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    subprocess.run(["sh", "-ec", SETUP], check=True)
    # This limit holds for the whole machine. A network namespace cannot change
    # the limit.
    limit = read_parameter("netfilter/nf_conntrack_max")
    if limit < number:
        sys.exit(
            f"{sys.argv[0]}: net.netfilter.nf_conntrack_max is {limit}"
            f" (expected at least {number})"
        )
    write_parameter("netfilter/nf_conntrack_udp_timeout", LIFETIME)
    write_parameter("ipv6/ip_nonlocal_bind", 1)
    send_datagrams(number, family, clients, server)
    with open("/proc/self/net/nf_conntrack") as table:
        rows = sum(1 for _ in table)
    if rows != number:
        sys.exit(f"{sys.argv[0]}: nf_conntrack has {rows} rows (expected {number})")
    print("open", flush=True)
    sys.stdin.read()


main()
