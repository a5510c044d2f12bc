"""Clients that move, claim what is another's, or have entries that no notice
changes."""

import os
import sys

import pytest

import harness
from farm import Farm
from frames import arp, arp_request, is_arp_request
from netns import end
from vlanlab import drops

from firsthop.lab.firsthopd import TOP


def build(lab, **segment):
    """Router A on switches X and W, router B on Z; X-Z is a trunk, so B
    reaches what is on X but not what is on W."""
    lab.add_core()
    for name in "XWZ":
        lab.add_switch(name)
    lab.add_trunk("X", "Z")
    lab.a = lab.add_router("A", ["X", "W"], priority=200)
    lab.b = lab.add_router("B", ["Z"], priority=100)
    lab.start_daemon(lab.config(**segment))
    return lab


def plug(lab, host, switch):
    """Moves the host's cable to another switch."""
    lab.netns.ip(f"link set {host.link.dev} master {switch}")


def speak(host, target=harness.GATEWAY):
    """Can it make the gateway answer, as a host that has just arrived?"""
    return harness.arping(host, target, timeout=1)


def events_of(lab, seq, kind, host):
    return lab.daemon.events(seq, type=kind, client=host.address)


def test_client_moves_to_another_port_of_its_router(lab):
    build(lab)
    c = lab.add_client("C", "X")
    lab.settle(c)
    assert lab.daemon.client(c.address)["reach"]["A"]["port"] == "a-access"
    plug(lab, c, "W")
    lab.wait_for(lambda: speak(c) == lab.a.mac)
    lab.wait_for(lambda: c.ping(harness.NEXT_HOP, timeout=1))
    client = lab.daemon.client(c.address)
    assert client["active"] == "A"
    assert client["reach"]["A"]["port"] == "a-access2"
    ports = {
        flow.split("in_port=")[1][0]
        for flow in lab.a.flows_of(c)
        if "in_port" in flow
    }
    assert len(ports) == 1


def test_client_moves_to_the_side_of_another_router(lab):
    build(lab)
    c = lab.add_client("C", "W")
    lab.wait_for(lambda: c.ping(harness.GATEWAY, timeout=1))
    assert lab.daemon.active(c.address) == "A"
    lab.links["X", "Z"].down()
    plug(lab, c, "Z")
    lab.wait_for(lambda: speak(c) == lab.b.mac)
    lab.wait_for(lambda: c.ping(harness.NEXT_HOP, timeout=1))
    lab.wait_for(lambda: not lab.a.flows_of(c), what="A to let go of C")


@pytest.mark.parametrize("switch", ["X", "W", "Z"])
def test_new_mac_is_followed_when_the_old_place_is_silent(lab, switch):
    """The machine is replaced: another MAC, the same address."""
    build(lab)
    c = lab.add_client("C", "X")
    lab.settle(c)
    seq = lab.daemon.last_seq()
    c.link.down()
    new = lab.add_client("N", switch, address=c.address)
    lab.wait_for(lambda: speak(new))
    lab.wait_for(lambda: new.ping(harness.NEXT_HOP, timeout=1))
    assert lab.daemon.client(c.address)["mac"] == new.mac
    (event,) = events_of(lab, seq, "client.followed", c)
    assert new.mac in event["detail"]
    flows = lab.a.flows() + lab.b.flows()
    assert not [flow for flow in flows if c.mac in flow]


def test_host_that_asks_nothing_is_learnt_from_what_it_sends(lab):
    """It has an entry from before, with the MAC of a router that is not to
    serve it; a notice mends that."""
    build(lab)
    c = lab.add_client("C", "X")
    entry = f"{harness.GATEWAY} lladdr {lab.b.mac} dev eth0"
    c.netns.ip(f"neigh replace {entry} nud reachable")
    lab.wait_for(
        lambda: c.ping(harness.SERVER, timeout=1), what="C to be served"
    )
    assert c.neighbour(harness.GATEWAY)[0] == lab.a.mac
    assert lab.daemon.active(c.address) == "A"


