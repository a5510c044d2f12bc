"""What a client and an operator see of a move, whichever way the core learns
of it.  The topology is the article's."""

import pytest

from faults import FAULTS
from harness import GATEWAY, SERVER
from meter import duplicates, is_over, losses
from upstreams import UPSTREAMS, missing


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
