"""Which ARP requests are answered, by whom, and which never."""

import pytest

import harness
from frames import (
    ARP_REQUEST,
    BROADCAST,
    ZERO_MAC,
    arp,
    arp_request,
    is_arp_reply,
    is_arp_request,
)

NOBODY = "10.0.0.77"
SENTINEL = "10.0.0.78"


@pytest.fixture(scope="module")
def lan():
    """The article's topology for tests that leave no trace.  C's MAC is
    configured, D is learnt."""
    lab = harness.build_article(harness.Lab())
    config = lab.config()
    config["clients"] = [
        {"address": lab.c.address, "segment": "metro", "mac": lab.c.mac}
    ]
    try:
        lab.start_daemon(config)
        lab.settle(lab.c, lab.d)
        yield lab
    finally:
        lab.close()


def assert_unanswered(lab, client, request, target, standby=True):
    """Sends 'request' from 'client' and then one that must be answered: by
    the time of that answer there is none about 'target', and ('standby') none
    by the time that B has probed again."""
    with client.tap() as tap:
        tap.send(request)
        tap.send(arp_request(client.mac, client.address, SENTINEL))
        tap.wait(is_arp_reply(SENTINEL), what="the answer to the sentinel")
        if standby:
            tap.wait(is_arp_request(sender=lab.b.local), what="a probe of B")
        assert not tap.matching(is_arp_reply(target))


def test_first_request_of_a_new_client_is_answered(lab):
    harness.build_article(lab)
    lab.start_daemon()
    with lab.c.tap() as tap:
        tap.send(arp_request(lab.c.mac, lab.c.address, harness.GATEWAY))
        reply = tap.wait(is_arp_reply(harness.GATEWAY))
    assert reply.sha == reply.eth_src == lab.a.mac
    assert reply.eth_dst == reply.tha == lab.c.mac
    assert reply.tpa == lab.c.address
    client = lab.daemon.client(lab.c.address)
    assert client["mac"] == lab.c.mac
    assert client["origin"] == "learned"
    assert client["segment"] == "metro"


@pytest.mark.parametrize(
    "target", [harness.GATEWAY, NOBODY, "10.0.0.3", "203.0.113.9"]
)
def test_any_other_address_is_answered_by_the_active_router_alone(lan, target):
    with lan.c.tap() as tap:
        tap.send(arp_request(lan.c.mac, lan.c.address, target))
        reply = tap.wait(is_arp_reply(target))
        assert reply.sha == reply.eth_src == lan.a.mac
        tap.wait(is_arp_request(sender=lan.b.local), what="a probe of B")
        assert len(tap.matching(is_arp_reply(target))) == 1


def test_unicast_request_is_answered(lan):
    with lan.c.tap() as tap:
        tap.send(
            arp_request(
                lan.c.mac, lan.c.address, harness.GATEWAY, eth_dst=lan.a.mac
            )
        )
        assert tap.wait(is_arp_reply(harness.GATEWAY)).sha == lan.a.mac


def test_announcement_is_not_answered(lan):
    own = lan.d.address
    assert_unanswered(lan, lan.d, arp_request(lan.d.mac, own, own), own)


def test_address_probe_is_not_answered(lan):
    probe = arp_request(lan.d.mac, "0.0.0.0", NOBODY)
    assert_unanswered(lan, lan.d, probe, NOBODY)


@pytest.mark.parametrize(
    "sender", ["172.16.0.5", "10.0.1.5", "127.0.0.1", "255.255.255.255"]
)
def test_sender_outside_the_prefixes_is_not_answered(lan, sender):
    request = arp_request(lan.d.mac, sender, NOBODY)
    assert_unanswered(lan, lan.d, request, NOBODY)
    assert lan.daemon.client(sender) is None


@pytest.mark.parametrize("sender", ["10.0.0.1", "10.0.0.2", "10.0.0.0"])
def test_addresses_that_no_client_can_have_are_not_answered(lan, sender):
    request = arp_request("02:00:00:00:09:09", sender, NOBODY)
    assert_unanswered(lan, lan.d, request, NOBODY)
    assert lan.daemon.client(sender) is None


def test_sender_that_contradicts_a_configured_mac_is_not_answered(lan):
    request = arp_request(lan.d.mac, lan.c.address, NOBODY)
    assert_unanswered(lan, lan.d, request, NOBODY)
    assert lan.daemon.client(lan.c.address)["mac"] == lan.c.mac


