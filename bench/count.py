"""Prints the report of the program, as a simple script in Python: count.py"""

import json
import re

# The states 1 to B, in the order of include/net/tcp_states.h.
NAMES = (
    "ESTABLISHED SYN_SENT SYN_RECV FIN_WAIT1 FIN_WAIT2 TIME_WAIT CLOSE CLOSE_WAIT LAST_ACK LISTEN CLOSING"
).split()
# The states in the order of the report.
STATES = (
    "FIN_WAIT1 ESTABLISHED TIME_WAIT CLOSE SYN_SENT SYN_RECV FIN_WAIT2 LISTEN CLOSING CLOSE_WAIT LAST_ACK"
    " UNKNOWN"
).split()
ROW = re.compile(r" *\d+: [0-9A-F]+:[0-9A-F]{4} ([0-9A-F]+):[0-9A-F]{4} ([0-9A-F]{2}) ")

names = {f"{number:02X}": name for number, name in enumerate(NAMES, 1)}
counts = {
    group: dict.fromkeys(STATES, 0) for group in ("tcp4", "tcp6", "udp4", "udp6", "tcp", "udp", "all")
}
for protocol in ("tcp", "udp"):
    for family, file in (("4", protocol), ("6", protocol + "6")):
        with open(f"/proc/net/{file}") as table:
            next(table)
            for line in table:
                remote, number = ROW.match(line).groups()
                if remote.strip("0"):
                    for group in (protocol + family, protocol, "all"):
                        counts[group][names.get(number, "UNKNOWN")] += 1
print(json.dumps(counts, indent=4))
