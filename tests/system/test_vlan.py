"""Tagged segments, doubly tagged ones and untagged ones side by side."""

import struct

import pytest

import harness
from frames import (
    ETH_P_IP,
    arp_request,
    checksum,
    ethernet,
    ip_bytes,
    ipv4,
    is_arp_reply,
    udp,
)
from vlanlab import (
    DOT1AD,
    DOT1Q,
    TagFarm,
    TagTap,
    Tagger,
    allow_two_tags,
    client_of,
    drops,
    is_answer_under,
    parse_tags,
    tagged,
    wait_client,
)

ADDRESS = "10.0.0.10"
# Segment: its tags, those of its uplink, the last byte of its client's MAC.
SEGMENTS = {
    "plain": ([], [], 1),
    "single": ([100], [301], 2),
    "double": ([200, 100], [302], 3),
}

PREEMPT = {"preempt": True, "hold_down_ms": 100}


def segment_config(lab, vlan, uplink_vlan, **more):
    """A segment with the addresses that every segment of these tests has."""
    return {
        "gateway": harness.GATEWAY,
        "prefixes": [harness.PREFIX],
        "vlan": vlan,
        "routers": {
            name: {
                "priority": router.priority,
                "address": router.local,
                "uplink": {
                    "port": router.uplink_port,
                    "vlan": uplink_vlan,
                    "address": f"{router.uplink_address}/24",
                    "next_hop": harness.NEXT_HOP,
                },
            }
            for name, router in lab.routers.items()
        },
        **more,
    }


def build(lab, ethtype=DOT1AD):
    """Switches X-Y-Z, A on X, B on Z, on Y one client for each segment, all
    with the same address; a next hop for each, all with the same address."""
    lab.add_core()
    for name in "XYZ":
        lab.add_switch(name)
    tagger = lab.tagger = Tagger(lab)
    tagger.add_trunk("X", "Y")
    lab.add_trunk("Y", "Z")
    lab.a = lab.add_router("A", ["X"], priority=200)
    lab.b = lab.add_router("B", ["Z"], priority=100)
    allow_two_tags(lab)
    lab.clients, lab.servers = {}, {}
    for name, (vlan, uplink_vlan, n) in SEGMENTS.items():
        mac, server_mac = f"02:00:00:00:01:0{n}", f"02:00:00:00:02:0{n}"
        if vlan:
            client = tagger.add_host(name, "Y", vlan, ADDRESS, mac, ethtype)
            server = tagger.add_host(
                f"s-{name}", "core", uplink_vlan, harness.NEXT_HOP, server_mac
            )
            client.netns.ip(f"route add default via {harness.GATEWAY}")
            server.netns.ip(f"route add {harness.PREFIX} dev eth0")
        else:
            client = lab.add_client(name, "Y", ADDRESS, mac)
            server = lab.server
        lab.clients[name], lab.servers[name] = client, server
    config = lab.config()
    config["segments"] = {
        name: segment_config(lab, vlan, uplink_vlan)
        for name, (vlan, uplink_vlan, _) in SEGMENTS.items()
    }
    lab.start_daemon(config)
    for name, client in lab.clients.items():
        lab.wait_for(
            lambda client=client: client.ping(harness.GATEWAY, timeout=1),
            what=f"the client of {name} to reach the gateway",
        )
        for router in "AB":
            lab.wait_for(
                lambda name=name, router=router: client_of(lab, ADDRESS, name)[
                    "reach"
                ][router]["state"]
                == "up",
                what=f"{router} to reach the client of {name}",
            )
    return lab


