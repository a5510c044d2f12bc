"""Network namespaces, interfaces and processes for tests.

Everything a run creates carries the prefix PREFIX-PID-, so that what a crashed
run left behind can be told from what a living one uses: sweep() removes what
belongs to no living process.  Child processes die with the thread that
started them (PR_SET_PDEATHSIG), so that even `kill -9` of a run leaves none.

Nothing here touches the machine's own network namespace.
"""

import contextlib
import ctypes
import fcntl
import itertools
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

PREFIX = "fhsys"
NETNS_DIR = "/run/netns"
CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1
SIOCETHTOOL = 0x8946
ETHTOOL_STXCSUM = 0x17

_libc = ctypes.CDLL(None, use_errno=True)
_serial = itertools.count(1)
# The two ends of a veth must not have the same index: the kernel then reports
# carrier up to a second late.
_ifindex = itertools.count(1000)


class CommandError(Exception):
    """A command that failed, with what it said."""


def wait_for(predicate, timeout=10.0, what=None, explain=None, poll=0.02):
    """Polls 'predicate' until it is true and returns its value.

    'timeout' is in seconds.  On failure raises AssertionError with 'what' and
    with the text of 'explain()', or what the last call raised.  Exceptions of
    the predicate count as "not yet"."""
    deadline = time.monotonic() + timeout
    last = None
    while True:
        try:
            value = predicate()
            if value:
                return value
            last = f"last value {value!r}"
        except Exception as error:  # pylint: disable=broad-except
            last = f"last error {type(error).__name__}: {error}"
        if time.monotonic() >= deadline:
            break
        time.sleep(poll)
    what = what or getattr(predicate, "__name__", "condition")
    text = f"waited {timeout} s for {what}: {last}"
    if explain:
        text += "\n" + str(explain())
    raise AssertionError(text)


def die_with_parent():
    """For preexec_fn: be killed when the parent dies."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def unique_name(what):
    """A name that sweep() will recognise."""
    return f"{PREFIX}-{os.getpid()}-{next(_serial)}-{what}"


def unique_directory():
    """A new private directory with a short path (Unix sockets need it)."""
    return tempfile.mkdtemp(
        prefix=f"{PREFIX}-{os.getpid()}-", dir=tempfile.gettempdir()
    )


def run(*args, netns=None, check=True, stdin=None, env=None, timeout=60):
    """Runs a command, in 'netns' (a Netns or None), and returns its stdout."""
    args = [str(arg) for arg in args]
    if netns is not None:
        args = netns.command(args)
    done = subprocess.run(
        args,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        env=env,
    )
    if check and done.returncode:
        raise CommandError(
            f"{' '.join(args)}: exit status {done.returncode}\n"
            f"{done.stdout}{done.stderr}"
        )
    return done.stdout


def popen(args, netns=None, **kwargs):
    """Starts a process in 'netns' that dies with this one."""
    args = [str(arg) for arg in args]
    if netns is not None:
        args = netns.command(args)
    return subprocess.Popen(args, preexec_fn=die_with_parent, **kwargs)


def end(process, signum=signal.SIGTERM, timeout=5.0):
    """Ends 'process' (a Popen or None) and returns its exit status."""
    if process is None:
        return None
    if process.poll() is None:
        process.send_signal(signum)
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


@contextlib.contextmanager
def entered(path):
    """Inside the with block the calling thread is in the network namespace at
    'path', for example /run/netns/x or /proc/123/ns/net."""
    with open("/proc/thread-self/ns/net", "rb") as old:
        _setns(path)
        try:
            yield
        finally:
            _setns(f"/proc/self/fd/{old.fileno()}")


def sysctl(key, value):
    """Sets net.* of the calling thread's namespace."""
    path = "/proc/sys/" + key.replace(".", "/")
    with open(path, "w", encoding="ascii") as file:
        file.write(str(value))


