"""Tests the contents of the container image, and its containers.

The tests run as root in the sandbox.
"""

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
from support import (
    PROJECT, has_conntrack_table, is_listening, make_counts, open_connections, read, read_contrib, start, wait_for,
)  # fmt: skip

os.chdir(PROJECT)
ARCHIVE = "dist/network-connections.oci.tar"
SIDECAR = "kubernetes/sidecar.yaml"
REGISTRY = "127.0.0.1:5000"
PACKAGE = tomllib.loads(read("Cargo.toml"))["package"]
REFERENCE = f"{REGISTRY}/network-connections:{PACKAGE['version']}"

# The byte order, word size and machine (elf.h) of each platform's program.
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

# The options that podman needs inside another container.
PODMAN = ["podman", "--runtime", "runc", "--cgroup-manager", "cgroupfs", "--storage-driver", "vfs"]
CGROUP = "/network-connections-test"
LIMITS = ["--cgroup-parent", CGROUP, "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096"]
# The restrictions under which the image must work.
RESTRICTED = ["--read-only", "--cap-drop", "all", "--security-opt", "no-new-privileges"]

IN_POD = ["ip", "netns", "exec", "pod"]
POD = ["--network", "ns:/run/netns/pod"]
# The pod holds both ends of three open connections and a half-closed one.
POD_COUNTS = {"tcp4_ESTABLISHED": 6, "tcp4_FIN_WAIT2": 1, "tcp4_CLOSE_WAIT": 1}
OPEN = """
import socket, sys, support
opened = support.open_connections(socket.AF_INET, 3, half_closed=1)
print(flush=True)
sys.stdin.read()
"""


def run_command(*words, status=0, **options):
    """Runs a command, and returns its standard output and standard error.

    Asserts the exit status of the command.
    """
    print("$", shlex.join(words), flush=True)
    result = subprocess.run(words, capture_output=True, text=True, **options)
    if result.returncode != status:
        output = result.stdout + result.stderr
        raise AssertionError(f"{words}: expected status {status}, not {result.returncode}: {output}")
    return result.stdout, result.stderr


def run_podman(*words, **options):
    return run_command(*PODMAN, *words, **options)


def run_container(*arguments, options=(), **others):
    """Runs a container of the image, and returns its output and errors."""
    return run_podman("run", "--rm", *LIMITS, *RESTRICTED, *options, REFERENCE, *arguments, **others)


@contextlib.contextmanager
def running_container(*arguments, options=()):
    """Runs a container in the background, and yields its ID."""
    identifier = run_podman("run", "--detach", *LIMITS, *RESTRICTED, *options, REFERENCE, *arguments)[0].strip()
    try:
        yield identifier
    finally:
        run_podman("rm", "--force", "--time", "0", identifier)


@contextlib.contextmanager
def host_connections():
    """Keeps two connections of the sandbox open.

    These are over IPv6, and the connections with the registry over IPv4.
    """
    server, ends = open_connections(socket.AF_INET6, 2)
    yield
    for end in [server, *ends]:
        end.close()


def parse_tables(text):
    """Returns the counts of the four tables in a report."""
    report = json.loads(text)
    return {(table, state): report[table][state] for table, state in make_counts()}


def read_platforms():
    """Returns the target of each platform."""
    rows = [line.split() for line in read("packaging/architectures").splitlines() if not line.startswith("#")]
    return {row[2]: row[0] for row in rows if row and row[2] != "-"}