@pytest.mark.parametrize("form", ["request", "reply"])
def test_virtual_address_follows_its_announcement(lab, form):
    """From one host to another, before the first has let go of it; the core
    reaches it where it is, though it has asked for nothing."""
    build(lab)
    address = "10.0.0.100"
    old = lab.add_client("C", "X")
    new = lab.add_client("D", "Z")
    frames = {
        "request": lambda mac: arp_request(mac, address, address),
        "reply": lambda mac: arp(
            *(2, mac, address, mac, address), eth_dst="ff:ff:ff:ff:ff:ff"
        ),
    }

    def announce(host):
        with host.tap() as tap:
            tap.send(frames[form](host.mac))

    def is_at(host):
        client = lab.daemon.client(address)
        return client["mac"] == host.mac and lab.server.ping(address)

    lab.settle(old, new)
    old.netns.ip(f"addr add {address}/32 dev eth0")
    announce(old)
    lab.wait_for(lambda: is_at(old), what="the address to be learnt")
    seq = lab.daemon.last_seq()
    new.netns.ip(f"addr add {address}/32 dev eth0")
    announce(new)
    lab.wait_for(
        lambda: lab.daemon.events(seq, type="client.conflict"),
        what="the conflict to be reported",
    )
    old.netns.ip(f"addr del {address}/32 dev eth0")
    lab.wait_for(lambda: is_at(new), what="the address to be followed")


@pytest.mark.parametrize("switch", ["X", "W", "Z"])
def test_rival_is_refused_and_reported_while_the_client_answers(lab, switch):
    """On the client's own port, on another one, and at another router."""
    build(lab)
    c = lab.add_client("C", "X")
    lab.settle(c)
    assert c.ping(harness.NEXT_HOP)
    rival = lab.add_client("R", switch, address="10.0.0.99")
    seq = lab.daemon.last_seq()
    before = drops(lab)["rival"]
    with rival.tap() as tap:

        def reported():
            tap.send(arp_request(rival.mac, c.address, harness.GATEWAY))
            return events_of(lab, seq, "client.conflict", c)

        lab.wait_for(reported, what="the conflict to be reported")
        event = reported()[0]
        assert rival.mac in event["detail"]
    assert drops(lab)["rival"] > before
    client = lab.daemon.client(c.address)
    assert (client["mac"], client["active"]) == (c.mac, "A")
    assert client["moves"] == 0
    assert c.ping(harness.NEXT_HOP)
    assert not events_of(lab, seq, "client.followed", c)


def test_same_mac_at_another_port_is_refused_while_the_client_answers(lab):
    build(lab)
    c = lab.add_client("C", "X")
    lab.settle(c)
    rival = lab.add_client("R", "W", address="10.0.0.99")
    seq = lab.daemon.last_seq()
    with rival.tap() as tap:

        def reported():
            tap.send(arp_request(c.mac, c.address, harness.GATEWAY))
            # And answers in its place, should it be asked.
            tap.send(arp(2, c.mac, c.address, lab.a.mac, lab.a.local))
            return events_of(lab, seq, "client.conflict", c)

        lab.wait_for(reported, what="the conflict to be reported")
    assert lab.daemon.client(c.address)["reach"]["A"]["port"] == "a-access"
    assert c.ping(harness.NEXT_HOP)


def test_configured_mac_follows_nobody(lab):
    build(lab)
    c = lab.add_client("C", "X")
    config = lab.config()
    config["clients"] = [
        {"address": c.address, "segment": "metro", "mac": c.mac}
    ]
    lab.daemon.configure(config)
    lab.daemon.reload()
    lab.settle(c)
    before = drops(lab)["mac_conflict"]
    c.link.down()
    other = lab.add_client("N", "X", address=c.address)
    assert not speak(other)
    lab.wait_for(lambda: lab.daemon.client(c.address)["state"] == "lost")
    assert not speak(other)
    assert drops(lab)["mac_conflict"] > before
    assert lab.daemon.client(c.address)["mac"] == c.mac


FLOOD = """
import socket, sys
sys.path.insert(0, sys.argv[1])
from firsthop.lab.frames import arp_request
out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
out.bind(("eth0", 0))
frame = arp_request(sys.argv[2], sys.argv[3], "10.0.0.1")
print("flooding", flush=True)
import time
while True:
    out.send(frame)
    time.sleep(0.002)
"""


def flood_claims(host, address):
    """'host' claims 'address' 500 times a second, and never answers for it,
    until the process that is returned ends."""
    path = os.path.join(TOP, "python")
    process = host.netns.popen(
        [sys.executable, "-c", FLOOD, path, host.mac, address],
        stdout=-1,
        text=True,
    )
    assert process.stdout.readline() == "flooding\n"
    return process


