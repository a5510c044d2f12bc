"""Hosts that only speak ARP, as many as a test needs, on one interface."""

import select
import threading

from .frames import (
    ARP_REPLY,
    ARP_REQUEST,
    Tap,
    arp,
    arp_request,
    wait_socket,
)


class Farm:
    """Answers ARP for 'hosts', {address: mac}, on eth0 of 'client' (a Host
    whose kernel has no such address) until close()."""

    def __init__(self, client, hosts):
        self.hosts = dict(hosts)
        self.answers = {}
        self._tap = Tap(client.netns, "eth0")
        self._stop = threading.Event()
        client.netns.ip("link set eth0 promisc on")
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def ask(self, address, target):
        """The host at 'address' asks for 'target'; see answers[address,
        target], a list of the MACs that answered."""
        self._tap.send(arp_request(self.hosts[address], address, target))

    def close(self):
        self._stop.set()
        self._thread.join()
        self._tap.__exit__()

    def _serve(self):
        while not self._stop.is_set():
            wait_socket(self._tap, select.POLLIN, 0.1)
            for frame in self._tap.take():
                self._handle(frame)

    def _handle(self, frame):
        if frame.op == ARP_REPLY and frame.tpa in self.hosts:
            key = frame.tpa, frame.spa
            self.answers.setdefault(key, []).append(frame.sha)
        elif frame.op == ARP_REQUEST and frame.tpa in self.hosts:
            mac = self.hosts[frame.tpa]
            self._tap.send(
                arp(ARP_REPLY, mac, frame.tpa, frame.sha, frame.spa)
            )


def hosts(count, first=100, network="10.0.0"):
    """'count' addresses from NETWORK.'first' on with MACs of their own."""
    return {
        f"{network}.{first + i}": f"02:00:00:00:03:{first + i:02x}"
        for i in range(count)
    }
