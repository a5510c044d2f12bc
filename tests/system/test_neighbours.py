"""Clients of one router that talk to each other."""

from frames import is_udp, udp


def assert_exchange(lab, a, c, d):
    """C and D reach each other through the router, which decrements."""
    assert c.ping(d.address) and d.ping(c.address)
    assert c.neighbour(d.address)[0] == a.mac
    with c.tap() as out, d.tap() as into:
        out.send(udp(c.mac, a.mac, c.address, d.address, 1, 2, b"hi", ttl=9))
        frame = into.wait(is_udp(b"hi"))
    assert frame.ttl == 8
    assert frame.eth_src == a.mac


def test_clients_on_one_access_port(lab):
    """The access network keeps C and D apart: the router sends back out of
    the port that the frame came in by."""
    lab.add_core()
    lab.add_switch("X")
    a = lab.add_router("A", ["X"])
    c, d = lab.add_client("C", "X"), lab.add_client("D", "X")
    for host in (c, d):
        lab.netns.run(
            *("bridge", "link", "set", "dev", host.link.dev, "isolated", "on")
        )
    lab.start_daemon()
    lab.settle(c, d)
    assert_exchange(lab, a, c, d)


def test_clients_on_two_access_ports(lab):
    lab.add_core()
    lab.add_switch("X")
    lab.add_switch("W")
    a = lab.add_router("A", ["X", "W"])
    c, d = lab.add_client("C", "X"), lab.add_client("D", "W")
    lab.start_daemon()
    lab.settle(c, d)
    assert_exchange(lab, a, c, d)
    reach = lab.daemon.client(d.address)["reach"]["A"]
    assert reach["port"] == a.access_ports[1]


def test_gateway_mode_leaves_neighbours_alone(lab):
    """On a shared LAN neighbours answer for themselves."""
    lab.add_core()
    lab.add_switch("X")
    a = lab.add_router("A", ["X"])
    c, d = lab.add_client("C", "X"), lab.add_client("D", "X")
    lab.start_daemon(lab.config(proxy_arp="gateway"))
    lab.settle(c, d)
    with c.tap() as tap:
        assert c.ping(d.address)
        assert c.neighbour(d.address)[0] == d.mac
        assert not [
            f
            for f in tap.collect()
            if f.op == 2 and f.spa == d.address and f.sha == a.mac
        ]
    assert c.ping("198.51.100.1")
