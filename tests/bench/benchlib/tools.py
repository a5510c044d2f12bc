"""Programs that a figure runs, and what they cost.

Reuses the laboratories of the system tests (tests/lab): namespaces, Open
vSwitch instances, firsthopd and its control socket, the UDP meter.
"""

import contextlib
import functools
import json
import os
import select
import shutil
import socket
import subprocess
import sys
import time

BENCH = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOP = os.path.dirname(os.path.dirname(BENCH))
sys.path.insert(0, os.path.join(TOP, "python"))

# pylint: disable=wrong-import-position
from firsthop.lab.firsthopd import Firsthopd  # noqa: E402
from firsthop.lab.netns import (  # noqa: E402
    end,
    popen,
    sweep,
    unique_directory,
    wait_for,
)
from firsthop.lab.ovsdbcluster import OvsdbCluster  # noqa: E402

GATEWAY = "10.0.0.1"
PREFIX = "10.0.0.0/14"
NEXT_HOP = "192.0.2.1"
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
NO_LIMIT = 1000000


class BenchError(Exception):
    """A measurement that could not be made."""


def build_path(*parts):
    """A path in the build directory."""
    return os.path.join(os.environ.get("FIRSTHOP_BUILD", "_build"), *parts)


# Wherever the daemon of a contestant is from, the bench is of this build.
OWN_BUILD = os.environ.get("FIRSTHOP_BUILD", "_build")


def program(name):
    """The path of a bench program."""
    return os.path.join(OWN_BUILD, "tests", "bench", name)


def former_build():
    """The build to compare with, or None."""
    return os.environ.get("FIRSTHOP_FORMER")


def missing_programs():
    """What has not been built, as paths."""
    names = ("loadgen", "echoctl", "clientfarm")
    paths = [build_path("firsthopd")] + [program(name) for name in names]
    return [path for path in paths if not os.access(path, os.X_OK)]


def free_port():
    """A TCP port on loopback that nobody listens on."""
    with contextlib.closing(socket.socket()) as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def cpu_seconds(pid):
    """CPU time of a process and its threads so far, in seconds."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS


def resident_bytes(pid):
    """Resident memory of a process, in bytes."""
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@contextlib.contextmanager
def daemon_of(build):
    """firsthopd is started from 'build' (None: as always)."""
    usual = os.environ.get("FIRSTHOP_BUILD")
    if build:
        os.environ["FIRSTHOP_BUILD"] = build
    try:
        yield
    finally:
        if build and usual is None:
            del os.environ["FIRSTHOP_BUILD"]
        elif build:
            os.environ["FIRSTHOP_BUILD"] = usual


def beside_former(contestants):
    """The same contestants, each followed by itself with the daemon of the
    former build, "before" added to its label, if there is one."""
    if not former_build():
        return contestants

    def before(function):
        with daemon_of(former_build()):
            return function()

    both = {}
    for label, function in contestants.items():
        both[label] = function
        both[f"{label} before"] = functools.partial(before, function)
    return both


def no_worse(label, metric, relation):
    """Targets of beside_former(): at least 0.95 as good as before."""
    bound = 0.95 if relation == ">=" else 1 / 0.95
    return (
        [(label, metric, relation, bound, f"{label} before")]
        if former_build()
        else []
    )


class Scripted:
    """A program that takes a command a line on stdin and answers each with a
    line of JSON: loadgen, clientfarm."""

    def __init__(self, args, netns=None):
        self.process = popen(
            args,
            netns=netns,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, *words):
        """Sends a command and does not wait for its answer."""
        line = " ".join(str(word) for word in words) + "\n"
        self.process.stdin.write(line.encode())
        self.process.stdin.flush()

    def receive(self, timeout=120.0):
        """The next answer, a dict."""
        deadline = time.monotonic() + timeout
        out = self.process.stdout.fileno()
        while b"\n" not in self._buffer:
            left = deadline - time.monotonic()
            if left < 0 or not select.select([out], [], [], left)[0]:
                raise BenchError(f"no answer within {timeout} s")
            data = os.read(out, 65536)
            if not data:
                raise BenchError(f"{self.process.args[0]} has ended")
            self._buffer += data
        line, self._buffer = self._buffer.split(b"\n", 1)
        return json.loads(line)

    def do(self, *words, timeout=120.0, must=True):
        """Sends a command and returns its answer.  'must': raise if the
        answer is not "ok"."""
        self.send(*words)
        answer = self.receive(timeout)
        if must and not answer["ok"]:
            raise BenchError(f"{' '.join(map(str, words))}: {answer}")
        return answer

    def close(self):
        if self.process.poll() is None:
            with contextlib.suppress(BrokenPipeError):
                self.send("quit")
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(2)
        end(self.process)
        self.process.stdin.close()
        self.process.stdout.close()


def loadgen(port, **options):
    """Emulated bridges that dial a controller on 'port' of loopback.
    Keywords are loadgen's options, `hosts=1000` for --hosts 1000."""
    args = [program("loadgen"), "--target", f"tcp:127.0.0.1:{port}"]
    for name, value in options.items():
        args.append("--" + name.replace("_", "-"))
        args += [] if value is True else [str(value)]
    return Scripted(args)


