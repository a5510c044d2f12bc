"""Routers watch each other: what falls silent cuts nobody off, and what the
daemon alone has lost moves nobody.

Probes are an hour apart where a beacon, and nothing else, is to tell."""

import subprocess

import pytest

import harness
from frames import ip_bytes, mac_bytes
from meter import duplicates, losses
from vlanlab import allow_two_tags

RARE_PROBES = {"interval_ms": 3600000, "retry_ms": 100}


def beacon_mac(router):
    """What the router's beacons come from."""
    mac = mac_bytes(router.mac)
    return bytes([mac[0] ^ 0x40]) + mac[1:]


def paths(lab):
    """{(segment, routers, side): state}."""
    return {
        (path["segment"], "".join(path["routers"]), side): path[side]["state"]
        for path in lab.daemon.get("/v1/paths")["paths"]
        for side in ("access", "core")
        if path[side]
    }


def wait_paths(lab, **states):
    """Until the sides of metro's path between A and B are in these states."""
    lab.wait_for(
        lambda: all(
            paths(lab)["metro", "AB", side] == state
            for side, state in states.items()
        ),
        what=f"the path between A and B to be {states}",
    )


@pytest.fixture
def watched(lab):
    """The article's topology, with probes an hour apart and paths that are
    known."""
    harness.build_article(lab)
    lab.start_daemon(lab.config(probe=RARE_PROBES))
    lab.settle(lab.c, lab.d)
    wait_paths(lab, access="up", core="up")
    return lab


def test_silent_cut_shows_without_a_probe(watched):
    """C is asked because A and B do not hear each other any more, and moves;
    D is asked as well, and does not."""
    lab = watched
    seq = lab.daemon.last_seq()
    with lab.meter(lab.c, lab.d) as meter:
        meter.wait_steady(explain=lab.explain)
        meter.reset()
        lab.links["X", "Y"].silence()
        lab.wait_active(lab.c, lab.b)
        meter.wait_steady(explain=lab.explain)
        assert losses(meter.report(), "D") == {"up": 0, "down": 0}
        assert paths(lab) == {
            ("metro", "AB", "access"): "lost",
            ("metro", "AB", "core"): "up",
        }
        meter.reset()
        lab.links["X", "Y"].unsilence()
        wait_paths(lab, access="up")
        report = meter.report()
        assert losses(report, "C") == losses(report, "D")
        assert losses(report, "D") == {"up": 0, "down": 0}
    (lost,) = lab.daemon.events(seq, type="path.lost")
    (found,) = lab.daemon.events(seq, type="path.found")
    for event in (lost, found):
        assert (event["segment"], event["from"], event["to"]) == (
            *("metro", "A", "B"),
        )
        assert "access network" in event["detail"]
    assert "2 clients" in lost["detail"]
    assert lab.daemon.active(lab.d.address) == "A"


def test_power_loss(watched):
    """Nobody says goodbye: A's clients move; when A is back nobody does."""
    lab = watched
    seq = lab.daemon.last_seq()
    with lab.meter(lab.c, lab.d) as meter:
        meter.wait_steady(explain=lab.explain)
        lab.a.lose_power()
        for client in (lab.c, lab.d):
            lab.wait_active(client, lab.b)
        meter.wait_steady(explain=lab.explain)
        wait_paths(lab, access="lost", core="lost")
        meter.reset()
        lab.a.regain_power()
        lab.wait_connected(["A"], timeout=20)
        wait_paths(lab, access="up", core="up")
        report = meter.report()
        assert losses(report, "C") == losses(report, "D")
        assert losses(report, "D") == {"up": 0, "down": 0}
        assert set(duplicates(report)) == {0}
    moves = lab.daemon.events(seq, type="client.moved")
    assert {event["client"] for event in moves} == {
        lab.c.address,
        lab.d.address,
    }
    assert len(moves) == 2
    assert {event["cause"] for event in moves} == {"router_lost"}


def test_headless_router_keeps_its_clients(article):
    """A's management link is cut, for longer than a connection lives: nothing
    is lost, nobody moves, but who is new gets B.  A is back, and goes on."""
    lab = article
    new = lab.add_client("N", "Y")
    seq = lab.daemon.last_seq()
    with lab.meter(lab.c, lab.d) as meter:
        meter.wait_steady(explain=lab.explain)
        meter.reset()
        lab.a.ovs.management.silence()
        lab.wait_for(
            lambda: lab.daemon.router("A")["headless"], what="A headless"
        )
        lab.wait_for(lambda: new.ping(harness.GATEWAY, timeout=1))
        assert lab.daemon.active(new.address) == "B"
        lab.wait_for(
            lambda: not lab.daemon.router("A")["connected"],
            what="A's connection to be given up",
        )
        assert lab.daemon.router("A")["headless"]
        assert lab.daemon.active(lab.c.address) == "A"
        explained = lab.daemon.explain(lab.c.address)
        assert explained["reason"] == "headless"
        lab.a.ovs.management.unsilence()
        lab.wait_connected(["A"], timeout=30)
        for client in (lab.c, lab.d):
            lab.wait_reach(client, lab.a, "up")
        report = meter.report()
    assert not lab.daemon.router("A")["headless"]
    for name in "CD":
        assert losses(report, name) == {"up": 0, "down": 0}
    assert not lab.daemon.events(seq, type="client.moved")
    assert not lab.daemon.events(seq, type="client.lost")


