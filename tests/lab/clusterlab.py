"""The article's topology with several controllers, each on a machine of its
own with a server of their database.

Question: who leads when a controller, its machine or a link dies, and what do
clients notice?  Machines are network namespaces on the management network:
machine N, from 1 on, has 172.31.255.(100+N), firsthopd "nN" and
ovsdb-server N.

    lab = ClusterLab()
    lab.build()
    lab.start()             # All of them; clients are known.
    lab.leader().kill()
    lab.wait_leader(but=...)
    lab.close()
"""

import os

from .firsthopd import Firsthopd
from .harness import Link, Lab, build_article
from .netns import Netns, add_veth
from .ovsdbcluster import OvsdbCluster

NETWORK = "172.31.255"
PEER_PORT = 6650


class Controller(Firsthopd):
    """firsthopd "nNUMBER" on a machine of its own, 'link' is its cable."""

    def __init__(self, lab, number):
        self.number = number
        self.protocol = "tcp"
        self.name = f"n{number}"
        self.address = f"{NETWORK}.{100 + number}"
        machine = Netns(self.name)
        dev = f"mgmt-{self.name}"
        add_veth(lab.netns, dev, machine, "eth0")
        lab.netns.ip(f"link set {dev} master mgmt")
        machine.ip(f"addr add {self.address}/24 dev eth0")
        self.link = Link(lab.netns, dev)
        directory = os.path.join(lab.directory, self.name)
        super().__init__(directory, {}, machine)

    @property
    def target(self):
        """Where bridges dial."""
        return f"{self.protocol}:{self.address}:6653"

    @property
    def peer_address(self):
        return f"{self.address}:{PEER_PORT}"

    def role(self):
        return self.status()["role"]


class ClusterLab(Lab):
    """See the top of the file.  'daemon' is the controller that is asked about
    clients: any that runs."""

    def __init__(self, n=3, n_servers=None, election_ms=200):
        super().__init__()
        self.controllers = [Controller(self, i) for i in range(1, n + 1)]
        places = [(c.netns, c.address) for c in self.controllers]
        self.database = OvsdbCluster(
            os.path.join(self.directory, "database"),
            places[: n_servers or n],
            election_ms=election_ms,
        )

    def build(self):
        build_article(self)

    def record_openflow(self):
        """For openflow_logs(); costs the bridges some time."""
        for router in self.routers.values():
            router.ovs.record_openflow()

    def openflow_logs(self):
        """What the bridges have heard and said: {name: text}, for oflog.py."""
        return {r.name: r.ovs.openflow_log() for r in self.routers.values()}

    def config_of(self, controller, **segment):
        config = self.config(**segment)
        config["openflow"] = {"listen": [controller.target]}
        config["cluster"] = {
            "name": controller.name,
            "address": controller.peer_address,
            "peers": [
                c.peer_address for c in self.controllers if c is not controller
            ],
            "database": ",".join(
                self.database.targets(
                    min(controller.number, len(self.database.servers))
                )
            ),
        }
        return config

    def start(self, **segment):
        """Everything, until all controllers follow one and all routers reach
        both clients."""
        self.database.start()
        for controller in self.controllers:
            controller.configure(self.config_of(controller, **segment))
            controller.start()
        targets = [c.target for c in self.controllers]
        for router in self.routers.values():
            router.ovs.set_controller(router.bridge, *targets)
        self.wait_leader()
        self.wait_connected()
        for router in self.routers.values():
            self.wait_for(
                lambda r=router: r.ovs.is_connected(r.bridge),
                15,
                f"{router.name} to be connected to all controllers",
            )
            router.ovs.reconnect_quickly(router.bridge)
        self.settle(self.c, self.d)

    def running(self):
        return [c for c in self.controllers if c.is_running()]

    def leader(self):
        """The one that says that it leads, or None."""
        leaders = [c for c in self.running() if c.role() == "leader"]
        return leaders[0] if len(leaders) == 1 else None

    def wait_leader(self, but=None, among=None, timeout=15.0):
        """The one that leads once all that run, or those 'among' them, agree
        on it; not 'but'."""

        def agreed():
            statuses = {c: c.status() for c in among or self.running()}
            names = {s["leader"] for s in statuses.values()}
            leaders = [c for c, s in statuses.items() if s["role"] == "leader"]
            if len(names) != 1 or len(leaders) != 1 or leaders[0] is but:
                return None
            self.daemon = leaders[0]
            return leaders[0] if {leaders[0].name} == names else None

        return self.wait_for(agreed, timeout, "one leader")

    def wait_able(self, n_bridges, timeout=15.0):
        """Waits until each of them could lead: it has the database, and is
        connected to that many bridges.  (What a bridge takes for a connection
        may have died with a machine.)"""

        def able():
            status = self.wait_leader().get("/v1/cluster")
            return all(
                p["database"] and p["bridges"] == n_bridges
                for p in status["peers"]
            )

        self.wait_for(able, timeout, "all controllers to be able to lead")

    def change_leaders(self, back, check):
        """Its leader is killed, comes back as a follower, and is handed over
        to; 'back' waits until it could lead, 'check' is called after each.
        Returns it."""
        first = self.leader()
        first.kill()
        second = self.wait_leader(but=first)
        self.wait_connected()
        check()
        first.start()
        self.wait_leader(but=first)
        back()
        check()
        second.request("POST", "/v1/cluster/transfer", {"name": first.name})
        self.wait_leader(but=second)
        self.wait_connected()
        check()
        return first

    def explain(self):
        text = super().explain()
        for controller in self.controllers:
            if controller is not self.daemon:
                text += f"\n{controller.name}: {controller.log_tail(80)}"
        return text + self.database.explain()

    def close(self):
        try:
            for controller in self.running():
                controller.stop()
            for self.daemon in self.controllers:
                self._check_daemon_log()
        finally:
            self.database.close()
            self.daemon = None
            super().close()
            for controller in self.controllers:
                controller.netns.delete()
