"""Every fault of the article: who moves, who does not, what is lost."""

import pytest

import harness
from faults import FAULTS
from frames import is_arp_request
from meter import duplicates, losses


@pytest.mark.parametrize("name", FAULTS)
def test_fault_and_repair(article, name):
    """Whom the fault hits moves to B and recovers in both directions, the
    others lose nothing; the repair moves nobody and costs nothing; at no time
    do two routers forward."""
    fault = FAULTS[name]
    clients = {"C": article.c, "D": article.d}
    seq = article.daemon.last_seq()
    with article.meter(article.c, article.d) as meter:
        meter.wait_steady(explain=article.explain)
        meter.reset()
        fault.inject(article)
        for hit in fault.hits:
            article.wait_active(clients[hit], article.b)
        meter.wait_steady(explain=article.explain)
        report = meter.report()
        assert set(duplicates(report)) == {0}
        for client in set(clients) - set(fault.hits):
            assert losses(report, client) == {"up": 0, "down": 0}
            assert article.daemon.active(clients[client].address) == "A"

        meter.reset()
        fault.repair(article)
        article.wait_connected(["A"])
        for client in clients.values():
            article.wait_reach(client, article.a, "up")
        with article.c.tap() as tap:
            tap.wait(is_arp_request(sender=article.a.local))
            tap.wait(is_arp_request(sender=article.b.local))
        report = meter.report()
        for client in clients:
            assert losses(report, client) == {"up": 0, "down": 0}
        assert set(duplicates(report)) == {0}

    for client, host in clients.items():
        moves = article.daemon.events(
            seq, type="client.moved", client=host.address
        )
        assert len(moves) == (client in fault.hits), moves
        for event in moves:
            assert (event["from"], event["to"]) == ("A", "B")
            assert event["cause"] == fault.cause
            assert event["segment"] == "metro"
    for hit in fault.hits:
        host = clients[hit]
        article.wait_for(
            lambda host=host: not article.a.flows_of(host),
            what=f"A to hold no flows of {hit}",
        )
        assert article.b.flows_of(host)


def test_repair_of_a_second_fault_moves_nobody_either(article):
    """B dies after A has come back: back to A, and there they stay."""
    article.a.access[0].down()
    article.wait_active(article.c, article.b)
    article.wait_active(article.d, article.b)
    article.a.access[0].up()
    for client in (article.c, article.d):
        article.wait_reach(client, article.a, "up")
    article.b.access[0].down()
    for client in (article.c, article.d):
        article.wait_active(client, article.a)
        article.wait_for(
            lambda client=client: client.ping(harness.NEXT_HOP, timeout=1)
        )
    article.b.access[0].up()
    for client in (article.c, article.d):
        article.wait_reach(client, article.b, "up")
        assert article.daemon.active(client.address) == "A"
        assert article.daemon.client(client.address)["moves"] == 2


def test_three_routers(lab):
    """A (300) on X, B (200) on Z, E (100) on Y: one after the other."""
    lab.add_core()
    for name in "XYZ":
        lab.add_switch(name)
    lab.add_trunk("X", "Y")
    lab.add_trunk("Y", "Z")
    a = lab.add_router("A", ["X"], priority=300)
    b = lab.add_router("B", ["Z"], priority=200)
    e = lab.add_router("E", ["Y"], priority=100)
    c, d = lab.add_client("C", "Y"), lab.add_client("D", "X")
    lab.start_daemon()
    lab.settle(c, d)
    assert lab.daemon.active(c.address) == "A"
    with lab.meter(c, d) as meter:
        for fault, router in ((a.kill, b), (b.access[0].silence, e)):
            fault()
            lab.wait_active(c, router)
            lab.wait_active(d, router)
            meter.wait_steady(explain=lab.explain)
    # D's only way to E is cut: it goes back to nobody but A.
    a.revive()
    lab.wait_reach(d, a, "up", timeout=20)
    lab.links["X", "Y"].silence()
    lab.wait_active(d, a)
    assert lab.daemon.active(c.address) == "E"


def test_hung_router_is_left(article):
    """A stops answering on all its connections, which stay open."""
    article.a.ovs.pause_switch()
    article.wait_active(article.c, article.b)
    article.wait_active(article.d, article.b)
    article.wait_for(lambda: article.c.ping(harness.NEXT_HOP, timeout=1))
    with article.meter(article.c, article.d) as meter:
        meter.wait_steady(explain=article.explain)
        article.a.ovs.resume_switch()
        for client in (article.c, article.d):
            article.wait_reach(client, article.a, "up", timeout=20)
            article.wait_for(
                lambda client=client: not article.a.flows_of(client),
                what=f"A to drop its flows of {client.name}",
            )
            assert article.daemon.active(client.address) == "B"
        meter.wait_steady(explain=article.explain)


def matches_of(router, client):
    """Of the client's flows, by which decision they are and what for."""
    return [flow.split(" actions=")[0] for flow in router.flows_of(client)]


def test_client_that_nobody_reaches_keeps_its_flows(lab):
    """Lost: nothing moves, nothing is removed; and it is found again."""
    harness.build_article(lab)
    lab.start_daemon()
    lab.settle(lab.c, lab.d)
    flows = matches_of(lab.a, lab.c)
    seq = lab.daemon.last_seq()
    lab.c.link.down()
    lab.wait_for(
        lambda: lab.daemon.client(lab.c.address)["state"] == "lost",
        what="C to be lost",
    )
    assert matches_of(lab.a, lab.c) == flows
    assert not lab.b.flows_of(lab.c)
    lab.c.link.up()
    lab.wait_for(
        lambda: lab.daemon.client(lab.c.address)["state"] == "active",
        what="C to be found",
    )
    types = [
        event["type"]
        for event in lab.daemon.events(seq, client=lab.c.address)
        if event["type"] in ("client.lost", "client.found", "client.moved")
    ]
    assert types == ["client.lost", "client.found"]


def test_lost_client_is_withdrawn_in_the_end(lab):
    harness.build_article(lab)
    lab.start_daemon(lab.config(withdraw_after_ms=1500))
    lab.settle(lab.c, lab.d)
    assert lab.a.flows_of(lab.c)
    lab.c.link.down()
    lab.wait_for(
        lambda: not lab.a.flows_of(lab.c), what="A to hold no flows of C"
    )
    assert lab.daemon.client(lab.c.address)["state"] == "lost"
    assert lab.a.flows_of(lab.d)
    lab.c.link.up()
    lab.wait_for(lambda: lab.c.ping(harness.NEXT_HOP, timeout=1))
    assert lab.daemon.client(lab.c.address)["state"] == "active"


def test_preemption_where_it_is_asked_for(lab):
    harness.build_article(lab)
    lab.start_daemon(
        lab.config(election={"preempt": True, "hold_down_ms": 1000})
    )
    lab.settle(lab.c, lab.d)
    lab.links["X", "Y"].silence()
    lab.wait_active(lab.c, lab.b)
    seq = lab.daemon.last_seq()
    with lab.meter(lab.c, lab.d) as meter:
        meter.wait_steady(explain=lab.explain)
        meter.reset()
        lab.links["X", "Y"].unsilence()
        lab.wait_active(lab.c, lab.a)
        meter.wait_steady(good_ms=1000, explain=lab.explain)
        report = meter.report()
    # Make before break: even this move costs nothing.
    assert losses(report, "C") == {"up": 0, "down": 0}
    (event,) = lab.daemon.events(
        seq, type="client.moved", client=lab.c.address, to="A"
    )
    assert event["cause"] == "preempt"
