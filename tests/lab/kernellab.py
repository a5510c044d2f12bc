"""A laboratory whose core learns where clients are from the routes that
firsthopd writes into its kernel's table, and BIRD beside it tells by BGP.

As bgplab.py, but the speaker is beside the daemon, with an address on the
uplink LAN."""

import os
import re

from . import harness
from . import speakers
from .bgplab import SPEAKER

TABLE = 4242


class KernelLab(harness.ArticleLab):
    """A Lab with a core router of the class 'router_class' and a
    RouteServer."""

    def __init__(self, router_class=speakers.Bird):
        super().__init__()
        self.router_class = router_class
        self.core = self.route_server = None

    def build(self):
        super().build()
        self.server.netns.ip(f"route del {harness.PREFIX} dev eth0")
        self.netns.ip("link set core address 02:00:00:00:02:fa")
        self.netns.ip(f"addr add {SPEAKER}/24 dev core")
        self.core = self.router_class(
            os.path.join(self.directory, "core"),
            self.server.netns,
            harness.NEXT_HOP,
            SPEAKER,
        )
        self.route_server = speakers.RouteServer(
            os.path.join(self.directory, "route-server"),
            self.netns,
            SPEAKER,
            harness.NEXT_HOP,
            TABLE,
        )

    def config(self, **segment):
        config = super().config(**{"upstream": "kernel", **segment})
        config["kernel"] = {"table": TABLE, "device": "core"}
        return config

    def start(self, **segment):
        self.core.start()
        self.route_server.start()
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

    def routes(self):
        """The table, as {address: next hop}."""
        text = self.netns.ip(f"route show table {TABLE}", check=False)
        return dict(
            re.findall(r"^(\S+) via (\S+) .*proto 177", text, re.MULTILINE)
        )

    def wait_next_hop(self, client, router, timeout=30):
        """Waits until the core's table sends the client to 'router' (None:
        nowhere)."""
        address = router.uplink_address if router else None
        self.wait_for(
            lambda: self.core.next_hop(client.address) == address,
            timeout,
            f"the core to send {client.name} to {address}",
        )

    def look_at_core(self):
        return self.core.TABLE, self.core.table()

    def explain(self):
        text = super().explain()
        text += f"\n--- table {TABLE}\n{self.routes()}"
        for speaker in (self.core, self.route_server):
            if speaker:
                text += f"\n--- {type(speaker).__name__}\n{speaker.output()}"
        return text

    def close(self):
        for part in (self.route_server, self.core):
            if part:
                part.stop()
        super().close()
