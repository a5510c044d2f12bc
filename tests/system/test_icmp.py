"""The ICMP that a router owes (RFC 792, RFC 1812): echo replies, time
exceeded, host unreachable, and about what never."""

import struct

import pytest

import harness
from frames import (
    BROADCAST,
    ETH_P_IP,
    checksum,
    ethernet,
    is_udp,
)

ECHO_REPLY, UNREACHABLE, ECHO, TIME_EXCEEDED = 0, 3, 8, 11


@pytest.fixture(scope="module")
def net():
    """The article's topology for tests that leave no trace; A is active for
    both clients, and the core knows them."""
    lab = harness.build_article(harness.Lab())
    try:
        lab.start_daemon()
        lab.settle(lab.c, lab.d)
        for client in (lab.c, lab.d):
            assert client.ping(harness.NEXT_HOP, count=3)
        yield lab
    finally:
        lab.close()


def icmp(kind, code=0, data=b"\0\1\0\2payload"):
    body = struct.pack("!BBH", kind, code, 0) + data
    check = struct.pack("!H", checksum(body))
    return body[:2] + check + body[4:]


def is_icmp(kind, code=0, source=None):
    """Predicate: an ICMP message (from 'source')."""
    return lambda frame: (
        frame.proto == 1
        and frame.data[0] == kind
        and frame.data[1] == code
        and source in (None, frame.src)
    )


def says_unreachable(data):
    """Predicate: host unreachable, about a packet that holds 'data'."""
    return lambda frame: (
        is_icmp(UNREACHABLE, 1)(frame) and data in frame.data
    )


def quotes(data):
    """Predicate: an ICMP error about a packet that holds 'data'."""
    return lambda frame: (
        frame.proto == 1
        and frame.data[0] in (UNREACHABLE, TIME_EXCEEDED)
        and data in frame.data
    )


def packet(src, dst, proto=17, payload=None, **change):
    """An IPv4 packet.  'change': ttl, fragment (the 16-bit field), total
    (length that the header claims), version_ihl, check."""
    payload = udp_payload(b"hello") if payload is None else payload
    total = change.get("total", 20 + len(payload))

    def header(check):
        return struct.pack(
            "!BBHHHBBH4s4s",
            change.get("version_ihl", 0x45),
            0,
            total,
            0,
            change.get("fragment", 0x4000),
            change.get("ttl", 64),
            proto,
            check,
            bytes(int(byte) for byte in src.split(".")),
            bytes(int(byte) for byte in dst.split(".")),
        )

    return header(change.get("check", checksum(header(0)))) + payload


def udp_payload(data):
    return struct.pack("!HHHH", 5000, 5001, 8 + len(data), 0) + data


def from_c(net, ip, dst=None):
    return ethernet(dst or net.a.mac, net.c.mac, ETH_P_IP, ip)


def from_core(net, ip, dst=None):
    return ethernet(dst or net.a.mac, net.server.mac, ETH_P_IP, ip)


# Echo.


def test_ping_from_the_client_s_side(net):
    """The gateway, the active router's own address on the segment and its
    address on the uplink: each answers for itself."""
    for target in (harness.GATEWAY, net.a.local, net.a.uplink_address):
        with net.c.tap() as tap:
            assert net.c.ping(target), target
            reply = tap.wait(is_icmp(ECHO_REPLY))
            assert (reply.src, reply.eth_src) == (target, net.a.mac)


def test_ping_from_the_core(net):
    with net.server.tap() as tap:
        assert net.server.ping(net.a.uplink_address)
        assert net.server.ping(net.b.uplink_address)
        # The segment's addresses of A, by way of A.
        net.server.netns.ip(
            f"route add {harness.GATEWAY}/32 via {net.a.uplink_address}"
        )
        net.server.netns.ip(
            f"route add {net.a.local}/32 via {net.a.uplink_address}"
        )
        try:
            assert net.server.ping(harness.GATEWAY)
            assert net.server.ping(net.a.local)
        finally:
            net.server.netns.ip(f"route del {harness.GATEWAY}/32")
            net.server.netns.ip(f"route del {net.a.local}/32")
        assert tap.matching(is_icmp(ECHO_REPLY, source=harness.GATEWAY))


