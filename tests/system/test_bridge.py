"""OpenFlow alone against a real bridge: do our messages mean what we think?

One bridge with one port (a veth pair whose other end stands in for whatever is
behind it).  ofprobe, built beside the daemon, dials the bridge's own listener
once for each version of OpenFlow and checks, step by step, that 2,500 flows
of every kind come back as they were sent, that a bad flow fails its commit
and no other, that punted frames arrive with their metadata, and that one meter
holds all punts together; then it tells what it hears about the port.
"""

import os
import subprocess

import pytest

from netns import Netns, add_veth, popen, run, unique_directory
from openvswitch import Ovs

STEPS = {
    "ready",
    "commit",
    "same flows",
    "meter again",
    "punted with metadata",
    "punted when the TTL ends",
    "all punts metered",
    "refused",
    "delete",
}
PROTOCOLS = {"1.3": "OpenFlow13", "1.4": "OpenFlow14", "1.5": "OpenFlow15"}


class Probe:
    """A running ofprobe; 'said' is every line that it has written."""

    def __init__(self, bridge, version):
        build = os.environ.get("FIRSTHOP_BUILD", "_build")
        program = os.path.join(build, "tests", "system", "ofprobe")
        if not os.access(program, os.X_OK):
            pytest.skip(f"{program} is not built")
        target = f"unix:{bridge.ovs.directory}/br.mgmt"
        self.said = []
        self.process = popen(
            [program, target, version],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def wait_line(self, line):
        """Reads until 'line' comes; ofprobe itself gives up after a while."""
        while line not in self.said:
            text = self.process.stdout.readline()
            assert text, f"ended before {line!r}: {self.said}"
            self.said.append(text.strip())
            assert not text.startswith("not ok"), text

    def forget(self):
        self.said.clear()

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(10) == 0
        self.process.stdout.close()


class Bridge:
    """The bridge "br" with port "p", whose other end is "peer" in .far."""

    def __init__(self):
        self.near = Netns("br")
        self.far = Netns("far")
        self.ovs = Ovs(unique_directory(), self.near)
        self.ovs.start()
        add_veth(self.near, "p", self.far, "peer")
        self.ovs.add_bridge("br", "000000000000000a", ["p"])

    def close(self):
        self.ovs.stop()
        self.near.delete()
        self.far.delete()
        run("rm", "-rf", self.ovs.directory)


@pytest.fixture(name="bridge")
def fixture_bridge():
    bridge = Bridge()
    yield bridge
    bridge.close()


def probe_all(bridge, version):
    """Runs every step; returns the probe, which now tells of the port."""
    probe = Probe(bridge, version)
    probe.wait_line("port p up")
    done = {line[3:] for line in probe.said if line.startswith("ok ")}
    expected = set(STEPS)
    if version != "1.3":
        expected.add("role lost to a later one")
    assert done == expected
    return probe


@pytest.mark.parametrize("version", PROTOCOLS)
def test_flows_and_frames_mean_the_same_to_a_bridge(bridge, version):
    bridge.ovs.vsctl("set", "bridge", "br", f"protocols={PROTOCOLS[version]}")
    probe_all(bridge, version).close()


def test_bridge_with_all_versions_comes_to_1_4(bridge):
    bridge.ovs.vsctl("clear", "bridge", "br", "protocols")
    probe_all(bridge, "1.4").close()


def test_port_is_down_when_the_far_end_is(bridge):
    probe = probe_all(bridge, "1.4")
    for state in ("down", "up"):
        probe.forget()
        bridge.far.ip(f"link set peer {state}")
        probe.wait_line(f"port p {state}")
    probe.forget()
    bridge.near.ip("link set p down")
    probe.wait_line("port p down")
    probe.close()


def test_port_with_silent_bfd_is_down(bridge):
    """The link is up, but nobody answers at its far end."""
    probe = probe_all(bridge, "1.4")
    probe.forget()
    bridge.ovs.vsctl(
        *("set", "interface", "p", "bfd:enable=true"),
        *("bfd:min_tx=100", "bfd:min_rx=100"),
    )
    probe.wait_line("port p down")
    probe.forget()
    bridge.ovs.vsctl("set", "interface", "p", "bfd:enable=false")
    probe.wait_line("port p up")
    probe.close()
