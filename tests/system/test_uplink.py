"""The next hop: who is believed to be it, and who is followed."""

import re

import pytest

import harness
from flooder import flood_frames
from frames import (
    ARP_REPLY,
    BROADCAST,
    arp,
    arp_request,
    is_arp_request,
    is_udp,
    udp,
)
from vlanlab import (
    DOT1AD,
    DOT1Q,
    TagFarm,
    TagTap,
    Tagger,
    allow_two_tags,
    drops,
    is_answer_under,
    parse_tags,
)

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


def uplink_drops(lab):
    found = re.findall(
        r"^firsthop_uplink_arp_dropped_total{.*} (\d+)$",
        lab.daemon.get("/metrics"),
        re.M,
    )
    assert found
    return sum(int(value) for value in found)


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_next_hop_under_a_flood_of_claims_stays(net, claim):
    """Somebody on the uplink speaks as the next hop as fast as it can.  It is
    not believed, the event names it, and C goes on."""
    intruder = net.add_client(
        "F", "core", "192.0.2.66", OTHER_MAC, harness.NEXT_HOP
    )
    seq = net.daemon.last_seq()
    before = uplink_drops(net)
    with flood_frames(intruder, claim(OTHER_MAC)):
        net.wait_for(
            lambda: uplink_drops(net) > before + 50_000,
            timeout=60,
            what="a flood that the meters feel",
        )
        assert next_hop_mac(net) == net.server.mac
        assert not is_in_flows(net, OTHER_MAC)
        net.wait_for(lambda: net.c.ping(harness.SERVER), what="a ping")
    event = net.daemon.events(seq, type="next_hop.conflict")[0]
    assert OTHER_MAC in event["detail"] and event["to"] == "A"
    assert not net.daemon.events(seq, type="next_hop.moved")
    # It is not in doubt either, once the flood is over.
    before = drops(net)["next_hop"]
    with intruder.tap() as tap:
        net.wait_for(
            lambda: tap.send(announcement(OTHER_MAC))
            or drops(net)["next_hop"] > before
        )
    assert next_hop_mac(net) == net.server.mac
    assert net.c.ping(harness.SERVER)


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


VIRTUAL_MAC = "00:00:5e:00:01:07"  # VRRP, RFC 5798, 7.3.


@pytest.mark.parametrize(
    "what",
    [
        {"mac": VIRTUAL_MAC, "source": OTHER_MAC},
        {"mac": OTHER_MAC, "tag": b"\x81\0\x60\0"},
        {"mac": VIRTUAL_MAC, "source": OTHER_MAC, "tag": b"\x88\xa8\0\0"},
    ],
    ids=["a virtual MAC", "a priority tag", "both"],
)
def test_a_next_hop_that_answers_from(lab, what):
    """Its answers come from another MAC than the one that they name, or with
    a tag of VID 0: C reaches it there."""
    lab.add_core()
    lab.add_switch("X")
    lab.a = lab.add_router("A", ["X"])
    lab.c = lab.add_client("C", "X")
    lab.server.netns.ip("link set eth0 arp off")
    with TagFarm(lab.server, address=harness.NEXT_HOP, **what):
        lab.start_daemon()
        lab.settle(lab.c)
        lab.wait_for(lambda: next_hop_mac(lab) == what["mac"])
        assert drops(lab)["malformed"] == 0
        with lab.c.tap() as c, lab.server.tap() as s:
            macs, ends = (lab.c.mac, lab.a.mac), (
                lab.c.address,
                harness.SERVER,
            )
            c.send(udp(*macs, *ends, 5000, 5001, b"up"))
            assert s.wait(is_udp(b"up")).eth_dst == what["mac"]


TAGS = [400, 301]
ETHERTYPES = {DOT1AD: 0x88A8, DOT1Q: 0x8100}


@pytest.fixture
def double(lab):
    """The article's topology, with a second next hop behind two tags, which
    is the routers'; the daemon is not yet started."""
    harness.build_article(lab)
    allow_two_tags(lab)
    lab.tagger = Tagger(lab)
    return lab


def add_next_hop(lab, ethtype):
    host = lab.tagger.add_host(
        "Q", "core", TAGS, harness.NEXT_HOP, OTHER_MAC, ethtype
    )
    host.netns.batch(
        [
            f"route add {harness.PREFIX} dev eth0",
            f"addr add {harness.SERVER}/32 dev lo",
        ]
    )
    host.netns.sysctl("net.ipv4.conf.all.arp_announce", 2)
    lab.server = host


def double_config(lab):
    config = lab.config()
    for router in config["routers"].values():
        router["uplink"]["vlan"] = TAGS
    return config


def is_tagged_ip(src):
    """Predicate: IPv4 from 'src', under whatever tags."""

    def matches(frame):
        at = 12 + 4 * len(parse_tags(frame)[1])
        return frame.bytes[at : at + 2] == b"\x08\x00" and frame.bytes[
            at + 14 : at + 18
        ] == bytes(int(byte) for byte in src.split("."))

    return matches


def is_question_under(tags, target):
    """Predicate: an ARP request for 'target' under exactly these tags."""

    def matches(frame):
        body = frame.bytes[14 + 4 * len(tags) :]
        return (
            parse_tags(frame)[1] == list(tags)
            and body[6:8] == b"\0\1"
            and body[24:28] == bytes(int(byte) for byte in target.split("."))
        )

    return matches


def assert_serves(lab, client, router):
    """Both ways, and the next hop has the router's MAC for the client."""
    lab.wait_for(lambda: client.ping(harness.SERVER, timeout=1))
    lab.wait_for(lambda: lab.server.ping(client.address, timeout=1))
    assert lab.server.neighbour(client.address)[0] == router.mac


@pytest.mark.parametrize("ethtype", [DOT1AD, DOT1Q])
def test_uplink_with_two_tags(double, ethtype):
    """Everything that leaves by it has both tags, the outer one with the
    Ethertype that the next hop uses; a failover and a restart work."""
    lab = double
    add_next_hop(lab, ethtype)
    with TagTap(lab.a.uplink) as tap:
        lab.start_daemon(double_config(lab))
        lab.settle(lab.c, lab.d)
        tap.wait(is_question_under(TAGS, harness.NEXT_HOP))
        assert_serves(lab, lab.c, lab.a)
        lab.server.forget(lab.c.address)
        tap.take()
        assert_serves(lab, lab.c, lab.a)
        answer = tap.wait(is_answer_under(TAGS, lab.c.address))
        packet = tap.wait(is_tagged_ip(lab.c.address))
        for frame in answer, packet:
            assert parse_tags(frame)[0] == [ETHERTYPES[ethtype], 0x8100]
        for frame in tap.collect():
            assert parse_tags(frame)[1] == TAGS, frame
    lab.links["X", "Y"].silence()
    lab.wait_active(lab.c, lab.b)
    assert_serves(lab, lab.c, lab.b)
    assert_serves(lab, lab.d, lab.a)
    lab.wait_for(lambda: not lab.a.flows_of(lab.c), what="A to let go of C")
    # What the bridges hold is right, the outer tag's Ethertype included.
    lab.daemon.stop()
    lab.daemon.start()
    for name in "AB":
        right = re.compile(f"router {name}: [0-9]+ flows .* 0 changes needed")
        lab.wait_for(lambda right=right: right.search(lab.daemon.log()))
    assert_serves(lab, lab.c, lab.b)