def test_traceroute_from_the_core_shows_the_active_router(net):
    # The hop answers from its side of the segment.
    assert net.server.hops(net.c.address) == [net.a.local, net.c.address]


# Time exceeded.


@pytest.mark.parametrize("ttl", [0, 1])
def test_time_exceeded_quotes_the_packet(net, ttl):
    data = b"ttl is %d" % ttl
    ip = packet(
        net.c.address, harness.SERVER, payload=udp_payload(data), ttl=ttl
    )
    with net.c.tap() as tap:
        tap.send(from_c(net, ip))
        error = tap.wait(is_icmp(TIME_EXCEEDED, source=net.a.local))
        error = tap.wait(quotes(data))
    assert error.data[8:28] == ip[:20]
    assert (error.eth_dst, error.dst) == (net.c.mac, net.c.address)


# Host unreachable.


def test_unknown_host_is_unreachable_from_the_core(net):
    data = b"nobody there"
    with net.server.tap() as tap:
        tap.send(
            from_core(
                net,
                packet(
                    harness.NEXT_HOP, "10.0.0.99", payload=udp_payload(data)
                ),
            )
        )
        error = tap.wait(quotes(data))
    assert error.data[:2] == bytes([UNREACHABLE, 1])
    assert error.src == net.a.local


def test_unknown_host_is_unreachable_from_a_client(net):
    """The router says so, at once; but not of a neighbour that it knows."""
    with net.c.tap() as tap:
        for target, data in (
            (net.d.address, b"to a neighbour"),
            ("10.0.0.99", b"nobody there"),
        ):
            ip = packet(net.c.address, target, payload=udp_payload(data))
            tap.send(from_c(net, ip))
        error = tap.wait(quotes(b"nobody there"))
        assert not tap.matching(says_unreachable(b"to a neighbour"))
    assert error.data[:2] == bytes([UNREACHABLE, 1])
    assert error.src == net.a.local


def test_udp_to_a_router_s_address_is_refused(net):
    """Whatever it was sent to says so itself, to a client and to the core."""
    for target in (harness.GATEWAY, net.a.local, net.a.uplink_address):
        data = f"udp to {target}".encode()
        with net.c.tap() as tap:
            ip = packet(net.c.address, target, payload=udp_payload(data))
            tap.send(from_c(net, ip))
            error = tap.wait(quotes(data))
        assert error.data[:2] == bytes([UNREACHABLE, 3])
        assert (error.src, error.eth_src) == (target, net.a.mac)
    assert net.c.hops(net.a.local) == [net.a.local]
    with net.server.tap() as tap:
        data = b"udp from the core"
        ip = packet(
            harness.NEXT_HOP, net.a.uplink_address, payload=udp_payload(data)
        )
        tap.send(from_core(net, ip))
        error = tap.wait(quotes(data))
    assert error.data[:2] == bytes([UNREACHABLE, 3])
    assert error.src == net.a.uplink_address


def test_lost_client_is_unreachable_and_keeps_its_flows(article):
    """It may be deaf to probes alone: what is sent to it still leaves, and
    its senders, in the core and beside it, are told; until it is found."""
    lab, c = article, article.c
    assert lab.server.ping(c.address)
    c.netns.ip("link set eth0 arp off")
    lab.wait_for(lambda: lab.daemon.client(c.address)["state"] == "lost")
    for sender, host in (
        (harness.NEXT_HOP, lab.server),
        (lab.d.address, lab.d),
    ):
        data = f"from {sender}".encode()
        ip = packet(sender, c.address, payload=udp_payload(data))
        with host.tap() as tap, c.tap() as c_tap:
            tap.send(ethernet(lab.a.mac, host.mac, ETH_P_IP, ip))
            error = tap.wait(says_unreachable(data))
            assert (error.src, error.dst) == (lab.a.local, sender)
            assert (error.eth_src, error.eth_dst) == (lab.a.mac, host.mac)
            c_tap.wait(is_udp(data))
    c.netns.ip("link set eth0 arp on")
    lab.wait_for(lambda: lab.daemon.client(c.address)["state"] == "active")
    lab.wait_for(lambda: lab.server.ping(c.address, timeout=1))
    # Whoever has heard it first.
    router = lab.routers[lab.daemon.active(c.address)]
    data, sentinel = b"found again", b"sentinel"
    with lab.server.tap() as tap, c.tap() as c_tap:
        for target, text in ((c.address, data), ("10.0.0.99", sentinel)):
            ip = packet(harness.NEXT_HOP, target, payload=udp_payload(text))
            tap.send(from_core(lab, ip, router.mac))
        c_tap.wait(is_udp(data))
        tap.wait(says_unreachable(sentinel))
        assert not tap.matching(says_unreachable(data))


