"""Opens sockets, and holds them until standard input ends: sockets.py NUMBER

NUMBER is a multiple of 100. Each hundred has the same kinds of sockets, in
states that last as long as the process. The state TIME_WAIT ends by itself, so
no socket is in this state. After all sockets are open, the script prints a
line.
"""

import os
import resource
import signal
import socket
import sys
import time

# The sockets of one hundred. For each address family: the address, the number
# of TCP connections, the number of these that only the client closes, the
# number of UDP sockets, and the number of these that are connected. A
# connection has two sockets. If only the client closes a connection, the client
# is in FIN_WAIT2, and the server is in CLOSE_WAIT. With one listening socket
# for each family, the sums are 2 * 30 + 9 + 1 and 2 * 12 + 5 + 1.
HUNDRED = (
    (socket.AF_INET, "127.0.0.1", 30, 5, 9, 4),
    (socket.AF_INET6, "::1", 12, 2, 5, 2),
)
# From include/net/tcp_states.h.
TCP_FIN_WAIT1 = 4


def open_hundred():
    sockets = []
    for family, address, connections, half_closed, udp, connected in HUNDRED:
        listener = socket.create_server((address, 0), family=family)
        sockets.append(listener)
        for number in range(connections):
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
    assert len(sockets) == 100, f"expected 100 sockets in HUNDRED, found {len(sockets)}"
    return sockets


def tcp_state(one):
    return one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]


def hold_hundreds(hundreds, ready):
    # Only the first process keeps the output open, so the reader of the output
    # sees the end when the first process ends.
    os.close(sys.stdout.fileno())
    sockets = [one for _ in range(hundreds) for one in open_hundred()]
    # A client that closes is in FIN_WAIT1 until the acknowledgement arrives.
    while any(
        one.type == socket.SOCK_STREAM and tcp_state(one) == TCP_FIN_WAIT1 for one in sockets
    ):
        time.sleep(0.01)
    os.write(ready, b".")
    os.close(ready)
    sys.stdin.read()


def main():
    # A terminal sends the SIGINT of ^C to every process in the foreground.
    # These processes end at the end of their input instead.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    hundreds = int(sys.argv[1]) // 100
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    # The hundreds that one process can hold. The process needs a few more
    # descriptors for its input and output.
    share = limit // 100 - 1
    reader, ready = os.pipe()
    shares = [min(share, hundreds - first) for first in range(0, hundreds, share)]
    for process_hundreds in shares:
        if os.fork() == 0:
            hold_hundreds(process_hundreds, ready)
            return
    os.close(ready)
    for _ in shares:
        if not os.read(reader, 1):
            sys.exit(f"{sys.argv[0]}: a process ended early (expected it to open its sockets)")
    print("open", flush=True)
    sys.stdin.read()
    for _ in shares:
        os.wait()


main()