def test_tagged_request_is_not_answered(lan):
    request = arp_request(lan.d.mac, lan.d.address, NOBODY)
    tagged = request[:12] + b"\x81\x00\x00\x64" + request[12:]
    assert_unanswered(lan, lan.d, tagged, NOBODY)


def test_ethernet_source_that_is_not_the_sender_is_not_believed(lan):
    request = arp_request(
        "02:00:00:00:09:0a", "10.0.0.90", NOBODY, eth_src=lan.d.mac
    )
    assert_unanswered(lan, lan.d, request, NOBODY)
    assert lan.daemon.client("10.0.0.90") is None


@pytest.mark.parametrize("length", [14, 20, 41])
def test_truncated_request_disturbs_nobody(lan, length):
    request = arp_request(lan.d.mac, lan.d.address, NOBODY)
    assert_unanswered(lan, lan.d, request[:length], NOBODY)


def test_probes_are_unicast_from_each_router_with_its_own_address(lan):
    with lan.d.tap() as tap:
        for router in (lan.a, lan.b):
            probe = tap.wait(is_arp_request(lan.d.address, router.local))
            assert probe.eth_dst == lan.d.mac
            assert probe.sha == probe.eth_src == router.mac


def test_replies_of_all_clients_are_one_megaflow(lan):
    a, replies = lan.a, ("(a-access)", "op=2", f"dst={lan.a.mac}")
    for client in (lan.c, lan.d):
        lan.wait_reach(client, a)
    lan.wait_for(lambda: a.ovs.megaflows(*replies), what="replies")
    assert len(a.ovs.megaflows(*replies)) == 1, a.ovs.megaflows()


def test_standby_never_speaks_for_the_gateway(lan):
    with lan.d.tap() as tap:
        tap.wait(is_arp_request(sender=lan.b.local))
        tap.wait(is_arp_request(sender=lan.a.local))
        assert not tap.matching(
            lambda frame: frame.spa == harness.GATEWAY
            and lan.b.mac in (frame.sha, frame.eth_src)
        )


def test_reply_counts_only_for_the_router_that_asked(lab):
    """C answers A's probes only: B must not take that for reach."""
    harness.build_article(lab)
    lab.links["Y", "Z"].silence()
    lab.start_daemon()
    lab.wait_for(lambda: lab.c.ping(harness.GATEWAY, timeout=1))
    lab.wait_reach(lab.c, lab.a, "up")
    lab.wait_reach(lab.c, lab.b, "down")
    # Replies that B did not ask for, at B's own port.
    lab.links["Y", "Z"].unsilence()
    lab.wait_reach(lab.c, lab.b, "up")
    assert lab.daemon.client(lab.c.address)["moves"] == 0


def test_client_is_asked_by_broadcast_only_while_its_mac_is_unknown(lab):
    """A configured client that has never spoken is found by probing."""
    harness.build_article(lab)
    config = lab.config()
    config["clients"] = [{"address": lab.c.address, "segment": "metro"}]
    with lab.c.tap() as tap:
        lab.start_daemon(config)
        lab.wait_active(lab.c, lab.a)
        first = tap.wait(is_arp_request(lab.c.address))
        assert first.eth_dst == BROADCAST
        assert first.op == ARP_REQUEST and first.tha in (ZERO_MAC, BROADCAST)
    assert lab.daemon.client(lab.c.address)["mac"] == lab.c.mac
    with lab.c.tap() as tap:
        assert tap.wait(is_arp_request(lab.c.address)).eth_dst == lab.c.mac


def test_reply_in_a_request_s_place_is_no_claim(lan):
    """A reply that nobody asked for teaches no client."""
    reply = arp(2, "02:00:00:00:09:0b", "10.0.0.91", lan.a.mac, lan.a.local)
    assert_unanswered(lan, lan.d, reply, "10.0.0.91")
    assert lan.daemon.client("10.0.0.91") is None


def test_probe_for_the_own_address_is_not_answered(article):
    """And for a while D is left alone by the routers' probes (RFC 5227)."""
    own = article.d.address
    probe = arp_request(article.d.mac, "0.0.0.0", own)
    assert_unanswered(article, article.d, probe, own, standby=False)
    assert article.daemon.active(own) == "A"
