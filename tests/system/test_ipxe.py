"""A machine that boots by iPXE through two routers (RFC 2131): DHCP, the boot
file by TFTP, and what that fetches by HTTP, over and over."""

import pytest

import dhcplab
import harness
import ipxe

pytestmark = pytest.mark.skipif(
    bool(ipxe.missing()), reason=ipxe.missing() or ""
)


@pytest.fixture
def booting(lab):
    """lab.machine, to be started, lab.dhcp and lab.next_server."""
    harness.build_article(lab)
    lab.next_server = ipxe.NextServer(lab).start()
    options = lab.next_server.dnsmasq_options()
    dhcplab.serve(lab, "dnsmasq", options=options, learn="dhcp")
    lab.machine = ipxe.Machine(lab, lab.c)
    yield lab
    lab.machine.stop()
    lab.dhcp.stop()
    lab.next_server.stop()


def check_served(lab, router):
    address = lab.machine.wait_alive(lab, lab.next_server)
    assert dhcplab.POOL[0] <= address <= dhcplab.POOL[1]
    lab.wait_active(lab.machine, router)
    record = lab.daemon.client(address)
    assert (record["origin"], record["mac"]) == ("leased", lab.machine.mac)


def test_machine_boots_and_is_taken_over(booting):
    """Its script goes on by the other router."""
    lab = booting
    lab.machine.start()
    check_served(lab, lab.a)
    lab.wait_reach(lab.machine, lab.b)
    lab.a.kill()
    lab.wait_active(lab.machine, lab.b)
    check_served(lab, lab.b)
    assert list(lab.next_server.heard()) == [lab.machine.address]


def test_takeover_before_the_acknowledgement(booting):
    lab = booting
    with dhcplab.acknowledgements_held_back(lab):
        with lab.server.tap() as tap:
            lab.machine.start()
            tap.wait(dhcplab.is_relayed_request, timeout=60)
            lab.a.kill()
    check_served(lab, lab.b)
