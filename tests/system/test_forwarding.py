"""What the active router forwards, what it drops, and what it answers."""

import pytest

import harness
from frames import is_udp, udp


@pytest.fixture(scope="module")
def net():
    """The article's topology for tests that leave no trace; A is active for
    both clients."""
    lab = harness.build_article(harness.Lab())
    try:
        lab.start_daemon()
        lab.settle(lab.c, lab.d)
        # Both directions have been used: the core knows the clients.
        for client in (lab.c, lab.d):
            assert client.ping(harness.NEXT_HOP, count=3)
        yield lab
    finally:
        lab.close()


def frame_up(lab, client, data, **change):
    """A datagram of 'client' to the server by way of A."""
    parts = {
        "eth_src": client.mac,
        "eth_dst": lab.a.mac,
        "src": client.address,
        "dst": harness.NEXT_HOP,
        "sport": 5000,
        "dport": 5001,
        "data": data,
    }
    parts.update(change)
    return udp(**parts)


def frame_down(lab, client, data, **change):
    """A datagram of the server to 'client' by way of A."""
    parts = {
        "eth_src": lab.server.mac,
        "eth_dst": lab.a.mac,
        "src": harness.NEXT_HOP,
        "dst": client.address,
        "sport": 5001,
        "dport": 5000,
        "data": data,
    }
    parts.update(change)
    return udp(**parts)


def assert_dropped(sender, receiver, bad, good, bad_data, good_data):
    """'bad' does not arrive, 'good', sent after it, does."""
    with sender.tap() as out, receiver.tap() as into:
        out.send(bad)
        out.send(good)
        into.wait(is_udp(good_data), what="the good datagram")
        assert not into.matching(is_udp(bad_data))


@pytest.mark.parametrize(
    "target",
    [harness.GATEWAY, "10.0.0.2", harness.NEXT_HOP, harness.SERVER],
)
def test_ping(net, target):
    assert net.c.ping(target)
    assert net.d.ping(target)


def test_server_reaches_the_client(net):
    net.server.forget(net.c.address)
    assert net.server.ping(net.c.address)
    assert net.server.neighbour(net.c.address)[0] == net.a.mac


def test_ping_of_many_sizes(net):
    for size in (0, 1, 1000, 1472):
        out = net.c.netns.run(
            *("ping", "-n", "-q", "-c", 1, "-W", 2, "-s", size),
            harness.GATEWAY,
            check=False,
        )
        assert " 1 received" in out, size


def test_ttl_and_macs_towards_the_core(net):
    with net.c.tap() as out, net.server.tap() as into:
        out.send(frame_up(net, net.c, b"ttl up", ttl=7))
        frame = into.wait(is_udp(b"ttl up"))
    assert frame.ttl == 6
    assert (frame.eth_src, frame.eth_dst) == (net.a.mac, net.server.mac)
    assert (frame.src, frame.dst) == (net.c.address, harness.NEXT_HOP)


def test_ttl_and_macs_towards_the_client(net):
    with net.server.tap() as out, net.c.tap() as into:
        out.send(frame_down(net, net.c, b"ttl down", ttl=7))
        frame = into.wait(is_udp(b"ttl down"))
    assert frame.ttl == 6
    assert (frame.eth_src, frame.eth_dst) == (net.a.mac, net.c.mac)


@pytest.mark.parametrize("ttl", [0, 1])
def test_expired_ttl_is_not_forwarded(net, ttl):
    assert_dropped(
        net.c,
        net.server,
        frame_up(net, net.c, b"expired", ttl=ttl),
        frame_up(net, net.c, b"alive", ttl=2),
        b"expired",
        b"alive",
    )


