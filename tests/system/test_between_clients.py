"""Client to client: on one router, on two by way of the core, and not at all
where the segment keeps its clients apart.

Both are on one switch that keeps them apart, as an access network does: what
passes between them passes a router."""

import harness


def is_unreachable(frame):
    return frame.proto == 1 and frame.data[:2] == b"\3\1"


def build(lab, **segment):
    """Switch X with clients C and D, routers A (200) and B (100), and a core
    that sends back what is for a client."""
    lab.add_core()
    lab.add_switch("X")
    lab.a = lab.add_router("A", ["X"], priority=200)
    lab.b = lab.add_router("B", ["X"], priority=100)
    lab.c = lab.add_client("C", "X")
    lab.d = lab.add_client("D", "X")
    for client in (lab.c, lab.d):
        lab.netns.run(
            *("bridge", "link", "set"),
            *("dev", client.link.dev, "isolated", "on"),
        )
    for key, value in (
        ("ip_forward", 1),
        ("conf.all.send_redirects", 0),
        ("conf.eth0.send_redirects", 0),
    ):
        lab.server.netns.sysctl(f"net.ipv4.{key}", value)
    lab.start_daemon(lab.config(**segment))
    lab.settle(lab.c, lab.d)
    return lab


def move_c_to_b(lab):
    lab.daemon.move(lab.c.address, "B")
    lab.wait_active(lab.c, lab.b)
    lab.wait_for(
        lambda: lab.c.ping(harness.NEXT_HOP, timeout=1),
        what="C to reach the core by way of B",
    )


def test_on_one_router_directly(lab):
    """The core has no part in it."""
    build(lab)
    lab.server.netns.sysctl("net.ipv4.ip_forward", 0)
    assert lab.c.ping(lab.d.address)
    assert lab.d.ping(lab.c.address)
    assert lab.c.neighbour(lab.d.address)[0] == lab.a.mac


def test_on_two_routers_by_way_of_the_core(lab):
    build(lab)
    move_c_to_b(lab)
    with lab.c.tap() as tap:
        lab.wait_for(
            lambda: lab.c.ping(lab.d.address, timeout=1),
            what="C to reach D by way of the core",
        )
        assert lab.d.ping(lab.c.address)
        # Nor does a router say that there is nobody, as it does of others.
        assert not tap.matching(is_unreachable)
        lab.wait_for(
            lambda: (
                not lab.c.ping("10.0.0.99", timeout=1)
                and tap.matching(is_unreachable)
            ),
            what="B to say that nobody is there",
        )
    # Whoever asks while the move is under way is answered by the router that
    # still forwards, and told of the new one with the gateway's move.
    lab.wait_for(
        lambda: lab.c.neighbour(lab.d.address)[0] == lab.b.mac,
        what="C to send to D by B",
    )
    assert lab.d.neighbour(lab.c.address)[0] == lab.a.mac


def test_isolated_clients_reach_the_core_but_not_each_other(lab):
    build(lab, isolate=True)
    assert lab.c.ping(harness.NEXT_HOP) and lab.d.ping(harness.NEXT_HOP)
    assert lab.c.ping(harness.GATEWAY)
    assert not lab.c.ping(lab.d.address, count=3, timeout=1)
    assert not lab.d.ping(lab.c.address, count=3, timeout=1)
    move_c_to_b(lab)
    assert not lab.c.ping(lab.d.address, count=3, timeout=1)
