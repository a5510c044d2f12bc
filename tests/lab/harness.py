"""Laboratories: access networks with real bridges and real Linux clients.

A Lab holds one network namespace with all switches and firsthopd in it, and
one for each router, client and server.  Switches are Linux bridges, routers
Open vSwitch bridges, each with an Open vSwitch of its own that reaches the
daemon over a management network.  Cables can be cut with
loss of carrier (Link.down) and without (Link.silence).

    lab = Lab()
    lab.add_core()
    lab.add_switch("X")
    a = lab.add_router("A", ["X"])
    c = lab.add_client("C", "X")
    lab.start_daemon()
    c.ping("192.0.2.1")
    lab.close()
"""

import contextlib
import copy
import os
import shutil
import socket

from .firsthopd import Firsthopd, default_build
from .frames import Tap
from .meter import Meter, meter_binary
from .netns import Netns, add_veth, run, unique_directory, wait_for
from .openvswitch import Ovs

GATEWAY = "10.0.0.1"
PREFIX = "10.0.0.0/24"
NEXT_HOP = "192.0.2.1"
# Behind the next hop, not on the uplink LAN.
SERVER = "198.51.100.1"
# Where firsthopd listens on the management network.
CONTROLLER_HOST, CONTROLLER_PORT = "172.31.255.1", 6653
CONTROLLER = f"tcp:{CONTROLLER_HOST}:{CONTROLLER_PORT}"
SANITIZER_MARKS = ("AddressSanitizer", "LeakSanitizer", "runtime error:")


def as_register(address):
    """An IPv4 address as `ovs-ofctl` prints it when it is in a register, as
    that of a client in its flows."""
    return hex(int.from_bytes(socket.inet_aton(address), "big"))


class Link:
    """A cable, seen from the device 'dev' of a Linux bridge in 'netns'."""

    def __init__(self, netns, dev):
        self.netns = netns
        self.dev = dev

    def down(self):
        """Both ends lose carrier."""
        self.netns.ip(f"link set {self.dev} down")

    def up(self):
        self.netns.ip(f"link set {self.dev} up")

    def silence(self):
        """Nothing passes any more, either way, and carrier stays."""
        self._set_state(0)

    def unsilence(self):
        self._set_state(3)

    def _set_state(self, state):
        self.netns.run(
            "bridge", "link", "set", "dev", self.dev, "state", state
        )


class Router:
    """A router: one bridge in an Open vSwitch of its own.

    name, datapath_id, mac, bridge, access_ports, uplink_port, local (address
    on the segment), uplink_address, priority; access and uplink are Links at
    the switches' ends."""

    def __init__(self, name, number, ovs):
        self.name = name
        self.ovs = ovs
        self.datapath_id = f"{number:016x}"
        self.mac = f"02:00:00:00:00:{number:02x}"
        self.bridge = f"br-{name}"
        self.access_ports = []
        self.access = []
        self.uplink_port = f"{name.lower()}-uplink"
        self.uplink = None
        self.local = f"10.0.0.{number - 8}"
        self.uplink_address = f"192.0.2.{number - 8}"
        self.priority = 100
        self.controller = None

    def config(self):
        """The router's entry in the configuration."""
        return {
            "datapath_id": self.datapath_id,
            "mac": self.mac,
            "access_ports": list(self.access_ports),
            "uplink": {
                "port": self.uplink_port,
                "address": f"{self.uplink_address}/24",
                "next_hop": NEXT_HOP,
            },
        }

    def flows(self, match=""):
        return self.ovs.flows(self.bridge, match)

    def is_alone(self):
        """Does its bridge take the daemon to be away?"""
        return not any("hard_timeout" in f for f in self.flows("table=15"))

    def flows_of(self, client):
        """The flows that name the address or the MAC of 'client'."""
        marks = (
            f"reg0={as_register(client.address)},",
            f"reg0={as_register(client.address)} ",
            f"reg1={as_register(client.address)},",
            f"reg1={as_register(client.address)} ",
            f"arp_spa={client.address} ",
            client.mac,
        )
        return [f for f in self.flows() if any(mark in f for mark in marks)]

    def kill(self):
        """The router dies: its TCP connection closes, it forwards nothing."""
        self.ovs.kill_switch()

    def revive(self):
        self.ovs.start_switch()

    def lose_power(self):
        """All that it has vanishes at once: nobody sees its connections
        close."""
        for link in self._links():
            link.silence()
        self.kill()

    def regain_power(self):
        for link in self._links():
            link.unsilence()
        self.revive()

    def _links(self):
        return [self.ovs.management, *self.access, self.uplink]


