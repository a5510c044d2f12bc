"""OpenFlow over TLS: who gets in, who does not, and new certificates."""

import os
import socket
import ssl
import subprocess

import pytest

import harness
from pki import Pki

TARGET = f"ssl:{harness.CONTROLLER_HOST}:{harness.CONTROLLER_PORT}"
FAILURES = "\nfirsthop_openflow_tls_failures_total "


class TlsLab(harness.Lab):
    """The article's topology, its bridges on TLS."""

    def build(self):
        harness.build_article(self)
        self.pki = Pki(os.path.join(self.directory, "pki"))
        for router in self.routers.values():
            self.pki.issue(router.bridge)
            self.pki.give(router.ovs, router.bridge)
            router.controller = TARGET

    def config(self, **segment):
        config = super().config(**segment)
        config["openflow"] = {"listen": [TARGET]}
        config["tls"] = self.pki.daemon()
        for router in self.routers.values():
            config["routers"][router.name]["common_name"] = router.bridge
        return config

    def start(self):
        self.start_daemon()
        self.settle(self.c, self.d)

    def failures(self):
        return int(self.daemon.get("/metrics").split(FAILURES)[1].split()[0])

    def disconnects(self):
        return [
            event
            for event in self.daemon.get("/v1/events")["events"]
            if event["type"] == "router.disconnected"
        ]

    def add_intruder(self):
        """A bridge with B's datapath id, not yet connected."""
        ovs = self.add_ovs("twin")
        ovs.add_bridge("br-twin", self.b.datapath_id)
        return ovs


@pytest.fixture
def tls():
    lab = TlsLab()
    try:
        lab.build()
        lab.start()
        yield lab
    finally:
        lab.close()


def assert_turned_away(lab, ovs, why):
    """The bridge dials, and is refused for that reason; B stays."""
    ovs.set_controller("br-twin", TARGET)
    lab.wait_for(
        lambda: why in lab.daemon.log(),
        what=f"{why!r} in the log",
    )
    assert not ovs.flows("br-twin")
    assert lab.daemon.router("B")["connected"]
    assert not lab.disconnects()


def test_bridges_that_speak_tls_are_served(tls):
    """As others are, when one of them dies too."""
    assert tls.c.ping(harness.NEXT_HOP)
    assert tls.d.ping(harness.NEXT_HOP)
    assert not tls.failures()
    tls.a.kill()
    for client in (tls.c, tls.d):
        tls.wait_active(client, tls.b)
    tls.wait_for(lambda: tls.c.ping(harness.NEXT_HOP, timeout=1))
    tls.a.revive()
    tls.wait_reach(tls.c, tls.a, timeout=20)


def test_certificate_of_another_ca_gets_no_further(tls):
    other = Pki(os.path.join(tls.directory, "other"))
    other.issue("br-B")
    ovs = tls.add_intruder()
    other.give(ovs, "br-B", ca=tls.pki)
    assert_turned_away(tls, ovs, "unable to get local issuer certificate")
    assert tls.failures() > 0


def test_expired_certificate_gets_no_further(tls):
    tls.pki.issue_expired("old")
    ovs = tls.add_intruder()
    tls.pki.give(ovs, "old")
    assert_turned_away(tls, ovs, "certificate has expired")


def test_datapath_id_is_bound_to_a_certificate(tls):
    """A's certificate is good, but not for B's datapath id."""
    ovs = tls.add_intruder()
    tls.pki.give(ovs, "br-A")
    assert_turned_away(
        tls, ovs, "has its datapath id, but the certificate of br-A"
    )


def test_without_a_certificate_nobody_gets_further(tls):
    """Nor in the clear; and whoever says nothing disturbs nobody."""
    address = harness.CONTROLLER_HOST, harness.CONTROLLER_PORT
    hello = bytes([5, 0, 0, 8, 0, 0, 0, 1])
    silent = tls.netns.socket(socket.AF_INET, socket.SOCK_STREAM)
    silent.connect(address)
    plain = tls.netns.socket(socket.AF_INET, socket.SOCK_STREAM)
    plain.settimeout(10)
    plain.connect(address)
    plain.sendall(hello)
    try:
        answer = plain.recv(100)
    except ConnectionResetError:
        answer = b""
    # At most an alert of TLS (21), no hello of OpenFlow (5).
    assert answer[:1] in (b"", b"\x15")

    bare = tls.netns.socket(socket.AF_INET, socket.SOCK_STREAM)
    bare.settimeout(10)
    bare.connect(address)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with pytest.raises(OSError):  # TLS 1.3 tells it when it reads.
        conn = context.wrap_socket(bare)
        conn.sendall(hello)
        while conn.recv(100):
            pass
        raise OSError("closed")
    tls.wait_for(
        lambda: "peer did not return a certificate" in tls.daemon.log()
    )
    assert tls.failures() >= 2
    assert tls.c.ping(harness.NEXT_HOP)
    assert not tls.disconnects()
    silent.close()


def test_reload_reads_new_certificates(tls):
    """Who is there stays; from then on, the new ones count."""
    new = Pki(os.path.join(tls.directory, "new"))
    config = tls.config()
    config["tls"] = new.daemon()
    tls.daemon.configure(config)
    tls.daemon.reload()
    assert not tls.disconnects()
    assert tls.c.ping(harness.NEXT_HOP)

    # B comes back with its old certificate, and then with a new one.
    tls.b.kill()
    tls.b.revive()
    tls.wait_for(
        lambda: "TLS:" in tls.daemon.log(), timeout=20, what="a refusal"
    )
    assert not tls.daemon.router("B")["connected"]
    new.issue(tls.b.bridge)
    new.give(tls.b.ovs, tls.b.bridge)
    tls.wait_connected(["B"], timeout=20)
    tls.wait_reach(tls.c, tls.b)

    # Files that cannot be read leave those before in force.
    config["tls"]["key"] = "/nonexistent"
    tls.daemon.configure(config)
    tls.daemon.reload()
    tls.wait_for(lambda: "TLS: /nonexistent" in tls.daemon.log())
    tls.b.kill()
    tls.b.revive()
    tls.wait_connected(["B"], timeout=20)


def test_bridge_is_dialled_over_tls(tls):
    """It listens itself, and asks for the daemon's certificate."""
    address = "172.31.255.12"
    config = tls.config()
    config["routers"]["B"]["connect"] = f"ssl:{address}:6654"
    tls.b.ovs.set_controller(tls.b.bridge, "pssl:6654")
    tls.wait_for(lambda: not tls.daemon.router("B")["connected"])
    tls.daemon.configure(config)
    tls.daemon.reload()
    tls.wait_connected(["B"])
    tls.wait_reach(tls.c, tls.b)
