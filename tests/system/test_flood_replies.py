"""Floods: of ARP replies, which fill the meter that probe replies go through,
and of packets whose TTL ends, which must not.

A and B serve the clients of X.  F, behind X as well, sends replies that nobody
has asked for to the MACs of both routers, far more than their meters let pass;
so the probe replies of all others behind X are dropped in the bridges."""

import re

import pytest

import harness
from flooder import flood_frames
from frames import ARP_REPLY, arp, udp

PROBE = {"interval_ms": 200, "retry_ms": 100, "retries": 2}
# Makes the meter of an access port one of 1,080 replies a second.
LIMITS = {"learned_per_port": 8}
# So many dropped replies are tens of intervals of every client.
MANY = 100_000


def flood(host, *routers):
    """'host' sends ARP replies to the routers."""
    return flood_frames(
        host,
        *(
            arp(ARP_REPLY, host.mac, "10.0.0.99", router.mac, router.local)
            for router in routers
        ),
    )


def meters(router):
    """What each meter of the router's bridge has dropped, by its name."""
    text = router.ovs.ofctl("meter-stats", router.bridge)
    found = re.findall(r"meter:(\S+) .*?\n0: packet_count:(\d+)", text)
    return {name: int(packets) for name, packets in found}


def dropped(router):
    return sum(meters(router).values())


def metric(lab, name, router):
    text = lab.daemon.get("/metrics")
    found = re.findall(
        rf'^firsthop_{name}{{router="{router.name}".*}} (\d+)$', text, re.M
    )
    assert found, name
    return sum(int(value) for value in found)


def wait_dropped(lab, *routers):
    before = {router: dropped(router) for router in routers}
    lab.wait_for(
        lambda: all(dropped(r) - before[r] > MANY for r in routers),
        timeout=60,
        what="the meters to drop many replies",
    )


@pytest.fixture(name="flooded")
def fixture_flooded(lab):
    """The lab: .a, .b, client .c served by A, and the flooder .f."""
    lab.add_core()
    lab.add_switch("X")
    lab.a, lab.b = lab.add_router("A", ["X"], 200), lab.add_router("B", ["X"])
    lab.c, lab.f = lab.add_client("C", "X"), lab.add_client("F", "X")
    config = lab.config(probe=PROBE, limits=LIMITS, withdraw_after_ms=1000)
    lab.start_daemon(config)
    lab.settle(lab.c)
    return lab


def events_of(lab, seq, client):
    return [
        event
        for kind in ("client.lost", "client.moved")
        for event in lab.daemon.events(seq, type=kind, client=client.address)
    ]


def test_flood_of_replies_moves_and_loses_nobody(flooded):
    lab = flooded
    seq = lab.daemon.last_seq()
    with flood(lab.f, lab.a, lab.b):
        wait_dropped(lab, lab.a, lab.b)
        lab.wait_for(lambda: lab.c.ping(harness.NEXT_HOP), what="a ping")
        wait_dropped(lab, lab.a, lab.b)
        lab.wait_for(lambda: lab.c.ping(harness.NEXT_HOP), what="a ping")
    assert not events_of(lab, seq, lab.c)
    assert lab.a.flows_of(lab.c) and not lab.b.flows_of(lab.c)
    for router in (lab.a, lab.b):
        assert metric(lab, "probes_unjudged_total", router)
        assert metric(lab, "replies_dropped_total", router) > MANY
    lab.wait_reach(lab.c, lab.a)
    lab.wait_reach(lab.c, lab.b)


def test_flood_of_one_router_hides_no_failure(flooded):
    """What A cannot hear B can: C is served by B before the flood ends."""
    lab = flooded
    with flood(lab.f, lab.a):
        wait_dropped(lab, lab.a)
        lab.wait_active(lab.c, lab.b)
        lab.wait_for(lambda: lab.c.ping(harness.NEXT_HOP), what="a ping")
        seq = lab.daemon.last_seq()
        wait_dropped(lab, lab.a)
        assert not events_of(lab, seq, lab.c)
    assert lab.daemon.client(lab.c.address)["moves"] == 1


def test_client_that_dies_in_a_flood_is_found_dead_after_it(flooded):
    lab = flooded
    seq = lab.daemon.last_seq()
    with flood(lab.f, lab.a, lab.b):
        wait_dropped(lab, lab.a, lab.b)
        lab.c.link.silence()
        wait_dropped(lab, lab.a, lab.b)
        assert not events_of(lab, seq, lab.c)
    lab.wait_for(
        lambda: lab.daemon.events(
            seq, type="client.lost", client=lab.c.address
        ),
        what="the dead client to be lost",
    )


def test_router_that_dies_in_a_flood_is_replaced_at_once(flooded):
    lab = flooded
    with flood(lab.f, lab.a, lab.b):
        wait_dropped(lab, lab.a, lab.b)
        lab.a.kill()
        lab.wait_active(lab.c, "B")
        lab.wait_for(lambda: lab.c.ping(harness.NEXT_HOP), what="a ping")


@pytest.mark.parametrize("sender", ["client", "core"])
def test_flood_of_packets_whose_ttl_ends_hides_no_failure(flooded, sender):
    lab = flooded
    seq = lab.daemon.last_seq()
    if sender == "client":
        lab.settle(lab.f)
        host, src, dst = lab.f, lab.f.address, harness.SERVER
    else:
        host, src, dst = lab.server, harness.NEXT_HOP, lab.c.address
    frame = udp(host.mac, lab.a.mac, src, dst, 7, 7, b"flood", ttl=1)
    with flood_frames(host, frame):
        wait_dropped(lab, lab.a)
        lab.c.link.silence()
        lab.wait_for(
            lambda: lab.daemon.events(
                seq, type="client.lost", client=lab.c.address
            ),
            what="the dead client to be lost",
        )
        assert not meters(lab.a)["controller"]


@pytest.mark.parametrize("version", ["13", "14", "15"])
def test_bridge_has_a_meter_for_all_punts(lab, version):
    lab.add_core()
    lab.add_switch("X")
    a = lab.add_router("A", ["X"])
    client = lab.add_client("C", "X")
    a.ovs.vsctl("set", "bridge", a.bridge, f"protocols=OpenFlow{version}")
    lab.start_daemon()
    lab.settle(client)
    text = a.ovs.ofctl("-O", f"OpenFlow{version}", "dump-meters", a.bridge)
    assert re.search(
        r"meter=controller pktps burst .*\n"
        r"type=drop rate=50000 burst_size=50000",
        text,
    ), text


def test_meters_grow_with_the_clients_that_are_provisioned(lab):
    """They are sized for what may be learnt; who is provisioned later answers
    probes, too."""
    lab.add_core()
    lab.add_switch("X")
    a = lab.add_router("A", ["X"])
    lab.start_daemon(lab.config(limits=LIMITS))

    def rates():
        text = a.ovs.ofctl("dump-meters", a.bridge)
        return [int(rate) for rate in re.findall(r"rate=(\d+)", text)]

    assert 1016 in rates()
    for number in range(20, 240):
        lab.daemon.request(
            "PUT", f"/v1/clients/10.0.0.{number}", {"segment": "metro"}
        )
    # By a quarter at once, or more.
    lab.wait_for(
        lambda: any(1270 < rate <= 1440 for rate in rates()),
        what="a wider meter",
    )