def test_headless_router_that_dies_is_left(watched):
    """B, which the daemon hears, tells that A does not forward any more."""
    lab = watched
    lab.a.ovs.management.silence()
    lab.wait_for(
        lambda: not lab.daemon.router("A")["connected"],
        what="A's connection to be given up",
    )
    assert lab.daemon.active(lab.c.address) == "A"
    lab.a.kill()
    for client in (lab.c, lab.d):
        lab.wait_active(client, lab.b)
        lab.wait_for(lambda client=client: client.ping(harness.NEXT_HOP))


def test_management_network_is_gone(article):
    """The daemon hears nobody: nothing is lost, nobody moves.  Meanwhile X-Y
    breaks, silently; once the routers are back C moves, and D does not."""
    lab = article
    seq = lab.daemon.last_seq()
    with lab.meter(lab.c, lab.d) as meter:
        meter.wait_steady(explain=lab.explain)
        meter.reset()
        for router in (lab.a, lab.b):
            router.ovs.management.silence()
        for router in (lab.a, lab.b):
            lab.wait_for(
                lambda router=router: not lab.daemon.router(router.name)[
                    "connected"
                ],
                what=f"{router.name}'s connection to be given up",
            )
        report = meter.report()
        for name in "CD":
            assert losses(report, name) == {"up": 0, "down": 0}
        lab.links["X", "Y"].silence()
        meter.reset()
        for router in (lab.a, lab.b):
            router.ovs.management.unsilence()
        lab.wait_connected(timeout=30)
        lab.wait_active(lab.c, lab.b)
        meter.wait_steady(["C"], explain=lab.explain)
        assert losses(meter.report(), "D") == {"up": 0, "down": 0}
    moves = lab.daemon.events(seq, type="client.moved")
    assert [event["client"] for event in moves] == [lab.c.address]
    assert lab.daemon.active(lab.d.address) == "A"


def test_client_sees_no_beacon(article):
    """Nor anything else that two routers say to each other."""
    macs = {
        mac
        for router in (article.a, article.b)
        for mac in (mac_bytes(router.mac), beacon_mac(router))
    }
    with article.c.tap() as tap:
        before = article.daemon.metric('beacons_sent_total{router="A"}')
        article.wait_for(
            lambda: article.daemon.metric('beacons_sent_total{router="A"}')
            > before + 20,
            what="twenty beacons",
        )
        article.c.ping(harness.GATEWAY)
        frames = tap.take()
    assert frames
    assert not [f for f in frames if f.bytes[:6] in macs]


def test_bridge_answers_by_itself(article):
    """The daemon is not there, and B's bridge answers A's beacon all the same,
    with what it carries as target MAC; and nobody else's."""
    number = bytes.fromhex("0123456789ab")
    article.daemon.stop()
    a, b = article.a, article.b

    def ask(mac, sender):
        frame = beacon_mac(b) + mac_bytes(mac) + b"\x08\x06"
        frame += bytes.fromhex("0001080006040001") + mac_bytes(mac)
        frame += ip_bytes(sender) + number + ip_bytes(b.local)
        a.ovs.ofctl(
            *("packet-out", a.bridge),
            f"in_port=controller packet={frame.hex()} "
            f"actions=output:{a.access_ports[0]}",
        )

    answer = bytes.fromhex("0001080006040002") + beacon_mac(b)
    answer += ip_bytes(b.local) + number + ip_bytes(a.local)
    with harness.Tap(article.netns, "X-A", True) as tap:
        ask("02:00:00:00:00:99", a.local)
        ask(beacon_mac(a).hex(":"), "10.0.0.99")
        ask(beacon_mac(a).hex(":"), a.local)
        frame = tap.wait(
            lambda f: f.bytes[6:14] == beacon_mac(b) + b"\x08\x06"
        )
    assert frame.bytes[:6] == beacon_mac(a)
    assert frame.bytes[14:42] == answer


@pytest.mark.parametrize("vlan", [[100], [200, 100]])
def test_beacons_keep_their_tags(lab, vlan):
    harness.build_article(lab)
    allow_two_tags(lab)
    lab.start_daemon(lab.config(vlan=vlan))
    wait_paths(lab, access="up", core="up")
    lab.links["X", "Y"].silence()
    wait_paths(lab, access="lost", core="up")
    lab.links["X", "Y"].unsilence()
    wait_paths(lab, access="up", core="up")


def test_ctl_shows_the_paths(article):
    program = harness.default_build() + "/firsthopctl"
    wait_paths(article, access="up", core="up")
    out = subprocess.run(
        [program, "--socket", article.daemon.socket_path, "paths"],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout.splitlines()
    assert out[0].split() == (
        "SEGMENT ROUTERS ACCESS SINCE CORE SINCE CLIENTS".split()
    )
    words = out[1].split()
    assert words[:3] == ["metro", "A-B", "up"]
    assert (words[4], words[6]) == ("up", "2")


def test_no_beacons_where_they_are_switched_off(lab):
    harness.build_article(lab)
    lab.start_daemon(lab.config(beacon={"interval_ms": 0}))
    lab.settle(lab.c, lab.d)
    assert lab.daemon.get("/v1/paths") == {"paths": []}
    assert lab.daemon.metric('beacons_sent_total{router="A"}') == 0
    assert not [flow for flow in lab.a.flows() if "priority=450" in flow]
    lab.a.kill()
    lab.wait_active(lab.c, lab.b)