def test_a_flood_of_claims_without_answers_keeps_nobody_from_being_learnt(lab):
    """R claims C's address before C first speaks and all the while."""
    build(lab)
    c = lab.add_client("C", "X")
    rival = lab.add_client("R", "X", address="10.0.0.99")
    process = flood_claims(rival, c.address)
    try:
        lab.wait_for(
            lambda: lab.daemon.client(c.address), what="R's claim to be heard"
        )
        lab.wait_for(lambda: speak(c) == lab.a.mac, timeout=20)
        lab.wait_for(lambda: c.ping(harness.NEXT_HOP, timeout=1), timeout=20)
        assert lab.daemon.client(c.address)["mac"] == c.mac
        seq = lab.daemon.last_seq()
        assert c.ping(harness.NEXT_HOP, count=10)
        assert not events_of(lab, seq, "client.lost", c)
    finally:
        end(process)


def test_a_flood_of_claims_does_not_make_a_client_drown_in_probes(lab):
    build(lab)
    c = lab.add_client("C", "X")
    lab.settle(c)
    rival = lab.add_client("R", "X", address="10.0.0.99")
    process = flood_claims(rival, c.address)
    try:
        with c.tap() as tap:
            probe = is_arp_request(c.address)
            lab.wait_for(lambda: len(tap.matching(probe)) >= 30)
            probes = tap.matching(probe)
            seconds = probes[29].at - probes[0].at
            # Two routers, ten a second each; without a bound it is 500.
            assert 30 / seconds < 60
    finally:
        end(process)
    assert lab.daemon.client(c.address)["moves"] == 0


def test_forged_address_probes_do_not_hide_that_a_client_is_gone(lab):
    """R sends address probes in C's name: the routers leave C alone for ten
    seconds, as they must, and no longer."""
    build(lab)
    c = lab.add_client("C", "X")
    lab.settle(c)
    rival = lab.add_client("R", "X", address="10.0.0.99")
    forged = arp_request(c.mac, "0.0.0.0", c.address)
    with rival.tap() as tap:
        tap.send(forged)
        c.link.down()

        def is_lost():
            tap.send(forged)
            return lab.daemon.client(c.address)["state"] == "lost"

        lab.wait_for(is_lost, timeout=20, what="C to be lost")


def test_client_that_checks_its_address_is_left_alone(lab):
    """RFC 5227: no probe for ten seconds."""
    build(lab)
    c = lab.add_client("C", "X")
    lab.settle(c)
    with c.tap() as tap:
        before = drops(lab)["address_probe"]
        tap.send(arp_request(c.mac, "0.0.0.0", c.address))
        lab.wait_for(lambda: drops(lab)["address_probe"] > before)
        tap.take()
        first = tap.wait(is_arp_request(c.address), timeout=15)
        started = lab.daemon.client(c.address)
        assert started["state"] == "active"
    with c.tap() as tap:
        # The routers take turns again.
        tap.wait(is_arp_request(c.address, lab.a.local))
        tap.wait(is_arp_request(c.address, lab.b.local))
    assert first is not None


def test_several_addresses_behind_one_mac(lab):
    build(lab)
    c = lab.add_client("C", "X")
    second = "10.0.0.200"
    lab.settle(c)
    c.netns.ip(f"addr add {second}/24 dev eth0")
    # Linux asks with the address that it has something to send from.
    c.forget(harness.GATEWAY)
    lab.wait_for(lambda: c.ping(harness.NEXT_HOP, timeout=1, source=second))
    for address in (c.address, second):
        client = lab.daemon.client(address)
        assert (client["mac"], client["active"]) == (c.mac, "A")
        assert lab.server.ping(address)
    seq = lab.daemon.last_seq()
    lab.a.access[0].down()
    for address in (c.address, second):
        lab.wait_for(lambda address=address: lab.daemon.active(address) == "B")
        lab.wait_for(lambda address=address: lab.server.ping(address))
    assert not lab.daemon.events(seq, type="client.conflict")


def test_static_entry_is_served_and_detected(article):
    """C's entry for the gateway is fixed to A's MAC; A goes.  C acknowledges
    the notice and goes on sending to A's MAC."""
    c, lab = article.c, article
    c.netns.ip(f"neigh replace {harness.GATEWAY} lladdr {lab.a.mac} dev eth0")
    assert c.neighbour(harness.GATEWAY)[1] == "PERMANENT"
    seq = lab.daemon.last_seq()
    lab.links["X", "Y"].down()
    lab.wait_active(c, lab.b)

    def served():
        return c.ping(harness.NEXT_HOP, timeout=1)

    lab.wait_for(served)
    assert c.neighbour(harness.GATEWAY)[0] == lab.a.mac

    def detected():
        served()
        return events_of(lab, seq, "client.static", c)

    lab.wait_for(detected, timeout=30, what="the static entry to be seen")
    assert lab.daemon.client(c.address)["static"] is True
    assert not events_of(lab, seq, "client.static", lab.d)
    assert "static" not in lab.daemon.client(lab.d.address)
    assert served()
    # The flow that told is gone, the client's own are not.
    assert len(lab.b.flows_of(c)) == 2


