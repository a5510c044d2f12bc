"""Upstream "bgp": ExaBGP feeds a core router, BIRD or FRR, with a /32 for each
client.

The article's topology; S, the next hop of both routers, has no route to the
clients but what BGP tells it, and the speaker E is on the uplink LAN.

           S     E
           |     |
     +---- core -+-+
     |             |
     A             B
     |             |
     X ---- Y ---- Z
     |      |
     D      C
"""

import os
import re
import signal

import pytest

import harness
import speakers

SPEAKER = "192.0.2.250"
COMMUNITY = {"community": "65000:100", "local_preference": 150}

pytestmark = pytest.mark.skipif(
    speakers.missing() is not None, reason=str(speakers.missing())
)


class BgpLab(harness.Lab):
    """A Lab with a core router of the class 'router_class' and ExaBGP."""

    def __init__(self, router_class):
        super().__init__()
        self.router_class = router_class
        self.core = self.exabgp = None
        self.watches = []

    def build(self):
        harness.build_article(self)
        self.server.netns.ip(f"route del {harness.PREFIX} dev eth0")
        e = self.add_client("E", "core", SPEAKER, gateway=harness.NEXT_HOP)
        self.core = self.router_class(
            os.path.join(self.directory, "core"),
            self.server.netns,
            harness.NEXT_HOP,
            SPEAKER,
        )
        self.exabgp = speakers.ExaBgp(
            os.path.join(self.directory, "exabgp"),
            e.netns,
            SPEAKER,
            harness.NEXT_HOP,
        )

    def config(self, **segment):
        config = super().config(
            **{"upstream": "bgp", "bgp": COMMUNITY, **segment}
        )
        config["bgp"] = {
            "api_in": self.exabgp.api_in,
            "api_out": self.exabgp.api_out,
        }
        return config

    def start(self, **segment):
        """Everything, until both clients' routes are in the core."""
        self.core.start()
        self.exabgp.start()
        self.start_daemon(self.config(**segment))
        self.wait_for(
            lambda: all(
                c.ping(harness.GATEWAY, timeout=1) for c in (self.c, self.d)
            ),
            what="the clients to reach the gateway",
        )
        for client in (self.c, self.d):
            self.wait_next_hop(client, self.a)
            for router in (self.a, self.b):
                self.wait_reach(client, router)

    def next_hop(self, client):
        return self.core.next_hop(client.address)

    def wait_next_hop(self, client, router, timeout=30):
        """Waits until the core's table sends the client to 'router' (None:
        nowhere)."""
        address = router.uplink_address if router else None
        self.wait_for(
            lambda: self.next_hop(client) == address,
            timeout,
            f"the core to send {client.name} to {address}",
        )

    def watch(self):
        watch = speakers.RouteWatch(self.directory, self.server.netns)
        self.watches.append(watch)
        return watch

    def peer_events(self):
        """ "up" and "down", as the speaker told about its peer."""
        return [
            event["detail"].split()[-1]
            for event in self.daemon.events(type="upstream.changed")
            if event.get("detail", "").startswith("BGP peer")
        ]

    def explain(self):
        text = super().explain()
        for speaker in (self.core, self.exabgp):
            if speaker:
                text += f"\n--- {type(speaker).__name__}\n{speaker.output()}"
        return text

    def close(self):
        for part in self.watches + [self.exabgp, self.core]:
            if part:
                part.stop()
        super().close()


@pytest.fixture(params=[speakers.Bird, speakers.Frr], ids=["bird", "frr"])
def lab(request):
    laboratory = BgpLab(request.param)
    laboratory.build()
    yield laboratory
    laboratory.close()


def losses(report, name):
    return {way: report["pairs"][name][way]["lost"] for way in ("up", "down")}


def test_route_follows_the_client(lab):
    """C's /32 moves to B, traffic with it; D's stays."""
    lab.start()
    assert lab.core.attributes(lab.c.address) == (150, ["65000,100"])
    with lab.meter(lab.c, lab.d) as meter:
        meter.wait_steady(explain=lab.explain)
        meter.reset()
        lab.links["X", "Y"].silence()
        lab.wait_active(lab.c, lab.b)
        lab.wait_next_hop(lab.c, lab.b)
        meter.wait_steady(explain=lab.explain)
        assert losses(meter.report(), "D") == {"up": 0, "down": 0}
        assert lab.next_hop(lab.d) == lab.a.uplink_address

        meter.reset()
        lab.links["X", "Y"].unsilence()
        lab.wait_reach(lab.c, lab.a)
        meter.wait_steady(explain=lab.explain)
        for name in "CD":
            assert losses(meter.report(), name) == {"up": 0, "down": 0}
    assert lab.next_hop(lab.c) == lab.b.uplink_address