def test_withdrawn_client_is_unreachable(lab):
    harness.build_article(lab)
    lab.start_daemon(lab.config(withdraw_after_ms=500))
    lab.settle(lab.c, lab.d)
    assert lab.server.ping(lab.c.address)
    mac = lab.server.neighbour(lab.c.address)[0]
    seq = lab.daemon.last_seq()
    lab.c.link.down()
    lab.wait_for(lambda: lab.daemon.events(seq, type="client.withdrawn"))
    data = b"withdrawn"
    ip = packet(harness.NEXT_HOP, lab.c.address, payload=udp_payload(data))
    with lab.server.tap() as tap:
        tap.send(from_core(lab, ip, dst=mac))
        error = tap.wait(quotes(data))
        assert error.data[:2] == bytes([UNREACHABLE, 1])


def test_client_that_is_elsewhere_is_not_called_unreachable(net):
    """B gets a packet for C, which A serves: the core is behind, no more."""
    data = b"by way of B"
    with net.server.tap() as tap, net.c.tap() as c_tap:
        ip = packet(harness.NEXT_HOP, net.c.address, payload=udp_payload(data))
        tap.send(from_core(net, ip, dst=net.b.mac))
        other = packet(
            harness.NEXT_HOP, "10.0.0.99", payload=udp_payload(b"sentinel")
        )
        tap.send(from_core(net, other, dst=net.b.mac))
        tap.wait(quotes(b"sentinel"))
        assert not tap.matching(quotes(data))
        assert not c_tap.matching(is_udp(data))


# Never.


def frames_that_get_no_error(net):
    """(What it is, frame from the core to nobody's address.)"""
    src, dst = harness.NEXT_HOP, "10.0.0.99"
    return {
        "an ICMP error": packet(
            src, dst, 1, icmp(UNREACHABLE, 1, b"\0" * 4 + b"never-error")
        ),
        "a later fragment": packet(
            src, dst, payload=b"never-fragment", fragment=0x0010
        ),
        "no source": packet(
            "0.0.0.0", dst, payload=udp_payload(b"never-zero")
        ),
        "a loopback source": packet(
            "127.0.0.1", dst, payload=udp_payload(b"never-loop")
        ),
        "a multicast source": packet(
            "224.0.0.5", dst, payload=udp_payload(b"never-multi")
        ),
        "a broadcast source": packet(
            "255.255.255.255", dst, payload=udp_payload(b"never-broad")
        ),
        "a broadcast of the prefix": packet(
            src, "10.0.0.255", payload=udp_payload(b"never-prefix")
        ),
        "a multicast group": packet(
            src, "239.1.2.3", payload=udp_payload(b"never-group")
        ),
        "a truncated packet": packet(
            src, dst, payload=udp_payload(b"never-short"), total=500
        ),
        "a header longer than the packet": packet(
            src,
            dst,
            payload=udp_payload(b"never-ihl"),
            version_ihl=0x4F,
        ),
        "a header shorter than a header": packet(
            src, dst, payload=udp_payload(b"never-ihl4"), version_ihl=0x44
        ),
        "another version": packet(
            src, dst, payload=udp_payload(b"never-v6"), version_ihl=0x65
        ),
        "a total length below the header's": packet(
            src, dst, payload=udp_payload(b"never-total"), total=19
        ),
        "a wrong checksum": packet(
            src, dst, payload=udp_payload(b"never-check"), check=0x1234
        ),
    }


