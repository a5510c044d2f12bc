"""Upstream "core": an Open vSwitch core bridge that is told where clients are.
The topology is that of corelab.py."""

import struct

import pytest

import harness
from corelab import CoreLab
from frames import is_udp, udp
from harness import SERVER
from meter import losses


@pytest.fixture
def lab():
    laboratory = CoreLab()
    yield laboratory
    laboratory.close()


@pytest.fixture
def article(lab):
    lab.build()
    lab.start()
    return lab


def test_core_bridge_switches_all_else(article):
    """A learning switch, and nothing of the clients' goes elsewhere."""
    (base,) = [f for f in article.k.flows("br-K") if "NORMAL" in f]
    assert "priority=1 actions=NORMAL" in base
    core = article.daemon.get("/v1/status")["upstream"]["core"]
    assert [bridge["connected"] for bridge in core["bridges"]] == [True]
    assert core["routes"] == 2
    assert "\nfirsthop_core_routes 2\n" in article.daemon.get("/metrics")
    assert article.c.ping(harness.NEXT_HOP)
    assert article.c.ping(harness.SERVER)


def test_a_priority_tag_is_none(article):
    """A client's packet goes to its router, whatever MAC its sender believes
    in, with a tag of VID 0 or without."""
    mark = b"of no network"
    frame = udp(
        article.server.mac, article.b.mac, SERVER, article.c.address, 5, 6, mark
    )
    with article.server.tap() as server, article.c.tap() as client:
        for tag in (0x0000, 0xE000):
            server.send(
                frame[:12] + struct.pack("!HH", 0x8100, tag) + frame[12:]
            )
            got = client.wait(is_udp(mark))
            assert got.eth_src == article.a.mac
            client.take()


def test_silent_cut_moves_the_flow_of_one_client(article):
    """C's flow moves to B, D's stays; even a server that believes in A's MAC
    for ever sends to B."""
    article.server.netns.ip(
        f"neigh replace {article.c.address} lladdr {article.a.mac}"
        " nud permanent dev eth0"
    )
    before = article.core_flow(article.d)
    with article.meter(article.c, article.d) as meter:
        meter.wait_steady(explain=article.explain)
        meter.reset()
        article.links["X", "Y"].silence()
        article.wait_active(article.c, article.b)
        article.wait_sends_to(article.c, article.b)
        meter.wait_steady(explain=article.explain)
        assert losses(meter.report(), "D") == {"up": 0, "down": 0}

        meter.reset()
        article.links["X", "Y"].unsilence()
        article.wait_reach(article.c, article.a)
        meter.wait_steady(explain=article.explain)
        for name in "CD":
            assert losses(meter.report(), name) == {"up": 0, "down": 0}
    assert article.core_flow(article.d) == before
    assert article.sends_to(article.c, article.b)


def test_daemon_killed_and_restarted_changes_nothing(article):
    flows = article.k.flows("br-K")
    with article.meter(article.c, article.d) as meter:
        meter.wait_steady(explain=article.explain)
        meter.reset()
        article.daemon.kill()
        article.daemon.start()
        article.wait_connected()
        article.wait_core(True)
        for client in (article.c, article.d):
            article.wait_active(client, article.a)
            article.wait_reach(client, article.a)
        meter.wait_steady(explain=article.explain)
        for name in "CD":
            assert losses(meter.report(), name) == {"up": 0, "down": 0}
    assert article.k.flows("br-K") == flows
    log = article.daemon.log().split("core K: connected")[-1]
    assert "core K: 4 flows of ours found, 0 changes needed" in log


def test_move_while_the_core_is_away(article):
    """The takeover does not wait for a core bridge that is not there; when it
    returns, only what is wrong is changed, and nobody else's flows are."""
    article.k.management.silence()
    article.wait_core(False)
    article.links["X", "Y"].silence()
    article.wait_active(article.c, article.b)
    article.wait_for(
        lambda: article.daemon.events(
            type="client.moved", client=article.c.address
        ),
        what="the move to be complete",
    )
    assert article.sends_to(article.c, article.a)
    foreign = f"cookie=0x77,priority=7,udp,nw_dst={harness.NEXT_HOP}"
    article.k.ofctl("add-flow", "br-K", f"{foreign} actions=NORMAL")
    stale = "cookie=0xf1a5040000000001,priority=500,ip,vlan_tci=0/0x1fff"
    stale += ",nw_dst=10.0.0.77 actions=drop"
    article.k.ofctl("add-flow", "br-K", stale)
    before = article.core_flow(article.d)

    article.k.management.unsilence()
    article.wait_core(True)
    article.wait_sends_to(article.c, article.b)
    article.wait_for(lambda: article.c.ping(harness.NEXT_HOP, timeout=1))
    assert article.core_flow(article.d) == before
    assert any("cookie=0x77" in f for f in article.k.flows("br-K"))


