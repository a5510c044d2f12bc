"""Somebody speaks as the gateway, as a client or as a router: it is told, and
put right."""

import pytest

import harness
from frames import (
    ARP_REPLY,
    BROADCAST,
    arp,
    arp_request,
    ethernet,
    is_arp_reply,
    is_arp_request,
)
from vlanlab import drops

THIEF_MAC = "02:00:00:00:01:5a"


@pytest.fixture
def net(lab):
    """The article's topology, and M, behind Y, which has the gateway's
    address as well and answers for it."""
    harness.build_article(lab)
    lab.start_daemon()
    lab.settle(lab.c, lab.d)
    lab.m = lab.add_client("M", "Y", "10.0.0.90", THIEF_MAC)
    assert lab.c.ping(harness.NEXT_HOP)
    return lab


def gratuitous(address, form):
    if form == "request":
        return arp_request(THIEF_MAC, address, address)
    return arp(
        ARP_REPLY, THIEF_MAC, address, BROADCAST, address, eth_dst=BROADCAST
    )


@pytest.mark.parametrize("form", ["request", "reply"])
def test_gateway_that_somebody_claims(net, form):
    """C believes M, which goes on answering: it is put right at once, and
    the event names M."""
    net.m.netns.ip(f"addr add {harness.GATEWAY}/24 dev eth0")
    seq = net.daemon.last_seq()
    with net.m.tap() as m, net.c.tap() as c:
        m.send(gratuitous(harness.GATEWAY, form))
        c.wait(lambda frame: frame.sha == THIEF_MAC)
        # After it, so that C has heard the thief when it is told.
        c.wait(is_arp_request(net.c.address, harness.GATEWAY))
    net.wait_for(
        lambda: net.c.neighbour(harness.GATEWAY)[0] == net.a.mac,
        what="C to believe A again",
    )
    assert net.c.ping(harness.NEXT_HOP)
    (event,) = net.daemon.events(seq, type="gateway.conflict")
    assert THIEF_MAC in event["detail"] and harness.GATEWAY in event["detail"]
    assert drops(net)["own_address"] >= 1
    assert not net.daemon.events(seq, type="client.moved")


@pytest.mark.parametrize("form", ["request", "reply"])
def test_client_that_somebody_claims(net, form):
    """D has been answered for C by its router.  M claims to be C: D's packets
    for C go on to the router."""
    seq = net.daemon.last_seq()
    with net.m.tap() as m, net.d.tap() as d:
        # C, which is on the same LAN here, is not asked.
        d.send(
            arp_request(
                net.d.mac, net.d.address, net.c.address, eth_dst=net.a.mac
            )
        )
        assert d.wait(is_arp_reply(net.c.address)).sha == net.a.mac
        net.d.netns.ip(
            f"neigh replace {net.c.address} lladdr {net.a.mac} dev eth0"
            " nud stale"
        )
        m.send(gratuitous(net.c.address, form))
        d.wait(lambda frame: frame.sha == THIEF_MAC)
        d.wait(is_arp_request(net.d.address, net.c.address))
    net.wait_for(lambda: net.d.neighbour(net.c.address)[0] == net.a.mac)
    assert net.d.ping(net.c.address)
    net.wait_for(
        lambda: net.daemon.events(
            seq, type="client.conflict", client=net.c.address
        )
    )
    assert not net.daemon.events(seq, type="client.moved")


@pytest.mark.parametrize("form", ["request", "reply"])
def test_client_that_somebody_claims_towards_the_core(net, form):
    """The server believes M, on the core LAN, until A has told it better."""
    thief = net.add_client(
        "N", "core", "192.0.2.66", THIEF_MAC, harness.NEXT_HOP
    )
    assert net.server.ping(net.c.address)
    seq = net.daemon.last_seq()
    frame = gratuitous(net.c.address, form)
    with thief.tap() as tap, net.server.tap() as s:
        tap.send(frame)
        s.wait(lambda frame: frame.sha == THIEF_MAC)
        s.wait(is_arp_request(harness.NEXT_HOP, net.c.address))
    net.wait_for(lambda: net.server.neighbour(net.c.address)[0] == net.a.mac)
    assert net.server.ping(net.c.address)
    (event,) = net.daemon.events(seq, type="client.conflict")
    assert "towards the core" in event["detail"]
    assert event["client"] == net.c.address


@pytest.mark.parametrize("ethertype", [0x0800, 0x0806, 0x88B5])
def test_mac_of_a_router_that_somebody_uses(net, ethertype):
    """Whatever the frame is.  A says where it is, so that the switches on the
    way send it what is for it."""
    seq = net.daemon.last_seq()
    before = drops(net)["own_mac"]
    with net.m.tap() as m, net.c.tap() as c:
        m.send(ethernet(BROADCAST, net.a.mac, ethertype, b"\0" * 46))
        c.wait(is_arp_request(net.a.local, net.a.local))
    assert drops(net)["own_mac"] > before
    (event,) = net.daemon.events(seq, type="router.conflict")
    assert event["to"] == "A" and "A-X" not in event["detail"]
    assert net.a.mac in event["detail"]
    assert net.c.ping(harness.NEXT_HOP)