@pytest.mark.parametrize(
    "what, change",
    [
        ("a neighbour's address", {"src": "10.0.0.11"}),
        ("an unknown address of the prefix", {"src": "10.0.0.99"}),
        ("an address of elsewhere", {"src": "203.0.113.5"}),
        ("the gateway's address", {"src": harness.GATEWAY}),
        ("another MAC", {"eth_src": "02:00:00:00:09:01"}),
        ("a neighbour's MAC", {"eth_src": "02:00:00:00:01:0b"}),
        ("a router's MAC", {"eth_src": "02:00:00:00:00:0b"}),
        ("nobody's MAC as destination", {"eth_dst": "02:00:00:00:09:02"}),
        ("broadcast as destination", {"eth_dst": "ff:ff:ff:ff:ff:ff"}),
    ],
)
def test_spoofed_datagram_is_dropped(net, what, change):
    bad, good = f"bad {what}".encode(), f"good {what}".encode()
    assert_dropped(
        net.c,
        net.server,
        frame_up(net, net.c, bad, **change),
        frame_up(net, net.c, good),
        bad,
        good,
    )
    # Where the bad one has taught the switches a wrong place.
    assert net.d.ping(harness.GATEWAY)


def test_unknown_client_is_not_reached_from_the_core(net):
    with net.c.tap() as c_tap, net.d.tap() as d_tap, net.server.tap() as out:
        out.send(frame_down(net, net.c, b"unknown", dst="10.0.0.99"))
        out.send(frame_down(net, net.c, b"known"))
        c_tap.wait(is_udp(b"known"))
        out.send(frame_down(net, net.d, b"known"))
        d_tap.wait(is_udp(b"known"))
        assert not c_tap.matching(is_udp(b"unknown"))
        assert not d_tap.matching(is_udp(b"unknown"))


def test_client_s_source_address_from_the_core_is_not_forwarded_back(net):
    """What comes from the core for the core does not come from a client."""
    with net.server.tap() as tap:
        tap.send(
            frame_down(
                net, net.c, b"back", src=net.c.address, dst="203.0.113.7"
            )
        )
        tap.send(frame_down(net, net.c, b"forth"))
        with net.c.tap() as out:
            out.send(frame_up(net, net.c, b"sentinel"))
        tap.wait(is_udp(b"sentinel"))
        assert not tap.matching(is_udp(b"back"))


def test_standby_forwards_nothing(net):
    assert not net.b.flows_of(net.c)
    for sender, receiver, bad, good in (
        (
            net.c,
            net.server,
            frame_up(net, net.c, b"by B", eth_dst=net.b.mac),
            frame_up(net, net.c, b"by A"),
        ),
        (
            net.server,
            net.c,
            frame_down(net, net.c, b"by B", eth_dst=net.b.mac),
            frame_down(net, net.c, b"by A"),
        ),
    ):
        assert_dropped(sender, receiver, bad, good, b"by B", b"by A")


def test_core_is_answered_by_the_active_router_only(net):
    with net.server.tap() as tap:
        net.server.forget(net.c.address)
        assert net.server.ping(net.c.address)
        macs = {
            frame.sha
            for frame in tap.collect()
            if frame.op == 2 and frame.spa == net.c.address
        }
        assert macs == {net.a.mac}


def test_core_is_not_answered_for_unknown_clients(net):
    with net.server.tap() as tap:
        net.server.ping("10.0.0.99", timeout=1)
        assert net.server.ping(net.c.address)
        assert not [f for f in tap.collect() if f.spa == "10.0.0.99"]
    assert net.server.neighbour("10.0.0.99")[0] is None


def test_port_of_a_client_is_checked(lab):
    """C's address and MAC are worth nothing at another access port."""
    lab.add_core()
    lab.add_switch("X")
    lab.add_switch("W")
    a = lab.add_router("A", ["X", "W"])
    lab.c, lab.d = lab.add_client("C", "X"), lab.add_client("D", "W")
    lab.a = a
    lab.start_daemon()
    lab.settle(lab.c, lab.d)
    assert lab.c.ping(harness.NEXT_HOP) and lab.d.ping(harness.NEXT_HOP)
    assert_dropped(
        lab.d,
        lab.server,
        frame_up(lab, lab.c, b"C at D's"),
        frame_up(lab, lab.d, b"D at D's"),
        b"C at D's",
        b"D at D's",
    )
