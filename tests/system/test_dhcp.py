"""DHCP is relayed once, leases make clients (RFC 2131, 3046, 3527).

Real servers (dnsmasq, Kea) behind the uplinks, real clients in namespaces."""

import os
import signal
import time

import pytest

import dhcplab
import harness
import vlanlab
from frames import ip_bytes, udp


@pytest.mark.parametrize("program", ["udhcpc", "dhclient"])
def test_client_gets_an_address_and_is_served_at_once(served, program):
    """In force before the acknowledgement reaches it: the first packet, sent
    by the client's own script as soon as it is bound, is answered."""
    client = dhcplab.DhcpClient(served, served.c, program).start()
    try:
        address = client.wait_bound()
        assert dhcplab.POOL[0] <= address <= dhcplab.POOL[1]
        assert served.c.ping(harness.SERVER, timeout=1)
        record = served.daemon.client(address)
        assert record["origin"] == "leased"
        assert record["mac"] == served.c.mac
        assert record["active"] == "A"
        assert 3500 < dhcplab.seconds_until(record["expires"]) <= 3601
    finally:
        client.stop()


@pytest.mark.parametrize("program", ["dhcpcd", "networkd"])
def test_client_that_checks_its_address_is_not_lost(lab, program):
    """For seconds after the acknowledgement it answers nobody (RFC 5227)."""
    harness.build_article(lab)
    dhcplab.serve(lab, "kea", learn="dhcp")
    client = dhcplab.DhcpClient(lab, lab.c, program).start()
    try:
        address = client.wait_bound(timeout=30)
        lab.wait_for(lambda: lab.c.ping(harness.SERVER, timeout=1))
        record = lab.daemon.client(address)
        assert record["origin"] == "leased"
        assert record["state"] == "active"
        assert not lab.daemon.events(0, type="client.lost")
    finally:
        client.stop()
        lab.dhcp.stop()


def test_client_that_takes_a_rapid_commit(lab):
    """The server acknowledges its DISCOVER (RFC 4039)."""
    harness.build_article(lab)
    options = ["--dhcp-rapid-commit"]
    dhcplab.serve(lab, "dnsmasq", options=options, learn="dhcp")
    client = dhcplab.DhcpClient(lab, lab.c, "dhcpcd")
    client.start("-o", "rapid_commit", "--noarp")
    address = client.wait_bound(timeout=30)
    assert "DHCPREQUEST" not in lab.dhcp.log()
    assert lab.daemon.client(address)["origin"] == "leased"
    lab.wait_for(lambda: lab.c.ping(harness.SERVER, timeout=1))
    client.stop()
    lab.dhcp.stop()


def test_server_hears_each_message_once(served):
    """Both routers hear the broadcasts of D; one passes each on."""
    client = dhcplab.DhcpClient(served, served.d).start()
    with served.server.tap() as tap:
        client.wait_bound()
        relayed = tap.matching(dhcplab.is_relayed)
    client.stop()
    kinds = [dhcplab.message_type(frame) for frame in relayed]
    assert kinds.count(1) == len({dhcplab.xid(f) for f in relayed})
    assert kinds == sorted(set(kinds)), kinds


def test_reply_is_a_unicast_frame(served):
    """Nobody else on the client's VLAN hears a server."""
    client = dhcplab.DhcpClient(served, served.c).start()
    with served.d.tap() as tap:
        client.wait_bound()
        heard = tap.matching(dhcplab.is_reply)
    client.stop()
    assert not heard


def test_release_ends_the_lease(served):
    client = dhcplab.DhcpClient(served, served.c).start()
    address = client.wait_bound()
    # It drops what waits for the gateway's MAC when it gives its address up.
    assert served.c.ping(harness.SERVER)
    client.signal(signal.SIGUSR2)  # udhcpc: release.
    served.wait_for(
        lambda: not known(served, address), what="the client to be forgotten"
    )
    client.stop()
    event = served.daemon.events(0, type="client.forgotten")[-1]
    assert event["client"] == address


@pytest.mark.parametrize("served", ["kea"], indirect=True)
def test_client_that_declines_gets_another(served):
    """Somebody has the address that it was given."""
    client = dhcplab.DhcpClient(served, served.c).start("-a")
    with served.d.tap() as tap:

        def declined():
            dhcplab.defend(served.d, tap)
            return served.daemon.events(0, type="client.forgotten")

        event = served.wait_for(declined, 15, "the address to be declined")[0]
    assert event["detail"] == "it found its address in use"
    address = client.wait_bound(timeout=30)
    assert address != event["client"]
    assert served.daemon.client(address)["origin"] == "leased"
    client.stop()


OLD_LEASE = """lease {
  interface "eth0";
  fixed-address 10.9.9.9;
  option subnet-mask 255.255.255.0;
  option routers 10.9.9.1;
  option dhcp-lease-time 3600;
  option dhcp-message-type 5;
  option dhcp-server-identifier 192.0.2.1;
  renew 4 2037/01/01 00:00:00;
  rebind 4 2037/01/01 00:00:00;
  expire 4 2037/01/01 00:00:00;
}
"""


