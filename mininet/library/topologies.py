"""Topologies: an access network of switches, routers on it, clients behind
it, and the core with the server S on the other side.

AccessTopo draws one in a few lines:

    class TwoSwitches(AccessTopo):
        def draw(self):
            self.add_switches("X", "Y")
            self.connect("X", "Y")
            self.add_router("A", "X", priority=200)
            self.add_router("B", "Y")
            self.add_client("C", "Y")

Addresses: segment number k has the prefix 10.0.k.0/24 and the gateway .1;
routers have .2, .3, ... there and on the uplink LAN, 192.0.2.0/24, where S is
.1; clients have .10, .11, ...
"""

from mininet.topo import Topo

from . import faults as f
from .nodes import Cable, FirsthopRouter, LinuxBridge, QuietHost, Tagger

NEXT_HOP = "192.0.2.1"
FIRST_CLIENT = 10


class AccessTopo(Topo):
    """The base of all topologies: see the top of the file.

    'faults' of a drawn one maps a name to (function of Faults, the clients
    that it hits): what `mn --test failover` and sweeps break."""

    stp = False  # Do the switches run the spanning tree protocol?
    router_class = FirsthopRouter
    has_controller = True

    def build(self, *args, **params):
        self.segments = {}
        self.clients = {}
        self.routers = []
        self.faults = {}
        self._number = {}
        self.add_switches("core", stp=False)
        self.addHost(
            *("S",),
            cls=QuietHost,
            ip=f"{NEXT_HOP}/24",
            mac="02:00:00:00:02:01",
            routes=[],
        )
        self.connect("core", "S")
        self.draw(*args, **params)

    def draw(self, *args, **params):
        """Adds what there is, besides the core and S."""
        raise NotImplementedError

    def add_segment(self, name="metro", vlan=()):
        """What clients and routers are on; "metro" comes by itself."""
        net = f"10.0.{len(self.segments)}"
        self.segments[name] = {
            "gateway": f"{net}.1",
            "prefixes": [f"{net}.0/24"],
            "vlan": list(vlan),
        }
        self.nodeInfo("S")["routes"].append(self.server_route(f"{net}.0/24"))

    def server_route(self, prefix):
        """How S reaches the clients; with ARP each router answers for its."""
        return f"{prefix} dev S-core"

    def add_switches(self, *names, stp=None):
        """Learning Linux bridges."""
        for name in names:
            self.addSwitch(
                *(name,),
                cls=LinuxBridge,
                dpid=f"{0x100 + len(self.switches()):x}",
                stp=self.stp if stp is None else stp,
            )

    def connect(self, a, b, role_b=None):
        """A cable."""
        params = {"params2": {"role": role_b}} if role_b else {}
        self.addLink(
            *(a, b),
            cls=Cable,
            intfName1=f"{a}-{b}",
            intfName2=f"{b}-{a}",
            **params,
        )

    def add_router(self, name, *switches, priority=100, segments=("metro",)):
        """A router with an access port on each of 'switches' and an uplink
        port on the core."""
        n = len(self.routers)
        if n >= 60:
            raise ValueError("at most 60 routers have addresses")
        host = 2 + n if n < FIRST_CLIENT - 2 else 192 + n
        self.routers.append(name)
        members = {}
        for segment in segments:
            known = self._segment(segment)
            address = known["gateway"].rsplit(".", 1)[0] + f".{host}"
            members[segment] = dict(known, priority=priority, address=address)
        self.add_router_node(
            name,
            number=FIRST_CLIENT + n,
            uplink={"address": f"192.0.2.{host}/24", "next_hop": NEXT_HOP},
            segments=members,
        )
        for switch in switches:
            self.connect(switch, name)
        self.connect("core", name, role_b="uplink")

    def add_router_node(self, name, **params):
        """The node alone: of the class that `mn --switch` names, or Net."""
        self.addSwitch(name, dpid=f"{params['number']:016x}", **params)

    def add_client(self, name, switch, segment="metro"):
        known = self._segment(segment)
        n = sum(s == segment for s, _ in self.clients.values())
        net = known["gateway"].rsplit(".", 1)[0]
        address = f"{net}.{FIRST_CLIENT + n}"
        self.clients[name] = segment, address
        self.addHost(
            *(name,),
            cls=QuietHost,
            ip=f"{address}/24",
            mac=f"02:00:00:00:01:{FIRST_CLIENT + len(self.clients) - 1:02x}",
            defaultRoute=f"via {known['gateway']}",
        )
        self.connect(switch, name)

    def _segment(self, name):
        if name not in self.segments:
            self.add_segment(name)
        return self.segments[name]