class Host:
    """A network namespace with a Linux IP stack and one interface, eth0."""

    def __init__(self, name, address, mac, link):
        self.name = name
        self.netns = Netns(name)
        self.address = address
        self.mac = mac
        self.link = link

    def ping(self, target, count=1, timeout=2, ttl=64, source=None):
        """Did at least one of 'count' echo requests come back?"""
        args = ["ping", "-n", "-q", "-i", "0.2", "-c", count]
        args += ["-W", timeout, "-t", ttl]
        args += ["-I", source] if source else []
        out = self.netns.run(*args, target, check=False)
        return ", 0 received" not in out and "received" in out

    def hops(self, target):
        """What `traceroute -n` shows: the addresses, in order."""
        out = self.netns.run(
            *("traceroute", "-n", "-q", 1, "-w", 1, "-m", 4), target
        )
        print(out)
        return [line.split()[1] for line in out.splitlines()[1:]]

    def neighbour(self, address):
        """The neighbour entry of 'address': (mac or None, state or None)."""
        words = self.netns.ip(f"neigh show {address} dev eth0").split()
        if not words:
            return None, None
        mac = words[words.index("lladdr") + 1] if "lladdr" in words else None
        return mac, words[-1]

    def forget(self, address):
        self.netns.ip(f"neigh del {address} dev eth0", check=False)

    def tap(self, outgoing=False):
        """A packet socket on eth0 (close it, or use it in `with`)."""
        return Tap(self.netns, "eth0", outgoing)


