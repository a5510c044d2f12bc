"""The nodes and cables of a network: switches, routers, hosts, the daemon.

Every node is in a network namespace of its own, switches too, so that nothing
appears in the machine's own namespace and two networks never disturb each
other.  Interfaces are called after both ends: X-Y is X's port towards Y.
"""

import copy
import itertools
import os
import shutil

from firsthop.lab.firsthopd import Firsthopd, default_build
from firsthop.lab.netns import (
    NetnsPath,
    checksums_in_software,
    entered,
    run,
    unique_directory,
    wait_for,
)
from firsthop.lab.openvswitch import Ovs
from mininet.link import Link
from mininet.node import Controller, Host, Switch

CONTROLLER_HOST = "172.31.255.1"
CONTROLLER = f"tcp:{CONTROLLER_HOST}:6653"
CONNECT_S = 15


def netns_of(node):
    """The path of a node's network namespace."""
    return f"/proc/{node.pid}/ns/net"


def run_in(node, *args, **kwargs):
    """Runs a command in a node's namespace and returns what it prints.  Unlike
    node.cmd() from any thread, and with an error where it fails."""
    return run(*args, netns=NetnsPath(netns_of(node)), **kwargs)


def ports_of(node):
    """The names of a node's interfaces."""
    return [name for name in node.intfNames() if name != "lo"]


def set_links(node, state):
    """All its interfaces "up" or "down"."""
    for name in ports_of(node):
        run_in(node, "ip", "link", "set", name, state)


class Cable(Link):
    """A veth pair whose ends have different interface indexes: with the same
    one the kernel reports loss of carrier up to a second late."""

    _index = itertools.count(2000)

    @classmethod
    def makeIntfPair(
        cls,
        intfname1,
        intfname2,
        addr1=None,
        addr2=None,
        node1=None,
        node2=None,
        deleteIntfs=True,
    ):
        def end(name, address):
            text = f"{name} index {next(cls._index)}"
            return text + (f" address {address}" if address else "")

        run_in(
            node1,
            *f"ip link add {end(intfname1, addr1)} type veth".split(),
            *f"peer {end(intfname2, addr2)} netns {node2.pid}".split(),
        )


class LinuxBridge(Switch):
    """A learning Linux bridge; with 'stp' it runs the spanning tree protocol
    (IEEE 802.1D), at its quickest, which a topology with loops needs.

    Mininet has one as well, but it needs brctl."""

    def __init__(self, name, stp=False, **params):
        params["inNamespace"] = True
        super().__init__(name, **params)
        self.stp = stp

    def start(self, controllers):
        stp = "stp_state 1 forward_delay 200 hello_time 100 max_age 600"
        run_in(
            self,
            *f"ip link add {self.name} type bridge mcast_snooping 0".split(),
            *(stp.split() if self.stp else ()),
        )
        run_in(self, "ip", "link", "set", self.name, "up")
        for port in ports_of(self):
            plug(self, self.name, port)

    def power_off(self):
        set_links(self, "down")

    def power_on(self):
        set_links(self, "up")


def plug(node, bridge, port):
    """Makes an interface a port of a Linux bridge in the same node."""
    run_in(node, "ip", "link", "set", port, "master", bridge, "up")
    with entered(netns_of(node)):
        checksums_in_software(port)


class OvsNode(Switch):
    """A switch with ovsdb-server and ovs-vswitchd of its own."""

    def __init__(self, name, **params):
        # Mininet itself passes inNamespace, and for switches as False.
        params["inNamespace"] = True
        super().__init__(name, **params)
        self.directory = unique_directory()
        self.ovs = Ovs(
            os.path.join(self.directory, name), NetnsPath(netns_of(self))
        )

    def start(self, controllers):
        set_links(self, "up")
        with entered(netns_of(self)):
            for port in ports_of(self):
                checksums_in_software(port)
        self.ovs.start(vlan_limit=2)

    def stop(self, deleteIntfs=True):
        self.ovs.stop()
        shutil.rmtree(self.directory, ignore_errors=True)
        super().stop(deleteIntfs)


