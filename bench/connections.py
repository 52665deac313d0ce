"""Runs a command while there are TCP connections: connections.py ADDRESS NUMBER COMMAND…

Both ends are here, so that each connection is two sockets, of which there are NUMBER. It needs a network
namespace of its own, whose loopback interface it brings up.
"""

import resource
import socket
import subprocess
import sys

address, number, *command = sys.argv[1:]
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)

family = socket.AF_INET6 if ":" in address else socket.AF_INET
held = []
with socket.create_server((address, 0), family=family) as listener:
    for _ in range(int(number) // 2):
        held.append(socket.create_connection(listener.getsockname()[:2]))
        held.append(listener.accept()[0])
sys.exit(subprocess.run(command).returncode)