def read_build_time():
    """Returns SOURCE_DATE_EPOCH, or the time of the last commit."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    return epoch or run_command("git", "log", "-1", "--format=%ct")[0].strip()


def setUpModule():
    """Starts a registry and the pod.

    Publishes the image with the command that scripts/image documents, and opens
    the connections of the pod.
    """
    publish = re.search(r"^# +(skopeo copy .*)$", read("scripts/image"), re.MULTILINE)[1]
    publish = publish.replace("REGISTRY", REGISTRY).replace("NAME:VERSION", REFERENCE.partition("/")[2])

    with open("/etc/containers/registries.conf", "a") as file:
        file.write(f'[[registry]]\nlocation = "{REGISTRY}"\ninsecure = true\n')
    with open("/mnt/registry.yml", "w") as file:
        file.write("version: 0.1\nstorage: {filesystem: {rootdirectory: /mnt/registry}}\n")
        file.write(f"http: {{addr: '{REGISTRY}'}}\n")
    start("docker-registry", "serve", "/mnt/registry.yml", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: is_listening(5000), "registry")
    run_command(*shlex.split(publish))

    run_command("ip", "netns", "add", "pod")
    run_command("ip", "-n", "pod", "link", "set", "lo", "up")
    pod = start(*IN_POD, sys.executable, "-c", OPEN, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert pod.stdout.readline() == b"\n"
    global pod_process
    pod_process = pod.pid


def tearDownModule():
    """Removes the cgroups, which would outlive the sandbox.

    A cgroup outlives its container by a moment, so the removal is repeated.
    """

    def removed():
        with contextlib.suppress(OSError):
            for directory, _, _ in os.walk("/sys/fs/cgroup", topdown=False):
                if CGROUP in directory:
                    os.rmdir(directory)
            return True

    wait_for(removed, "end of the cgroups")


class Archive(unittest.TestCase):
    """The contents of the image."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        """Reads the configuration and the layer of each platform."""
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
                assert platform not in cls.images, f"expected {platform} only once"
                cls.images[platform] = config, blob(layer)

    def test_platforms_are_all_in_the_image(self):
        self.assertEqual(self.images.keys(), read_platforms().keys())
        self.assertEqual(self.images.keys(), MACHINES.keys())

    def test_configuration_names_user_entrypoint_and_labels(self):
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
        created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(read_build_time())))
        for platform, (config, _) in self.images.items():
            with self.subTest(platform):
                self.assertEqual(config["config"], expected)
                self.assertEqual(config["created"], created)

    def test_programs_are_the_only_files_and_run(self):
        # Each program runs on the oldest CPU of its platform.
        targets = tomllib.loads(read(".cargo/config.toml"))["target"]
        for platform, (_, layer) in self.images.items():
            target = read_platforms()[platform]
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
                version, _ = run_command(*runner, "/mnt/program/network-connections", "--version")
                self.assertEqual(version, f"network-connections {PACKAGE['version']}\n")

    def test_reproducible_in_another_directory(self):
        # The umask and the modes of the files differ as well. The sandbox has
        # no network.
        programs = [f"dist/{target}/network-connections" for target in read_platforms().values()]
        os.mkdir("/mnt/copy")
        files = ["Cargo.toml", "packaging", "scripts", *programs]
        run_command("cp", "-R", "--parents", *files, "/mnt/copy", umask=0o077)
        environment = {**os.environ, "SOURCE_DATE_EPOCH": read_build_time()}
        run_command("/mnt/copy/scripts/image", umask=0o077, env=environment)
        run_command("cmp", ARCHIVE, f"/mnt/copy/{ARCHIVE}")
        self.assertEqual(os.listdir("/mnt/copy/target"), [])

    def test_missing_programs_are_named_and_nothing_is_written(self):
        os.mkdir("/mnt/empty")
        _, complaint = run_command("scripts/image", status=1, env={**os.environ, "DIST": "/mnt/empty"})
        self.assertEqual(set(complaint.splitlines()[1:]), set(read_platforms().values()))
        self.assertEqual(os.listdir("/mnt/empty"), [])

    def test_registry_serves_each_machine_its_platform(self):
        raw = subprocess.run(["skopeo", "inspect", "--raw", f"docker://{REFERENCE}"], capture_output=True)
        self.assertEqual(f"sha256:{hashlib.sha256(raw.stdout).hexdigest()}", self.index["digest"])
        machines = {platform: platform for platform in MACHINES}
        machines |= {"linux/arm/v6": "linux/arm/v5", "linux/arm64/v8": "linux/arm64"}
        for machine, platform in machines.items():
            system, architecture, variant = f"{machine}/".split("/")[:3]
            choice = ["--override-os", system, "--override-arch", architecture]
            choice += ["--override-variant", variant] if variant else []
            config, _ = run_command("skopeo", *choice, "inspect", "--config", f"docker://{REFERENCE}")
            self.assertEqual(json.loads(config), self.images[platform][0], machine)

    def test_load_from_the_archive_needs_no_registry(self):
        run_podman("load", "--input", ARCHIVE)
        image = f"localhost/network-connections:{PACKAGE['version']}"
        version, _ = run_podman("run", "--rm", *LIMITS, "--network", "none", image, "--version")
        self.assertEqual(version, f"network-connections {PACKAGE['version']}\n")


class Container(unittest.TestCase):
    """The containers of the image."""

    maxDiff = None

    def test_network_none_has_no_sockets(self):
        output, complaint = run_container(options=["--network", "none"])
        self.assertEqual(parse_tables(output), make_counts())
        self.assertEqual(complaint, "")

    def test_pod_connections_are_counted(self):
        for source in ["proc", "netlink"]:
            output, _ = run_container("--source", source, options=POD)
            self.assertEqual(parse_tables(output), make_counts(**POD_COUNTS))

    def test_command_may_name_the_program(self):
        # kubectl debug replaces the entrypoint with the whole command.
        whole = json.dumps(["/network-connections", "-q", "tcp4.ESTABLISHED"])
        output, _ = run_container(options=[*POD, "--entrypoint", whole])
        self.assertEqual(output, "6\n")

    def test_network_of_a_container(self):
        with running_container("-i", "60", options=POD) as identifier:
            output, _ = run_container(options=["--network", f"container:{identifier}"])
            self.assertEqual(parse_tables(output), make_counts(**POD_COUNTS))

    def test_network_of_the_host(self):
        # The host is the sandbox.
        with host_connections():
            output, _ = run_container("-q", "tcp6.ESTABLISHED", options=["--network", "host"])
        self.assertEqual(output, "4\n")

    def test_procfs_of_the_host(self):
        # The directory of a process leads to the sockets of its namespace, and
        # needs no privilege. Process 1 is in the namespace of the sandbox.
        mount = ["--network", "none", "--volume", "/proc:/host/proc:ro"]
        output, _ = run_container(f"/host/proc/{pod_process}", options=mount)
        self.assertEqual(parse_tables(output), make_counts(**POD_COUNTS))
        output, _ = run_container("/host/proc", options=mount)
        self.assertEqual(parse_tables(output), make_counts())
        with host_connections():
            output, _ = run_container("-q", "tcp6.ESTABLISHED", "/host/proc/1", options=mount)
        self.assertEqual(output, "4\n")

    def test_process_1_has_no_privilege_and_ends_by_sigterm(self):
        with running_container("-f", "ndjson", "-i", "1", options=POD) as identifier:
            lines = wait_for(lambda: run_podman("logs", identifier)[0].splitlines()[1:], "second report")
            self.assertEqual(parse_tables(lines[0]), make_counts(**POD_COUNTS))
            pid = run_podman("inspect", "--format", "{{.State.Pid}}", identifier)[0].strip()
            status = dict(line.split(":\t", 1) for line in read(f"/proc/{pid}/status").splitlines())
            self.assertEqual(status["NSpid"].split()[-1], "1")
            self.assertEqual((status["Uid"], status["Gid"]), ("\t".join(["65534"] * 4),) * 2)
            for kind in ["Inh", "Prm", "Eff", "Bnd", "Amb"]:
                self.assertEqual(int(status[f"Cap{kind}"], 16), 0, kind)
            # Seccomp mode 2 is a filter of system calls, which podman installs.
            self.assertEqual((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"))

            begin = time.monotonic()
            run_podman("stop", identifier)
            # After ten seconds podman would kill the container.
            self.assertLess(time.monotonic() - begin, 8)
            self.assertEqual(run_podman("inspect", "--format", "{{.State.ExitCode}}", identifier)[0], "143\n")

    def test_unknown_option_is_an_error(self):
        output, complaint = run_container("--wrong", options=POD, status=2)
        self.assertEqual(output, "")
        self.assertRegex(complaint, r"\Anetwork-connections: unknown option '--wrong'")

    def test_conntrack_needs_root(self):
        # A kernel without the table has none for root either.
        tracks = has_conntrack_table()
        reason = "only root may read it"
        if not tracks:
            counts = os.path.exists("/proc/sys/net/netfilter/nf_conntrack_count")
            reason = "CONFIG_NF_CONNTRACK_PROCFS" if counts else "is nf_conntrack loaded?"
        output, complaint = run_container("--conntrack", options=POD, status=1)
        self.assertEqual(output, "")
        self.assertIn(reason, complaint)
        as_root = ["--user", "0:0", *POD]
        output, complaint = run_container("--conntrack", "-q", "all", options=as_root, status=0 if tracks else 1)
        self.assertEqual(output, "0\n" if tracks else "")

    def test_output_to_an_unwritable_directory_is_an_error(self):
        os.mkdir("/mnt/root", 0o755)
        volume = [*POD, "--volume", "/mnt/root:/out"]
        output, complaint = run_container("-o", "/out/file", options=volume, status=1)
        self.assertEqual(output, "")
        self.assertRegex(complaint, r"\Anetwork-connections: /out/file.*: Permission denied\n")
        self.assertEqual(os.listdir("/mnt/root"), [])


class Kubernetes(unittest.TestCase):
    """The pod with a sidecar.

    podman runs the sidecar with the arguments and the security settings of the
    pod, because there is no Kubernetes in the sandbox.
    """

    @classmethod
    def setUpClass(cls):
        cls.text = read_contrib(SIDECAR)
        cls.pod = yaml.safe_load(cls.text)["spec"]
        cls.sidecar, cls.exporter = cls.pod["initContainers"]

    def validate(self, text, version, status=0):
        """Validates a pod, and returns the validator's output and errors."""
        validator = os.path.join(os.path.dirname(sys.executable), "kubernetes-validate")
        with open("/mnt/pod.yaml", "w") as file:
            file.write(text)
        output, complaint = run_command(
            validator, "--strict", "--kubernetes-version", version, "/mnt/pod.yaml", status=status
        )
        return output + complaint

    def test_schema_accepts_the_pod(self):
        for version in ["1.29.0", "1.37.0"]:
            self.validate(self.text, version)
        self.assertIn("'restartPolicy' was unexpected", self.validate(self.text, "1.27.0", status=1))
        wrong = self.text.replace("readOnlyRootFilesystem", "readOnlyRootFileSystem")
        self.assertIn("'readOnlyRootFileSystem' was unexpected", self.validate(wrong, "1.37.0", status=1))

    def test_image_is_the_current_version(self):
        self.assertEqual(self.sidecar["image"], f"ghcr.io/OWNER/{REFERENCE.partition('/')[2]}")

    def test_pod_has_no_token_for_the_api(self):
        self.assertIs(self.pod["automountServiceAccountToken"], False)

    def test_sidecar_writes_for_the_exporter(self):
        security = {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        self.assertEqual(self.sidecar["securityContext"], security)
        self.assertEqual(self.exporter["securityContext"], security | {"runAsUser": 65534})

        # Every user may write to an emptyDir.
        os.mkdir("/mnt/metrics")
        os.chmod("/mnt/metrics", 0o777)
        (mount,) = self.sidecar["volumeMounts"]
        (memory,) = self.sidecar["resources"]["limits"].values()
        options = ["--volume", f"/mnt/metrics:{mount['mountPath']}", "--memory", memory.replace("Mi", "m")]
        with running_container(*self.sidecar["args"], options=[*POD, *options]):
            wait_for(lambda: os.listdir("/mnt/metrics") == ["network-connections.prom"], "file")
            directory = [argument.replace("=/metrics", "=/mnt/metrics") for argument in self.exporter["args"]]
            exporter = ["prometheus-node-exporter", *directory]
            user = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--bounding-set=-all"]
            start(*IN_POD, *user, *exporter, stderr=subprocess.DEVNULL)
            fetch = [*IN_POD, "busybox", "wget", "-q", "-O", "-", "http://127.0.0.1:9100/metrics"]
            served = wait_for(lambda: subprocess.run(fetch, capture_output=True, text=True).stdout, "answer")
        series = dict(line.rsplit(" ", 1) for line in served.splitlines() if not line.startswith("#"))
        for (table, state), number in make_counts(**POD_COUNTS).items():
            name = f'network_connections{{ip="v{table[3]}",protocol="{table[:3]}",state="{state.lower()}"}}'
            self.assertEqual(series.get(name), str(number), name)

    def test_log_has_the_report(self):
        # A comment in the pod has these arguments for use without Prometheus.
        (arguments,) = re.findall(r"^#  +args: (.*)$", self.text, re.MULTILINE)
        with running_container(*yaml.safe_load(arguments), options=POD) as identifier:
            line = wait_for(lambda: run_podman("logs", identifier)[0], "report")
        self.assertRegex(line, r"\A[^\n]+\n\Z")
        self.assertIn("ESTABLISHED", json.loads(line)["tcp4"])


if __name__ == "__main__":
    unittest.main()
