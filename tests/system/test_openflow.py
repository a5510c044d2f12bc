"""Bridges that are not ours, not unique, or not OpenFlow at all."""

import contextlib
import os
import resource
import selectors
import signal
import socket
import struct
import time

import pytest

import harness

CONTROLLER = harness.CONTROLLER_HOST, harness.CONTROLLER_PORT
HELLO = struct.pack("!BBHI", 5, 0, 8, 1)


@contextlib.contextmanager
def extra_bridge(lab, name, datapath_id):
    """Another Open vSwitch with one bridge, not yet connected."""
    ovs = lab.add_ovs(name)
    try:
        ovs.add_bridge(f"br-{name}", datapath_id)
        yield ovs
    finally:
        ovs.stop()


def test_unknown_bridge_is_left_alone(article):
    with extra_bridge(article, "other", "00000000000000ff") as ovs:
        ovs.set_controller("br-other", harness.CONTROLLER)
        ovs.ofctl("add-flow", "br-other", "cookie=0x77,ip,actions=drop")
        article.wait_for(
            lambda: "00000000000000ff" in article.daemon.log(),
            what="a line about the unknown bridge in the log",
        )
        article.wait_reach(article.c, article.b)
        (flow,) = ovs.flows("br-other")
        assert "cookie=0x77" in flow
    names = str(article.daemon.get("/v1/routers"))
    assert "00000000000000ff" not in names


def takeovers(lab, router):
    """How often a connection has replaced another one of the router's."""
    name = f'firsthop_datapath_id_takeovers_total{{router="{router}"}} '
    return int(lab.daemon.get("/metrics").split(name)[1].split("\n")[0])


def test_newer_of_two_bridges_with_one_datapath_id_wins(article):
    """And the log and the metrics say so."""
    assert not takeovers(article, "B")
    with extra_bridge(article, "twin", article.b.datapath_id) as ovs:
        assert not ovs.flows("br-twin")
        ovs.set_controller("br-twin", harness.CONTROLLER)
        article.wait_for(
            lambda: ovs.flows("br-twin"),
            what="the newer bridge to get flows",
        )
        # The other one dials again, and so on.
        article.wait_for(
            lambda: takeovers(article, "B") > 1,
            what="the bridges to take turns",
        )
        assert any(
            f"two bridges have the datapath id {article.b.datapath_id}" in line
            and "other_config:datapath-id" in line
            for line in article.daemon.log().splitlines()
        ), article.daemon.log_tail()
        assert not takeovers(article, "A")
    article.wait_reach(article.c, article.b, timeout=20)
    assert article.daemon.active(article.c.address) == "A"


MALFORMED = {
    "http": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "zeros": b"\0" * 64,
    "short length": struct.pack("!BBHI", 5, 0, 4, 1),
    "length 0": struct.pack("!BBHI", 5, 0, 0, 1),
    "version 0": struct.pack("!BBHI", 0, 0, 8, 1),
    "OpenFlow 1.0 only": struct.pack("!BBHI", 1, 0, 8, 1),
    "bad hello element": struct.pack("!BBHIHH", 5, 0, 12, 1, 1, 200),
    "features reply too short": HELLO + struct.pack("!BBHI", 5, 6, 8, 2),
    "unknown type": HELLO + struct.pack("!BBHI", 5, 250, 8, 2),
    "packet-in too short": HELLO
    + struct.pack("!BBHIQQII", 5, 6, 32, 2, 0xEE, 0, 254, 0)
    + struct.pack("!BBHI", 5, 10, 9, 3)
    + b"x",
    "version changes": HELLO + struct.pack("!BBHI", 4, 6, 8, 2),
}


@pytest.fixture(scope="module")
def wired():
    """The article's topology, for the malformed to knock at."""
    lab = harness.build_article(harness.Lab())
    try:
        lab.start_daemon()
        lab.settle(lab.c, lab.d)
        yield lab
    finally:
        lab.close()


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_openflow_closes_that_connection_only(wired, name):
    seq = wired.daemon.last_seq()
    log = len(wired.daemon.log())
    sock = wired.netns.socket(socket.AF_INET, socket.SOCK_STREAM)
    with contextlib.closing(sock):
        sock.settimeout(10)
        sock.connect(CONTROLLER)
        sock.sendall(MALFORMED[name])
        assert read_to_end(sock) is not None
    wired.wait_for(
        lambda: f"{harness.CONTROLLER_HOST}:" in wired.daemon.log()[log:],
        what="the reason in the log",
    )
    assert wired.daemon.is_running()
    for router in ("A", "B"):
        assert wired.daemon.router(router)["connected"]
    assert wired.c.ping("10.0.0.1")
    assert not wired.daemon.events(seq, type="router.disconnected")


