"""Frames that nobody should send: each is counted, changes nothing, and is
not answered.

The article's topology, and M, a host on Y that is nobody's client.  A frame
goes out from M, C (a client) or S (the next hop, on the core).  Where it is
dropped is written beside it: "bridge" is a packet that a bridge drops without
asking the daemon, anything else a reason of
firsthop_frames_dropped_total.
"""

import re
import struct

import pytest

import harness
from frames import (
    BROADCAST,
    ETH_P_ARP,
    ETH_P_IP,
    arp,
    arp_request,
    checksum,
    ethernet,
    ipv4,
    is_arp_reply,
    is_arp_request,
    is_udp,
    udp,
)
from vlanlab import drops

MARK = b"hostile"
M_ADDRESS, M_MAC = "10.0.0.90", "02:00:00:00:01:5a"
NOBODY = "10.0.0.91"
A_MAC, A_LOCAL, A_UPLINK = "02:00:00:00:00:0a", "10.0.0.2", "192.0.2.2"
B_LOCAL = "10.0.0.3"
C_ADDRESS, C_MAC = "10.0.0.10", "02:00:00:00:01:0a"
S_MAC = "02:00:00:00:02:01"
PROBE_MS = 100


def pin(host, address, mac):
    """The host never asks for 'address'."""
    host.netns.ip(
        f"neigh replace {address} lladdr {mac} dev eth0 nud permanent"
    )


@pytest.fixture(scope="module")
def net():
    lab = harness.build_article(harness.Lab())
    lab.m = lab.add_client("M", "Y", M_ADDRESS, M_MAC)
    try:
        lab.start_daemon(lab.config(probe={"interval_ms": PROBE_MS}))
        lab.settle(lab.c, lab.d)
        for client in (lab.c, lab.d):
            assert client.ping(harness.NEXT_HOP)
        # Linux asks again for who it knows: not here, where every frame of a
        # router is an answer to what was sent.
        pin(lab.server, lab.c.address, lab.a.mac)
        pin(lab.server, lab.d.address, lab.a.mac)
        pin(lab.server, lab.m.address, lab.a.mac)
        for client in (lab.c, lab.d, lab.m):
            pin(client, harness.GATEWAY, lab.a.mac)
        lab.picture = picture(lab)
        yield lab
    finally:
        lab.close()


# What is asserted of every frame.


def bridge_drops(lab):
    """Packets that the routers' bridges have dropped by themselves: those of
    flows that drop, and those that no flow was for."""
    total = 0
    for router in lab.routers.values():
        flows = router.ovs.ofctl("dump-flows", router.bridge)
        for line in flows.splitlines():
            if line.endswith("actions=drop"):
                total += int(re.search(r"n_packets=(\d+)", line)[1])
        tables = router.ovs.ofctl("dump-tables", router.bridge)
        for lookup, matched in re.findall(
            r"lookup=(\d+), matched=(\d+)", tables
        ):
            total += int(lookup) - int(matched)
    return total


def count(lab, where):
    return bridge_drops(lab) if where == "bridge" else drops(lab)[where]


def picture(lab):
    """All that a hostile frame must not change."""
    clients = [
        {key: c[key] for key in ("address", "mac", "vlan", "state", "active")}
        | {"moves": c["moves"], "since": c["since"]}
        | {"ports": {n: r["port"] for n, r in c["reach"].items()}}
        for c in lab.daemon.clients()
    ]
    return {
        "clients": clients,
        "flows": {n: r.flows() for n, r in lab.routers.items()},
        "next hops": {
            name: [
                (port.get("next_hop_mac"), port.get("next_hop_state"))
                for port in lab.daemon.router(name)["ports"]
            ]
            for name in lab.routers
        },
    }


def is_answer(lab):
    """Predicate: a frame that a router has sent, but no probe of a client and
    no question for its next hop; or one that carries what was sent."""
    macs = [router.mac for router in lab.routers.values()]
    senders = [router.local for router in lab.routers.values()]
    senders += [router.uplink_address for router in lab.routers.values()]

    def predicate(frame):
        if is_arp_request()(frame) and frame.spa in senders:
            return False
        return frame.eth_src in macs or MARK in frame.bytes

    return predicate


