"""Nagios runs the program as a plugin, and has states, texts and performance data of it."""

import os
import re
import shutil
import unittest

from support import contrib, eventually, follow, procfs, read, start

CONFIGURATION = "nagios/network-connections.cfg"
SERVICE = "Network connections"
CHECK = "-w tcp.TIME_WAIT=1500 -c tcp.TIME_WAIT=4000"
STATUS = "/var/lib/nagios4/status.dat"
OK, WARNING, CRITICAL, UNKNOWN = "0", "1", "2", "3"


def status():
    """What Nagios says of its services that it has checked."""
    services = {}
    for block in re.findall(r"^servicestatus {\n(.*?)^\t}", read(STATUS), re.DOTALL | re.MULTILINE):
        service = dict(re.findall(r"^\t(\w+)=(.*)$", block, re.MULTILINE))
        if service["has_been_checked"] == "1":
            services[service["service_description"]] = service
    return services


def add_service(description, arguments):
    """The service under another name and with other arguments."""
    service = re.search(r"^define service {\n.*?^}\n", contrib(CONFIGURATION), re.DOTALL | re.MULTILINE)[0]
    for old, new in ((SERVICE, description), (CHECK, arguments)):
        assert service.count(old) == 1, f"{CONFIGURATION} has no {old}"
        service = service.replace(old, new)
    with open("/etc/nagios4/conf.d/more.cfg", "a") as file:
        file.write(service)


class Nagios(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        follow(CONFIGURATION)
        for total in 1500, 1973, 4000, 4001:
            path = procfs(f"/mnt/{total}", {("tcp4", "TIME_WAIT"): 1000, ("tcp6", "TIME_WAIT"): total - 1000})
            add_service(f"of {total}", f"{CHECK} {path}")
        add_service("of a missing directory", f"{CHECK} /mnt/missing")
        os.chmod(procfs("/mnt/unreadable", {}) + "/net/tcp6", 0)
        add_service("of an unreadable file", f"{CHECK} /mnt/unreadable")
        add_service("of a mistake", "-w tcp.TIME_WAIT=many")
        add_service("of two", f"-w udp=1: {CHECK} /mnt/1500")
        add_service("of an inner range", "-c udp=@0:3 /mnt/1500")

        # Debian's configuration, but with all checks at once, and at once in the file.
        with open("/etc/nagios4/nagios.cfg", "a") as file:
            file.write("service_inter_check_delay_method=n\n")
            file.write("check_result_reaper_frequency=1\n")
            file.write("status_update_interval=1\n")
            file.write("enable_notifications=0\n")
            file.write("use_syslog=0\n")
        os.makedirs("/run/nagios4", exist_ok=True)
        shutil.chown("/run/nagios4", "nagios", "nagios")
        start("nagios4", "/etc/nagios4/nagios.cfg")

    def check(self, description, state, text, performance):
        service = eventually(lambda: status().get(description), f"check of {description}")
        self.assertRegex(service["plugin_output"], text)
        self.assertEqual(service["performance_data"], performance)
        self.assertEqual(service["current_state"], state)

    def test_documented(self):
        """The service as it is counts the sandbox's own connections: few."""
        service = eventually(lambda: status().get(SERVICE), "check of the service")
        self.assertRegex(service["plugin_output"], "^NETWORK-CONNECTIONS OK - ")
        self.assertRegex(service["performance_data"], r"^'tcp\.TIME_WAIT'=\d+;1500;4000;0;$")
        self.assertEqual(service["current_state"], OK)

    def test_ok(self):
        self.check(
            "of 1500", OK,
            r"^NETWORK-CONNECTIONS OK - .*\btcp\.TIME_WAIT is 1500\b", "'tcp.TIME_WAIT'=1500;1500;4000;0;",
        )  # fmt: skip

    def test_warning(self):
        self.check(
            "of 1973", WARNING,
            r"^NETWORK-CONNECTIONS WARNING - tcp\.TIME_WAIT is 1973 \(outside 0:1500\)$",
            "'tcp.TIME_WAIT'=1973;1500;4000;0;",
        )  # fmt: skip
        self.check(
            "of 4000", WARNING,
            r"^NETWORK-CONNECTIONS WARNING - tcp\.TIME_WAIT is 4000 ", "'tcp.TIME_WAIT'=4000;1500;4000;0;",
        )  # fmt: skip

    def test_critical(self):
        self.check(
            "of 4001", CRITICAL,
            r"^NETWORK-CONNECTIONS CRITICAL - tcp\.TIME_WAIT is 4001 \(outside 0:4000\)$",
            "'tcp.TIME_WAIT'=4001;1500;4000;0;",
        )  # fmt: skip

    def test_unknown(self):
        self.check(
            "of a missing directory", UNKNOWN,
            "^NETWORK-CONNECTIONS UNKNOWN - /mnt/missing/net/tcp: No such file or directory$", "",
        )  # fmt: skip
        self.check(
            "of an unreadable file", UNKNOWN,
            "^NETWORK-CONNECTIONS UNKNOWN - /mnt/unreadable/net/tcp6: Permission denied$", "",
        )  # fmt: skip
        self.check("of a mistake", UNKNOWN, "^NETWORK-CONNECTIONS UNKNOWN - .*many", "")

    def test_two(self):
        service = eventually(lambda: status().get("of two"), "check of two counts")
        self.assertRegex(service["plugin_output"], r"^NETWORK-CONNECTIONS WARNING - .*\budp is 0 ")
        self.assertEqual(
            sorted(service["performance_data"].split()), ["'tcp.TIME_WAIT'=1500;1500;4000;0;", "'udp'=0;1:;;0;"]
        )
        self.assertEqual(service["current_state"], WARNING)

    def test_inner_range(self):
        self.check("of an inner range", CRITICAL, r"^NETWORK-CONNECTIONS CRITICAL - udp is 0 ", "'udp'=0;;@0:3;0;")


if __name__ == "__main__":
    unittest.main()
