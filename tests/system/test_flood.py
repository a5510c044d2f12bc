"""A flood of ARP requests starves neither other ports nor the probes."""

import sys

import harness
from frames import is_arp_reply, arp_request
from netns import end

# Sends ARP requests from many addresses of the prefix as fast as it can.
FLOOD = """
import socket, sys
sys.path.insert(0, sys.argv[1])
from frames import arp_request
mac = sys.argv[2]
senders = [f"10.0.0.{n}" for n in range(60, 250)]
frames = [arp_request(mac, sender, "10.0.0.1") for sender in senders]
out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
out.bind(("eth0", 0))
print("flooding", flush=True)
while True:
    for frame in frames:
        try:
            out.send(frame)
        except OSError:
            pass
"""


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
    path = harness.__file__.rsplit("/", 1)[0]
    process = flooder.netns.popen(
        [sys.executable, "-c", FLOOD, path, flooder.mac],
        stdout=-1,
        text=True,
    )
    try:
        assert process.stdout.readline() == "flooding\n"
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
    finally:
        end(process)
    assert c.ping(harness.NEXT_HOP) and d.ping(harness.NEXT_HOP)


def metric(lab, name):
    """A counter without labels, from /metrics."""
    for line in lab.daemon.get("/metrics").splitlines():
        if line.startswith(f"firsthop_{name} "):
            return int(line.split()[1])
    raise AssertionError(f"no metric {name}")


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
        before = metric(lab, "clients_displaced_total")
        for i in range(3 * limit):
            mac, sender = f"02:00:00:00:09:{first + i:02x}", first + i
            tap.send(arp_request(mac, f"10.0.0.{sender}", harness.GATEWAY))
        lab.wait_for(
            lambda: metric(lab, "clients_displaced_total")
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
    assert not a.flows("ip,nw_src=10.0.0.199")