def test_speaker_killed_and_restarted(lab):
    """With graceful restart the core keeps the routes; the speaker is told
    all of them again, and nothing is withdrawn in between."""
    lab.start()
    watch = lab.watch()
    with lab.meter(lab.c, lab.d) as meter:
        meter.wait_steady(explain=lab.explain)
        meter.reset()
        lab.exabgp.kill()
        lab.wait_for(
            lambda: any(
                "speaker is gone" in event.get("detail", "")
                for event in lab.daemon.events(type="upstream.changed")
            ),
            what="the daemon to notice",
        )
        lab.exabgp.start()
        lab.wait_for(
            lambda: lab.peer_events()[1:] == ["up"],
            60,
            "the peer to be up again",
        )
        meter.wait_steady(explain=lab.explain)
        for name in "CD":
            assert losses(meter.report(), name) == {"up": 0, "down": 0}
    for client in (lab.c, lab.d):
        assert not watch.deleted(client.address)
        assert lab.next_hop(client) == lab.a.uplink_address
    # It is the new speaker that tells of the next move.
    lab.links["X", "Y"].silence()
    lab.wait_next_hop(lab.c, lab.b)


def test_daemon_killed_and_restarted(lab):
    lab.start()
    watch = lab.watch()
    with lab.meter(lab.c, lab.d) as meter:
        meter.wait_steady(explain=lab.explain)
        meter.reset()
        lab.daemon.kill()
        lab.daemon.start()
        lab.wait_connected()
        for client in (lab.c, lab.d):
            lab.wait_active(client, lab.a)
            lab.wait_reach(client, lab.b)
        meter.wait_steady(explain=lab.explain)
        for name in "CD":
            assert losses(meter.report(), name) == {"up": 0, "down": 0}
    for client in (lab.c, lab.d):
        assert not watch.deleted(client.address)
    assert lab.core.is_up()
    lab.links["X", "Y"].silence()
    lab.wait_next_hop(lab.c, lab.b)
    assert lab.next_hop(lab.d) == lab.a.uplink_address


def test_route_of_a_client_that_vanished_with_the_daemon(lab):
    """Kept until it is settled that nobody knows it, then withdrawn."""
    lab.start(withdraw_after_ms=1000)
    lab.daemon.kill()
    lab.d.link.down()
    for flow in lab.a.flows_of(lab.d):
        match = re.search(r"nw_(?:src|dst)=[\d.]+", flow).group(0)
        lab.a.ovs.ofctl("del-flows", lab.a.bridge, f"ip,{match}")
    lab.daemon.start()
    lab.wait_active(lab.c, lab.a, timeout=20)
    assert lab.next_hop(lab.d) == lab.a.uplink_address
    lab.wait_next_hop(lab.d, None)
    assert lab.next_hop(lab.c) == lab.a.uplink_address


def test_lost_client_is_withdrawn_in_the_end(lab):
    lab.start(withdraw_after_ms=1500)
    lab.c.link.down()
    lab.wait_next_hop(lab.c, None)
    assert lab.next_hop(lab.d) == lab.a.uplink_address
    lab.c.link.up()
    lab.wait_for(lambda: lab.c.ping(harness.NEXT_HOP, timeout=1), 30)
    lab.wait_next_hop(lab.c, lab.a)


def test_speaker_that_does_not_run_holds_nothing_up(lab):
    """ExaBGP is stopped in mid-air: the client moves all the same, and its
    route follows as soon as ExaBGP goes on."""
    lab.start()
    (process,) = lab.exabgp.processes
    process.send_signal(signal.SIGSTOP)
    lab.links["X", "Y"].silence()
    lab.wait_for(
        lambda: lab.daemon.events(type="client.moved", client=lab.c.address),
        what="the move to be complete",
    )
    assert lab.next_hop(lab.c) == lab.a.uplink_address
    process.send_signal(signal.SIGCONT)
    lab.wait_next_hop(lab.c, lab.b)
    lab.wait_for(lambda: lab.c.ping(harness.NEXT_HOP, timeout=1))