@pytest.mark.parametrize("ethtype", [DOT1AD, DOT1Q])
def test_three_segments_side_by_side(lab, ethtype):
    """Overlapping addresses; each fails over by itself, and comes back to its
    own next hop."""
    build(lab, ethtype)
    for name, client in lab.clients.items():
        got = client_of(lab, ADDRESS, name)
        assert got["active"] == "A"
        assert got["vlan"] == SEGMENTS[name][0]
        assert got["mac"] == client.mac
        assert client.ping(harness.NEXT_HOP), name
        assert client.ping(lab.a.local), name
        assert lab.servers[name].ping(ADDRESS), name
        # It is the segment's own next hop that has been reached.
        assert lab.servers[name].neighbour(ADDRESS)[0] == lab.a.mac
    for moved, client in lab.clients.items():
        seq = lab.daemon.last_seq()
        lab.tagger.cut_off(client.mac)
        wait_client(lab, ADDRESS, moved, active="B", state="active")
        lab.wait_for(lambda client=client: client.ping(harness.NEXT_HOP))
        lab.wait_for(
            lambda moved=moved: lab.servers[moved].ping(ADDRESS, timeout=1)
        )
        events = lab.daemon.events(seq, type="client.moved")
        assert [event["segment"] for event in events] == [moved]
        lab.tagger.mend()
    for name, client in lab.clients.items():
        assert client.ping(harness.NEXT_HOP), name
    # The bridge that serves them answers under their tags by itself.
    lab.daemon.kill()
    lab.wait_alone()
    for name, client in lab.clients.items():
        assert harness.arping(client, harness.GATEWAY) == lab.b.mac, name
        assert harness.arping(lab.servers[name], ADDRESS) == lab.b.mac, name
        assert client.ping(harness.NEXT_HOP), name


def is_from_client(frame):
    return frame.src == ADDRESS


def test_each_segment_has_routes_of_its_own(lab):
    """What one client sends reaches its own next hop and no other."""
    build(lab)
    for name, client in lab.clients.items():
        with lab.servers[name].tap() as mine:
            others = {
                other: server.tap()
                for other, server in lab.servers.items()
                if other != name
            }
            lab.wait_for(lambda c=client: c.ping(harness.NEXT_HOP))
            mine.wait(is_from_client)
            for other, tap in others.items():
                assert not tap.matching(is_from_client), (name, other)
                tap.__exit__()


@pytest.fixture(scope="module")
def net():
    """Segments [100], [200, 100] and untagged, for a client that plays all
    tags by hand."""
    lab = harness.Lab()
    try:
        lab.add_core()
        lab.add_switch("X")
        lab.a = lab.add_router("A", ["X"])
        allow_two_tags(lab)
        lab.c = lab.add_client("C", "X")
        config = lab.config()
        config["segments"] = {
            name: segment_config(
                lab, vlan, uplink_vlan, probe={"interval_ms": 60000}
            )
            for name, (vlan, uplink_vlan, _) in SEGMENTS.items()
        }
        config["clients"] = [
            {"address": "10.0.0.50", "segment": "single", "vlan": [150]},
            {"address": "10.0.0.51", "segment": "single", "vlan": [200, 9]},
        ]
        lab.start_daemon(config)
        yield lab
    finally:
        lab.close()


@pytest.mark.parametrize("outer", [0x8100, 0x88A8])
@pytest.mark.parametrize("tags", [[100], [200, 100]])
def test_answer_has_the_tags_of_the_question(net, tags, outer):
    """Both tags, and the outer Ethertype that the client uses."""
    number = 60 + len(tags) + (4 if outer == 0x88A8 else 0)
    address, mac = f"10.0.0.{number}", f"02:00:00:00:05:{number}"
    target = "10.0.0.77"
    frame = tagged(arp_request(mac, address, target), *tags, outer=outer)
    if len(tags) == 1:
        frame = frame[:12] + outer.to_bytes(2, "big") + frame[14:]
    with TagTap(net.c) as tap:
        tap.send(frame)
        answer = tap.wait(is_answer_under(tags, target, mac))
    ethertypes, _ = parse_tags(answer)
    assert ethertypes == [outer] + [0x8100] * (len(tags) - 1)
    assert answer.eth_src == net.a.mac
    # Without its tags it is no shorter than Ethernet allows.
    assert len(answer.bytes) >= 60 + 4 * len(tags)


def test_client_that_was_lost_comes_back_under_another_ethertype(net):
    """Its switch was replaced by one that tags as IEEE 802.1ad says."""
    address, mac, target = "10.0.0.90", "02:00:00:00:05:90", "10.0.0.77"

    def ask(outer):
        frame = tagged(arp_request(mac, address, target), 100)
        frame = frame[:12] + outer.to_bytes(2, "big") + frame[14:]
        with TagTap(net.c) as tap:
            tap.send(frame)
            tap.wait(
                lambda frame: is_answer_under([100], target, mac)(frame)
                and parse_tags(frame)[0] == [outer]
            )

    ask(0x8100)
    net.a.access[0].down()
    wait_client(net, address, "single", state="lost")
    net.a.access[0].up()
    net.wait_for(
        lambda: all(port["up"] for port in net.daemon.router("A")["ports"]),
        what="A's ports to be up",
    )
    ask(0x88A8)


