"""What the tests of monitoring systems have in common. They run in the sandbox, as root."""

import os
import re
import signal
import socket
import subprocess
import sys
import time

# They change this machine's configuration, and start its daemons.
if socket.gethostname() != "sandbox":
    sys.exit("Not in the sandbox. scripts/test-monitors runs these tests.")

PROGRAM = "/usr/bin/network-connections"
MANUAL = os.path.join(os.path.dirname(__file__), "../../docs/monitors.md")

TABLES = ["tcp4", "tcp6", "udp4", "udp6"]
# As the kernel numbers them. UNKNOWN is any other number.
STATES = {
    "ESTABLISHED": "01", "SYN_SENT": "02", "SYN_RECV": "03", "FIN_WAIT1": "04",
    "FIN_WAIT2": "05", "TIME_WAIT": "06", "CLOSE": "07", "CLOSE_WAIT": "08",
    "LAST_ACK": "09", "LISTEN": "0A", "CLOSING": "0B", "UNKNOWN": "0D",
}  # fmt: skip


def documented(path):
    """What the manual says is in a file: all its blocks whose first comment is the file's name."""
    with open(MANUAL) as manual:
        blocks = re.findall(r"^```\w+\n(.*?)^```$", manual.read(), re.DOTALL | re.MULTILINE)
    name = re.compile(rf"(#!.*\n)?# {re.escape(path)}\n")
    blocks = [block for block in blocks if name.match(block)]
    assert blocks, f"{MANUAL} has no {path}"
    return "".join(blocks)


def install(path):
    """Makes a file as the manual has it."""
    text = documented(path)
    write(path, text)
    os.chmod(path, 0o755 if text.startswith("#!") else 0o644)


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)


def read(path):
    """The text of a file, and none of a file that isn't there (yet)."""
    try:
        with open(path) as file:
            return file.read()
    except FileNotFoundError:
        return ""


def run(*arguments, **options):
    """What the program prints."""
    return subprocess.run(
        [PROGRAM, *arguments], stdout=subprocess.PIPE, text=True, check=True, **options
    ).stdout


started = []


def start(*command, **options):
    """Starts a process that the end of the sandbox ends."""
    print("$", *command, flush=True)
    started.append(subprocess.Popen(command, **options))
    return started[-1]


def eventually(found, what, seconds=120):
    """Waits until a function finds something, and returns that. The time is for a busy machine.

    A process that has failed won't make it come true.
    """
    end = time.monotonic() + seconds
    while not (result := found()):
        for process in started:
            if process.poll() not in (None, 0, -signal.SIGKILL):
                raise AssertionError(f"{process.args} ended with {process.returncode}, and no {what}")
        if time.monotonic() > end:
            raise AssertionError(f"after {seconds} seconds: no {what}")
        time.sleep(0.05)
    return result


def answers(port):
    """Whether a server listens."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def counts(**others):
    """The counts of all tables and states: zero but for some, as tcp4_ESTABLISHED=7."""
    result = {(table, state): 0 for table in TABLES for state in STATES}
    for name, number in others.items():
        result[tuple(name.split("_", 1))] = number
    return result


def procfs(path, numbers):
    """Makes a procfs directory in which the program finds these numbers of sockets."""
    for table in TABLES:
        address = ":".join(["0100007F" * (4 if table.endswith("6") else 1), "0016"])
        rows = ["  sl  local_address rem_address   st\n"]
        for state, code in STATES.items():
            for _ in range(numbers.get((table, state), 0)):
                row = f"{len(rows):4d}: {address} {address} {code} 00000000:00000000 00:00000000 00000000"
                rows.append(f"{row}     0        0 1 1 0000000000000000 100 0 0 10 0".ljust(149) + "\n")
        write(f"{path}/net/{table.removesuffix('4')}", "".join(rows))
    return path


def distinct(first):
    """Counts that are all different, so that none can stand for another."""
    return dict(zip(counts(), range(first, first + len(counts()))))


def connect(family, number, half_closed=0):
    """Opens TCP connections, and closes one end of some. Returns what keeps them open.

    Both ends are sockets of the sandbox: one is ESTABLISHED as the other is, or CLOSE_WAIT and FIN_WAIT2.
    """
    server = socket.create_server(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0), family=family)
    ends = []
    for n in range(number + half_closed):
        client = socket.create_connection(server.getsockname()[:2])
        if n >= number:
            client.shutdown(socket.SHUT_WR)
        ends += [client, server.accept()[0]]
    return server, ends
