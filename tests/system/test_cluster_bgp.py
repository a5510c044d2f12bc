"""Several controllers with a BGP speaker beside each: the core keeps its routes,
whoever leads.

The topology of clusterlab.py; S has no route to the clients but what the three
speakers, E1 to E3 on the uplink LAN, tell it."""

import os

import pytest

import harness
import speakers
from bgplab import COMMUNITY
from clusterlab import ClusterLab
from meter import losses

pytestmark = pytest.mark.skipif(
    speakers.missing() is not None, reason=str(speakers.missing())
)

# After so long a follower takes back what it has told before.
FOLLOW_SETTLE_S = 3


class ClusterBgpLab(ClusterLab):
    """A ClusterLab whose core is BIRD, fed by ExaBGP of each controller."""

    def __init__(self):
        super().__init__()
        self.core = self.watch = None
        self.speakers = {}

    def build(self):
        super().build()
        self.server.netns.ip(f"route del {harness.PREFIX} dev eth0")
        for controller in self.controllers:
            address = f"192.0.2.{249 + controller.number}"
            host = self.add_client(
                f"E{controller.number}",
                "core",
                address,
                gateway=harness.NEXT_HOP,
            )
            self.speakers[controller] = speakers.ExaBgp(
                os.path.join(self.directory, f"exabgp{controller.number}"),
                host.netns,
                address,
                harness.NEXT_HOP,
            )
        self.core = speakers.Bird(
            os.path.join(self.directory, "core"),
            self.server.netns,
            harness.NEXT_HOP,
            *(f"192.0.2.{249 + c.number}" for c in self.controllers),
        )

    def config_of(self, controller, **segment):
        config = super().config_of(
            controller, **{"upstream": "bgp", "bgp": COMMUNITY, **segment}
        )
        config["bgp"] = {
            "api_in": self.speakers[controller].api_in,
            "api_out": self.speakers[controller].api_out,
        }
        return config

    def start(self, **segment):
        self.core.start()
        for speaker in self.speakers.values():
            speaker.start()
        super().start(**segment)
        for client in (self.c, self.d):
            self.wait_next_hop(client, self.a)
        self.watch = speakers.RouteWatch(self.directory, self.server.netns)

    def wait_next_hop(self, client, router):
        self.wait_for(
            lambda: self.core.next_hop(client.address)
            == router.uplink_address,
            30,
            f"the core to send {client.name} to {router.name}",
        )

    def wait_settled(self):
        """Past the moment at which a follower takes back what it has told."""
        self.wait_for(
            lambda: all(
                c.status()["uptime_s"] > FOLLOW_SETTLE_S + 1
                for c in self.running()
            ),
            what="the controllers to have run for a while",
        )

    def deleted(self):
        return [
            line
            for client in (self.c, self.d)
            for line in self.watch.deleted(client.address)
        ]

    def explain(self):
        text = super().explain()
        for speaker in (self.core, *self.speakers.values()):
            if speaker:
                text += f"\n--- {type(speaker).__name__}\n{speaker.output()}"
        return text

    def close(self):
        for part in (self.watch, self.core, *self.speakers.values()):
            if part:
                part.stop()
        super().close()


@pytest.fixture
def lab():
    laboratory = ClusterBgpLab()
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
    assert not lab.deleted()


def test_no_change_of_leader_withdraws_a_route(lab):
    """Killed, back as a follower, handed over: the core sees nothing.  And a
    client that moves then is found, though the speaker of the one that died
    goes on telling where it was."""
    with lab.meter(lab.c, lab.d) as meter:
        meter.wait_steady(explain=lab.explain)
        meter.reset()
        first = lab.change_leaders(
            lab.wait_settled, lambda: assert_nothing_was_lost(lab, meter)
        )
    first.kill()
    lab.wait_leader(but=first)
    lab.wait_connected()
    for router in (lab.a, lab.b):
        lab.wait_reach(lab.c, router)
    lab.daemon.move(lab.c.address, "B")
    lab.wait_next_hop(lab.c, lab.b)
    assert lab.core.next_hop(lab.d.address) == lab.a.uplink_address
    assert lab.c.ping(harness.NEXT_HOP, timeout=5)
    assert not lab.deleted()


def test_who_restarts_without_the_database_withdraws_nothing(lab):
    """Nobody can lead, so nobody else tells the core where clients are."""
    leader = lab.leader()
    with lab.meter(lab.c, lab.d) as meter:
        meter.wait_steady(explain=lab.explain)
        meter.reset()
        for server in lab.database.servers[1:]:
            server.kill()
        lab.wait_for(
            lambda: any("database" in p for p in leader.status()["problems"]),
            what="the leader to miss the database",
        )
        leader.restart()
        lab.wait_settled()
        assert not lab.leader()
        assert_nothing_was_lost(lab, meter)
