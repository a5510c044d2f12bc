"""A laboratory whose core learns from BGP where clients are.

The article's topology; S, the next hop of both routers, has no route to the
clients but what BGP tells it, and the speaker E is on the uplink LAN.

           S     E
           |     |
     +---- core -+-+
     |             |
     A             B
     |             |
     X ---- Y ---- Z
     |      |
     D      C
"""

import os

from . import harness
from . import speakers

SPEAKER = "192.0.2.250"
COMMUNITY = {"community": "65000:100", "local_preference": 150}


class BgpLab(harness.ArticleLab):
    """A Lab with a core router of the class 'router_class' and ExaBGP."""

    def __init__(self, router_class):
        super().__init__()
        self.router_class = router_class
        self.core = self.exabgp = None
        self.watches = []

    def build(self):
        super().build()
        self.server.netns.ip(f"route del {harness.PREFIX} dev eth0")
        e = self.add_client("E", "core", SPEAKER, gateway=harness.NEXT_HOP)
        self.core = self.router_class(
            os.path.join(self.directory, "core"),
            self.server.netns,
            harness.NEXT_HOP,
            SPEAKER,
        )
        self.exabgp = speakers.ExaBgp(
            os.path.join(self.directory, "exabgp"),
            e.netns,
            SPEAKER,
            harness.NEXT_HOP,
        )

    def config(self, **segment):
        config = super().config(
            **{"upstream": "bgp", "bgp": COMMUNITY, **segment}
        )
        config["bgp"] = {
            "api_in": self.exabgp.api_in,
            "api_out": self.exabgp.api_out,
        }
        return config

    def start(self, **segment):
        """Everything, until both clients' routes are in the core."""
        self.core.start()
        self.exabgp.start()
        self.start_daemon(self.config(**segment))
        self.wait_for(
            lambda: all(
                c.ping(harness.GATEWAY, timeout=1) for c in (self.c, self.d)
            ),
            what="the clients to reach the gateway",
        )
        for client in (self.c, self.d):
            self.wait_next_hop(client, self.a)
            for router in (self.a, self.b):
                self.wait_reach(client, router)

    def next_hop(self, client):
        return self.core.next_hop(client.address)

    def wait_next_hop(self, client, router, timeout=30):
        """Waits until the core's table sends the client to 'router' (None:
        nowhere)."""
        address = router.uplink_address if router else None
        self.wait_for(
            lambda: self.next_hop(client) == address,
            timeout,
            f"the core to send {client.name} to {address}",
        )

    def look_at_core(self):
        return self.core.TABLE, self.core.table()

    def watch(self):
        watch = speakers.RouteWatch(self.directory, self.server.netns)
        self.watches.append(watch)
        return watch

    def peer_events(self):
        """ "up" and "down", as the speaker told about its peer."""
        return [
            event["detail"].split()[-1]
            for event in self.daemon.events(type="upstream.changed")
            if event.get("detail", "").startswith("BGP peer")
        ]

    def explain(self):
        text = super().explain()
        for speaker in (self.core, self.exabgp):
            if speaker:
                text += f"\n--- {type(speaker).__name__}\n{speaker.output()}"
        return text

    def close(self):
        for part in self.watches + [self.exabgp, self.core]:
            if part:
                part.stop()
        super().close()
