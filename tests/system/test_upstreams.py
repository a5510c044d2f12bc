"""What a client and an operator see of a move, whichever way the core learns
of it.  The topology is the article's."""

import os
import sys

import pytest

from faults import FAULTS
from harness import GATEWAY, SERVER
from meter import duplicates, is_over, losses
from netns import run
from upstreams import UPSTREAMS, missing

HERE = os.path.dirname(os.path.abspath(__file__))
SHOW = os.path.join(HERE, "..", "..", "mininet", "show.py")


@pytest.fixture(params=UPSTREAMS)
def lab(request):
    if missing(request.param):
        pytest.skip(missing(request.param))
    laboratory = UPSTREAMS[request.param]()
    try:
        laboratory.build()
        laboratory.start()
        yield laboratory
    finally:
        laboratory.close()


def test_silent_cut_and_repair(lab):
    """C is cut off in both directions, moves to B, and is back in both; D
    loses nothing; the repair costs nobody anything.  Traceroute and ping tell
    the same."""
    c, d = lab.c, lab.d
    fault = FAULTS["xy_silent"]
    assert c.hops(SERVER) == d.hops(SERVER) == [lab.a.local, SERVER]
    with lab.meter(c, d) as meter:
        meter.wait_steady(explain=lab.explain)
        meter.reset()
        fault.inject(lab)
        lab.wait_for(
            lambda: is_over(meter.report(), fault.hits),
            what="C to be back in both directions",
        )
        report = meter.report()
        assert all(lost > 0 for lost in losses(report, "C").values())
        assert losses(report, "D") == {"up": 0, "down": 0}
        assert set(duplicates(report)) == {0}
        assert lab.daemon.active(c.address) == "B"
        assert lab.daemon.active(d.address) == "A"
        assert c.hops(SERVER) == [lab.b.local, SERVER]
        assert d.hops(SERVER) == [lab.a.local, SERVER]
        assert c.ping(GATEWAY) and c.ping(SERVER)

        meter.reset()
        fault.repair(lab)
        lab.wait_reach(c, lab.a)
        meter.wait_steady(explain=lab.explain)
        for name in "CD":
            assert losses(meter.report(), name) == {"up": 0, "down": 0}
    assert lab.daemon.active(c.address) == "B"
    assert c.hops(SERVER) == [lab.b.local, SERVER]


def leave(lab, router, other, change):
    """'router' is made to leave by 'change': both clients move to 'other', and
    nothing is lost, though the core may look elsewhere late and the other's
    datapath may remember that it did not serve them."""
    with lab.meter(lab.c, lab.d) as meter:
        meter.wait_steady(explain=lab.explain)
        meter.reset()
        change()
        for client in (lab.c, lab.d):
            lab.wait_active(client, other)
            lab.wait_for(
                lambda client=client: not router.flows_of(client),
                what=f"{router.name} to hold no flows of {client.name}",
            )
        meter.wait_steady(explain=lab.explain)
        report = meter.report()
        for name in "CD":
            assert losses(report, name) == {"up": 0, "down": 0}
        assert set(duplicates(report)) == {0}


def test_drain_there_and_back_loses_nothing(lab):
    def admin(router, state):
        lab.daemon.request(
            "PATCH", f"/v1/routers/{router.name}", {"admin": state}
        )

    for router, other in ((lab.a, lab.b), (lab.b, lab.a)) * 2:
        leave(lab, router, other, lambda r=router: admin(r, "drain"))
        admin(router, "up")
        for client in (lab.c, lab.d):
            lab.wait_reach(client, router)


def test_router_that_leaves_the_segment_by_a_reload_loses_nothing(lab):
    config = lab.config()
    del config["segments"]["metro"]["routers"]["A"]

    def reload():
        lab.daemon.configure(config)
        lab.daemon.reload()

    leave(lab, lab.a, lab.b, reload)


def test_show():
    """`mininet/demo --show`: the hop and the route, before and after."""
    if missing("bgp-frr"):
        pytest.skip(missing("bgp-frr"))
    out = run(sys.executable, "-B", SHOW, "bgp-frr")
    print(out)
    stages = out.split(f"=== {FAULTS['xy_silent'].title}")
    for stage, last in zip(stages, (2, 3), strict=True):
        assert f"\n 1  10.0.0.{last} " in stage
        assert f" 10.0.0.10/32 [200/0] via 192.0.2.{last}, eth0" in stage
        assert " 10.0.0.11/32 [200/0] via 192.0.2.2, eth0" in stage