def test_connection_that_says_nothing_disturbs_nobody(wired):
    socks = []
    for _ in range(50):
        sock = wired.netns.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.connect(CONTROLLER)
        socks.append(sock)
    assert wired.c.ping("10.0.0.1")
    assert wired.daemon.active(wired.c.address) == "A"
    for sock in socks:
        sock.close()


def test_a_late_event_loop_shows(wired):
    """Whatever it is that wakes it first."""

    def lag():
        text = wired.daemon.get("/metrics")
        return float(text.split("\nfirsthop_loop_lag_seconds_sum ")[1].split()[0])

    before = lag()
    pid = wired.daemon.process.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        until = time.monotonic() + 0.5
        wired.wait_for(lambda: time.monotonic() > until)
    finally:
        os.kill(pid, signal.SIGCONT)
    wired.wait_for(
        lambda: lag() > before + 0.3,
        what="the lag to be counted",
    )


# Strangers: they say all that a bridge says, but nobody knows them.

STRANGERS = 4096  # As many as the daemon has room for.


@pytest.fixture(name="descriptors")
def fixture_descriptors():
    """So many that this process can be all of them."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * STRANGERS
    resource.setrlimit(
        resource.RLIMIT_NOFILE,
        (max(before[0], wanted), max(before[1], wanted)),
    )
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


class Strangers:
    """So many connections, each from an address of its own, that answer
    whether they are alive, and come again when they are turned away."""

    def __init__(self, netns):
        self._netns = netns
        self._selector = selectors.DefaultSelector()
        self._n_made = 0

    def __enter__(self):
        while self._n_made < STRANGERS:
            self._add()
        return self

    def __exit__(self, *_):
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()
        self._selector.close()

    def live(self):
        """What they have to do now."""
        for key, _ in self._selector.select(0):
            try:
                data = key.fileobj.recv(65536)
                for xid in echo_requests(data):
                    key.fileobj.sendall(struct.pack("!BBHI", 5, 3, 8, xid))
            except ConnectionError:
                data = b""
            if not data:
                self._selector.unregister(key.fileobj)
                key.fileobj.close()
                self._add()

    def _add(self):
        n = self._n_made
        self._n_made += 1
        sock = self._netns.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._selector.register(sock, selectors.EVENT_READ)
        sock.settimeout(10)
        source = f"127.{1 + n // 65536 % 200}.{n // 256 % 256}.{n % 256}"
        sock.bind((source, 0))
        sock.connect(CONTROLLER)
        features = struct.pack(
            "!BBHIQIBBxxII", 5, 6, 32, 2, 1 << 40 | n, 0, 254, 0, 0x4F, 0
        )
        with contextlib.suppress(ConnectionError):  # live() will see it.
            sock.sendall(HELLO + features)


def echo_requests(data):
    """The xids of those among whole messages."""
    while len(data) >= 8:
        _, kind, length, xid = struct.unpack("!BBHI", data[:8])
        if kind == 2:
            yield xid
        data = data[max(8, length) :]


def test_thousands_of_strangers_keep_no_bridge_out(wired, descriptors):
    """A bridge that comes back finds all room taken, and strangers who come
    again whenever they are turned away."""
    wired.b.kill()
    wired.wait_for(lambda: not wired.daemon.router("B")["connected"])
    with Strangers(wired.netns) as strangers:
        strangers.live()
        wired.b.revive()

        def is_back():
            strangers.live()
            return wired.daemon.router("B")["connected"]

        wired.wait_for(is_back, 60, "B to be back")
        strangers.live()
        assert wired.daemon.router("A")["connected"]
        assert wired.daemon.router("B")["connected"]
        assert wired.c.ping("10.0.0.1")
    wired.wait_reach(wired.c, wired.b, timeout=20)


def read_to_end(sock):
    """What the peer sent until it closed; a reset closes as well."""
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while chunk := sock.recv(4096):
            data += chunk
    return data
