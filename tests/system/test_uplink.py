"""The next hop: who is believed to be it, and who is followed."""

import pytest

import harness
from frames import (
    ARP_REPLY,
    BROADCAST,
    arp,
    arp_request,
    is_arp_request,
)
from vlanlab import drops

OTHER_MAC = "02:00:00:00:02:99"


def announcement(mac):
    """To everybody, as a request (RFC 5227, 3)."""
    return arp_request(mac, harness.NEXT_HOP, harness.NEXT_HOP)


def announcing_reply(mac):
    """The same as a reply, which some gateways prefer."""
    address = harness.NEXT_HOP
    return arp(ARP_REPLY, mac, address, BROADCAST, address, eth_dst=BROADCAST)


def request_of_router(mac):
    return arp_request(mac, harness.NEXT_HOP, "192.0.2.2")


def request_of_client(mac):
    return arp_request(mac, harness.NEXT_HOP, "10.0.0.10")


def unasked_reply(mac):
    router = ("02:00:00:00:00:0a", "192.0.2.2")
    return arp(ARP_REPLY, mac, harness.NEXT_HOP, *router)


CLAIMS = [
    announcement,
    announcing_reply,
    request_of_router,
    request_of_client,
    unasked_reply,
]


@pytest.fixture
def net(lab):
    """Router A between client C and the core."""
    lab.add_core()
    lab.add_switch("X")
    lab.a = lab.add_router("A", ["X"])
    lab.c = lab.add_client("C", "X")
    lab.start_daemon()
    lab.settle(lab.c)
    assert lab.c.ping(harness.SERVER)
    return lab


def next_hop_mac(lab):
    """As the daemon tells it."""
    for port in lab.daemon.router("A")["ports"]:
        if port["role"] == "uplink":
            return port["next_hop_mac"]


def is_in_flows(lab, mac):
    return any(mac in flow for flow in lab.a.flows())


def test_a_next_hop_that_answers_is_not_replaced(net):
    """Somebody on the uplink speaks as the next hop, in every way there is;
    the flow stays as it is."""
    intruder = net.add_client(
        "F", "core", "192.0.2.66", OTHER_MAC, harness.NEXT_HOP
    )
    with intruder.tap() as tap:
        for claim in CLAIMS:
            before = drops(net)["next_hop"]

            def is_refused(claim=claim, before=before):
                tap.send(claim(OTHER_MAC))
                return drops(net)["next_hop"] > before

            net.wait_for(is_refused, what=f"{claim.__name__} to be refused")
            assert next_hop_mac(net) == net.server.mac, claim.__name__
            assert is_in_flows(net, net.server.mac)
            assert not is_in_flows(net, OTHER_MAC), claim.__name__
            assert net.c.ping(harness.SERVER), claim.__name__
    assert f"{OTHER_MAC} speaks as its next hop" in net.daemon.log()


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_next_hop_that_is_replaced_is_followed(net, claim):
    """The next hop gets another MAC and says so once: the flow follows,
    without a search by broadcast."""
    seq = net.daemon.last_seq()
    with net.server.tap() as tap:
        net.server.netns.ip(f"link set eth0 address {OTHER_MAC}")
        tap.take()
        tap.send(claim(OTHER_MAC))
        net.wait_for(
            lambda: next_hop_mac(net) == OTHER_MAC,
            what="the new next hop to be followed",
        )
        asked = tap.matching(is_arp_request(harness.NEXT_HOP, "192.0.2.2"))
        assert BROADCAST not in [frame.eth_dst for frame in asked]
        assert "02:00:00:00:02:01" in [frame.eth_dst for frame in asked]
    net.wait_for(lambda: is_in_flows(net, OTHER_MAC))
    assert not is_in_flows(net, "02:00:00:00:02:01")
    assert net.c.ping(harness.SERVER)
    assert drops(net)["next_hop"] == 0
    assert not net.daemon.events(seq, type="client.moved")