def assert_ignored(lab, sender, frames, where, bridges=1):
    """Sends 'frames' from the Host 'sender'.  Each is counted 'where', once
    for each of the 'bridges' that it comes to, nobody is answered, and
    everything stays as it was."""
    times = len(frames) * bridges
    before = count(lab, where)
    seq = lab.daemon.last_seq()
    with lab.m.tap() as m, lab.c.tap() as c, lab.server.tap() as s:
        for frame in frames:
            {"M": m, "C": c, "S": s}[sender.name].send(frame)
        lab.wait_for(
            lambda: count(lab, where) - before >= times,
            what=f"{times} more dropped: {where}",
        )
        # By now A and B would have answered: they go on to other things.
        with lab.c.tap() as later:
            for router in (lab.a, lab.b):
                later.wait(is_arp_request(C_ADDRESS, router.local))
        for tap in (m, c, s):
            assert not tap.matching(is_answer(lab))
    assert picture(lab) == lab.picture
    assert count(lab, where) == before + times, "nothing else is"
    kinds = {event["type"] for event in lab.daemon.events(seq)}
    assert all(kind.endswith(".conflict") for kind in kinds), kinds
    assert lab.c.ping(harness.NEXT_HOP) and lab.d.ping(harness.GATEWAY)


# ARP.


def strange_arp(op=1, dst=BROADCAST, src=M_MAC, spa=M_ADDRESS, **field):
    """A request for the gateway, but for 'field': htype, ptype, hlen, plen,
    and ethertype."""
    body = struct.pack(
        "!HHBBH",
        field.get("htype", 1),
        field.get("ptype", ETH_P_IP),
        field.get("hlen", 6),
        field.get("plen", 4),
        op,
    )
    request = arp(op, src, spa, A_MAC, harness.GATEWAY, eth_dst=dst)
    return ethernet(
        dst, src, field.get("ethertype", ETH_P_ARP), body + request[22:]
    )


STRANGE_ARP = {
    "hardware type 0": {"htype": 0},
    "hardware type 6, IEEE 802": {"htype": 6},
    "hardware type 256": {"htype": 256},
    "protocol type IPv6": {"ptype": 0x86DD},
    "protocol type 0": {"ptype": 0},
    "hardware length 0": {"hlen": 0},
    "hardware length 8": {"hlen": 8},
    "hardware length 255": {"hlen": 255},
    "protocol length 0": {"plen": 0},
    "protocol length 16": {"plen": 16},
    "operation 0": {"op": 0},
    "operation 3, RARP": {"op": 3},
    "operation 4, RARP": {"op": 4},
    "operation 8, InARP": {"op": 8},
    "operation 9, InARP": {"op": 9},
    "operation 257": {"op": 257},
    "operation 258": {"op": 258},
    "operation 65535": {"op": 0xFFFF},
    "RARP's Ethertype": {"ethertype": 0x8035, "op": 3},
}


@pytest.mark.parametrize("what", STRANGE_ARP)
def test_strange_arp_from_a_client_s_side(net, what):
    assert_ignored(net, net.m, [strange_arp(**STRANGE_ARP[what])], "bridge", 2)
    assert net.daemon.client(M_ADDRESS) is None


@pytest.mark.parametrize("what", STRANGE_ARP)
def test_strange_arp_from_the_core(net, what):
    """As if the next hop had moved to another MAC."""
    frame = strange_arp(
        src="02:00:00:00:02:66", spa=harness.NEXT_HOP, **STRANGE_ARP[what]
    )
    assert_ignored(net, net.server, [frame], "bridge", 2)


def reply(sha, spa, tha=A_MAC, tpa=A_LOCAL, dst=A_MAC):
    return arp(2, sha, spa, tha, tpa, eth_dst=dst)


UNASKED = {
    "from nobody's address": (reply(M_MAC, M_ADDRESS), "unasked"),
    "for another router": (
        reply(M_MAC, M_ADDRESS, "02:00:00:00:00:0b", B_LOCAL),
        "unasked",
    ),
    "about the gateway": (reply(M_MAC, harness.GATEWAY), "own_address"),
    "about the router's own address": (reply(M_MAC, A_LOCAL), "own_address"),
    "about the other router's": (reply(M_MAC, B_LOCAL), "own_address"),
    "about a client": (reply(M_MAC, C_ADDRESS), "rival"),
    "from outside": (reply(M_MAC, "172.16.0.5"), "outside"),
    "without a sender": (reply(M_MAC, "0.0.0.0"), "address_probe"),
    "of another MAC than the frame's": (
        arp(2, C_MAC, C_ADDRESS, A_MAC, A_LOCAL, eth_src=M_MAC),
        "malformed",
    ),
}


