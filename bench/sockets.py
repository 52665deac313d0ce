"""Opens sockets, and holds them until standard input ends: sockets.py NUMBER

The number is one of whole hundreds. Each hundred has the same kinds, in states that last as long as the
process (TIME_WAIT doesn't, and is left out). A line on standard output tells that all are there.
"""

import os
import resource
import signal
import socket
import sys
import time

# Address, pairs of a client and a server, how many of these only the client closes (it is in FIN_WAIT2 then,
# and the server in CLOSE_WAIT), sockets of UDP, and how many of these are connected. With the listening
# socket these are 2 * 30 + 9 + 1 and 2 * 12 + 5 + 1.
HUNDRED = (
    (socket.AF_INET, "127.0.0.1", 30, 5, 9, 4),
    (socket.AF_INET6, "::1", 12, 2, 5, 2),
)


def hundred():
    sockets = []
    for family, address, pairs, half_closed, udp, connected in HUNDRED:
        listener = socket.create_server((address, 0), family=family)
        sockets.append(listener)
        for number in range(pairs):
            client = socket.create_connection(listener.getsockname()[:2])
            sockets += client, listener.accept()[0]
            if number < half_closed:
                client.shutdown(socket.SHUT_WR)
        for number in range(udp):
            one = socket.socket(family, socket.SOCK_DGRAM)
            one.bind((address, 0))
            sockets.append(one)
            if number < connected:
                one.connect((address, 9))
    assert len(sockets) == 100
    return sockets


def state(one):
    return one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]


def hold(hundreds, ready):
    # So that the end of the first process is that of its output.
    os.close(sys.stdout.fileno())
    held = [one for _ in range(hundreds) for one in hundred()]
    # What a client has closed is in FIN_WAIT1 (4) for the moment that the acknowledgement takes.
    while any(one.type == socket.SOCK_STREAM and state(one) == 4 for one in held):
        time.sleep(0.01)
    os.write(ready, b".")
    os.close(ready)
    sys.stdin.read()


def main():
    # ^C is for all of a terminal's processes; these end by the end of their input.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    hundreds = int(sys.argv[1]) // 100
    # So many fit into a process, with some descriptors besides.
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    share = limit // 100 - 1
    reader, ready = os.pipe()
    shares = [min(share, hundreds - first) for first in range(0, hundreds, share)]
    for some in shares:
        if os.fork() == 0:
            hold(some, ready)
            return
    os.close(ready)
    for _ in shares:
        if not os.read(reader, 1):
            sys.exit(f"{sys.argv[0]}: not all sockets could be made")
    print("open", flush=True)
    sys.stdin.read()
    for _ in shares:
        os.wait()


main()