class Controller:
    """A controller under test: a process with a pid, listening on 'port'."""

    def __init__(self, args, port, directory):
        self.port = port
        self.directory = directory
        with open(os.path.join(directory, "log"), "wb") as log:
            self.process = popen(args, stdout=log, stderr=log)

    def __enter__(self):
        wait_for(self._listens, 20, f"{self.process.args[0]} to listen")
        return self

    def __exit__(self, *_):
        end(self.process)
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def pid(self):
        return self.process.pid

    def _listens(self):
        """Is the port taken?  Does not connect: that would be a bridge."""
        with open("/proc/net/tcp", encoding="ascii") as file:
            return f":{self.port:04X} 00000000:0000 0A" in file.read()


def echo_controller():
    """The ceiling: answers every packet-in with the same reply."""
    port = free_port()
    args = [program("echoctl"), f"tcp:127.0.0.1:{port}"]
    return Controller(args, port, unique_directory())


def osken_controller():
    """An os-ken application that answers ARP."""
    port = free_port()
    args = ["osken-manager", "--ofp-listen-host", "127.0.0.1"]
    args += ["--ofp-tcp-listen-port", str(port)]
    args += [os.path.join(BENCH, "osken_app.py")]
    return Controller(args, port, unique_directory())


def test_controller():
    """Open vSwitch's own test controller: floods every packet-in."""
    port = free_port()
    directory = unique_directory()
    args = ["ovs-testcontroller", f"--unixctl={directory}/ctl", "--noflow"]
    args += ["-vconsole:off", "-vsyslog:off", f"ptcp:{port}:127.0.0.1"]
    return Controller(args, port, directory)


def firsthop_config(port, bridges=2, access=1, priorities=(), **segment):
    """The configuration for loadgen's bridges: 10.0.0.1 is the gateway of
    10.0.0.0/14, without limits.  'priorities' of the routers, 100 each by
    default; keywords replace parts of the segment."""
    names = [f"R{i:02}" for i in range(bridges)]
    return {
        "openflow": {"listen": [f"tcp:127.0.0.1:{port}"]},
        "routers": {
            name: {
                "datapath_id": f"{10 + i:016x}",
                "mac": f"02:00:00:00:00:{10 + i:02x}",
                "access_ports": [f"b{i}-a{1 + j}" for j in range(access)],
                "uplink": {
                    "port": f"b{i}-up",
                    "address": f"192.0.2.{2 + i}/24",
                    "next_hop": NEXT_HOP,
                },
            }
            for i, name in enumerate(names)
        },
        "segments": {
            "bench": {
                "gateway": GATEWAY,
                "prefixes": [PREFIX],
                "routers": {
                    name: {
                        "address": f"10.0.0.{2 + i}",
                        "priority": dict(enumerate(priorities)).get(i, 100),
                    }
                    for i, name in enumerate(names)
                },
                "limits": {
                    "learned": NO_LIMIT,
                    "learned_per_port": NO_LIMIT,
                    "requests_per_s": NO_LIMIT,
                },
                **segment,
            }
        },
    }


class FirsthopController:
    """firsthopd for loadgen's bridges; see firsthop_config().  With 'page' it
    has the live page, at 'url'; 'cluster' is its "cluster"."""

    def __init__(self, page=False, cluster=None, **options):
        self.port = free_port()
        self.directory = unique_directory()
        config = firsthop_config(self.port, **options)
        if page:
            config["api"] = self._have_page()
        if cluster:
            config["cluster"] = cluster
        self.config = config
        self.daemon = Firsthopd(self.directory, config)

    def _have_page(self):
        token_file = os.path.join(self.directory, "token")
        with open(token_file, "w", encoding="ascii") as file:
            file.write("nobody-changes-anything\n")
        os.chmod(token_file, 0o640)
        listen = f"127.0.0.1:{free_port()}"
        self.url = f"http://{listen}/"
        return {
            "listen": listen,
            "token_file": token_file,
            "read_without_token": True,
        }

    def __enter__(self):
        self.daemon.start()
        return self

    def __exit__(self, *_):
        try:
            if self.daemon.is_running():
                self.daemon.stop()
        finally:
            shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def pid(self):
        return self.daemon.process.pid

    def wait_paths(self, timeout=10.0):
        """Waits until the routers hear each other's beacons."""
        wait_for(
            lambda: all(
                path[side]["state"] == "up"
                for path in self.daemon.get("/v1/paths")["paths"]
                for side in ("access", "core")
                if path[side]
            ),
            timeout,
            "beacons to be answered",
            self.daemon.log_tail,
        )

    def wait_reachable(self, counts, timeout=60.0):
        """Waits until the routers, in the order of their names, reach as many
        clients as 'counts' says."""

        def reachable():
            reply = self.daemon.get("/v1/routers")
            routers = sorted(reply["routers"], key=lambda r: r["name"])
            got = [router["clients_reachable"] for router in routers]
            if got != list(counts):
                raise BenchError(f"reached {got}, not {list(counts)}")
            return True

        wait_for(
            reachable, timeout, "probes to be answered", self.daemon.log_tail
        )