class FirsthopRouter(OvsNode):
    """A router of Firsthop: an Open vSwitch bridge.

    'number' (from 10) makes its datapath id and MAC.  'uplink' is {"address",
    "next_hop"}; 'segments' maps the name of each segment that it serves to
    {"gateway", "prefixes", "vlan", "priority", "address"}.  Its interface
    with the parameter role="uplink" (see AccessTopo) is the uplink, all
    others lead to clients.  `mn --switch firsthop`."""

    def __init__(self, name, number=10, uplink=None, segments=None, **params):
        params.setdefault("dpid", f"{number:016x}")
        super().__init__(name, **params)
        self.number = number
        self.uplink = uplink or {}
        self.segments = segments or {}
        self.bridge = f"br-{name}"
        self.controllers = []

    def start(self, controllers):
        super().start(controllers)
        ports = self.access_ports() + [self.uplink_port()]
        self.ovs.add_bridge(self.bridge, self.dpid, ports)
        self.controllers = [c for c in controllers if isinstance(c, Firsthop)]

    @classmethod
    def batchStartup(cls, switches, run=None):
        """Called by Mininet once all routers have started: only now it is
        known what the daemon is to serve."""
        controllers = {c for switch in switches for c in switch.controllers}
        for controller in sorted(controllers, key=lambda c: c.name):
            controller.serve(
                [s for s in switches if controller in s.controllers]
            )
        return switches

    def connected(self):
        return self.ovs.is_connected(self.bridge)

    def uplink_port(self):
        return self._ports("uplink")[0]

    def access_ports(self):
        return self._ports("access")

    def _ports(self, role):
        return [
            intf.name
            for intf in self.intfList()
            if intf.name != "lo" and intf.params.get("role", "access") == role
        ]

    def router_config(self):
        """Its entry under "routers"."""
        return {
            "datapath_id": self.dpid,
            "mac": f"02:00:00:00:00:{self.number:02x}",
            "access_ports": self.access_ports(),
            "uplink": {"port": self.uplink_port(), **self.uplink},
        }

    def kill(self):
        """Its switch process dies: the controller sees TCP close at once."""
        self.ovs.kill_switch()

    def revive(self):
        self.ovs.start_switch()

    def power_off(self):
        """The machine dies: no link, and no word to anybody, which a process
        that is killed says by closing its connections."""
        self.ovs.pause_switch()
        set_links(self, "down")
        self.ovs.kill_switch()

    def power_on(self):
        set_links(self, "up")
        self.ovs.start_switch()


class Firsthop(Controller):
    """firsthopd, with a configuration written from the topology.

    It is joined with every router by a management network of its own.
    'interval_ms', 'retry_ms', 'retries', 'beacon_ms', 'beacon_misses' and
    'preempt' go into every segment; 'segment' (a dict) is merged into every
    segment, and 'change', if given, is called with the whole configuration
    and may change it.  'control' is the firsthop.Client of the daemon.
    `mn --controller firsthop,interval_ms=250`."""

    def __init__(
        self,
        name,
        interval_ms=None,
        retry_ms=None,
        retries=None,
        beacon_ms=None,
        beacon_misses=None,
        preempt=None,
        segment=None,
        change=None,
        **params,
    ):
        params.update(inNamespace=True, ip=CONTROLLER_HOST, port=6653)
        super().__init__(name, **params)
        self.probe = _given(
            interval_ms=interval_ms, retry_ms=retry_ms, retries=retries
        )
        self.beacon = _given(interval_ms=beacon_ms, misses=beacon_misses)
        self.election = _given(preempt=preempt)
        self.segment = segment or {}
        self.change = change
        self.routers = []
        self.directory = unique_directory()
        self.control = None

    def checkListening(self):
        """Nobody else listens in a namespace of its own."""

    @classmethod
    def isAvailable(cls):
        return os.access(os.path.join(default_build(), "firsthopd"), os.X_OK)

    def start(self):
        """The management network; the daemon follows in serve()."""
        run_in(self, *"ip link set lo up".split())
        run_in(self, *"ip link add mgmt type bridge".split())
        # A bridge takes the lowest MAC address of its ports, and another one
        # with another port, unless it has been given one.
        run_in(self, *"ip link set mgmt address 02:00:00:00:03:01 up".split())
        run_in(self, *f"ip addr add {CONTROLLER_HOST}/24 dev mgmt".split())

    def serve(self, routers):
        """Starts the daemon for these routers and connects them."""
        self.routers = list(routers)
        for router in self.routers:
            self._plug(router)
        self.control = Firsthopd(
            os.path.join(self.directory, "daemon"),
            self.firsthop_config(),
            NetnsPath(netns_of(self)),
        )
        self.control.start()
        # Not before: a bridge that dials in vain backs off for seconds.
        for router in self.routers:
            router.ovs.set_controller(router.bridge, CONTROLLER)
        wait_for(
            self.all_connected,
            CONNECT_S,
            "the routers to be connected",
            self.control.log_tail,
        )
        for router in self.routers:
            router.ovs.reconnect_quickly(router.bridge)

    def all_connected(self):
        return all(router["connected"] for router in self.control.routers())

    def firsthop_config(self):
        """The configuration of the daemon, from the routers that it has."""
        segments = {}
        for router in self.routers:
            for name, member in router.segments.items():
                segment = segments.setdefault(name, self._segment(member))
                segment["routers"][router.name] = {
                    key: member[key] for key in ("priority", "address")
                }
        config = {
            "openflow": {"listen": [CONTROLLER]},
            "routers": {r.name: r.router_config() for r in self.routers},
            "segments": segments,
        }
        if self.change:
            self.change(config)
        return config

    def stop(self, *args, **kwargs):
        if self.control and self.control.is_running():
            self.control.stop()
        shutil.rmtree(self.directory, ignore_errors=True)
        super(Controller, self).stop(*args, **kwargs)

    def power_off(self):
        """kill -9: no word to anybody."""
        self.control.kill()

    def power_on(self):
        self.control.start()
        wait_for(self.all_connected, CONNECT_S, "the routers to return")

    def _segment(self, member):
        segment = {key: member[key] for key in ("gateway", "prefixes", "vlan")}
        segment["routers"] = {}
        segment.update(
            _given(
                probe=self.probe or None,
                beacon=self.beacon or None,
                election=self.election or None,
            )
        )
        segment.update(copy.deepcopy(self.segment))
        return segment

    def _plug(self, router):
        here, there = (
            f"{self.name}-{router.name}",
            f"{router.name}-{self.name}",
        )
        Cable(
            *(self, router),
            intfName1=here,
            intfName2=there,
            params2={"role": "management"},
        )
        plug(self, "mgmt", here)
        address = f"172.31.255.{router.number}/24"
        run_in(router, "ip", "addr", "add", address, "dev", there)
        run_in(router, "ip", "link", "set", there, "up")