def test_client_that_heeds_the_notice_is_not_taken_for_static(article):
    c, lab = article.c, article
    seq = lab.daemon.last_seq()
    lab.links["X", "Y"].down()
    lab.wait_active(c, lab.b)
    trap = "cookie=0xf1a505"
    lab.wait_for(
        lambda: c.ping(harness.NEXT_HOP, timeout=1)
        and [flow for flow in lab.b.flows() if trap in flow]
    )
    lab.wait_for(
        lambda: c.ping(harness.NEXT_HOP, timeout=1)
        and not [flow for flow in lab.b.flows() if trap in flow],
        timeout=20,
    )
    assert not events_of(lab, seq, "client.static", c)


@pytest.mark.parametrize("how", ["reload", "restart"])
def test_static_entry_is_detected_across(article, how):
    """The bridges are read again while the question is open."""
    c, lab = article.c, article
    c.netns.ip(f"neigh replace {harness.GATEWAY} lladdr {lab.a.mac} dev eth0")
    lab.links["X", "Y"].down()
    lab.wait_active(c, lab.b)

    def questions():
        c.ping(harness.NEXT_HOP, timeout=1)
        return [flow for flow in lab.b.flows() if "cookie=0xf1a505" in flow]

    asked = lab.wait_for(questions, what="B to count what C sends to A")
    if how == "restart":
        seq = 0
        lab.daemon.restart()
    else:
        seq = lab.daemon.last_seq()
        lab.daemon.reload()
        lab.wait_for(lambda: lab.daemon.events(seq, type="config.applied"))
    lab.wait_connected()
    lab.wait_reach(c, lab.b)
    assert len(asked) == len(questions())
    lab.wait_for(
        lambda: events_of(lab, seq, "client.static", c),
        timeout=30,
        what="the static entry to be seen",
    )
    assert lab.daemon.client(c.address)["static"] is True


def test_many_addresses_of_one_host_are_learnt_up_to_the_limits(lab):
    """Per access port, then per segment; who is known stays known."""
    lab.add_core()
    lab.add_switch("X")
    lab.add_switch("W")
    lab.a = lab.add_router("A", ["X", "W"])
    limits = {"learned": 12, "learned_per_port": 8}
    lab.start_daemon(lab.config(limits=limits))
    x, w = lab.add_client("C", "X"), lab.add_client("D", "W")
    lab.settle(x)
    for host, first, learnt in ((x, 100, 8), (w, 120, 12)):
        hosts = {f"10.0.0.{first + i}": host.mac for i in range(12)}
        before = drops(lab)["limit"]
        with Farm(host, hosts) as farm:
            for address in hosts:
                farm.ask(address, harness.GATEWAY)
            # Some make room for others, until all that are left have answered.
            lab.wait_for(
                lambda: [c["state"] for c in lab.daemon.clients()]
                == ["active"] * learnt
            )

            def some_are_refused(hosts=hosts, before=before):
                for address in hosts:
                    farm.ask(address, harness.GATEWAY)
                return drops(lab)["limit"] > before

            lab.wait_for(some_are_refused)
            assert len(lab.daemon.clients()) == learnt
    assert x.ping(harness.NEXT_HOP)


def test_learnt_client_that_stays_lost_is_forgotten(lab):
    build(lab, age_s=3, withdraw_after_ms=1000)
    c, d = lab.add_client("C", "X"), lab.add_client("D", "X")
    config = lab.config(age_s=3, withdraw_after_ms=1000)
    config["clients"] = [{"address": d.address, "segment": "metro"}]
    lab.daemon.configure(config)
    lab.daemon.reload()
    lab.settle(c, d)
    seq = lab.daemon.last_seq()
    c.link.down()
    d.link.down()
    for kind in ("lost", "withdrawn", "forgotten"):
        lab.wait_for(
            lambda kind=kind: events_of(lab, seq, f"client.{kind}", c)
        )
    assert lab.daemon.client(c.address) is None
    assert not lab.a.flows_of(c) and not lab.b.flows_of(c)
    lab.wait_for(lambda: events_of(lab, seq, "client.withdrawn", d))
    assert lab.daemon.client(d.address)["state"] == "lost"
    c.link.up()
    lab.wait_for(lambda: speak(c))
