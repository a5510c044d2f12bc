"""A flood of ARP requests starves neither other ports nor the probes."""

import random
import re
import struct
import time

import harness
from flooder import flood_frames
from frames import (
    ETH_P_IP,
    arp_request,
    checksum,
    ethernet,
    ipv4,
    is_arp_reply,
    udp,
)


def test_flood_from_one_port(lab):
    """F floods X; C is on X as well, D on W, another port of the router."""
    lab.add_core()
    lab.add_switch("X")
    lab.add_switch("W")
    a = lab.add_router("A", ["X", "W"])
    c, d = lab.add_client("C", "X"), lab.add_client("D", "W")
    flooder = lab.add_client("F", "X")
    limits = {"learned_per_port": 20, "requests_per_s": 500}
    lab.start_daemon(lab.config(limits=limits))
    lab.settle(c, d)
    frames = [
        arp_request(flooder.mac, f"10.0.0.{n}", harness.GATEWAY)
        for n in range(60, 250)
    ]
    with flood_frames(flooder, *frames):
        seq = lab.daemon.last_seq()
        with d.tap() as tap:
            for last in range(1, 30):
                target = f"10.0.0.{220 + last}"
                tap.send(arp_request(d.mac, d.address, target))
                reply = tap.wait(is_arp_reply(target))
                assert reply.sha == a.mac
        # Probe replies of both clients keep arriving all the while.
        for client in (c, d):
            before = lab.daemon.client(client.address)["reach"]["A"]
            assert before["state"] == "up"
            for kind in ("client.lost", "client.moved"):
                assert not lab.daemon.events(
                    seq, type=kind, client=client.address
                )
        assert len(lab.daemon.clients()) <= 22
    assert c.ping(harness.NEXT_HOP) and d.ping(harness.NEXT_HOP)


def test_who_asks_without_end_is_not_heard_for_a_while(lab):
    """C, behind the same port as F, is answered meanwhile: F uses up what the
    port may ask in a tenth of a second."""
    lab.add_core()
    lab.add_switch("X")
    a = lab.add_router("A", ["X"])
    c, flooder = lab.add_client("C", "X"), lab.add_client("F", "X")
    lab.start_daemon()
    lab.settle(c, flooder)
    lost = 0
    frame = arp_request(flooder.mac, flooder.address, harness.GATEWAY)
    with flood_frames(flooder, frame, pps=10000):
        lab.wait_for(
            lambda: any("cookie=0xf1a508" in flow for flow in a.flows()),
            what="F not to be heard",
        )
        until = time.monotonic() + 3
        with c.tap() as tap:
            while time.monotonic() < until:
                target = f"10.0.0.{random.randrange(100, 200)}"
                tap.send(arp_request(c.mac, c.address, target))
                try:
                    tap.wait(is_arp_reply(target), timeout=0.3)
                except AssertionError:
                    lost += 1
                tap.take()
                time.sleep(0.02)  # Or C would ask too much as well.
        assert lost < 4
    assert lab.daemon.client(flooder.address)["state"] == "active"
    lab.wait_for(
        lambda: not any("cookie=0xf1a508" in flow for flow in a.flows()),
        what="F to be heard again",
    )
    assert harness.arping(flooder, harness.GATEWAY) == a.mac


def test_forged_senders_keep_nobody_from_being_learnt(lab):
    """F forges three times the limit of its port.  D, behind the same port,
    is served all the same, and C, which was there before, goes on."""
    lab.add_core()
    lab.add_switch("X")
    a = lab.add_router("A", ["X"])
    c, d = lab.add_client("C", "X"), lab.add_client("D", "X")
    forger = lab.add_client("F", "X")
    limit = 20
    lab.start_daemon(lab.config(limits={"learned_per_port": limit}))
    lab.settle(c)
    seq = lab.daemon.last_seq()

    def forge(tap, first):
        before = lab.daemon.metric("clients_displaced_total")
        for i in range(3 * limit):
            mac, sender = f"02:00:00:00:09:{first + i:02x}", first + i
            tap.send(arp_request(mac, f"10.0.0.{sender}", harness.GATEWAY))
        lab.wait_for(
            lambda: lab.daemon.metric("clients_displaced_total")
            >= before + 2 * limit - 1,
            what="forged clients to make room",
        )

    with forger.tap() as tap:
        forge(tap, 60)
        assert d.ping(harness.GATEWAY)
        lab.wait_reach(d, a)
        forge(tap, 140)
    assert c.ping(harness.NEXT_HOP) and d.ping(harness.NEXT_HOP)
    for host in (c, d):
        events = lab.daemon.events(seq, client=host.address)
        assert not {e["type"] for e in events} - {"client.elected"}
        assert lab.daemon.client(host.address)["state"] == "active"
    assert len(lab.daemon.clients()) == limit
    # The last ones were learnt at the limit: the bridge has not heard of them.
    last = harness.as_register("10.0.0.199")
    assert not any(last in flow for flow in a.flows())


def echo_request(host, router):
    body = struct.pack("!BBHHH", 8, 0, 0, 1, 1)
    body = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
    packet = ipv4(host.address, harness.GATEWAY, 1, body)
    return ethernet(router.mac, host.mac, ETH_P_IP, packet)


def test_flood_of_one_port_takes_no_icmp_from_another(lab):
    """C, on X, sends pings and packets whose TTL ends as fast as it can.  D,
    on W, another port of the router, has every ping answered and sees the
    router in every traceroute."""
    lab.add_core()
    lab.add_switch("X")
    lab.add_switch("W")
    a = lab.add_router("A", ["X", "W"])
    c, d = lab.add_client("C", "X"), lab.add_client("D", "W")
    lab.start_daemon()
    lab.settle(c, d)
    expired = udp(
        c.mac, a.mac, c.address, harness.SERVER, 7, 7, b"flood", ttl=1
    )

    def dropped():
        text = a.ovs.ofctl("meter-stats", a.bridge)
        found = re.findall(r"meter:\d+ .*?\n0: packet_count:(\d+)", text)
        return sum(int(packets) for packets in found)

    with flood_frames(c, expired, echo_request(c, a)):
        lab.wait_for(lambda: dropped() > 20_000, what="full meters")
        for _ in range(20):
            assert d.ping(harness.GATEWAY)
            assert d.hops(harness.SERVER)[0] == a.local
    assert c.ping(harness.NEXT_HOP)