class Tagger(OvsNode):
    """Puts the hosts that are plugged into it behind the tags 'vlan'
    (outermost first, two: Q-in-Q) on its interface role="trunk".

    The kernel's VLAN devices are not needed."""

    def __init__(self, name, vlan=(), **params):
        super().__init__(name, **params)
        self.vlan = list(vlan)

    def start(self, controllers):
        super().start(controllers)
        trunk = [i.name for i in self.intfList() if _role(i) == "trunk"]
        hosts = [n for n in ports_of(self) if n not in trunk]
        outer, inner = self.vlan
        self._add_bridge("inner", {h: [f"tag={inner}"] for h in hosts})
        self._add_bridge("outer", {name: [] for name in trunk})
        self._add_patch("inner", "to-outer", "to-inner")
        self._add_patch(
            *("outer", "to-inner", "to-outer"),
            *(f"tag={outer}", "vlan_mode=dot1q-tunnel"),
            "other_config:qinq-ethtype=802.1ad",
        )

    def power_off(self):
        set_links(self, "down")

    def power_on(self):
        set_links(self, "up")

    def _add_bridge(self, bridge, ports):
        args = ["add-br", bridge]
        args += ["--", "set", "bridge", bridge, "datapath_type=netdev"]
        for port, settings in ports.items():
            args += ["--", "add-port", bridge, port, *settings]
        self.ovs.vsctl(*args)

    def _add_patch(self, bridge, port, peer, *settings):
        args = ["add-port", bridge, port, *settings, "--"]
        args += ["set", "interface", port, "type=patch"]
        self.ovs.vsctl(*args, f"options:peer={peer}")


class QuietHost(Host):
    """A host that computes its checksums itself, without IPv6.  'routes' are
    more routes than the default one, as `ip route add` takes them."""

    def config(self, routes=(), **params):
        result = super().config(**params)
        with entered(netns_of(self)):
            for name in ports_of(self):
                checksums_in_software(name)
        self.cmd("sysctl -qw net.ipv6.conf.all.disable_ipv6=1")
        for route in routes:
            run_in(self, "ip", "route", "add", *route.split())
        return result


def _role(intf):
    return intf.params.get("role")


def _given(**values):
    return {key: value for key, value in values.items() if value is not None}