def checksums_in_software(dev):
    """Makes 'dev' of the calling thread's namespace compute transport
    checksums itself.

    A veth leaves them to the receiving side; a userspace datapath passes such
    a packet on as it is, and the next stack drops it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        value = bytearray(struct.pack("II", ETHTOOL_STXCSUM, 0))
        buf = (ctypes.c_char * len(value)).from_buffer(value)
        ifreq = struct.pack("16sP16x", dev.encode(), ctypes.addressof(buf))
        fcntl.ioctl(sock, SIOCETHTOOL, ifreq)


class NetnsPath:
    """A network namespace that somebody else keeps, for example at
    /proc/123/ns/net."""

    def __init__(self, path):
        self.path = path

    def command(self, args):
        """'args' as a command line that runs here (and keeps its pid)."""
        return ["nsenter", f"--net={self.path}", "--"] + list(args)


class Netns(NetnsPath):
    """A network namespace of its own, with lo up and IPv6 off."""

    def __init__(self, what):
        self.name = unique_name(what)
        super().__init__(f"{NETNS_DIR}/{self.name}")
        run("ip", "netns", "add", self.name)
        self.batch(["link set lo up"])
        self.sysctl("net.ipv6.conf.all.disable_ipv6", 1)
        self.sysctl("net.ipv6.conf.default.disable_ipv6", 1)

    def run(self, *args, **kwargs):
        return run(*args, netns=self, **kwargs)

    def popen(self, args, **kwargs):
        return popen(args, netns=self, **kwargs)

    def ip(self, line, **kwargs):
        """`ip LINE` here, for example ns.ip("link set eth0 up")."""
        return run("ip", "-n", self.name, *line.split(), **kwargs)

    def batch(self, lines):
        """Several `ip` commands at once."""
        run("ip", "-n", self.name, "-batch", "-", stdin="\n".join(lines))

    def socket(self, *args):
        """A socket that lives here."""
        with entered(self.path):
            return socket.socket(*args)

    def sysctl(self, key, value):
        with entered(self.path):
            sysctl(key, value)

    def delete(self):
        """Ends every process in here and removes the namespace."""
        _delete_netns(self.name)


def add_veth(ns_a, dev_a, ns_b, dev_b, mac_a=None, mac_b=None):
    """A cable between 'dev_a' in 'ns_a' and 'dev_b' in 'ns_b', both up."""
    index_a, index_b = next(_ifindex), next(_ifindex)
    line = f"link add {dev_a} index {index_a}"
    line += f" address {mac_a}" if mac_a else ""
    line += f" type veth peer name {dev_b} index {index_b}"
    line += f" address {mac_b}" if mac_b else ""
    line += f" netns {ns_b.name}" if ns_b is not ns_a else ""
    ns_a.batch([line, f"link set {dev_a} up"])
    ns_b.batch([f"link set {dev_b} up"])
    for netns, dev in ((ns_a, dev_a), (ns_b, dev_b)):
        with entered(netns.path):
            checksums_in_software(dev)


def sweep():
    """Removes what earlier runs left that are no longer alive."""
    for name in _listdir(NETNS_DIR):
        if _is_dead_run(name):
            _delete_netns(name)
    for name in _listdir(tempfile.gettempdir()):
        if _is_dead_run(name):
            path = os.path.join(tempfile.gettempdir(), name)
            shutil.rmtree(path, ignore_errors=True)


def _is_dead_run(name):
    parts = name.split("-")
    if len(parts) < 3 or parts[0] != PREFIX or not parts[1].isdigit():
        return False
    return not os.path.exists(f"/proc/{parts[1]}")


def _listdir(path):
    try:
        return os.listdir(path)
    except FileNotFoundError:
        return []


def _delete_netns(name):
    """Until it is gone.  `ip` has once left one mounted and said nothing,
    where several runs ended in the same second."""

    def is_gone():
        pids = run("ip", "netns", "pids", name, check=False).split()
        for pid in pids:
            if int(pid) != os.getpid():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
        run("ip", "netns", "del", name, check=False)
        return not os.path.exists(f"{NETNS_DIR}/{name}")

    wait_for(is_gone, what=f"the network namespace {name} to go")


def _setns(path):
    with open(path, "rb") as file:
        if _libc.setns(file.fileno(), CLONE_NEWNET):
            errno = ctypes.get_errno()
            raise OSError(errno, f"setns {path}: {os.strerror(errno)}")
