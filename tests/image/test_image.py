"""The container image: what is in it, and what it does where containers run. In the sandbox, as root."""

import contextlib
import hashlib
import io
import json
import os
import re
import shlex
import socket
import struct
import subprocess
import sys
import tarfile
import time
import tomllib
import unittest

import yaml
from support import PROJECT, answers, connect, contrib, counts, eventually, read, start

os.chdir(PROJECT)
ARCHIVE = "dist/network-connections.oci.tar"
SIDECAR = "kubernetes/sidecar.yaml"
REGISTRY = "127.0.0.1:5000"
PACKAGE = tomllib.loads(read("Cargo.toml"))["package"]
REFERENCE = f"{REGISTRY}/network-connections:{PACKAGE['version']}"

# Byte order, word size and machine (elf.h) of the programs for a platform.
MACHINES = {
    "linux/386": ("<", 32, 3),
    "linux/amd64": ("<", 64, 62),
    "linux/arm/v5": ("<", 32, 40),
    "linux/arm/v7": ("<", 32, 40),
    "linux/arm64": ("<", 64, 183),
    "linux/mips": (">", 32, 8),
    "linux/mipsle": ("<", 32, 8),
    "linux/mips64": (">", 64, 8),
    "linux/riscv64": ("<", 64, 243),
}

# What podman needs to run inside of another container.
PODMAN = ["podman", "--runtime", "runc", "--cgroup-manager", "cgroupfs", "--storage-driver", "vfs"]
CGROUP = "/network-connections-test"
LIMITS = ["--cgroup-parent", CGROUP, "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096"]
# What the image has to bear.
RESTRICTED = ["--read-only", "--cap-drop", "all", "--security-opt", "no-new-privileges"]

IN_POD = ["ip", "netns", "exec", "pod"]
POD = ["--network", "ns:/run/netns/pod"]
# Three connections, and one that is closed at one end. Both ends are in the pod.
POD_COUNTS = {"tcp4_ESTABLISHED": 6, "tcp4_FIN_WAIT2": 1, "tcp4_CLOSE_WAIT": 1}
OPEN = """
import socket, sys, support
opened = support.connect(socket.AF_INET, 3, half_closed=1)
print(flush=True)
sys.stdin.read()
"""


def command(*words, status=0, **options):
    """What a command writes to standard output and to standard error."""
    print("$", shlex.join(words), flush=True)
    result = subprocess.run(words, capture_output=True, text=True, **options)
    if result.returncode != status:
        raise AssertionError(f"{words}: {result.returncode}, not {status}: {result.stdout}{result.stderr}")
    return result.stdout, result.stderr


def podman(*words, **options):
    return command(*PODMAN, *words, **options)


def container(*arguments, options=(), **others):
    """What a container of the image says."""
    return podman("run", "--rm", *LIMITS, *RESTRICTED, *options, REFERENCE, *arguments, **others)


@contextlib.contextmanager
def running(*arguments, options=()):
    """A container that runs until it is stopped: its number."""
    number = podman("run", "--detach", *LIMITS, *RESTRICTED, *options, REFERENCE, *arguments)[0].strip()
    try:
        yield number
    finally:
        podman("rm", "--force", "--time", "0", number)


@contextlib.contextmanager
def host_connections():
    """Two connections of the sandbox, over IPv6, which those with the registry aren't."""
    server, ends = connect(socket.AF_INET6, 2)
    yield
    for end in [server, *ends]:
        end.close()


def tables(text):
    """The counts of the four tables in a report."""
    report = json.loads(text)
    return {(table, state): report[table][state] for table, state in counts()}


def platforms():
    """The target for each platform."""
    rows = [line.split() for line in read("packaging/architectures").splitlines() if not line.startswith("#")]
    return {row[2]: row[0] for row in rows if row and row[2] != "-"}


def build_time():
    return command("scripts/time")[0].strip()