@pytest.mark.parametrize("what", UNASKED)
def test_unasked_reply_from_a_client_s_side(net, what):
    frame, where = UNASKED[what]
    assert_ignored(net, net.m, [frame], where)
    assert net.daemon.client(M_ADDRESS) is None


BROADCAST_REPLIES = {
    "gratuitous": (BROADCAST, None),
    "to a router": (A_MAC, A_LOCAL),
}


def test_broadcast_reply_about_a_client(net):
    """(About what is ours: test_defend.py.)"""
    frame = reply(M_MAC, C_ADDRESS, BROADCAST, C_ADDRESS, BROADCAST)
    assert_ignored(net, net.m, [frame], "rival", 2)


@pytest.mark.parametrize("what", BROADCAST_REPLIES)
def test_broadcast_reply_about_nobody(net, what):
    """It may be an announcement: the address is asked for.  Nobody has it, so
    no router and no next hop is told of it."""
    tha, tpa = BROADCAST_REPLIES[what]
    frame = reply(M_MAC, NOBODY, tha, tpa or NOBODY, BROADCAST)
    seq = net.daemon.last_seq()
    asked = is_arp_request(NOBODY)
    with net.m.tap() as m, net.c.tap() as c, net.server.tap() as s:
        m.send(frame)
        net.wait_for(
            lambda: len(m.matching(asked)) > 3,
            what="an address to be asked for again and again",
        )
        client = net.daemon.client(NOBODY)
        assert (client["state"], client["active"]) == ("pending", None)
        assert client["mac"] == M_MAC
        assert not net.daemon.events(seq)
        net.daemon.request("DELETE", f"/v1/clients/{NOBODY}")
        for tap in (m, c, s):
            assert not tap.matching(is_answer(net))
    assert picture(net) == net.picture


@pytest.mark.parametrize("what", BROADCAST_REPLIES)
def test_broadcast_reply_about_its_sender(net, what):
    """M answers when it is asked, and is served until it is deleted; nothing
    changes for others."""
    tha, tpa = BROADCAST_REPLIES[what]
    frame = reply(M_MAC, M_ADDRESS, tha, tpa or M_ADDRESS, BROADCAST)
    with net.m.tap() as m:
        m.send(frame)
        net.wait_for(
            lambda: net.server.ping(M_ADDRESS, timeout=1),
            what="M to be served",
        )
    for router in (net.a, net.b):
        net.wait_reach(net.m, router)
    others = [c for c in picture(net)["clients"] if c["address"] != M_ADDRESS]
    assert others == net.picture["clients"]
    net.daemon.request("DELETE", f"/v1/clients/{M_ADDRESS}")
    net.wait_for(
        lambda: picture(net) == net.picture, what="all to be as it was"
    )


OTHER_MAC = "02:00:00:00:02:66"
UNASKED_BY_CORE = {
    "from nobody's address": reply(OTHER_MAC, "192.0.2.77", tpa=A_UPLINK),
    "about the gateway": reply(OTHER_MAC, harness.GATEWAY, tpa=A_UPLINK),
    "about the next hop, to another": reply(
        OTHER_MAC, harness.NEXT_HOP, "02:00:00:00:00:0b", A_UPLINK
    ),
}


@pytest.mark.parametrize("what", UNASKED_BY_CORE)
def test_unasked_reply_from_the_core(net, what):
    assert_ignored(net, net.server, [UNASKED_BY_CORE[what]], "unasked")


STOLEN = {
    "the router's own address": (A_UPLINK, "own_address"),
    "a client's address": (C_ADDRESS, "rival"),
}


@pytest.mark.parametrize("what", STOLEN)
def test_reply_from_the_core_out_of(net, what):
    """To the router alone, so that there is nothing to put right."""
    spa, where = STOLEN[what]
    frame = reply(OTHER_MAC, spa, tpa=A_UPLINK)
    assert_ignored(net, net.server, [frame], where)


def test_broadcast_reply_from_the_core(net):
    """Every bridge hands them up: one might be the next hop's, for which see
    test_uplink.py."""
    spa = "192.0.2.77"
    frame = reply(OTHER_MAC, spa, BROADCAST, spa, BROADCAST)
    assert_ignored(net, net.server, [frame], "unasked", 2)