def test_move_while_the_core_is_hung(article):
    """The takeover waits until the core bridge is known to be dead, and no
    longer; what it missed is put right when it goes on."""
    article.k.pause_switch()
    article.links["X", "Y"].silence()
    article.wait_for(
        lambda: article.daemon.events(
            type="client.moved", client=article.c.address
        ),
        what="the move to be complete",
    )
    article.k.resume_switch()
    article.wait_sends_to(article.c, article.b)
    article.wait_for(lambda: article.c.ping(harness.NEXT_HOP, timeout=1))


def test_flow_that_nobody_knows_goes_in_the_end(lab):
    """Left by a daemon that has died: kept until it is settled that nobody
    comes for it, then removed."""
    lab.build()
    stale = "cookie=0xf1a5040000000001,priority=500,ip,vlan_tci=0/0x1fff"
    stale += ",nw_dst=10.0.0.77 actions=drop"
    lab.start(withdraw_after_ms=1000)
    lab.daemon.kill()
    lab.k.ofctl("add-flow", "br-K", stale)
    lab.daemon.start()
    lab.wait_core(True)
    assert any("10.0.0.77" in f for f in lab.k.flows("br-K"))
    lab.wait_for(
        lambda: not any("10.0.0.77" in f for f in lab.k.flows("br-K")),
        20,
        "K to drop the flow that nobody knows",
    )
    assert lab.core_flow(lab.c) and lab.core_flow(lab.d)


def test_lost_client_is_withdrawn_from_the_core(lab):
    lab.build()
    lab.start(withdraw_after_ms=1500)
    lab.c.link.down()
    lab.wait_for(
        lambda: lab.core_flow(lab.c) is None, what="K to hold no flow of C"
    )
    assert lab.sends_to(lab.d, lab.a)
    lab.c.link.up()
    lab.wait_for(lambda: lab.c.ping(harness.NEXT_HOP, timeout=1))
    lab.wait_sends_to(lab.c, lab.a)


def test_reload_keeps_the_flows_and_another_upstream_drops_them(article):
    flows = article.k.flows("br-K")
    article.daemon.configure(article.config(age_s=400))
    article.daemon.reload()
    article.wait_for(
        lambda: article.daemon.events(type="config.applied"),
        what="the new configuration",
    )
    article.settle(article.c, article.d)
    assert article.k.flows("br-K") == flows

    article.daemon.configure(article.config(upstream="arp"))
    article.daemon.reload()
    for client in (article.c, article.d):
        article.wait_for(
            lambda client=client: article.core_flow(client) is None,
            what=f"K to drop the flow of {client.name}",
        )
    article.wait_for(lambda: article.c.ping(harness.NEXT_HOP, timeout=1))


def test_router_that_leaves_the_segment_by_a_reload_loses_nothing(article):
    """K's flow goes from A to B, with nothing in between."""
    config = article.config()
    del config["segments"]["metro"]["routers"]["A"]
    with article.meter(article.c, article.d) as meter:
        meter.wait_steady(explain=article.explain)
        meter.reset()
        article.daemon.configure(config)
        article.daemon.reload()
        for client in (article.c, article.d):
            article.wait_active(client, article.b)
            article.wait_sends_to(client, article.b)
            article.wait_for(
                lambda client=client: not article.a.flows_of(client),
                what="A to hold no flows of clients that have moved",
            )
        meter.wait_steady(explain=article.explain)
        for name in "CD":
            assert losses(meter.report(), name) == {"up": 0, "down": 0}


def test_killed_core_bridge_comes_back_with_its_flows(article):
    """K loses everything it held; whoever moves meanwhile moves."""
    article.k.kill_switch()
    article.wait_core(False)
    article.k.start_switch()
    article.wait_core(True)
    article.wait_sends_to(article.c, article.a)
    article.wait_sends_to(article.d, article.a)
    article.wait_for(lambda: article.c.ping(harness.NEXT_HOP, timeout=1))
