"""Tests that Nagios runs the program as a plugin and reads its output."""

import os
import re
import shutil
import unittest

from support import install_as_documented, read, read_contrib, start, wait_for, write_procfs

CONFIGURATION = "nagios/network-connections.cfg"
SERVICE = "Network connections"
CHECK = "-w tcp.TIME_WAIT=1500 -c tcp.TIME_WAIT=4000"
STATUS = "/var/lib/nagios4/status.dat"
OK, WARNING, CRITICAL, UNKNOWN = "0", "1", "2", "3"


def read_services():
    """Returns the status of each service that Nagios has checked, by name."""
    services = {}
    for block in re.findall(r"^servicestatus {\n(.*?)^\t}", read(STATUS), re.DOTALL | re.MULTILINE):
        service = dict(re.findall(r"^\t(\w+)=(.*)$", block, re.MULTILINE))
        if service["has_been_checked"] == "1":
            services[service["service_description"]] = service
    return services


def add_service(description, arguments):
    """Adds a copy of the service with another name and other arguments."""
    service = re.search(r"^define service {\n.*?^}\n", read_contrib(CONFIGURATION), re.DOTALL | re.MULTILINE)[0]
    for old, new in ((SERVICE, description), (CHECK, arguments)):
        assert service.count(old) == 1, f"expected {old} once in the service of {CONFIGURATION}"
        service = service.replace(old, new)
    with open("/etc/nagios4/conf.d/more.cfg", "a") as file:
        file.write(service)


class Nagios(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        install_as_documented(CONFIGURATION)
        for total in 1500, 1973, 4000, 4001:
            path = write_procfs(f"/mnt/{total}", {("tcp4", "TIME_WAIT"): 1000, ("tcp6", "TIME_WAIT"): total - 1000})
            add_service(f"of {total}", f"{CHECK} {path}")
        add_service("of a missing directory", f"{CHECK} /mnt/missing")
        os.chmod(write_procfs("/mnt/unreadable", {}) + "/net/tcp6", 0)
        add_service("of an unreadable file", f"{CHECK} /mnt/unreadable")
        add_service("of a mistake", "-w tcp.TIME_WAIT=many")
        add_service("of two", f"-w udp=1: {CHECK} /mnt/1500")
        add_service("of an inner range", "-c udp=@0:3 /mnt/1500")

        # Debian's configuration, changed to run all checks at the start and to
        # write their results every second.
        with open("/etc/nagios4/nagios.cfg", "a") as file:
            file.write("service_inter_check_delay_method=n\n")
            file.write("check_result_reaper_frequency=1\n")
            file.write("status_update_interval=1\n")
            file.write("enable_notifications=0\n")
            file.write("use_syslog=0\n")
        os.makedirs("/run/nagios4", exist_ok=True)
        shutil.chown("/run/nagios4", "nagios", "nagios")
        start("nagios4", "/etc/nagios4/nagios.cfg")

    def assert_status(self, description, state, text, performance):
        """Asserts what Nagios shows of a service."""
        service = wait_for(lambda: read_services().get(description), f"check of {description}")
        self.assertRegex(service["plugin_output"], text)
        self.assertEqual(service["performance_data"], performance)
        self.assertEqual(service["current_state"], state)

    def test_documented_service_is_ok(self):
        # The service counts the sandbox's own connections, which are few.
        service = wait_for(lambda: read_services().get(SERVICE), "check of the service")
        self.assertRegex(service["plugin_output"], "^NETWORK-CONNECTIONS OK - ")
        self.assertRegex(service["performance_data"], r"^'tcp\.TIME_WAIT'=\d+;1500;4000;0;$")
        self.assertEqual(service["current_state"], OK)

    def test_number_at_the_limit_is_ok(self):
        self.assert_status(
            "of 1500", OK,
            r"^NETWORK-CONNECTIONS OK - .*\btcp\.TIME_WAIT is 1500\b", "'tcp.TIME_WAIT'=1500;1500;4000;0;",
        )  # fmt: skip

    def test_number_above_the_first_limit_is_a_warning(self):
        self.assert_status(
            "of 1973", WARNING,
            r"^NETWORK-CONNECTIONS WARNING - tcp\.TIME_WAIT is 1973 \(outside 0:1500\)$",
            "'tcp.TIME_WAIT'=1973;1500;4000;0;",
        )  # fmt: skip
        self.assert_status(
            "of 4000", WARNING,
            r"^NETWORK-CONNECTIONS WARNING - tcp\.TIME_WAIT is 4000 ", "'tcp.TIME_WAIT'=4000;1500;4000;0;",
        )  # fmt: skip

    def test_number_above_the_second_limit_is_critical(self):
        self.assert_status(
            "of 4001", CRITICAL,
            r"^NETWORK-CONNECTIONS CRITICAL - tcp\.TIME_WAIT is 4001 \(outside 0:4000\)$",
            "'tcp.TIME_WAIT'=4001;1500;4000;0;",
        )  # fmt: skip

    def test_failure_is_unknown(self):
        self.assert_status(
            "of a missing directory", UNKNOWN,
            "^NETWORK-CONNECTIONS UNKNOWN - /mnt/missing: No such file or directory$", "",
        )  # fmt: skip
        self.assert_status(
            "of an unreadable file", UNKNOWN,
            "^NETWORK-CONNECTIONS UNKNOWN - /mnt/unreadable/net/tcp6: Permission denied$", "",
        )  # fmt: skip
        self.assert_status("of a mistake", UNKNOWN, "^NETWORK-CONNECTIONS UNKNOWN - .*many", "")

    def test_two_counts_are_both_shown(self):
        service = wait_for(lambda: read_services().get("of two"), "check of two counts")
        self.assertRegex(service["plugin_output"], r"^NETWORK-CONNECTIONS WARNING - .*\budp is 0 ")
        self.assertEqual(
            sorted(service["performance_data"].split()), ["'tcp.TIME_WAIT'=1500;1500;4000;0;", "'udp'=0;1:;;0;"]
        )
        self.assertEqual(service["current_state"], WARNING)

    def test_number_inside_an_inner_range_is_critical(self):
        self.assert_status(
            "of an inner range", CRITICAL,
            r"^NETWORK-CONNECTIONS CRITICAL - udp is 0 ", "'udp'=0;;@0:3;0;",
        )  # fmt: skip


if __name__ == "__main__":
    unittest.main()
