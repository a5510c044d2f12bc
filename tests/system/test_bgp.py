"""Upstream "bgp": ExaBGP feeds a core router, BIRD or FRR, with a /32 for each
client.  The topology is that of bgplab.py."""

import itertools
import re
import signal

import pytest

import harness
import speakers
from bgplab import BgpLab
from meter import losses

pytestmark = pytest.mark.skipif(
    speakers.missing() is not None, reason=str(speakers.missing())
)


@pytest.fixture(params=[speakers.Bird, speakers.Frr], ids=["bird", "frr"])
def lab(request):
    laboratory = BgpLab(request.param)
    laboratory.build()
    yield laboratory
    laboratory.close()


def test_route_follows_the_client(lab):
    """C's /32 moves to B, and there is no moment without it, neither in the
    table that the speaker shows nor in the kernel's; D's stays."""
    lab.start()
    assert lab.core.attributes(lab.c.address) == (150, ["65000,100"])
    watch = lab.watch()
    seen = [lab.next_hop(lab.c)]

    def has_moved():
        seen.append(lab.next_hop(lab.c))
        return seen[-1] == lab.b.uplink_address

    lab.links["X", "Y"].silence()
    lab.wait_for(has_moved, what="C's route to move")
    assert [hop for hop, _ in itertools.groupby(seen)] == [
        lab.a.uplink_address,
        lab.b.uplink_address,
    ]
    lab.wait_for(
        lambda: watch.next_hops(lab.c.address),
        what="the kernel to have the route",
    )
    # Back again, for as many replacements as there are directions.
    lab.links["X", "Y"].unsilence()
    lab.wait_reach(lab.c, lab.a)
    assert lab.next_hop(lab.c) == lab.b.uplink_address
    lab.daemon.move(lab.c.address, "A")
    lab.wait_next_hop(lab.c, lab.a)
    lab.wait_for(
        lambda: watch.next_hops(lab.c.address)
        == [lab.b.uplink_address, lab.a.uplink_address],
        what="the kernel to have the route back",
    )
    assert not watch.deleted(lab.c.address)
    assert not watch.next_hops(lab.d.address)
    assert lab.next_hop(lab.d) == lab.a.uplink_address


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
        lab.wait_for(
            lambda: "nobody reads it: is ExaBGP running?" in lab.daemon.log(),
            what="the daemon to say what it waits for",
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
    bgp = lab.daemon.get("/v1/status")["upstream"]["bgp"]
    assert (bgp["connected"], bgp["stuck"]) == (True, False)
    assert (bgp["routes"], bgp["errors"]) == (2, 0)
    assert bgp["syncs"] >= 2
    assert "\nfirsthop_bgp_connected 1\n" in lab.daemon.get("/metrics")
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
    lab.wait_for(
        lambda: lab.daemon.get("/v1/status")["upstream"]["bgp"]["peers_up"]
        == 1,
        what="the new daemon to know that the peer is up",
    )
    lab.links["X", "Y"].silence()
    lab.wait_next_hop(lab.c, lab.b)
    assert lab.next_hop(lab.d) == lab.a.uplink_address


def test_route_of_a_client_that_vanished_with_the_daemon(lab):
    """Kept until it is settled that nobody knows it, then withdrawn."""
    lab.start(withdraw_after_ms=1000)
    lab.daemon.kill()
    lab.d.link.down()
    for flow in lab.a.flows_of(lab.d):
        match = re.search(r"reg[01]=\w+", flow).group(0)
        lab.a.ovs.ofctl("del-flows", lab.a.bridge, match)
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
