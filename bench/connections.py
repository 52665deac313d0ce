"""Runs a command while TCP sockets are connected to each other.

    connections.py ADDRESS NUMBER COMMAND…

The script opens NUMBER sockets, two for each connection, because it holds both
ends. Run the script in a network namespace of its own: the script brings up the
loopback interface.
"""

import resource
import socket
import subprocess
import sys

address, number, *command = sys.argv[1:]
_, hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard_limit, hard_limit))
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)

family = socket.AF_INET6 if ":" in address else socket.AF_INET
sockets = []
with socket.create_server((address, 0), family=family) as listener:
    for _ in range(int(number) // 2):
        sockets.append(socket.create_connection(listener.getsockname()[:2]))
        sockets.append(listener.accept()[0])
sys.exit(subprocess.run(command).returncode)