def test_same_host_under_another_tag_is_another_client(net):
    """The same MAC and the same address, three times, three clients."""
    mac, address = "02:00:00:00:05:20", "10.0.0.32"
    seq = net.daemon.last_seq()
    with TagTap(net.c) as tap:
        for name, (vlan, _, _) in SEGMENTS.items():
            tap.send(tagged(arp_request(mac, address, "10.0.0.78"), *vlan))
            tap.wait(is_answer_under(vlan, "10.0.0.78"), what=name)
    for name, (vlan, _, _) in SEGMENTS.items():
        client = client_of(net, address, name)
        assert (client["mac"], client["vlan"]) == (mac, vlan)
    for kind in ("client.followed", "client.conflict", "client.moved"):
        assert not net.daemon.events(seq, type=kind)


def test_client_with_tags_of_its_own(net):
    """Two clients of "single" have other tags, one of them two: under those
    they are served, under the segment's they are not."""
    for address, vlan in (("10.0.0.50", [150]), ("10.0.0.51", [200, 9])):
        mac = "02:00:00:00:05:" + address[-2:]
        with TagTap(net.c) as tap:
            tap.send(tagged(arp_request(mac, address, "10.0.0.79"), 100))
            tap.send(tagged(arp_request(mac, address, "10.0.0.80"), *vlan))
            tap.wait(is_answer_under(vlan, "10.0.0.80"))
            assert not tap.matching(is_answer_under([100], "10.0.0.79"))
        assert client_of(net, address, "single")["vlan"] == vlan


def test_tag_of_one_client_is_nobody_else_s(net):
    before = drops(net)["unknown_tag"]
    mac = "02:00:00:00:05:52"
    with TagTap(net.c) as tap:
        tap.send(tagged(arp_request(mac, "10.0.0.52", "10.0.0.81"), 150))
        net.wait_for(lambda: drops(net)["unknown_tag"] > before)
        assert not tap.matching(is_answer_under([150], "10.0.0.81"))
    assert client_of(net, "10.0.0.52", "single") is None


@pytest.mark.parametrize(
    "what, tags, reason",
    [
        ("a tag that no segment owns", [101], "unknown_tag"),
        ("an inner tag that none owns", [200, 101], "unknown_tag"),
        ("the tags in the wrong order", [100, 200], "unknown_tag"),
        ("a priority tag in one that none owns", [200, 0x6000], "unknown_tag"),
        ("the reserved tag", [4095], "tags"),
    ],
)
def test_tags_of_nobody_are_counted_and_not_answered(net, what, tags, reason):
    before = drops(net)[reason]
    mac, address, target = "02:00:00:00:05:30", "10.0.0.48", "10.0.0.82"
    with TagTap(net.c) as tap:
        tap.send(tagged(arp_request(mac, address, target), *tags))
        net.wait_for(lambda: drops(net)[reason] > before, what=what)
        answered = [
            frame
            for frame in tap.collect()
            if target in repr(frame) or parse_tags(frame)[1] == tags
        ]
        assert not answered
    for name in SEGMENTS:
        assert client_of(net, address, name) is None


def is_echo_reply_under(tags, source):
    """Predicate: ICMP from 'source' under exactly these tags."""

    def matches(frame):
        ethertype = frame.bytes[12 + 4 * len(tags) :][:2]
        body = frame.bytes[14 + 4 * len(tags) :]
        return (
            parse_tags(frame)[1] == list(tags)
            and ethertype == b"\x08\x00"
            and (body[9], body[12:16], body[20]) == (1, ip_bytes(source), 0)
        )

    return matches


