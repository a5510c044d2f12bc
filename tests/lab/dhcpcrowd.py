"""A crowd of DHCP clients: frames on one interface, which all routers hear.

Each has a MAC of its own, asks, takes the first offer, and is done with the
acknowledgement; what is not answered is repeated after a second, as clients
do.  From then on it answers ARP.
"""

import struct
import time

from .dhcplab import ACK, DISCOVER, OFFER, REQUEST
from .dhcplab import Server, build_message, dhcp_config
from .dhcplab import options_of, udp_payload
from .frames import ARP_REPLY, ARP_REQUEST, BROADCAST
from .frames import arp, ip_text, udp

PREFIX = "10.0.0.0/16"
WINDOW = 64
REPEAT_S = 1.0
PATIENCE_S = 120


def crowd_config(lab, servers):
    """The configuration of 'lab' for a Crowd: one port brings what a thousand
    would."""
    return dhcp_config(
        lab,
        servers,
        prefixes=[PREFIX],
        learn="dhcp",
        limits={
            "learned": 100000,
            "learned_per_port": 100000,
            "requests_per_s": 100000,
        },
    )


def start_kea(lab, host, pool):
    """Returns a Server that is there, with 'pool' of the crowd's prefix."""
    server = Server(lab, "kea", host=host, prefix=PREFIX, pool=pool).start()
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
        self.leases = {}  # MAC: address
        self._macs = {}  # By address.
        self.took_s = []
        self.repeated = 0
        self.seconds = 0.0
        self._n_begun = 0
        self._tap = tap

    def run(self, until=None):
        """Until so many (None: all) have a lease, and others are about to."""
        begun = time.monotonic()
        while len(self.took_s) < (until or self.n):
            if time.monotonic() - begun > PATIENCE_S:
                raise AssertionError(
                    f"{len(self.took_s)} of {self.n} leases in {PATIENCE_S} s"
                )
            while self._n_begun < self.n and len(self.waiting) < WINDOW:
                self._n_begun += 1
                self._say(self._n_begun, DISCOVER, b"", time.monotonic())
            self._repeat()
            self.hear()
        self.seconds += time.monotonic() - begun

    def hear(self):
        """Takes what has arrived.  For when it does not run()."""
        for frame in self._tap.take():
            if frame.op == ARP_REQUEST:
                self._answer(frame)
            else:
                self._take(frame)

    def double_offers(self):
        """How many a server has made of a second address, in one
        transaction."""
        return sum(len(addresses) > 1 for addresses in self.offers.values())

    def _say(self, xid, kind, options, first):
        frame = _frame(xid, kind, options)
        self.waiting[xid] = [frame, time.monotonic(), first, kind]
        self._tap.send(frame)

    def _repeat(self):
        now = time.monotonic()
        for waits in self.waiting.values():
            if now - waits[1] > REPEAT_S:
                waits[1] = now
                self.repeated += 1
                self._tap.send(waits[0])

    def _answer(self, frame):
        mac = self._macs.get(frame.tpa)
        if mac:
            self._tap.send(
                arp(ARP_REPLY, mac, frame.tpa, frame.sha, frame.spa)
            )

    def _take(self, frame):
        message = udp_payload(frame)
        if len(message) < 241 or message[0] != 2:
            return
        xid = struct.unpack("!I", message[4:8])[0]
        options = options_of(message)
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
            mac, address = _mac(xid), ip_text(message[16:20])
            self.leases[mac], self._macs[address] = address, mac
            self.took_s.append(time.monotonic() - waits[2])
            del self.waiting[xid]


def _mac(xid):
    return f"02:00:00:04:{xid >> 8:02x}:{xid & 255:02x}"


def _frame(xid, kind, options):
    mac = _mac(xid)
    message = build_message(kind, xid, mac, options)
    return udp(mac, BROADCAST, "0.0.0.0", "255.255.255.255", 68, 67, message)
