"""The daemon is away: each bridge answers by itself for whom it serves."""

import contextlib
import math
import os
import signal
import time

import pytest

import harness
import lwip
import upstreams
from frames import arp_request, is_arp_reply
from meter import Meter, meter_binary

# Longer than the longest timer of ARP, as quicken_arp() sets them.
ABSENCE_S = float(os.environ.get("FIRSTHOP_ABSENCE_S", "15"))
# So many times as fast as it should lwIP's ARP clock has to run for an entry
# to grow old within half the absence.
LWIP_HASTE = max(1, math.ceil(2 * lwip.ARP_MAXAGE_S / ABSENCE_S))


def quicken_arp(lab):
    """What Linux revalidates after half a minute, in seconds."""
    for host in (lab.c, lab.d, lab.server):
        for key, value in (
            ("base_reachable_time_ms", 1000),
            ("delay_first_probe_time", 1),
            ("gc_stale_time", 2),
        ):
            host.netns.sysctl(f"net.ipv4.neigh.eth0.{key}", value)


def all_pairs(lab):
    """Both clients with the server, and with each other."""
    hosts = {
        "C": (lab.c, lab.server, harness.NEXT_HOP),
        "D": (lab.d, lab.server, harness.NEXT_HOP),
        "CD": (lab.c, lab.d, lab.d.address),
    }
    return {
        name: (a.netns.path, a.address, b.netns.path, address)
        for name, (a, b, address) in hosts.items()
    }


class Asker:
    """A host that asks for the gateway by broadcast twice a second, whatever
    it knows, and counts the questions that nobody, or that several, answer."""

    def __init__(self, host, router):
        self.host, self.router = host, router
        self.asked = self.unanswered = self.doubly = 0

    def run(self, seconds):
        request = arp_request(
            self.host.mac, self.host.address, harness.GATEWAY
        )
        deadline = time.monotonic() + seconds
        with self.host.tap() as tap:
            while time.monotonic() < deadline:
                tap.take()
                tap.send(request)
                time.sleep(0.5)
                answers = tap.matching(is_arp_reply(harness.GATEWAY))
                assert all(a.sha == self.router.mac for a in answers)
                self.asked += 1
                self.unanswered += not answers
                self.doubly += len(answers) > 1


def lost(report):
    return {
        f"{name} {way}": stream["lost"] + stream["duplicates"]
        for name, pair in report["pairs"].items()
        for way, stream in pair.items()
        if stream["lost"] + stream["duplicates"]
    }


def ask_in_absence(lab, client):
    """A Linux client asks for its gateway as one that never remembers would.
    lwIP asks when its entry grows old, and is answered once each time."""
    before = client.report()
    asker = Asker(lab.d, lab.a)
    asker.run(ABSENCE_S)
    assert asker.asked and not asker.unanswered and not asker.doubly

    def is_answered():
        grown = {
            key: value - before[key]
            for key, value in client.report().items()
            if key != "gateway"
        }
        return grown["unicast"] and grown["replies"] == grown["requests"]

    lab.wait_for(is_answered, what="answers to lwIP, one for each question")
    assert client.report()["gateway"] == lab.a.mac


@pytest.mark.parametrize("upstream", ["arp", "bgp-bird", "core"])
def test_nothing_is_lost_without_the_daemon(upstream):
    """Nor at its return, when nobody moves.  C and D are Linux, E is lwIP."""
    for reason in (upstreams.missing(upstream), lwip.missing()):
        if reason:
            pytest.skip(reason)
    with contextlib.ExitStack() as stack:
        lab = upstreams.UPSTREAMS[upstream]()
        stack.callback(lab.close)
        lab.build()
        lab.start()
        lab.settle(lab.c, lab.d)
        quicken_arp(lab)
        e = stack.enter_context(
            lwip.LwipClient(lab, lab.add_client("E", "Y"), LWIP_HASTE)
        )
        lab.wait_active(e, lab.a)
        pairs = {"E": e.pair(), **all_pairs(lab)}
        meter = stack.enter_context(Meter(meter_binary(lab.directory), pairs))
        meter.wait_steady(explain=lab.explain)
        meter.reset()
        lab.daemon.kill()
        lab.wait_alone()
        ask_in_absence(lab, e)
        assert lost(meter.report()) == {}
        lab.daemon.start()
        lab.wait_connected()
        for client in (lab.c, lab.d, e):
            for router in (lab.a, lab.b):
                lab.wait_reach(client, router)
        meter.wait_steady(good_ms=500)
        assert lost(meter.report()) == {}
        for client in (lab.c, lab.d, e):
            assert lab.daemon.active(client.address) == "A"
            assert lab.daemon.client(client.address)["moves"] == 0


def test_a_hung_daemon_is_as_good_as_none(article):
    quicken_arp(article)
    with Meter(meter_binary(article.directory), all_pairs(article)) as meter:
        meter.wait_steady(explain=article.explain)
        meter.reset()
        article.daemon.process.send_signal(signal.SIGSTOP)
        article.wait_alone()
        time.sleep(ABSENCE_S)
        assert lost(meter.report()) == {}
        article.daemon.process.send_signal(signal.SIGCONT)
        article.wait_connected()
        for client in (article.c, article.d):
            for router in (article.a, article.b):
                article.wait_reach(client, router)
        meter.wait_steady(good_ms=500)
        assert lost(meter.report()) == {}
    assert not article.daemon.events(0, type="client.moved")


def test_what_is_answered_and_what_not(article):
    """As with the daemon: never for the client's own address, nor for one
    that asks without an address, or in another's name."""
    c, d = article.c, article.d
    article.daemon.kill()
    article.wait_alone()
    assert c.ping(harness.GATEWAY) and c.ping(article.a.local)
    assert article.server.ping(article.a.uplink_address)
    assert harness.arping(c, "10.0.0.77") == article.a.mac
    assert harness.arping(article.server, c.address) == article.a.mac
    with c.tap() as tap:
        for mac, sender, target in (
            (c.mac, c.address, c.address),
            (c.mac, "0.0.0.0", c.address),
            (c.mac, "0.0.0.0", harness.GATEWAY),
            (c.mac, d.address, harness.GATEWAY),
            ("02:00:00:00:09:99", c.address, harness.GATEWAY),
            (c.mac, "10.0.0.99", harness.GATEWAY),
        ):
            tap.send(arp_request(mac, sender, target))
        tap.send(arp_request(c.mac, c.address, "10.0.0.77"))
        tap.wait(is_arp_reply("10.0.0.77"))
        assert len(tap.matching(is_arp_reply())) == 1


def test_a_standby_answers_nobody(article):
    """Nor does a router that a client has just moved from."""
    article.daemon.move(article.c.address, "B")
    article.wait_for(
        lambda: article.daemon.events(
            type="client.moved", client=article.c.address
        ),
        what="C to have moved",
    )
    article.daemon.kill()
    article.wait_alone()
    with article.c.tap() as tap, article.server.tap() as core:
        tap.send(
            arp_request(article.c.mac, article.c.address, harness.GATEWAY)
        )
        core.send(
            arp_request(
                article.server.mac, harness.NEXT_HOP, article.c.address
            )
        )
        tap.wait(is_arp_reply(harness.GATEWAY))
        core.wait(is_arp_reply(article.c.address))
        tap.send(arp_request(article.c.mac, article.c.address, "10.0.0.77"))
        tap.wait(is_arp_reply("10.0.0.77"))
        for answers in (
            tap.matching(is_arp_reply(harness.GATEWAY)),
            core.matching(is_arp_reply(article.c.address)),
        ):
            assert [answer.sha for answer in answers] == [article.b.mac]