class Lab:
    """See the top of the file.  close() ends and removes everything."""

    def __init__(self):
        self.directory = unique_directory()
        self.netns = Netns("lab")
        self.switches = []
        self.routers = {}
        self.hosts = {}
        self.links = {}
        self.daemon = None
        self.server = None
        self._ovses = []
        self._meters = []
        self._pass_frames_as_they_are()
        self.add_switch("mgmt")
        # A bridge follows the lowest MAC address of its ports, and drops what
        # is for the one it had, unless it has been given one.
        self.netns.ip("link set mgmt address 02:00:00:00:03:01")
        self.netns.ip(f"addr add {CONTROLLER_HOST}/24 dev mgmt")

    # Building.

    def add_switch(self, name):
        """A Linux bridge that learns, without spanning tree."""
        self.netns.batch(
            [
                f"link add {name} type bridge mcast_snooping 0",
                f"link set {name} up",
            ]
        )
        self.switches.append(name)
        return name

    def add_trunk(self, a, b):
        """A cable between two switches; the Link is a's end."""
        add_veth(self.netns, f"{a}-{b}", self.netns, f"{b}-{a}")
        self._plug(a, f"{a}-{b}")
        self._plug(b, f"{b}-{a}")
        self.links[a, b] = Link(self.netns, f"{a}-{b}")
        self.links[b, a] = Link(self.netns, f"{b}-{a}")
        return self.links[a, b]

    def add_core(self):
        """The uplink LAN, with the next hop and the server behind it."""
        self.add_switch("core")
        host = self._add_host("S", "core", NEXT_HOP, "02:00:00:00:02:01")
        host.netns.batch(
            [f"route add {PREFIX} dev eth0", f"addr add {SERVER}/32 dev lo"]
        )
        host.netns.sysctl("net.ipv4.conf.all.arp_announce", 2)
        self.server = host
        return host

    def add_ovs(self, name):
        """An Open vSwitch, running, without bridges, on the management
        network ('management' is its Link)."""
        netns = Netns(name)
        ovs = Ovs(os.path.join(self.directory, name), netns)
        self._ovses.append(ovs)
        ovs.name = name
        add_veth(self.netns, f"mgmt-{name}", netns, "mgmt")
        self._plug("mgmt", f"mgmt-{name}")
        ovs.management = Link(self.netns, f"mgmt-{name}")
        netns.ip(f"addr add 172.31.255.{10 + len(self._ovses)}/24 dev mgmt")
        ovs.start()
        return ovs

    def add_router(self, name, switches, priority=100, controller=CONTROLLER):
        """A router with one access port on each of 'switches'.

        Routers are numbered from 10 in the order of their making: the first
        has datapath id 000000000000000a, MAC 02:00:00:00:00:0a, and .2 in
        both networks."""
        number = 10 + len(self.routers)
        ovs = self.add_ovs(name)
        router = Router(name, number, ovs)
        router.priority = priority
        for i, switch in enumerate(switches):
            port = f"{name.lower()}-access" + (str(i + 1) if i else "")
            router.access_ports.append(port)
            router.access.append(self._add_router_port(switch, ovs, port, i))
        router.uplink = self._add_router_port(
            "core", ovs, router.uplink_port, 0
        )
        ports = router.access_ports + [router.uplink_port]
        ovs.add_bridge(router.bridge, router.datapath_id, ports)
        router.controller = controller
        self.routers[name] = router
        return router

    def add_client(
        self, name, switch, address=None, mac=None, gateway=GATEWAY
    ):
        """A client on a switch, with 'gateway' as its default route.

        Clients are numbered from 10 in the order of their making: the first
        has 10.0.0.10 and 02:00:00:00:01:0a."""
        number = 10 + sum(
            host is not self.server for host in self.hosts.values()
        )
        host = self._add_host(
            name,
            switch,
            address or f"10.0.0.{number}",
            mac or f"02:00:00:00:01:{number:02x}",
        )
        host.netns.ip(f"route add default via {gateway}")
        return host

    # The daemon.

    def config(self, **segment):
        """The configuration for what there is: one segment, "metro", with
        every router in it.  Keywords replace parts of the segment."""
        return {
            "openflow": {"listen": [CONTROLLER]},
            "routers": {
                name: router.config() for name, router in self.routers.items()
            },
            "segments": {
                "metro": {
                    "gateway": GATEWAY,
                    "prefixes": [PREFIX],
                    "routers": {
                        name: {
                            "priority": router.priority,
                            "address": router.local,
                        }
                        for name, router in self.routers.items()
                    },
                    **copy.deepcopy(segment),
                }
            },
        }

    def start_daemon(self, config=None, connected=True):
        """Starts firsthopd and waits until every router is connected."""
        self.daemon = Firsthopd(
            os.path.join(self.directory, "daemon"),
            config or self.config(),
            self.netns,
        )
        self.daemon.start()
        # Not before: a bridge that dials in vain backs off for seconds.
        for router in self.routers.values():
            if router.controller:
                router.ovs.set_controller(router.bridge, router.controller)
        if connected:
            self.wait_connected()
            for router in self.routers.values():
                router.ovs.reconnect_quickly(router.bridge)
        return self.daemon

    def wait_alone(self):
        """Until every bridge answers by itself."""
        for router in self.routers.values():
            self.wait_for(
                router.is_alone, what=f"{router.name} to answer by itself"
            )

    def wait_connected(self, names=None, timeout=15.0):
        for name in names or self.routers:
            self.wait_for(
                lambda name=name: self.daemon.router(name)["connected"],
                timeout,
                f"router {name} to be connected",
            )

    def wait_active(self, client, router=None, timeout=10.0):
        """Waits until the client's active router is 'router' (None: any) and
        returns the router's name."""
        name = getattr(router, "name", router)
        what = f"{client.name} to be active on {name or 'a router'}"

        def is_active():
            active = self.daemon.active(client.address)
            return active if name in (None, active) else None

        return self.wait_for(is_active, timeout, what)

    def wait_reach(self, client, router, state="up", timeout=10.0):
        """Waits until 'router' sees the client 'state'."""
        self.wait_for(
            lambda: self.daemon.client(client.address)["reach"][router.name][
                "state"
            ]
            == state,
            timeout,
            f"{client.name} to be {state} on {router.name}",
        )

    def settle(self, *clients, timeout=10.0):
        """Makes the clients known: each speaks once to its gateway, and every
        router has reached each of them, and its next hop."""
        for client in clients:
            self.wait_for(
                lambda client=client: client.ping(GATEWAY, timeout=1),
                timeout,
                f"{client.name} to reach the gateway",
            )
        for client in clients:
            for router in self.routers.values():
                self.wait_reach(client, router)
        self.wait_uplinks()

    def wait_uplinks(self):
        """Every router can send to the core."""
        for name in self.routers:
            self.wait_for(
                lambda name=name: self.daemon.uplinks_are_resolved(name),
                what=f"router {name} to know its next hop",
            )

    def wait_for(self, predicate, timeout=10.0, what=None):
        """wait_for() that explains a failure with the state of the lab."""
        return wait_for(predicate, timeout, what, self.explain)

    def explain(self):
        """What the daemon and the bridges say, for a failed test."""
        text = ""
        for name, router in self.routers.items():
            try:
                text += f"--- flows of {name}\n" + "\n".join(router.flows())
            except Exception as error:  # pylint: disable=broad-except
                text += f"--- {name}: {error}"
            text += "\n"
        if self.daemon:
            try:
                text += f"--- clients\n{self.daemon.get('/v1/clients')}\n"
                text += f"--- routers\n{self.daemon.get('/v1/routers')}\n"
            except Exception as error:  # pylint: disable=broad-except
                text += f"--- control socket: {error}\n"
            text += self.daemon.log_tail()
        return text

    # Measuring.

    def meter(self, *clients, target=NEXT_HOP, interval_us=1000):
        """UDP between each of 'clients' and the server, both ways."""
        pairs = {
            client.name: (
                client.netns.path,
                client.address,
                self.server.netns.path,
                target,
            )
            for client in clients
        }
        meter = Meter(meter_binary(self.directory), pairs, interval_us)
        self._meters.append(meter)
        return meter

    # Ending.

    def close(self):
        """Ends everything.  AssertionError if the daemon did not leave
        cleanly or a sanitizer complained."""
        try:
            for meter in self._meters:
                meter.stop()
            if self.daemon and self.daemon.is_running():
                self.daemon.stop()
            self._check_daemon_log()
        finally:
            for ovs in self._ovses:
                ovs.stop()
                ovs.netns.delete()
            for host in self.hosts.values():
                host.netns.delete()
            self.netns.delete()
            shutil.rmtree(self.directory, ignore_errors=True)

    def _check_daemon_log(self):
        log = self.daemon.log() if self.daemon else ""
        if any(mark in log for mark in SANITIZER_MARKS):
            raise AssertionError("sanitizer report\n" + log[-20000:])

    # Inside.

    def _pass_frames_as_they_are(self):
        """Keeps the kernel's bridge netfilter, where there is one, from
        checking what passes the switches: it drops malformed packets, and the
        routers would never see them."""
        for family in ("ip", "ip6", "arp"):
            key = f"net.bridge.bridge-nf-call-{family}tables"
            with contextlib.suppress(FileNotFoundError):
                self.netns.sysctl(key, 0)

    def _plug(self, switch, dev):
        self.netns.ip(f"link set {dev} master {switch}")

    def _add_router_port(self, switch, ovs, port, i):
        dev = f"{switch}-{ovs.name}" + (str(i + 1) if i else "")
        add_veth(self.netns, dev, ovs.netns, port)
        self._plug(switch, dev)
        return Link(self.netns, dev)

    def _add_host(self, name, switch, address, mac):
        dev = f"{switch}-{name}"
        host = Host(name, address, mac, Link(self.netns, dev))
        add_veth(self.netns, dev, host.netns, "eth0", mac_b=mac)
        host.netns.ip(f"addr add {address}/24 dev eth0")
        self._plug(switch, dev)
        self.hosts[name] = host
        return host