@pytest.mark.parametrize("served", ["dnsmasq"], indirect=True)
def test_client_from_elsewhere_is_refused_its_old_address(served):
    """It asks for that (INIT-REBOOT); the server's no reaches it, and it asks
    for another."""
    client = dhcplab.DhcpClient(served, served.c, "dhclient")
    with open(client.script + ".leases", "w", encoding="utf-8") as file:
        file.write(OLD_LEASE)
    with served.c.tap() as tap:
        client.start()
        nak = tap.wait(dhcplab.is_reply_of(dhcplab.NAK), timeout=15)
        assert nak.eth_dst == served.c.mac
        served.wait_for(
            lambda: (client.address() or "") >= dhcplab.POOL[0],
            20,
            "C to get another address",
        )
    client.stop()
    assert not known(served, "10.9.9.9")


BROADCAST_MAC = "ff:ff:ff:ff:ff:ff"


def dhcp_frame(kind, eth_src, eth_dst, src, dst, **fields):
    """A message of 'fields' chaddr, ciaddr, requested."""
    options = bytes([54, 4]) + ip_bytes(harness.NEXT_HOP)
    if "requested" in fields:
        options += bytes([50, 4]) + ip_bytes(fields["requested"])
    message = dhcplab.build_message(
        kind, 0x1234, fields["chaddr"], options, fields["ciaddr"]
    )
    return udp(eth_src, eth_dst, src, dst, 68, 67, message)


def test_nobody_gives_up_the_address_of_another(lab):
    """By unicast from an address of one's own, or by broadcast in the
    client's name: dropped, counted, and the server never hears of it."""
    harness.build_article(lab)
    dhcplab.serve(lab, "dnsmasq")
    d = dhcplab.DhcpClient(lab, lab.d).start()
    c = dhcplab.DhcpClient(lab, lab.c).start()
    victim, attacker = d.wait_bound(), c.wait_bound()
    lab.daemon.restart()  # Nobody has just got an address, then.
    lab.wait_connected()
    lab.wait_uplinks()
    lab.wait_for(lambda: lab.daemon.active(attacker) and known(lab, victim))
    gateway = lab.a.mac if lab.daemon.active(attacker) == "A" else lab.b.mac
    named = {"chaddr": lab.d.mac, "ciaddr": victim}
    to_all = (lab.d.mac, BROADCAST_MAC, "0.0.0.0", "255.255.255.255")
    by_unicast = (lab.c.mac, gateway, attacker, harness.NEXT_HOP)
    declined = {
        "chaddr": lab.d.mac, "ciaddr": "0.0.0.0", "requested": victim
    }
    frames = [
        dhcp_frame(dhcplab.RELEASE, *by_unicast, **named),
        dhcp_frame(dhcplab.RELEASE, *to_all, **named),
        dhcp_frame(dhcplab.DECLINE, *to_all, **declined),
    ]
    with lab.c.tap() as tap:
        for frame in frames:
            before = vlanlab.drops(lab)["dhcp"]
            tap.send(frame)
            lab.wait_for(
                lambda before=before: vlanlab.drops(lab)["dhcp"] > before,
                what="the message to be dropped",
            )
            assert known(lab, victim)
    assert "DHCPRELEASE" not in lab.dhcp.log()
    assert "DHCPDECLINE" not in lab.dhcp.log()
    c.stop()
    d.stop()
    lab.dhcp.stop()


def known(lab, address):
    return lab.daemon.client(address) is not None


def test_renewal_moves_the_end(lab):
    """By unicast, through the router, unchanged; an acknowledgement counts."""
    harness.build_article(lab)
    dhcplab.serve(lab, "dnsmasq", lease_s=120)
    client = dhcplab.DhcpClient(lab, lab.c).start()
    address = client.wait_bound()
    before = lab.daemon.client(address)["expires"]
    assert any(line.startswith("bound") for line in client.events())
    client.signal(signal.SIGUSR1)  # udhcpc: renew.
    client.wait_renewed()
    lab.wait_for(
        lambda: lab.daemon.client(address)["expires"] > before,
        what="its end to move",
    )
    client.stop()
    lab.dhcp.stop()