class Article(AccessTopo):
    """The article's: routers A and B at the ends of a line of three switches,
    client C behind the middle one, D beside A.

                     S  192.0.2.1
                     |
              +---- core ----+
              A              B
       10.0.0.2              10.0.0.3
              |              |
              X ----- Y ---- Z
              |       |
      D 10.0.0.11     C 10.0.0.10         gateway 10.0.0.1
    """

    def draw(self):
        self.add_switches("X", "Y", "Z")
        self.connect("X", "Y")
        self.connect("Y", "Z")
        self.add_router("A", "X", priority=200)
        self.add_router("B", "Z", priority=100)
        self.add_client("C", "Y")
        self.add_client("D", "X")
        self.faults = {
            "X-Y cut": (f.cut("X", "Y"), "C"),
            "X-Y cut, silent": (f.cut("X", "Y", silent=True), "C"),
            "A-X cut, silent": (f.cut("X", "A", silent=True), "CD"),
            "A's access port down": (f.cut("X", "A"), "CD"),
            "A killed": (f.kill("A"), "CD"),
            "A without power": (f.power_off("A"), "CD"),
        }


class Ring(AccessTopo):
    """Switches s1 to sN in a ring that runs the spanning tree protocol, a
    client c1 to cN on each, routers A on s1 and B on the opposite one."""

    stp = True

    def draw(self, n=4):
        names = [f"s{i}" for i in range(1, n + 1)]
        self.add_switches(*names)
        for a, b in zip(names, names[1:] + names[:1]):
            self.connect(a, b)
        self.add_router("A", names[0], priority=200)
        self.add_router("B", names[n // 2])
        for i, name in enumerate(names, 1):
            self.add_client(f"c{i}", name)
        every = self.clients
        self.faults = {
            "A killed": (f.kill("A"), every),
            "s1-s2 cut, silent": (f.cut("s1", "s2", silent=True), ()),
        }


class Tree(AccessTopo):
    """A tree of switches: root, n aggregation switches a1 to aN, each with n
    leaves, a client on each leaf; router A on the root, B on a1."""

    def draw(self, n=2):
        self.add_switches("root")
        self.add_router("A", "root", priority=200)
        for i in range(1, n + 1):
            self.add_switches(f"a{i}")
            self.connect("root", f"a{i}")
            for j in range(1, n + 1):
                self.add_switches(f"l{i}{j}")
                self.connect(f"a{i}", f"l{i}{j}")
                self.add_client(f"c{i}{j}", f"l{i}{j}")
        self.add_router("B", "a1")
        below = [c for c in self.clients if c.startswith("c1")]
        self.faults = {
            "root-a1 cut, silent": (f.cut("root", "a1", silent=True), below),
            "A killed": (f.kill("A"), self.clients),
        }


class LeafSpine(AccessTopo):
    """Two spines, n leaves on both, with the spanning tree protocol; a client
    on each leaf, routers A on spine p1 and B on p2."""

    stp = True

    def draw(self, n=3):
        self.add_switches("p1", "p2")
        for i in range(1, n + 1):
            self.add_switches(f"l{i}")
            self.connect("p1", f"l{i}")
            self.connect("p2", f"l{i}")
            self.add_client(f"c{i}", f"l{i}")
        self.add_router("A", "p1", priority=200)
        self.add_router("B", "p2")
        self.faults = {
            "A killed": (f.kill("A"), self.clients),
            "A-p1 cut, silent": (f.cut("p1", "A", silent=True), self.clients),
        }


class Customers(AccessTopo):
    """Two customers of a metro network, red and blue, each behind two tags
    (Q-in-Q), on the article's line of switches."""

    def draw(self):
        self.add_switches("X", "Y", "Z")
        self.connect("X", "Y")
        self.connect("Y", "Z")
        for i, name in enumerate(("red", "blue")):
            vlan = [200 + i, 100]
            self.add_segment(name, vlan)
            self.addSwitch(f"t{name}", cls=Tagger, vlan=vlan, dpid=f"{900+i}")
            self.connect("Y", f"t{name}", role_b="trunk")
            for k in (1, 2):
                self.add_client(f"{name}{k}", f"t{name}", name)
        both = ("red", "blue")
        self.add_router("A", "X", priority=200, segments=both)
        self.add_router("B", "Z", segments=both)
        every = self.clients
        self.faults = {
            "X-Y cut, silent": (f.cut("X", "Y", silent=True), every),
            "A killed": (f.kill("A"), every),
        }


class Routers(AccessTopo):
    """One switch, n routers r1 to rN (r1 with the highest priority), two
    clients."""

    def draw(self, n=4):
        self.add_switches("X")
        for i in range(1, n + 1):
            self.add_router(f"r{i}", "X", priority=200 - i)
        self.add_client("C", "X")
        self.add_client("D", "X")
        self.faults = {
            "r1 killed": (f.kill("r1"), "CD"),
            "r1-X cut, silent": (f.cut("X", "r1", silent=True), "CD"),
        }


TOPOLOGIES = {
    "article": Article,
    "ring": Ring,
    "tree": Tree,
    "leafspine": LeafSpine,
    "customers": Customers,
    "routers": Routers,
}
