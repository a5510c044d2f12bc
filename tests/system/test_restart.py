"""The daemon goes and comes; the bridges forward all the time."""

import harness
from frames import is_arp_request


def wait_all_probed(lab):
    """Until both routers have probed C again."""
    with lab.c.tap() as tap:
        for router in (lab.a, lab.b):
            tap.wait(is_arp_request(sender=router.local), timeout=15)


def total_lost(report):
    return sum(
        way["lost"] + way["duplicates"]
        for pair in report["pairs"].values()
        for way in pair.values()
    )


def test_sigterm_leaves_the_flows(article):
    before = article.a.flows(), article.b.flows()
    with article.meter(article.c, article.d) as meter:
        meter.wait_steady(explain=article.explain)
        meter.reset()
        article.daemon.stop()
        assert (article.a.flows(), article.b.flows()) == before
        meter.wait_steady(good_ms=500)
        assert total_lost(meter.report()) == 0


def restart_and_compare(article, stop):
    """Nothing is lost, nobody moves, and the flows are what they were."""
    clients = (article.c, article.d)
    flows = [article.a.flows_of(c) for c in clients]
    since = [article.daemon.client(c.address)["since"] for c in clients]
    with article.meter(*clients) as meter:
        meter.wait_steady(explain=article.explain)
        meter.reset()
        stop()
        article.daemon.start()
        article.wait_connected()
        for client in clients:
            article.wait_active(client, article.a)
            for router in (article.a, article.b):
                article.wait_reach(client, router)
        wait_all_probed(article)
        assert total_lost(meter.report()) == 0
    for client, then in zip(clients, since):
        assert article.daemon.client(client.address)["moves"] == 0
        assert article.daemon.active(client.address) == "A"
        assert not article.b.flows_of(client)
        assert then
    assert [article.a.flows_of(c) for c in clients] == flows
    assert not article.daemon.events(0, type="client.moved")


def test_kill_and_restart(article):
    restart_and_compare(article, article.daemon.kill)


def test_plain_restart(article):
    restart_and_compare(article, article.daemon.stop)


def test_restart_keeps_those_who_had_moved(article):
    """C is on B, although A has the higher priority."""
    article.links["X", "Y"].silence()
    article.wait_active(article.c, article.b)
    article.links["X", "Y"].unsilence()
    article.wait_reach(article.c, article.a)
    with article.meter(article.c, article.d) as meter:
        meter.wait_steady(explain=article.explain)
        meter.reset()
        article.daemon.kill()
        article.daemon.start()
        article.wait_connected()
        for client in (article.c, article.d):
            for router in (article.a, article.b):
                article.wait_reach(client, router)
        wait_all_probed(article)
        assert total_lost(meter.report()) == 0
    assert article.daemon.active(article.c.address) == "B"
    assert article.daemon.active(article.d.address) == "A"


def test_fault_while_the_daemon_is_away(article):
    """It finds out after its return."""
    article.daemon.kill()
    article.links["X", "Y"].silence()
    article.daemon.start()
    article.wait_connected()
    article.wait_active(article.c, article.b)
    article.wait_for(lambda: article.c.ping(harness.NEXT_HOP, timeout=1))
    assert article.daemon.active(article.d.address) == "A"
    article.wait_for(
        lambda: not article.a.flows_of(article.c),
        what="A to hold no flows of C",
    )


def test_flows_of_others_on_our_bridges_stay(article):
    other = "cookie=0x1234,table=200,priority=7,ip,nw_dst=192.0.2.99"
    article.a.ovs.ofctl("add-flow", article.a.bridge, f"{other},actions=drop")
    article.daemon.restart()
    article.wait_connected()
    for router in (article.a, article.b):
        article.wait_reach(article.c, router)
    wait_all_probed(article)
    assert any("cookie=0x1234" in flow for flow in article.a.flows())


STALE = harness.as_register("10.0.0.123")


def test_stale_flows_of_ours_go(article):
    """A flow of a client that no router holds any more, with our cookie."""
    (first, *_) = article.a.flows_of(article.d)
    article.daemon.kill()
    stale = first.replace(harness.as_register(article.d.address), STALE)
    assert STALE in stale
    match, actions = stale.split(" actions=")
    cookie, rest = match.split(", ", 1)
    article.a.ovs.ofctl(
        "add-flow",
        article.a.bridge,
        f"{cookie}, {rest} actions={actions}",
    )
    assert any(STALE in flow for flow in article.a.flows())
    article.daemon.start()
    article.wait_connected()
    article.wait_for(
        lambda: not any(STALE in flow for flow in article.a.flows())
        or article.daemon.client("10.0.0.123"),
        what="the stale flow to be gone, or its client to be probed",
    )
    assert article.daemon.active(article.d.address) == "A"


def test_bridge_that_lost_its_flows_gets_them_again(article):
    """ovs-vswitchd restarts: its flows are gone when it connects."""
    article.a.kill()
    article.wait_active(article.d, article.b)
    article.a.revive()
    article.wait_connected(["A"])
    article.wait_reach(article.d, article.a, "up", timeout=20)
    article.b.kill()
    article.wait_active(article.d, article.a)
    article.wait_for(lambda: article.d.ping(harness.NEXT_HOP, timeout=1))