@pytest.mark.parametrize("outer", [0x8100, 0x88A8])
@pytest.mark.parametrize(
    "number, tags, segment",
    [
        (90, [0x6000], "plain"),
        (91, [0x6000, 100], "single"),
        (92, [100, 0x6000], "single"),
    ],
)
def test_priority_tag_is_no_tag(net, number, tags, segment, outer):
    """Outside a tag, inside one, or alone: ARP and IPv4."""
    address, mac = f"10.0.0.{number}", f"02:00:00:00:05:{number}"
    echo = struct.pack("!BBHHH", 8, 0, 0, 1, 1)
    echo = echo[:2] + struct.pack("!H", checksum(echo)) + echo[4:]
    ping = ethernet(
        net.a.mac, mac, ETH_P_IP, ipv4(address, harness.GATEWAY, 1, echo)
    )
    vlan = SEGMENTS[segment][0]
    with TagTap(net.c) as tap:
        request = arp_request(mac, address, harness.GATEWAY)
        tap.send(tagged(request, *tags, outer=outer))
        tap.wait(is_answer_under(vlan, harness.GATEWAY, mac))
        assert client_of(net, address, segment)["vlan"] == vlan
        tap.send(tagged(ping, *tags, outer=outer))
        tap.wait(is_echo_reply_under(vlan, harness.GATEWAY))


def test_three_tags_reach_nobody(net):
    """Not even the controller: the bridge itself drops them."""
    mac, address = "02:00:00:00:05:31", "10.0.0.49"
    with TagTap(net.c) as tap:
        request = arp_request(mac, address, "10.0.0.83")
        tap.send(tagged(request, 200, 100, 100))
        tap.send(tagged(request, 100, 200, 100))
        tap.send(tagged(arp_request(mac, address, "10.0.0.84"), 200, 100))
        tap.wait(is_answer_under([200, 100], "10.0.0.84"))
        assert not tap.matching(is_arp_reply("10.0.0.83"))
    assert client_of(net, address, "plain") is None
    assert client_of(net, address, "single") is None


def send_without_asking(lab):
    """A host that only sends is found under its tags, whatever they are."""
    mac, address = "02:00:00:00:05:61", "10.0.0.61"
    frame = udp(mac, lab.b.mac, address, harness.SERVER, 5000, 9, b"here")
    with TagFarm(lab.c, mac, address) as farm:
        for name, (vlan, _, _) in SEGMENTS.items():
            farm.send(tagged(frame, *vlan))
            wait_client(lab, address, name, state="active", mac=mac)


def test_bridge_that_reads_one_tag_only(lab):
    """A is limited to one tag: it serves what needs no more, B the rest; once
    the limit is lifted A is as good as B."""
    lab.add_core()
    lab.add_switch("X")
    lab.a = lab.add_router("A", ["X"], priority=200)
    lab.b = lab.add_router("B", ["X"], priority=100)
    lab.b.ovs.vsctl("set", "Open_vSwitch", ".", "other_config:vlan-limit=2")
    lab.c = lab.add_client("C", "X")
    tagger = Tagger(lab)
    for name, tag in (("s1", 301), ("s2", 302)):
        tagger.add_host(
            name,
            "core",
            [tag],
            harness.NEXT_HOP,
            f"02:00:00:00:02:1{tag % 10}",
        )
    mac, address = "02:00:00:00:05:60", "10.0.0.60"
    config = lab.config()
    config["segments"] = {
        name: segment_config(lab, vlan, uplink_vlan, election=PREEMPT)
        for name, (vlan, uplink_vlan, _) in SEGMENTS.items()
    }
    lab.start_daemon(config)
    lab.wait_for(
        lambda: lab.daemon.router("A").get("problem"),
        what="A's problem to be shown",
    )
    assert "problem" not in lab.daemon.router("B")
    assert "vlan-limit" in lab.daemon.log()
    with TagFarm(lab.c, mac, address) as farm:
        for vlan in ([], [100], [200, 100]):
            farm.send(tagged(arp_request(mac, address, "10.0.0.77"), *vlan))
        wait_client(lab, address, "plain", active="A")
        wait_client(lab, address, "single", active="A")
        wait_client(lab, address, "double", active="B")
        reach = client_of(lab, address, "double")["reach"]
        assert reach["A"]["state"] == "unknown"
        send_without_asking(lab)
        lab.a.ovs.set_vlan_limit(2)
        lab.wait_for(
            lambda: not lab.daemon.router("A").get("problem"),
            timeout=20,
            what="A's problem to be over",
        )
        wait_client(lab, address, "double", active="A")
        # And back: what was served there goes to where it still can be.
        lab.a.ovs.set_vlan_limit(1)
        wait_client(lab, address, "double", active="B", timeout=20)
        wait_client(lab, address, "single", active="A")
