"""Several controllers, and a core that is an Open vSwitch bridge: K goes on
sending clients' packets to their routers, whoever leads."""

import pytest

import harness
from clusterlab import ClusterLab
from corelab import CoreLab
from meter import losses


class ClusterCoreLab(ClusterLab, CoreLab):
    """A ClusterLab with the core of corelab.py, which knows all controllers."""

    def start(self, **segment):
        self.k.set_controller("br-K", *(c.target for c in self.controllers))
        self.k.reconnect_quickly("br-K")
        ClusterLab.start(self, **segment)
        for client in (self.c, self.d):
            self.wait_sends_to(client, self.a)


@pytest.fixture
def lab():
    laboratory = ClusterCoreLab()
    try:
        laboratory.build()
        laboratory.start()
        yield laboratory
    finally:
        laboratory.close()


def assert_nothing_was_lost(lab, meter):
    meter.wait_steady(explain=lab.explain, good_ms=1000)
    for name in "CD":
        assert losses(meter.report(), name) == {"up": 0, "down": 0}


def test_no_change_of_leader_is_seen_by_the_core(lab):
    """Killed, back as a follower, handed over; and whoever leads then moves a
    client, K with it."""
    with lab.meter(lab.c, lab.d) as meter:
        meter.wait_steady(explain=lab.explain)
        meter.reset()
        first = lab.change_leaders(
            lambda: lab.wait_able(len(lab.routers) + 1),
            lambda: assert_nothing_was_lost(lab, meter),
        )
        for router in (lab.a, lab.b):
            lab.wait_reach(lab.c, router)
        lab.daemon.move(lab.c.address, "B")
        lab.wait_sends_to(lab.c, lab.b)
        assert_nothing_was_lost(lab, meter)
    first.kill()
    lab.wait_leader(but=first)
    lab.wait_connected()
    for router in (lab.a, lab.b):
        lab.wait_reach(lab.c, router)
    lab.daemon.move(lab.c.address, "A")
    lab.wait_sends_to(lab.c, lab.a)
    assert lab.sends_to(lab.d, lab.a)
    assert lab.c.ping(harness.NEXT_HOP, timeout=5)