def read_text(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def renews(client, patience_s=1):
    """Has udhcpc's lease been renewed, when it is told to?  It asks once."""
    n = len(client.events())
    client.signal(signal.SIGUSR1)
    deadline = time.monotonic() + patience_s
    while len(client.events()) == n and time.monotonic() < deadline:
        time.sleep(0.02)
    return client.events()[n:] and client.events()[-1].startswith("renew")


def test_renewal_without_the_daemon(lab):
    """The bridge passes it on; and when the daemon is back, after the end
    that it knew, the client is served all the same."""
    harness.build_article(lab)
    dhcplab.serve(lab, "kea", lease_s=10, learn="dhcp")
    client = dhcplab.DhcpClient(lab, lab.c).start()
    address = client.wait_bound()
    end = lab.daemon.client(address)["expires"]
    leases = os.path.join(lab.daemon.state_dir, "leases")
    lab.wait_for(
        lambda: os.path.exists(leases) and address in read_text(leases),
        what="the lease to be written",
    )
    lab.daemon.kill()
    lab.wait_alone()
    lab.wait_for(
        lambda: renews(client),
        what="the lease to be renewed",
    )
    lab.wait_for(
        lambda: dhcplab.seconds_until(end) < 0, 15, "the first lease's end"
    )
    lab.daemon.start()
    lab.wait_connected()
    assert lab.daemon.client(address)["origin"] == "leased"
    lab.wait_active(lab.c, lab.a)
    assert lab.c.ping(harness.SERVER, timeout=2)
    client.stop()
    lab.dhcp.stop()


@pytest.mark.parametrize("learn", ["dhcp", True])
def test_lease_that_ends_is_withdrawn(lab, learn):
    """Of a host that still answers: where only leases are served it is not
    served any more; else it is a host like any other.  (dnsmasq grants no less
    than two minutes.)"""
    harness.build_article(lab)
    dhcplab.serve(lab, "kea", lease_s=4, learn=learn)
    client = dhcplab.DhcpClient(lab, lab.c).start()
    address = client.wait_bound()
    record = lab.daemon.client(address)
    assert 0 < dhcplab.seconds_until(record["expires"]) <= 5
    client.signal(signal.SIGKILL)  # It keeps its address, and renews nothing.
    if learn == "dhcp":
        lab.wait_for(lambda: not known(lab, address), what="the end")
        event = lab.daemon.events(0, type="client.forgotten")[-1]
        assert event["detail"] == "its lease has ended"
        assert not lab.c.ping(harness.SERVER, timeout=1)
    else:
        lab.wait_for(
            lambda: lab.daemon.client(address)["origin"] == "learned",
            what="C to be a host like any other",
        )
        assert lab.c.ping(harness.SERVER, timeout=1)
        assert not lab.daemon.events(0, type="client.forgotten")
    client.stop()
    lab.dhcp.stop()


def test_only_leases_are_served(lab):
    """ "learn": "dhcp": a host with an address of its own choice gets none of
    the gateway's answers."""
    harness.build_article(lab)
    dhcplab.serve(lab, "dnsmasq", learn="dhcp")
    assert not lab.d.ping(harness.GATEWAY, timeout=1)
    assert not known(lab, lab.d.address)
    client = dhcplab.DhcpClient(lab, lab.c).start()
    address = client.wait_bound()
    assert lab.c.ping(harness.SERVER, timeout=1)
    # And nobody else has that address.
    lab.d.netns.ip("-4 addr flush dev eth0")
    lab.d.netns.ip(f"addr add {address}/24 dev eth0")
    conflicts = vlanlab.drops(lab)["mac_conflict"]
    lab.d.ping(harness.GATEWAY, timeout=1)
    lab.wait_for(
        lambda: vlanlab.drops(lab)["mac_conflict"] > conflicts,
        what="the other's claim to be counted",
    )
    assert lab.daemon.client(address)["mac"] == lab.c.mac
    client.stop()
    lab.dhcp.stop()


def test_without_dhcp_it_is_dropped_and_counted(lab):
    harness.build_article(lab)
    lab.start_daemon()
    client = dhcplab.DhcpClient(lab, lab.c).start()
    lab.wait_for(
        lambda: vlanlab.drops(lab)["dhcp"] > 0,
        what="the client's broadcast to be counted",
    )
    client.stop()
    assert not client.address()


def test_another_router_asks_when_the_first_gets_no_answer(served):
    """A's uplink is cut without a sign; the client repeats itself, and the
    next message goes by B."""
    served.a.uplink.silence()
    client = dhcplab.DhcpClient(served, served.d).start()
    client.wait_bound(timeout=20)
    client.stop()


def test_lease_survives_a_restart(served):
    """Also one that the daemon's end caught before it was written; and what
    the bridges hold goes on serving."""
    client = dhcplab.DhcpClient(served, served.c).start()
    address = client.wait_bound()
    before = served.daemon.client(address)
    served.daemon.restart()
    served.wait_connected()
    after = served.daemon.client(address)
    assert (after["origin"], after["mac"]) == ("leased", before["mac"])
    assert after["expires"][:18] == before["expires"][:18]
    served.wait_active(served.c, served.a)
    assert served.c.ping(harness.SERVER, timeout=2)
    client.stop()


def test_lease_survives_a_kill(lab):
    """Before it was written: the bridges hold its client, which goes on and
    has its lease again from the next renewal on."""
    harness.build_article(lab)
    dhcplab.serve(lab, "dnsmasq", lease_s=120, learn="dhcp")
    client = dhcplab.DhcpClient(lab, lab.c).start()
    address = client.wait_bound()
    lab.daemon.kill()
    lab.daemon.start()
    lab.wait_connected()
    lab.wait_active(lab.c, lab.a)
    assert lab.c.ping(harness.SERVER, timeout=2)
    client.signal(signal.SIGUSR1)               # udhcpc: renew now.
    lab.wait_for(
        lambda: lab.daemon.client(address)["origin"] == "leased",
        what="the renewal to be seen",
    )
    assert 100 < dhcplab.seconds_until(lab.daemon.client(address)["expires"])
    client.stop()
    lab.dhcp.stop()
