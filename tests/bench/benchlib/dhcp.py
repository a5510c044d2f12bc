"""DHCP through a pair of routers: a crowd of new clients at a time.

Real servers behind the uplinks; the clients are frames on the interface of C,
which both routers hear.  Each has a MAC of its own, asks, takes the first
offer, and is done with the acknowledgement; what is not answered is repeated
after a second, as clients do.
"""

import statistics
import struct
import time

from benchlib.figures import Figure
from benchlib.tools import BenchError

# pylint: disable=wrong-import-order
from firsthop.lab import dhcplab
from firsthop.lab.frames import BROADCAST, ip_bytes, mac_bytes, udp
from firsthop.lab.harness import ArticleLab, NEXT_HOP

DISCOVER, OFFER, REQUEST, ACK = 1, 2, 3, 5
POOLS = ("10.0.8.0 - 10.0.39.255", "10.0.48.0 - 10.0.79.255")
SECOND = "192.0.2.60"
WINDOW = 64
REPEAT_S = 1.0
PATIENCE_S = 120


def dhcp(quick):
    """Leases, and offers that should not be."""
    n = 100 if quick else 1000
    return Figure(
        "dhcp",
        f"{n} leases through two routers, {WINDOW} clients at a time: a "
        "second, the slowest, and offers of a second address by one server in "
        "one transaction",
        {
            "Kea": lambda: _run(n, 1),
            "Kea, two servers": lambda: _run(n, 2),
        },
        {"per_s": "1/s", "double_offers": "", "repeated": "", "unserved": ""},
        targets=[
            ("Kea", "max double_offers", "<=", 0, None),
            ("Kea, two servers", "max double_offers", "<=", 0, None),
        ],
    )


def _run(n, n_servers):
    lab = ArticleLab()
    servers = []
    try:
        lab.build()
        hosts = [lab.server]
        if n_servers > 1:
            hosts.append(lab.add_client("S2", "core", SECOND, gateway=NEXT_HOP))
        for host, pool in zip(hosts, POOLS):
            servers.append(_start_kea(lab, host, pool))
        lab.start_daemon(_config(lab, [host.address for host in hosts]))
        lab.wait_for(
            lambda: all(
                port["next_hop_state"] == "resolved"
                for name in lab.routers
                for port in lab.daemon.router(name)["ports"]
                if port["role"] == "uplink"
            ),
            20,
            "the next hops to be known",
        )
        with lab.c.tap() as tap:
            crowd = Crowd(tap, n)
            crowd.run()
        values = crowd.values()
        values["unserved"] = n - sum(
            client["origin"] == "leased" for client in lab.daemon.clients()
        )
        return values
    finally:
        for server in servers:
            server.stop()
        lab.close()


def _config(lab, servers):
    """One port brings what a thousand would."""
    return dhcplab.dhcp_config(
        lab,
        servers,
        prefixes=["10.0.0.0/16"],
        learn="dhcp",
        limits={
            "learned": 100000,
            "learned_per_port": 100000,
            "requests_per_s": 100000,
        },
    )


def _start_kea(lab, host, pool):
    server = dhcplab.Server(
        lab, "kea", host=host, prefix="10.0.0.0/16", pool=pool
    ).start()
    lab.wait_for(
        lambda: "DHCP4_STARTED" in server.log(), 20, "Kea to have started"
    )
    return server


class Crowd:
    """'n' clients, WINDOW of them at a time, on a Tap."""

    def __init__(self, tap, n):
        self.n = n
        self.waiting = {}  # xid: [what it has sent, when, when first, kind]
        self.offers = {}  # (xid, server): addresses
        self.took_s = []
        self.repeated = 0
        self.seconds = 0.0
        self._tap = tap

    def run(self):
        begun = time.monotonic()
        n_begun = 0
        while len(self.took_s) < self.n:
            if time.monotonic() - begun > PATIENCE_S:
                raise BenchError(
                    f"{len(self.took_s)} of {self.n} leases in {PATIENCE_S} s"
                )
            while n_begun < self.n and len(self.waiting) < WINDOW:
                n_begun += 1
                self._say(n_begun, DISCOVER, b"", time.monotonic())
            self._repeat()
            for frame in self._tap.take():
                self._hear(frame)
        self.seconds = time.monotonic() - begun

    def values(self):
        took = sorted(self.took_s)
        return {
            "per_s": self.n / self.seconds,
            "median_ms": 1000 * statistics.median(took),
            "p99_ms": 1000 * took[len(took) * 99 // 100],
            "double_offers": sum(len(a) > 1 for a in self.offers.values()),
            "repeated": self.repeated,
        }

    def _say(self, xid, kind, options, first):
        frame = _message(xid, kind, options)
        self.waiting[xid] = [frame, time.monotonic(), first, kind]
        self._tap.send(frame)

    def _repeat(self):
        now = time.monotonic()
        for waits in self.waiting.values():
            if now - waits[1] > REPEAT_S:
                waits[1] = now
                self.repeated += 1
                self._tap.send(waits[0])

    def _hear(self, frame):
        message = _payload(frame)
        if len(message) < 241 or message[0] != 2:
            return
        xid = struct.unpack("!I", message[4:8])[0]
        options = _options(message)
        kind = options.get(53, b"\0")[0]
        waits = self.waiting.get(xid)
        if kind == OFFER:
            key = xid, options.get(54)
            self.offers.setdefault(key, set()).add(message[16:20])
        if waits and (waits[3], kind) == (DISCOVER, OFFER):
            wanted = bytes([50, 4]) + message[16:20]
            wanted += bytes([54, 4]) + options[54]
            self._say(xid, REQUEST, wanted, waits[2])
        elif waits and (waits[3], kind) == (REQUEST, ACK):
            self.took_s.append(time.monotonic() - waits[2])
            del self.waiting[xid]


def _mac(xid):
    return f"02:00:00:04:{xid >> 8:02x}:{xid & 255:02x}"


def _message(xid, kind, options):
    mac = _mac(xid)
    message = struct.pack(
        "!BBBBIHH4s4s4s4s16s192sI",
        *(1, 1, 6, 0, xid, 0, 0),
        *(ip_bytes("0.0.0.0"),) * 4,
        *(mac_bytes(mac), b"", 0x63825363),
    )
    message += bytes([53, 1, kind]) + options + b"\xff"
    return udp(mac, BROADCAST, "0.0.0.0", "255.255.255.255", 68, 67, message)


def _payload(frame):
    data = bytes(frame.bytes)[14:]
    return data[(data[0] & 15) * 4 + 8 :] if data[9:10] == b"\x11" else b""


def _options(message):
    options, rest = {}, message[240:]
    while rest and rest[0] != 255:
        if rest[0] == 0:
            rest = rest[1:]
            continue
        options[rest[0]] = rest[2 : 2 + rest[1]]
        rest = rest[2 + rest[1] :]
    return options
