"""Somebody else changes flows of ours on a bridge: they are put right."""

import pytest

import harness


def ours(router):
    """Its flows, but for the one that says that the daemon is there."""
    return [f for f in router.flows() if "hard_timeout" not in f]


def wait_repaired(lab, router, seq, flows):
    lab.wait_for(
        lambda: lab.daemon.events(seq, type="router.repaired")
        and ours(router) == flows,
        what=f"the flows of {router.name} to be what they were",
    )
    assert {
        event["from"]
        for event in lab.daemon.events(seq, type="router.repaired")
    } == {router.name}


def base(router):
    """Those of them that are there whoever the clients are."""
    return [f for f in ours(router) if "cookie=0xf1a501" in f]


@pytest.mark.parametrize("empty", ["del-flows", "del-meters"])
def test_an_emptied_bridge_is_filled_again(article, empty):
    """Flows, and the meters that some of them go through.  A bridge without
    flows is as good as dead, so its clients may move meanwhile."""
    flows = base(article.a)
    seq = article.daemon.last_seq()
    with article.meter(article.c, article.d) as meter:
        meter.wait_steady(explain=article.explain)
        meter.reset()
        article.a.ovs.ofctl(empty, article.a.bridge)
        article.wait_for(
            lambda: article.daemon.events(seq, type="router.repaired")
            and base(article.a) == flows,
            what="A to have its flows back",
        )
        meter.wait_steady()
        print(empty, meter.report()["pairs"])
    for client in (article.c, article.d):
        holders = [r for r in (article.a, article.b) if r.flows_of(client)]
        assert article.daemon.active(client.address) in {
            router.name for router in holders
        }
    assert article.daemon.metric('flows_repaired_total{router="A"}')


def meters(router):
    """Its meters' rates, as text."""
    return [
        line.strip()
        for line in router.ovs.ofctl(
            "dump-meters", router.bridge
        ).splitlines()
        if "rate=" in line or "meter=" in line
    ]


def test_a_changed_meter_is_put_right(article):
    before = meters(article.a)
    seq = article.daemon.last_seq()
    number = next(
        word[6:].rstrip(",")
        for line in before
        for word in line.split()
        if word.startswith("meter=") and word[6].isdigit()
    )
    article.a.ovs.ofctl(
        *("mod-meter", article.a.bridge),
        f"meter={number},pktps,burst,band=type=drop,rate=1,burst_size=1",
    )
    assert meters(article.a) != before
    article.wait_for(
        lambda: meters(article.a) == before,
        20,
        "the meter to be what it was",
    )
    article.wait_for(
        lambda: article.daemon.events(seq, type="router.repaired")
    )
    (event,) = article.daemon.events(seq, type="router.repaired")
    assert (event["from"], event["detail"]) == ("A", "1 meter")
    article.wait_for(
        lambda: "problem" not in article.daemon.router("A"),
        what="the problem to be over",
    )


def test_a_changed_flow_is_put_right(article):
    """It is a problem for as long as somebody goes on with it."""
    flows = ours(article.a)
    seq = article.daemon.last_seq()
    match = f"table=5,reg1={harness.as_register(article.c.address)}"
    article.a.ovs.ofctl(
        "mod-flows", article.a.bridge, f"{match},actions=drop"
    )
    wait_repaired(article, article.a, seq, flows)
    assert article.c.ping(harness.NEXT_HOP)
    assert "problem" not in article.daemon.router("B")
    article.wait_for(
        lambda: "problem" not in article.daemon.router("A"),
        what="the problem to be over",
    )


def test_flows_of_others_are_nobodys_problem(article):
    seq = article.daemon.last_seq()
    for i in range(20):
        article.a.ovs.ofctl(
            "add-flow",
            article.a.bridge,
            f"cookie=0x77,table=200,priority={i},actions=drop",
        )
    article.a.ovs.ofctl("del-flows", article.a.bridge, "table=200")
    article.a.ovs.ofctl(
        "del-flows",
        article.a.bridge,
        f"table=5,reg1={harness.as_register(article.c.address)}",
    )
    article.wait_for(lambda: article.daemon.events(seq, type="router.repaired"))
    (event, *_) = article.daemon.events(seq, type="router.repaired")
    assert event["detail"] == "1 flow"


def problems(lab):
    return lab.daemon.get("/v1/status")["problems"]


def test_a_bridge_that_fails_open_is_a_problem(article):
    """One that is restarted is none, and one that has been told to be secure
    is none any more, once it has come back."""
    a = article.a
    assert a.ovs.vsctl("get", "bridge", a.bridge, "fail_mode") == "secure\n"
    a.kill()
    article.wait_for(lambda: not article.daemon.router("A")["connected"])
    a.revive()
    article.wait_connected()
    assert problems(article) == []

    a.ovs.vsctl("set-fail-mode", a.bridge, "standalone")
    record = a.ovs.vsctl("get", "bridge", a.bridge, "controller").strip()
    a.ovs.vsctl(
        "set", "controller", record.strip("[]"), "inactivity_probe=1000"
    )
    article.daemon.kill()
    article.wait_for(lambda: not ours(a), 30, "A to empty its tables")
    article.daemon.start()
    article.wait_connected()
    (problem,) = article.wait_for(lambda: problems(article))
    assert problem.startswith("router A:")
    assert "ovs-vsctl set-fail-mode BRIDGE secure" in problem

    a.ovs.vsctl("set-fail-mode", a.bridge, "secure")
    article.wait_for(lambda: ours(a), what="A to have flows")
    a.ovs.management.silence()
    article.wait_for(
        lambda: not article.daemon.router("A")["connected"], 20, "A to go"
    )
    a.ovs.management.unsilence()
    article.wait_connected()
    article.wait_for(lambda: problems(article) == [])
