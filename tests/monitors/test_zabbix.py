"""The Zabbix agent asks the program by its UserParameters."""

import json
import os
import pwd
import socket
import struct
import unittest

from support import answers, connect, eventually, follow, run, start, write, zabbix_value

CONFIGURATION = "/mnt/zabbix_agentd.conf"


def tested(key):
    return zabbix_value(CONFIGURATION, key)


def asked(key):
    """The value that a running agent answers to a Zabbix server."""
    with socket.create_connection(("127.0.0.1", 10050)) as agent:
        agent.sendall(b"ZBXD\1" + struct.pack("<Q", len(key)) + key.encode())
        answer = b"".join(iter(lambda: agent.recv(4096), b""))
    assert answer.startswith(b"ZBXD\1"), answer
    return answer[13:].decode()


class Zabbix(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        keys = follow("zabbix/network-connections.conf")
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
        cls.sockets = connect(socket.AF_INET6, 3, half_closed=2)

    def test_number(self):
        self.assertEqual(tested("network.connections[tcp.ESTABLISHED]"), "6")
        self.assertEqual(tested("network.connections[tcp6.CLOSE_WAIT]"), "2")
        self.assertEqual(tested("network.connections[tcp6]"), "10")
        self.assertEqual(tested("network.connections[udp.ESTABLISHED]"), "0")

    def test_json(self):
        self.assertEqual(json.loads(tested("network.connections.json")), json.loads(run()))

    def test_failure(self):
        """Zabbix shows the message of an item that isn't a number."""
        self.assertRegex(tested("network.connections[tcp.NONSENSE]"), "^network-connections: ")
        # (More than a key would be other options.)
        self.assertRegex(tested("network.connections[tcp -o /mnt/written]"), "^network-connections: .*tcp -o")

    def test_running_agent(self):
        start("zabbix_agentd", "--foreground", "-c", CONFIGURATION, user="zabbix", group="zabbix")
        eventually(lambda: answers(10050), "agent")
        self.assertEqual(asked("network.connections[tcp6]"), "10")
        self.assertEqual(json.loads(asked("network.connections.json"))["tcp6"]["CLOSE_WAIT"], 2)


if __name__ == "__main__":
    unittest.main()
