"""Tests that the Zabbix agent runs the program for its UserParameters."""

import json
import os
import pwd
import socket
import struct
import unittest

from support import (
    install_as_documented, is_listening, open_connections, read_zabbix_value, run_program, start, wait_for, write,
)  # fmt: skip

CONFIGURATION = "/mnt/zabbix_agentd.conf"


def read_value(key):
    """Returns the value of a key that `zabbix_agentd -t` prints."""
    return read_zabbix_value(CONFIGURATION, key)


def query_agent(key):
    """Returns the value that a running agent sends to a Zabbix server."""
    with socket.create_connection(("127.0.0.1", 10050)) as agent:
        agent.sendall(b"ZBXD\1" + struct.pack("<Q", len(key)) + key.encode())
        answer = b"".join(iter(lambda: agent.recv(4096), b""))
    assert answer.startswith(b"ZBXD\1"), answer
    return answer[13:].decode()


class Zabbix(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        keys = install_as_documented("zabbix/network-connections.conf")
        user = pwd.getpwnam("zabbix")
        os.makedirs("/mnt/zabbix")
        os.chown("/mnt/zabbix", user.pw_uid, user.pw_gid)
        write(
            CONFIGURATION,
            f"""
            Server=127.0.0.1
            LogType=console
            PidFile=/mnt/zabbix/pid
            Include={keys}
            """.replace("    ", ""),
        )
        cls.sockets = open_connections(socket.AF_INET6, 3, half_closed=2)

    def test_number_of_a_key(self):
        self.assertEqual(read_value("network.connections[tcp.ESTABLISHED]"), "6")
        self.assertEqual(read_value("network.connections[tcp6.CLOSE_WAIT]"), "2")
        self.assertEqual(read_value("network.connections[tcp6]"), "10")
        self.assertEqual(read_value("network.connections[udp.ESTABLISHED]"), "0")

    def test_json_is_the_report(self):
        self.assertEqual(json.loads(read_value("network.connections.json")), json.loads(run_program()))

    def test_failure_returns_the_message(self):
        # Zabbix shows the message, because the value is not a number.
        self.assertRegex(read_value("network.connections[tcp.NONSENSE]"), "^network-connections: ")
        # The words after a key do not become options.
        self.assertRegex(read_value("network.connections[tcp -o /mnt/written]"), "^network-connections: .*tcp -o")

    def test_running_agent_answers_a_server(self):
        start("zabbix_agentd", "--foreground", "-c", CONFIGURATION, user="zabbix", group="zabbix")
        wait_for(lambda: is_listening(10050), "agent")
        self.assertEqual(query_agent("network.connections[tcp6]"), "10")
        self.assertEqual(json.loads(query_agent("network.connections.json"))["tcp6"]["CLOSE_WAIT"], 2)


if __name__ == "__main__":
    unittest.main()