def with_tags(frame, tags, outer):
    """'frame' under 'tags', the outermost of Ethertype 'outer'; those inside
    take turns."""
    raw = b""
    for i, tag in enumerate(tags):
        ethertype = TPIDS[i % 2] if i else outer
        raw += struct.pack("!HH", ethertype, tag)
    return frame[:12] + raw + frame[12:]


# Tags, where no segment and no uplink has any.  The bridges read one.

TPIDS = [0x88A8, 0x8100]
TAGS = {
    "the reserved tag": ([4095], "tags"),
    "a tag of nobody": ([7], "unknown_tag"),
    "two tags of nobody": ([7, 8], "bridge"),
    "a priority tag inside": ([7, 0], "bridge"),
    "a priority tag outside": ([0, 7], "bridge"),
    "three tags": ([7, 8, 9], "bridge"),
    "three priority tags": ([0, 0, 0], "bridge"),
}


def under_tags(frame, what):
    return [with_tags(frame, TAGS[what][0], outer) for outer in TPIDS]


@pytest.mark.parametrize("what", TAGS)
def test_tagged_arp_from_a_client_s_side(net, what):
    request = arp_request(M_MAC, M_ADDRESS, harness.GATEWAY)
    frames = under_tags(request, what)
    assert_ignored(net, net.m, frames, TAGS[what][1], 2)
    assert net.daemon.client(M_ADDRESS) is None


@pytest.mark.parametrize("what", TAGS)
def test_tagged_arp_from_the_core(net, what):
    """For a client that the core would be answered for, but for the tags."""
    request = arp_request(OTHER_MAC, harness.NEXT_HOP, C_ADDRESS)
    frames = under_tags(request, what)
    assert_ignored(net, net.server, frames, TAGS[what][1], 2)


@pytest.mark.parametrize("what", TAGS)
def test_tagged_packets_are_forwarded_neither_way(net, what):
    up = udp(C_MAC, A_MAC, C_ADDRESS, harness.NEXT_HOP, 5, 6, MARK)
    down = udp(S_MAC, A_MAC, harness.NEXT_HOP, C_ADDRESS, 5, 6, MARK)
    assert_ignored(net, net.c, under_tags(up, what), "bridge")
    assert_ignored(net, net.server, under_tags(down, what), "bridge")


# A tag of VID 0 is none (802.1Q): what is behind it is served.


@pytest.mark.parametrize("tag", [0, 0xE000, 0x1000])
def test_priority_tagged_packets_are_forwarded(net, tag):
    up = udp(C_MAC, A_MAC, C_ADDRESS, harness.NEXT_HOP, 5, 6, MARK)
    down = udp(S_MAC, A_MAC, harness.NEXT_HOP, C_ADDRESS, 5, 6, MARK)
    with net.c.tap() as c, net.server.tap() as s:
        for outer in TPIDS:
            c.send(with_tags(up, [tag], outer))
            frame = s.wait(is_udp(MARK))
            assert (frame.eth_src, frame.eth_dst) == (A_MAC, S_MAC)
            s.send(with_tags(down, [tag], outer))
            frame = c.wait(is_udp(MARK))
            assert (frame.eth_src, frame.eth_dst) == (A_MAC, C_MAC)
            c.take(), s.take()
    assert picture(net) == net.picture


@pytest.mark.parametrize("tag", [0, 0xE000, 0x1000])
def test_priority_tagged_arp_is_answered(net, tag):
    of_client = arp_request(C_MAC, C_ADDRESS, harness.GATEWAY)
    of_core = arp_request(S_MAC, harness.NEXT_HOP, C_ADDRESS)
    with net.c.tap() as c, net.server.tap() as s:
        for outer in TPIDS:
            c.send(with_tags(of_client, [tag], outer))
            assert c.wait(is_arp_reply(harness.GATEWAY)).sha == A_MAC
            s.send(with_tags(of_core, [tag], outer))
            assert s.wait(is_arp_reply(C_ADDRESS)).sha == A_MAC
            c.take(), s.take()
    assert picture(net) == net.picture