def test_no_error_about_what_deserves_none(net):
    """Each is followed by one that gets its error."""
    with net.server.tap() as tap:
        for what, ip in frames_that_get_no_error(net).items():
            tap.send(from_core(net, ip))
            data = f"sentinel: {what}"[:40].encode()
            good = packet(
                harness.NEXT_HOP, "10.0.0.99", payload=udp_payload(data)
            )
            tap.send(from_core(net, good))
            tap.wait(quotes(data), what=f"an error after {what}")
            assert not tap.matching(quotes(b"never")), what
        # To all on the wire: no error either (RFC 1812, 4.3.2.7).
        broadcast = packet(
            harness.NEXT_HOP, "10.0.0.99", payload=udp_payload(b"never-l2")
        )
        tap.send(from_core(net, broadcast, dst=BROADCAST))
        good = packet(
            harness.NEXT_HOP, "10.0.0.99", payload=udp_payload(b"last")
        )
        tap.send(from_core(net, good))
        tap.wait(quotes(b"last"))
        assert not tap.matching(quotes(b"never"))


def test_malformed_packets_with_a_ttl_of_one(net):
    """From a client, which is answered for a good one only."""
    bad = {
        "total": packet(net.c.address, harness.SERVER, ttl=1, total=400),
        "ihl": packet(net.c.address, harness.SERVER, ttl=1, version_ihl=0x4F),
        "check": packet(net.c.address, harness.SERVER, ttl=1, check=7),
    }
    with net.c.tap() as tap:
        for what, ip in bad.items():
            tap.send(from_c(net, ip))
            data = f"good after {what}".encode()
            tap.send(
                from_c(
                    net,
                    packet(
                        net.c.address,
                        harness.SERVER,
                        payload=udp_payload(data),
                        ttl=1,
                    ),
                )
            )
            tap.wait(quotes(data))
        assert len(tap.matching(is_icmp(TIME_EXCEEDED))) == len(bad)


def test_echo_request_that_is_malformed_is_not_answered(net):
    wrong = bytearray(icmp(ECHO, data=b"\0\1\0\1wrong checksum"))
    wrong[4] ^= 1
    frames = [
        packet(net.c.address, harness.GATEWAY, 1, bytes(wrong)),
        packet(
            net.c.address,
            harness.GATEWAY,
            1,
            icmp(ECHO, data=b"\0\1\0\1fragment"),
            fragment=0x2000,
        ),
        packet(net.c.address, harness.GATEWAY, 1, icmp(ECHO)[:5]),
    ]
    with net.c.tap() as tap:
        for ip in frames:
            tap.send(from_c(net, ip))
        good = icmp(ECHO, data=b"\0\1\0\2right")
        tap.send(from_c(net, packet(net.c.address, harness.GATEWAY, 1, good)))
        tap.wait(
            lambda frame: is_icmp(ECHO_REPLY)(frame) and b"right" in frame.data
        )
        assert len(tap.matching(is_icmp(ECHO_REPLY))) == 1
        assert not tap.matching(is_icmp(UNREACHABLE, 1))


def test_router_speaks_icmp_only_where_it_serves(net):
    """C's packets by way of B, which is standby, get no ICMP at all."""
    ip = packet(
        net.c.address, harness.SERVER, payload=udp_payload(b"never"), ttl=1
    )
    ping = packet(net.c.address, net.b.local, 1, icmp(ECHO))
    with net.c.tap() as tap:
        tap.send(from_c(net, ip, dst=net.b.mac))
        tap.send(from_c(net, ping, dst=net.b.mac))
        assert net.c.ping(harness.GATEWAY)
        assert not tap.matching(
            lambda f: f.proto == 1 and f.eth_src == net.b.mac
        )


def test_time_exceeded_is_limited(net):
    """Of thousands at once few are answered; a while later one is again."""
    ip = packet(net.c.address, harness.SERVER, ttl=1)
    with net.c.tap() as tap:
        for _ in range(3000):
            tap.send(from_c(net, ip))
        assert net.c.ping(harness.GATEWAY)
        assert 1 <= len(tap.matching(is_icmp(TIME_EXCEEDED))) <= 1000
        tap.take()

        def answered():
            tap.send(from_c(net, ip))
            return tap.matching(is_icmp(TIME_EXCEEDED))

        net.wait_for(answered, what="an error, once the flood is over")
