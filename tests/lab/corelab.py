"""A laboratory whose core is an Open vSwitch bridge that is told where
clients are.

The article's topology with the bridge K in place of the uplink LAN:

          S
          |
     +--- K ---+
     |         |
     A         B
     |         |
     X -- Y -- Z
     |    |
     D    C
"""

import re

from . import harness
from .netns import add_veth

CORE = "00000000000000cc"
S_MAC = "02:00:00:00:02:01"


class CoreLab(harness.ArticleLab):
    """A Lab whose core is the Open vSwitch bridge br-K (in the Ovs 'k')."""

    k = None

    def add_core(self):
        self.k = self.add_ovs("K")
        self.k.add_bridge("br-K", CORE)
        self.k.set_controller("br-K", harness.CONTROLLER)
        host = harness.Host("S", harness.NEXT_HOP, S_MAC, None)
        add_veth(self.k.netns, "k-s", host.netns, "eth0", mac_b=S_MAC)
        self.k.vsctl("add-port", "br-K", "k-s")
        host.netns.ip(f"addr add {harness.NEXT_HOP}/24 dev eth0")
        host.netns.batch(
            [
                f"route add {harness.PREFIX} dev eth0",
                f"addr add {harness.SERVER}/32 dev lo",
            ]
        )
        host.netns.sysctl("net.ipv4.conf.all.arp_announce", 2)
        self.hosts["S"] = self.server = host
        return host

    def _add_router_port(self, switch, ovs, port, i):
        if switch != "core":
            return super()._add_router_port(switch, ovs, port, i)
        dev = f"k-{ovs.name.lower()}"
        add_veth(self.k.netns, dev, ovs.netns, port)
        self.k.vsctl("add-port", "br-K", dev)
        return harness.Link(self.k.netns, dev)

    def config(self, **segment):
        config = super().config(**{"upstream": "core", **segment})
        config["cores"] = {
            "K": {
                "datapath_id": CORE,
                "ports": {name: f"k-{name.lower()}" for name in self.routers},
            }
        }
        return config

    def start(self, **segment):
        """And until K sends both clients' packets to A."""
        self.start_daemon(self.config(**segment))
        self.k.reconnect_quickly("br-K")
        self.settle(self.c, self.d)
        for client in (self.c, self.d):
            self.wait_sends_to(client, self.a)

    def core_flow(self, client):
        """K's flow for the client, or None.  Never more than one."""
        flows = [
            flow
            for flow in self.k.flows("br-K")
            if re.search(rf"nw_dst={re.escape(client.address)}\b", flow)
        ]
        assert len(flows) < 2, flows
        return flows[0] if flows else None

    def core_port(self, router):
        dev = f"k-{router.name.lower()}"
        out = self.k.vsctl("get", "interface", dev, "ofport")
        return int(out)

    def sends_to(self, client, router):
        """Does K send the client's packets to that router?"""
        flow = self.core_flow(client)
        return flow is not None and flow.endswith(
            f"actions=set_field:{router.mac}->eth_dst,"
            f"output:{self.core_port(router)}"
        )

    def wait_sends_to(self, client, router):
        self.wait_for(
            lambda: self.sends_to(client, router),
            what=f"K to send {client.name}'s packets to {router.name}",
        )

    def look_at_core(self):
        flows = [f for f in self.k.flows("br-K") if "nw_dst=" in f]
        return "ovs-ofctl --no-stats dump-flows br-K ip", "\n".join(flows)

    def explain(self):
        try:
            flows = "\n".join(self.k.flows("br-K"))
        except Exception as error:  # pylint: disable=broad-except
            flows = str(error)
        return super().explain() + "\n--- flows of K\n" + flows

    def wait_core(self, there):
        """Waits until K has come, or gone, as the last event about it says."""
        words = "core K is there" if there else "core K is gone"

        def last():
            events = self.daemon.events(type="upstream.changed")
            return events and events[-1].get("detail") == words

        self.wait_for(last, 20, words)
