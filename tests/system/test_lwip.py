"""A client with lwIP, the stack of small devices, in place of the kernel's.
What it does in the daemon's absence is in test_absence.py."""

import pytest

import lwip
from meter import Meter, losses, meter_binary

pytestmark = pytest.mark.skipif(
    bool(lwip.missing()), reason=lwip.missing() or ""
)


def test_a_client_with_lwip(article):
    """It is learnt from its announcement and has a router, answers ping, and
    loses nothing.  Cut off from A without loss of carrier it goes to B by the
    notice alone: by itself lwIP would ask for its gateway minutes later."""
    host = article.add_client("E", "Y")
    with lwip.LwipClient(article, host) as client:
        article.wait_active(client, article.a)
        for router in (article.a, article.b):
            article.wait_reach(client, router)
        pairs = {"E": client.pair()}
        with Meter(meter_binary(article.directory), pairs) as meter:
            meter.wait_steady(explain=article.explain)
            assert article.server.ping(client.address)
            meter.reset()
            before = client.report()
            assert before["gateway"] == article.a.mac
            meter.wait_steady(good_ms=1000)
            assert losses(meter.report(), "E") == {"up": 0, "down": 0}

            article.links["X", "Y"].silence()
            article.wait_active(client, article.b)
            meter.wait_steady(explain=article.explain)
            after = client.report()
            assert after["gateway"] == article.b.mac
            assert after["requests"] == before["requests"]
