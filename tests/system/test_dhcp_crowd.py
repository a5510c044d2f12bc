"""A thousand DHCP transactions through two routers: Kea makes one offer in
each, and no lease is lost when a router dies (RFC 2131)."""

import pytest

import dhcplab
import harness
from dhcpcrowd import Crowd, crowd_config, start_kea

N = 1000


@pytest.fixture
def kea(lab):
    harness.build_article(lab)
    server = start_kea(lab, lab.server, "10.0.8.0 - 10.0.39.255")
    lab.start_daemon(crowd_config(lab, [lab.server.address]))
    lab.wait_uplinks()
    yield lab
    server.stop()


def served(lab, *routers):
    """Who has a lease and one of these routers, as Crowd.leases."""
    return {
        client["mac"]: client["address"]
        for client in lab.daemon.clients()
        if client["origin"] == "leased" and client["active"] in routers
    }


def is_relayed_discover(frame):
    return (
        dhcplab.is_relayed(frame)
        and dhcplab.message_type(frame) == dhcplab.DISCOVER
    )


def test_one_offer_in_each_transaction(kea):
    """Each router hears each client; Kea hears each once, and offers one
    address.  (What a client repeats, on a slow machine, it hears again.)"""
    with kea.c.tap() as tap, kea.server.tap() as heard:
        crowd = Crowd(tap, N)
        crowd.run()
        relayed = heard.matching(is_relayed_discover)
    assert N <= len(relayed) <= N + crowd.repeated
    assert len(crowd.offers) == N
    assert crowd.double_offers() == 0
    assert len(set(crowd.leases.values())) == N
    assert served(kea, "A", "B") == crowd.leases


def test_no_lease_is_lost_over_a_death(kea):
    """Half of the crowd has a lease when A dies, some are in the middle."""
    with kea.c.tap() as tap:
        crowd = Crowd(tap, N)
        crowd.run(N // 2)
        assert crowd.waiting
        kea.a.kill()
        crowd.run()

        def all_by_b():
            crowd.hear()
            return served(kea, "B") == crowd.leases

        kea.wait_for(all_by_b, 8, "all leases to be served by B")
    assert len(set(crowd.leases.values())) == N
