"""A router dies in the middle of a DHCP exchange (RFC 2131).

Real servers (dnsmasq, Kea) behind the uplinks, real clients in namespaces."""

import signal

import pytest

import dhcplab
import harness


def test_takeover_between_offer_and_request(served):
    """The router that relayed the DISCOVER dies; the exchange goes on."""
    client = dhcplab.DhcpClient(served, served.c)
    with served.server.tap() as tap:
        client.start()
        tap.wait(dhcplab.is_relayed, timeout=10)
        served.a.kill()
    client.wait_bound(timeout=30)
    assert served.c.ping(harness.SERVER, timeout=2)
    client.stop()


@pytest.mark.parametrize(
    "program", ["udhcpc", "dhclient", "dhcpcd", "networkd"]
)
def test_takeover_between_request_and_acknowledgement(served, program):
    """The acknowledgement is held back until the router that relayed the
    request is dead; the client repeats itself, and has its address by the
    other one."""
    client = dhcplab.DhcpClient(served, served.c, program)
    with dhcplab.acknowledgements_held_back(served):
        with served.server.tap() as tap:
            client.start()
            tap.wait(dhcplab.is_relayed_request, timeout=20)
            served.a.kill()
    assert not client.address()
    address = client.wait_bound(timeout=40)
    served.wait_active(served.c, served.b)
    assert served.daemon.client(address)["origin"] == "leased"
    served.wait_for(lambda: served.c.ping(harness.SERVER, timeout=1))
    client.stop()


def taken_over(served):
    """C, a DhcpClient that has its lease by A, is B's; and its address."""
    client = dhcplab.DhcpClient(served, served.c).start()
    address = client.wait_bound()
    served.wait_reach(served.c, served.b)
    served.a.kill()
    served.wait_active(served.c, served.b)
    assert served.c.ping(harness.SERVER, timeout=2)
    return client, address


def test_lease_survives_a_takeover(served):
    client, address = taken_over(served)
    client.signal(signal.SIGUSR1)  # Renews through B.
    client.wait_renewed()
    client.stop()
    assert served.daemon.client(address)["origin"] == "leased"


def release(client):
    """udhcpc gives its address up."""
    client.signal(signal.SIGUSR2)


def wait_released(lab, address):
    lab.wait_for(
        lambda: "RELEASE" in lab.dhcp.log(), what="the server to be told"
    )
    lab.wait_for(
        lambda: lab.daemon.client(address) is None,
        what="the client to be forgotten",
    )


def test_release_before_a_takeover(served):
    """Who has given its address up is not taken over; and has one again by
    the other router."""
    client = dhcplab.DhcpClient(served, served.c).start()
    address = client.wait_bound()
    assert served.c.ping(harness.SERVER)        # It knows the gateway's MAC.
    served.wait_reach(served.c, served.b)
    release(client)
    wait_released(served, address)
    served.a.kill()
    served.wait_for(
        lambda: served.daemon.events(0, type="router.disconnected"),
        what="the router's death to be known",
    )
    assert served.daemon.client(address) is None
    client.signal(signal.SIGUSR1)               # Ask again.
    client.wait_bound()
    served.wait_active(served.c, served.b)
    assert served.c.ping(harness.SERVER, timeout=2)
    client.stop()


def test_release_after_a_takeover(served):
    """By the router that has taken over."""
    client, address = taken_over(served)
    release(client)
    wait_released(served, address)
    client.stop()


# What it says by its address, not its broadcasts.
LOSE = """
table inet lost {
    chain out {
        type filter hook output priority 0;
        udp dport 67 counter drop
    }
}
"""


def test_release_that_is_lost_with_its_router(served):
    """It is not said twice: the client is known, and is asked for by the other
    router; it may have its address again."""
    client = dhcplab.DhcpClient(served, served.c).start()
    address = client.wait_bound()
    served.wait_reach(served.c, served.b)
    nft = served.c.netns.run
    nft("nft", "-f", "-", stdin=LOSE)
    release(client)
    served.wait_for(lambda: not client.address(), what="it to have none")
    served.a.kill()
    served.wait_active(served.c, served.b)
    assert "packets 0" not in nft("nft", "list", "table", "inet", "lost")
    assert "RELEASE" not in served.dhcp.log()
    client.signal(signal.SIGUSR1)
    assert client.wait_bound() == address
    assert served.c.ping(harness.SERVER, timeout=2)
    client.stop()


@pytest.mark.parametrize("program", ["udhcpc", "dhcpcd"])
@pytest.mark.parametrize("served", ["kea"], indirect=True)
def test_takeover_between_acknowledgement_and_decline(served, program):
    """The router that told the client its address dies while the client looks
    whether somebody has it: somebody does.  The other one passes that on, and
    what the client is told next."""
    check = ["-a"] if program == "udhcpc" else []
    client = dhcplab.DhcpClient(served, served.c, program)
    with served.c.tap() as heard, served.d.tap() as tap:
        client.start(*check)
        heard.wait(dhcplab.is_reply_of(dhcplab.ACK), timeout=20)
        served.a.kill()

        def declined():
            dhcplab.defend(served.d, tap)
            return served.daemon.events(0, type="client.forgotten")

        event = served.wait_for(declined, 20, "the address to be declined")[0]
    assert event["detail"] == "it found its address in use"
    assert "DECLINE" in served.dhcp.log()
    address = client.wait_bound(timeout=40)
    assert address != event["client"]
    served.wait_active(served.c, served.b)
    assert served.daemon.client(address)["origin"] == "leased"
    served.wait_for(lambda: served.c.ping(harness.SERVER, timeout=1))
    client.stop()