def build_article(lab):
    """The article's topology: switches X-Y-Z in a line, client C on Y, client
    D on X, router A (priority 200) on X, router B (100) on Z, both on the
    core with the server S.

                     S
                     |
              +---- core ----+
              |              |
              A              B
              |              |
              X ----- Y ---- Z
              |       |
              D       C
    """
    lab.add_core()
    for name in "XYZ":
        lab.add_switch(name)
    lab.add_trunk("X", "Y")
    lab.add_trunk("Y", "Z")
    lab.a = lab.add_router("A", ["X"], priority=200)
    lab.b = lab.add_router("B", ["Z"], priority=100)
    lab.c = lab.add_client("C", "Y")
    lab.d = lab.add_client("D", "X")
    return lab


class ArticleLab(Lab):
    """The article's topology: build(), then start()."""

    def build(self):
        build_article(self)

    def start(self, **segment):
        """The daemon, until all routers reach both clients; keywords as for
        config()."""
        self.start_daemon(self.config(**segment))
        self.settle(self.c, self.d)

    def look_at_core(self):
        """Where an operator sees where the core sends the clients' packets:
        (command, what it prints)."""
        command = "ip neigh show dev eth0"
        return command, self.server.netns.run(*command.split())


def require_tools():
    """Returns what is missing to run labs here, or None."""
    if os.geteuid():
        return "system tests make network namespaces: run them as root"
    for tool in ("ip", "bridge", "nsenter", "ovs-vswitchd", "ovsdb-server"):
        if not shutil.which(tool):
            return f"{tool} is not installed: run ./setup.sh first"
    if not os.access(default_build() + "/firsthopd", os.X_OK):
        return f"no firsthopd in {default_build()}: set FIRSTHOP_BUILD"
    return None


def arping(client, target, timeout=2):
    """Resolves 'target' as the client's kernel would for a new neighbour and
    returns the MAC that it learns, or None."""
    client.forget(target)
    run(
        *("ping", "-n", "-q", "-c", 1, "-W", timeout, target),
        netns=client.netns,
        check=False,
    )
    return client.neighbour(target)[0]