def test_tags_of_an_ethertype_that_is_none(net):
    """0x9100, of old: not a tag to anybody here."""
    request = arp_request(M_MAC, M_ADDRESS, harness.GATEWAY)
    frames = [with_tags(request, tags, 0x9100) for tags in ([0], [7], [7, 8])]
    assert_ignored(net, net.m, frames, "bridge", 2)


# IPv4 headers.


def strange_ipv4(src, dst, ttl=64, proto=17, **twist):
    """A packet, UDP or an echo request, with 'twist': 'first' (version and
    header length), 'total' (length), 'cut' (so many bytes of it), 'check'
    (not the right checksum)."""
    if proto == 1:
        body = struct.pack("!BBHHH", 8, 0, 0, 1, 1) + MARK
        body = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
    else:
        body = struct.pack("!HHHH", 5, 6, 8 + len(MARK), 0) + MARK
    ip = bytearray(ipv4(src, dst, proto, body, ttl))
    ip[0] = twist.get("first", ip[0])
    ip[2:4] = struct.pack("!H", twist.get("total", len(ip)))
    ip[10:12] = b"\0\0"
    length = max(20, (ip[0] & 15) * 4)
    ip[10:12] = struct.pack("!H", checksum(bytes(ip[:length])))
    ip[10] ^= 0x55 if twist.get("check") else 0
    return bytes(ip[: twist.get("cut", len(ip))])


STRANGE_IPV4 = {
    "no header": ({"cut": 0}, "bridge"),
    "a header cut short": ({"cut": 19}, "bridge"),
    "a header of 0 words": ({"first": 0x40}, "bridge"),
    "a header of 4 words": ({"first": 0x44}, "bridge"),
    "a header longer than the packet": ({"first": 0x4F}, "bridge"),
    "a total length of 0": ({"total": 0}, "bridge"),
    "a total length below the header's": ({"total": 19}, "bridge"),
    "a total length beyond the frame": ({"total": 400}, "bridge"),
    "a total length of 65535": ({"total": 65535}, "bridge"),
    "version 6": ({"first": 0x65}, "malformed"),
    "version 0": ({"first": 0x05}, "malformed"),
    "a wrong checksum": ({"check": True}, "malformed"),
}


def on_wire(dst, src, ip):
    """Not padded: what is cut short stays so."""
    return ethernet(dst, src, ETH_P_IP, b"")[:14] + ip


@pytest.mark.parametrize("what", STRANGE_IPV4)
def test_strange_ipv4_from_a_client(net, what):
    """To be answered, and to be answered with an error."""
    twist, where = STRANGE_IPV4[what]
    packets = [
        strange_ipv4(C_ADDRESS, harness.GATEWAY, proto=1, **twist),
        strange_ipv4(C_ADDRESS, A_LOCAL, proto=1, **twist),
        strange_ipv4(C_ADDRESS, harness.SERVER, ttl=1, **twist),
    ]
    if where == "bridge":
        packets.append(strange_ipv4(C_ADDRESS, harness.SERVER, **twist))
    frames = [on_wire(A_MAC, C_MAC, ip) for ip in packets]
    assert_ignored(net, net.c, frames, where)


@pytest.mark.parametrize("what", STRANGE_IPV4)
def test_strange_ipv4_from_the_core(net, what):
    """The same, and for an address that is nobody's."""
    twist, where = STRANGE_IPV4[what]
    packets = [
        strange_ipv4(harness.NEXT_HOP, A_UPLINK, proto=1, **twist),
        strange_ipv4(harness.NEXT_HOP, M_ADDRESS, **twist),
        strange_ipv4(harness.NEXT_HOP, C_ADDRESS, ttl=1, **twist),
    ]
    if where == "bridge":
        packets.append(strange_ipv4(harness.NEXT_HOP, C_ADDRESS, **twist))
    frames = [on_wire(A_MAC, S_MAC, ip) for ip in packets]
    assert_ignored(net, net.server, frames, where)


@pytest.mark.parametrize("length", [0, 1, 7, 8, 27])
def test_truncated_arp(net, length):
    """Of ARP's 28 bytes, and not padded."""
    request = arp_request(M_MAC, M_ADDRESS, harness.GATEWAY)[: 14 + length]
    assert_ignored(net, net.m, [request], "bridge", 2)
    request = arp_request(OTHER_MAC, harness.NEXT_HOP, C_ADDRESS)
    assert_ignored(net, net.server, [request[: 14 + length]], "bridge", 2)