def setUpModule():
    """Publishes the image to a registry, as scripts/image says, and opens the pod's connections."""
    publish = re.search(r"^# +(skopeo copy .*)$", read("scripts/image"), re.MULTILINE)[1]
    publish = publish.replace("REGISTRY", REGISTRY).replace("NAME:VERSION", REFERENCE.partition("/")[2])

    with open("/etc/containers/registries.conf", "a") as file:
        file.write(f'[[registry]]\nlocation = "{REGISTRY}"\ninsecure = true\n')
    with open("/mnt/registry.yml", "w") as file:
        file.write("version: 0.1\nstorage: {filesystem: {rootdirectory: /mnt/registry}}\n")
        file.write(f"http: {{addr: '{REGISTRY}'}}\n")
    start("docker-registry", "serve", "/mnt/registry.yml", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    eventually(lambda: answers(5000), "registry")
    command(*shlex.split(publish))

    command("ip", "netns", "add", "pod")
    command("ip", "-n", "pod", "link", "set", "lo", "up")
    pod = start(*IN_POD, sys.executable, "-c", OPEN, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert pod.stdout.readline() == b"\n"
    global pod_process
    pod_process = pod.pid


def tearDownModule():
    """Cgroups outlive the sandbox, and in it they outlive a container by a moment."""

    def removed():
        with contextlib.suppress(OSError):
            for directory, _, _ in os.walk("/sys/fs/cgroup", topdown=False):
                if CGROUP in directory:
                    os.rmdir(directory)
            return True

    eventually(removed, "end of the cgroups")


class Archive(unittest.TestCase):
    """What is in it."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        """Reads the configuration and the layer for each platform."""
        cls.images = {}
        with tarfile.open(ARCHIVE) as archive:

            def blob(descriptor):
                digest = descriptor["digest"].removeprefix("sha256:")
                content = archive.extractfile(f"./blobs/sha256/{digest}").read()
                assert (hashlib.sha256(content).hexdigest(), len(content)) == (digest, descriptor["size"])
                return content

            (cls.index,) = json.load(archive.extractfile("./index.json"))["manifests"]
            for descriptor in json.loads(blob(cls.index))["manifests"]:
                manifest = json.loads(blob(descriptor))
                config = json.loads(blob(manifest["config"]))
                (layer,) = manifest["layers"]
                parts = [descriptor["platform"].get(part) for part in ("os", "architecture", "variant")]
                assert parts == [config.get(part) for part in ("os", "architecture", "variant")], config
                platform = "/".join(filter(None, parts))
                assert platform not in cls.images, f"{platform} twice"
                cls.images[platform] = config, blob(layer)

    def test_platforms(self):
        self.assertEqual(self.images.keys(), platforms().keys())
        self.assertEqual(self.images.keys(), MACHINES.keys())

    def test_configuration(self):
        labels = {
            "title": PACKAGE["name"],
            "description": PACKAGE["description"],
            "licenses": PACKAGE["license"],
            "version": PACKAGE["version"],
        }
        expected = {
            "User": "65534:65534",
            "Entrypoint": ["/network-connections"],
            "Labels": {f"org.opencontainers.image.{label}": text for label, text in labels.items()},
        }
        created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(build_time())))
        for platform, (config, _) in self.images.items():
            with self.subTest(platform):
                self.assertEqual(config["config"], expected)
                self.assertEqual(config["created"], created)

    def test_programs(self):
        """The layer has one file: the platform's program, which runs on its oldest CPU."""
        targets = tomllib.loads(read(".cargo/config.toml"))["target"]
        for platform, (_, layer) in self.images.items():
            target = platforms()[platform]
            with self.subTest(platform), tarfile.open(fileobj=io.BytesIO(layer)) as archive:
                (member,) = archive.getmembers()
                self.assertEqual((member.name, member.mode & 0o7777), ("network-connections", 0o755))
                self.assertEqual((member.uid, member.gid), (0, 0))
                program = archive.extractfile(member).read()
                with open(f"dist/{target}/network-connections", "rb") as file:
                    self.assertEqual(program, file.read())

                order, bits, machine = MACHINES[platform]
                self.assertEqual(program[:6], b"\x7fELF" + bytes([bits // 32, 1 + (order == ">")]))
                self.assertEqual(struct.unpack_from(f"{order}H", program, 18), (machine,))
                archive.extractall("/mnt/program")
                runner = shlex.split(targets[target]["runner"])
                version, _ = command(*runner, "/mnt/program/network-connections", "--version")
                self.assertEqual(version, f"network-connections {PACKAGE['version']}\n")

    def test_reproducible(self):
        """Another directory, umask and mode give the same bytes; and there is no network here."""
        programs = [f"dist/{target}/network-connections" for target in platforms().values()]
        os.mkdir("/mnt/copy")
        files = ["Cargo.toml", "packaging", "scripts", *programs]
        command("cp", "-R", "--parents", *files, "/mnt/copy", umask=0o077)
        environment = {**os.environ, "SOURCE_DATE_EPOCH": build_time()}
        command("/mnt/copy/scripts/image", umask=0o077, env=environment)
        command("cmp", ARCHIVE, f"/mnt/copy/{ARCHIVE}")
        self.assertEqual(os.listdir("/mnt/copy/target"), [])

    def test_missing(self):
        """What is missing is named, and nothing is made."""
        os.mkdir("/mnt/empty")
        _, complaint = command("scripts/image", status=1, env={**os.environ, "DIST": "/mnt/empty"})
        self.assertEqual(set(complaint.splitlines()[1:]), set(platforms().values()))
        self.assertEqual(os.listdir("/mnt/empty"), [])

    def test_registry(self):
        """It has the same index, and gives each machine what it can run."""
        raw = subprocess.run(["skopeo", "inspect", "--raw", f"docker://{REFERENCE}"], capture_output=True)
        self.assertEqual(f"sha256:{hashlib.sha256(raw.stdout).hexdigest()}", self.index["digest"])
        machines = {platform: platform for platform in MACHINES}
        machines |= {"linux/arm/v6": "linux/arm/v5", "linux/arm64/v8": "linux/arm64"}
        for machine, platform in machines.items():
            system, architecture, variant = f"{machine}/".split("/")[:3]
            choice = ["--override-os", system, "--override-arch", architecture]
            choice += ["--override-variant", variant] if variant else []
            config, _ = command("skopeo", *choice, "inspect", "--config", f"docker://{REFERENCE}")
            self.assertEqual(json.loads(config), self.images[platform][0], machine)

    def test_load(self):
        """Without a registry podman takes it from the archive."""
        podman("load", "--input", ARCHIVE)
        image = f"localhost/network-connections:{PACKAGE['version']}"
        version, _ = podman("run", "--rm", *LIMITS, "--network", "none", image, "--version")
        self.assertEqual(version, f"network-connections {PACKAGE['version']}\n")


class Container(unittest.TestCase):
    """What it does."""

    maxDiff = None

    def test_none(self):
        output, complaint = container(options=["--network", "none"])
        self.assertEqual(tables(output), counts())
        self.assertEqual(complaint, "")

    def test_pod(self):
        for source in ["proc", "netlink"]:
            output, _ = container("--source", source, options=POD)
            self.assertEqual(tables(output), counts(**POD_COUNTS))

    def test_command(self):
        """As kubectl debug has it: what is run is given whole."""
        whole = json.dumps(["/network-connections", "-q", "tcp4.ESTABLISHED"])
        output, _ = container(options=[*POD, "--entrypoint", whole])
        self.assertEqual(output, "6\n")

    def test_network_of_a_container(self):
        with running("-i", "60", options=POD) as number:
            output, _ = container(options=["--network", f"container:{number}"])
            self.assertEqual(tables(output), counts(**POD_COUNTS))

    def test_network_of_the_host(self):
        """The host is the sandbox."""
        with host_connections():
            output, _ = container("-q", "tcp6.ESTABLISHED", options=["--network", "host"])
        self.assertEqual(output, "4\n")

    def test_procfs_of_the_host(self):
        """A process's own number leads to its sockets, with no privilege. Number 1 is the sandbox's."""
        mount = ["--network", "none", "--volume", "/proc:/host/proc:ro"]
        output, _ = container(f"/host/proc/{pod_process}", options=mount)
        self.assertEqual(tables(output), counts(**POD_COUNTS))
        output, _ = container("/host/proc", options=mount)
        self.assertEqual(tables(output), counts())
        with host_connections():
            output, _ = container("-q", "tcp6.ESTABLISHED", "/host/proc/1", options=mount)
        self.assertEqual(output, "4\n")

    def test_process_1(self):
        """It has no privilege, and SIGTERM ends it at once."""
        with running("-f", "ndjson", "-i", "1", options=POD) as number:
            lines = eventually(lambda: podman("logs", number)[0].splitlines()[1:], "second report")
            self.assertEqual(tables(lines[0]), counts(**POD_COUNTS))
            pid = podman("inspect", "--format", "{{.State.Pid}}", number)[0].strip()
            status = dict(line.split(":\t", 1) for line in read(f"/proc/{pid}/status").splitlines())
            self.assertEqual(status["NSpid"].split()[-1], "1")
            self.assertEqual((status["Uid"], status["Gid"]), ("\t".join(["65534"] * 4),) * 2)
            for kind in ["Inh", "Prm", "Eff", "Bnd", "Amb"]:
                self.assertEqual(int(status[f"Cap{kind}"], 16), 0, kind)
            # A filter of system calls: podman's own.
            self.assertEqual((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"))

            begin = time.monotonic()
            podman("stop", number)
            # (What doesn't end is killed after ten seconds.)
            self.assertLess(time.monotonic() - begin, 8)
            self.assertEqual(podman("inspect", "--format", "{{.State.ExitCode}}", number)[0], "143\n")

    def test_wrong_option(self):
        output, complaint = container("--wrong", options=POD, status=2)
        self.assertEqual(output, "")
        self.assertRegex(complaint, r"\Anetwork-connections: unknown option '--wrong'")

    def test_conntrack(self):
        """Only root may. A kernel that tracks nothing has no table for root either."""
        tracks = os.path.exists("/proc/net/nf_conntrack")
        reason = "only root may read it" if tracks else "is nf_conntrack loaded?"
        output, complaint = container("--conntrack", options=POD, status=1)
        self.assertEqual(output, "")
        self.assertIn(reason, complaint)
        as_root = ["--user", "0:0", *POD]
        output, complaint = container("--conntrack", "-q", "all", options=as_root, status=0 if tracks else 1)
        self.assertEqual(output, "0\n" if tracks else "")

    def test_directory_that_it_may_not_write_to(self):
        os.mkdir("/mnt/root", 0o755)
        volume = [*POD, "--volume", "/mnt/root:/out"]
        output, complaint = container("-o", "/out/file", options=volume, status=1)
        self.assertEqual(output, "")
        self.assertRegex(complaint, r"\Anetwork-connections: /out/file.*: Permission denied\n")
        self.assertEqual(os.listdir("/mnt/root"), [])


class Kubernetes(unittest.TestCase):
    """The pod with a sidecar. Its arguments and security are podman's here; there is no Kubernetes."""

    @classmethod
    def setUpClass(cls):
        cls.text = contrib(SIDECAR)
        cls.pod = yaml.safe_load(cls.text)["spec"]
        cls.sidecar, cls.exporter = cls.pod["initContainers"]

    def validate(self, text, version, status=0):
        validator = os.path.join(os.path.dirname(sys.executable), "kubernetes-validate")
        with open("/mnt/pod.yaml", "w") as file:
            file.write(text)
        output, complaint = command(
            validator, "--strict", "--kubernetes-version", version, "/mnt/pod.yaml", status=status
        )
        return output + complaint

    def test_schema(self):
        for version in ["1.29.0", "1.37.0"]:
            self.validate(self.text, version)
        self.assertIn("'restartPolicy' was unexpected", self.validate(self.text, "1.27.0", status=1))
        wrong = self.text.replace("readOnlyRootFilesystem", "readOnlyRootFileSystem")
        self.assertIn("'readOnlyRootFileSystem' was unexpected", self.validate(wrong, "1.37.0", status=1))

    def test_image(self):
        self.assertEqual(self.sidecar["image"], f"ghcr.io/OWNER/{REFERENCE.partition('/')[2]}")

    def test_sidecar(self):
        security = {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        self.assertEqual(self.sidecar["securityContext"], security)
        self.assertEqual(self.exporter["securityContext"], security | {"runAsUser": 65534})

        # An emptyDir is everybody's.
        os.mkdir("/mnt/metrics")
        os.chmod("/mnt/metrics", 0o777)
        (mount,) = self.sidecar["volumeMounts"]
        (memory,) = self.sidecar["resources"]["limits"].values()
        options = ["--volume", f"/mnt/metrics:{mount['mountPath']}", "--memory", memory.replace("Mi", "m")]
        with running(*self.sidecar["args"], options=[*POD, *options]):
            eventually(lambda: os.listdir("/mnt/metrics") == ["network-connections.prom"], "file")
            directory = [argument.replace("=/metrics", "=/mnt/metrics") for argument in self.exporter["args"]]
            exporter = ["prometheus-node-exporter", *directory]
            user = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--bounding-set=-all"]
            start(*IN_POD, *user, *exporter, stderr=subprocess.DEVNULL)
            fetch = [*IN_POD, "busybox", "wget", "-q", "-O", "-", "http://127.0.0.1:9100/metrics"]
            served = eventually(lambda: subprocess.run(fetch, capture_output=True, text=True).stdout, "answer")
        series = dict(line.rsplit(" ", 1) for line in served.splitlines() if not line.startswith("#"))
        for (table, state), number in counts(**POD_COUNTS).items():
            name = f'network_connections{{ip="v{table[3]}",protocol="{table[:3]}",state="{state.lower()}"}}'
            self.assertEqual(series.get(name), str(number), name)

    def test_log(self):
        """What its comment has for those without Prometheus."""
        (arguments,) = re.findall(r"^#  +args: (.*)$", self.text, re.MULTILINE)
        with running(*yaml.safe_load(arguments), options=POD) as number:
            line = eventually(lambda: podman("logs", number)[0], "report")
        self.assertRegex(line, r"\A[^\n]+\n\Z")
        self.assertIn("ESTABLISHED", json.loads(line)["tcp4"])


if __name__ == "__main__":
    unittest.main()
