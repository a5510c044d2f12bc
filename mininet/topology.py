"""The article's topology in Mininet.

Question: what do two clients lose when a link or a router of their access
network breaks?

Topology: switches X, Y, Z in a line, client C on Y, client D on X, router A on
X, router B on Z, both routers on a core with the server S.

                     S  192.0.2.1
                     |
              +---- core ----+
      192.0.2.2              192.0.2.3
              A              B
       10.0.0.2              10.0.0.3
              |              |
              X ----- Y ---- Z
              |       |
      D 10.0.0.11     C 10.0.0.10         gateway 10.0.0.1

X, Y, Z and core are Linux bridges, and so is mgmt, which joins the routers
with the daemon.  A and B are Open vSwitch bridges of their own (ArticleTopo),
or Linux routers with keepalived (VrrpTopo).  Interfaces are called after both
ends: X-Y is X's port towards Y.

Also for Mininet's own command, without a controller:
    mn --custom mininet/topology.py --topo article --controller none
"""

import itertools
import os
import signal
import sys

from mininet.link import Link
from mininet.node import Host, Node, Switch
from mininet.topo import Topo

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(1, os.path.join(HERE, "..", "python"))

# pylint: disable=wrong-import-position
from firsthop.lab.netns import (  # noqa: E402
    NetnsPath,
    checksums_in_software,
    end,
    entered,
    popen,
    run,
    unique_directory,
)
from firsthop.lab.openvswitch import Ovs  # noqa: E402

GATEWAY = "10.0.0.1"
PREFIX = "10.0.0.0/24"
NEXT_HOP = "192.0.2.1"
CORE_VIP = "192.0.2.254"
CONTROLLER_HOST = "172.31.255.1"
CONTROLLER = f"tcp:{CONTROLLER_HOST}:6653"
CLIENTS = {"C": ("Y", "10.0.0.10"), "D": ("X", "10.0.0.11")}
ROUTERS = {"A": ("X", 10, 200), "B": ("Z", 11, 100)}


def netns_of(node):
    """The path of a node's network namespace."""
    return f"/proc/{node.pid}/ns/net"


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

        node1.cmd(
            f"ip link add {end(intfname1, addr1)} type veth "
            f"peer {end(intfname2, addr2)} netns {node2.pid}"
        )


class LinuxBridge(Switch):
    """A learning Linux bridge without spanning tree.

    Mininet has one as well, but it needs brctl."""

    def start(self, controllers):
        run("ip", "link", "add", self.name, "type", "bridge")
        run("ip", "link", "set", self.name, "up")
        for intf in ports_of(self):
            run("ip", "link", "set", intf, "master", self.name, "up")
            checksums_in_software(intf)

    def stop(self, deleteIntfs=True):
        run("ip", "link", "del", self.name, check=False)
        super().stop(deleteIntfs)


class OvsRouter(Switch):
    """An Open vSwitch bridge with ovsdb-server and ovs-vswitchd of its own:
    when this router is killed, its switch process dies, and nobody else's."""

    def __init__(self, name, number, controller=CONTROLLER, **params):
        # Mininet itself passes inNamespace, and for switches as False.
        params["inNamespace"] = True
        super().__init__(name, dpid=f"{number:016x}", **params)
        self.number = number
        self.controller = controller
        self.ovs = Ovs(
            os.path.join(unique_directory(), name), NetnsPath(netns_of(self))
        )

    def start(self, controllers):
        management = f"{self.name.lower()}-mgmt"
        self.cmd(f"ip addr add 172.31.255.{self.number}/24 dev {management}")
        ports = [name for name in ports_of(self) if name != management]
        with entered(netns_of(self)):
            for port in ports:
                checksums_in_software(port)
        self.ovs.start()
        self.ovs.add_bridge(f"br-{self.name}", self.dpid, ports)
        self.ovs.set_controller(f"br-{self.name}", self.controller)

    def stop(self, deleteIntfs=True):
        self.ovs.stop()
        super().stop(deleteIntfs)

    def kill(self):
        self.ovs.kill_switch()

    def revive(self):
        self.ovs.start_switch()


class QuietHost(Host):
    """A host that computes its checksums itself, without IPv6."""

    def config(self, **params):
        result = super().config(**params)
        with entered(netns_of(self)):
            checksums_in_software(self.defaultIntf().name)
        self.cmd("sysctl -qw net.ipv6.conf.all.disable_ipv6=1")
        return result


class KeepalivedRouter(Node):
    """A Linux router whose addresses are kept by keepalived.

    One VRRP instance towards the clients and one towards the core, joined in
    a sync group, so that both follow each other."""

    def __init__(self, name, number, priority, advert_s, **params):
        super().__init__(name, **params)
        self.number = number
        self.priority = priority
        self.advert_s = advert_s
        self.directory = unique_directory()
        self.process = None

    def config(self, **params):
        result = super().config(**params)
        host = self.number - 8
        self.cmd("sysctl -qw net.ipv6.conf.all.disable_ipv6=1")
        self.cmd("sysctl -qw net.ipv4.ip_forward=1")
        self.cmd(f"ip addr add 10.0.0.{host}/24 dev {self.access}")
        self.cmd(f"ip addr add 192.0.2.{host}/24 dev {self.uplink}")
        with entered(netns_of(self)):
            checksums_in_software(self.access)
            checksums_in_software(self.uplink)
        return result

    @property
    def access(self):
        return f"{self.name.lower()}-access"

    @property
    def uplink(self):
        return f"{self.name.lower()}-uplink"

    def start_keepalived(self):
        path = os.path.join(self.directory, "keepalived.conf")
        with open(path, "w", encoding="ascii") as file:
            file.write(self._keepalived_conf())
        log = os.path.join(self.directory, "keepalived.log")
        with open(log, "a", encoding="ascii") as file:
            self.process = popen(
                [
                    *("nsenter", f"--net={netns_of(self)}", "keepalived"),
                    *("--dont-fork", "--log-console", "--vrrp"),
                    *("--use-file", path),
                    *("--pid", os.path.join(self.directory, "pid")),
                    *("--vrrp_pid", os.path.join(self.directory, "vrrp.pid")),
                ],
                stdout=file,
                stderr=file,
            )

    def kill(self):
        """The machine dies: no process, no link."""
        for name in ("vrrp.pid", "pid"):
            path = os.path.join(self.directory, name)
            if os.path.exists(path):
                with open(path, encoding="ascii") as file:
                    os.kill(int(file.read()), signal.SIGKILL)
                os.unlink(path)
        end(self.process, signal.SIGKILL)
        self.process = None
        self.cmd(f"ip link set {self.access} down")
        self.cmd(f"ip link set {self.uplink} down")

    def revive(self):
        """The machine comes back, without the addresses that moved."""
        self.cmd(f"ip addr del {GATEWAY}/24 dev {self.access}")
        self.cmd(f"ip addr del {CORE_VIP}/24 dev {self.uplink}")
        self.cmd(f"ip link set {self.access} up")
        self.cmd(f"ip link set {self.uplink} up")
        self.start_keepalived()

    def is_master(self):
        """Is it alive and does it hold the clients' gateway address?"""
        return self.process is not None and f" {GATEWAY}/" in self.cmd(
            f"ip -4 addr show {self.access}"
        )

    def terminate(self):
        end(self.process)
        super().terminate()

    def _keepalived_conf(self):
        version = 2 if self.advert_s >= 1 else 3
        text = f"global_defs {{\n vrrp_version {version}\n}}\n"
        text += "vrrp_sync_group both {\n group {\n  access\n  core\n }\n}\n"
        for name, dev, vrid, address in (
            ("access", self.access, 1, GATEWAY),
            ("core", self.uplink, 2, CORE_VIP),
        ):
            text += (
                f"vrrp_instance {name} {{\n"
                " state BACKUP\n"
                f" interface {dev}\n"
                f" virtual_router_id {vrid}\n"
                f" priority {self.priority}\n"
                f" advert_int {self.advert_s}\n"
                f" virtual_ipaddress {{\n  {address}/24\n }}\n"
                "}\n"
            )
        return text


class ArticleTopo(Topo):
    """Routers that are Open vSwitch bridges (see the top of the file)."""

    def build(self, **_):
        for i, name in enumerate(("X", "Y", "Z", "core", "mgmt")):
            self.addSwitch(name, cls=LinuxBridge, dpid=f"{0x100 + i:x}")
        self._cable("X", "Y")
        self._cable("Y", "Z")
        for name, (switch, number, priority) in ROUTERS.items():
            self.add_router(name, number, priority)
            low = name.lower()
            self.addLink(
                *(switch, name),
                intfName1=f"{switch}-{name}",
                intfName2=f"{low}-access",
            )
            self.addLink(
                *("core", name),
                intfName1=f"core-{name}",
                intfName2=f"{low}-uplink",
            )
        for name, (switch, address) in CLIENTS.items():
            mac = f"02:00:00:00:01:{int(address.split('.')[-1]):02x}"
            self.addHost(
                *(name,),
                cls=QuietHost,
                ip=f"{address}/24",
                mac=mac,
                defaultRoute=f"via {GATEWAY}",
            )
            self._cable(switch, name)
        self.addHost(
            *("S",),
            cls=QuietHost,
            ip=f"{NEXT_HOP}/24",
            mac="02:00:00:00:02:01",
        )
        self._cable("core", "S")

    def add_router(self, name, number, _priority):
        self.addSwitch(name, cls=OvsRouter, number=number)
        self.addLink(
            *("mgmt", name),
            intfName1=f"mgmt-{name}",
            intfName2=f"{name.lower()}-mgmt",
        )

    def _cable(self, a, b):
        self.addLink(a, b, intfName1=f"{a}-{b}", intfName2=f"{b}-{a}")


class VrrpTopo(ArticleTopo):
    """Routers that are Linux machines with keepalived; 'advert_s' is the
    interval of their advertisements in seconds."""

    def build(self, advert_s=1, **params):
        self.advert_s = advert_s
        super().build(**params)

    def add_router(self, name, number, priority):
        self.addNode(
            *(name,),
            cls=KeepalivedRouter,
            number=number,
            priority=priority,
            advert_s=self.advert_s,
            ip=None,
        )


def ports_of(switch):
    return [name for name in switch.intfNames() if name != "lo"]


def firsthop_config():
    """The configuration of Firsthop for ArticleTopo."""
    routers, members = {}, {}
    for name, (_, number, priority) in ROUTERS.items():
        host = number - 8
        routers[name] = {
            "datapath_id": f"{number:016x}",
            "mac": f"02:00:00:00:00:{number:02x}",
            "access_ports": [f"{name.lower()}-access"],
            "uplink": {
                "port": f"{name.lower()}-uplink",
                "address": f"192.0.2.{host}/24",
                "next_hop": NEXT_HOP,
            },
        }
        members[name] = {"priority": priority, "address": f"10.0.0.{host}"}
    return {
        "openflow": {"listen": [CONTROLLER]},
        "routers": routers,
        "segments": {
            "metro": {
                "gateway": GATEWAY,
                "prefixes": [PREFIX],
                "routers": members,
            }
        },
    }


topos = {"article": ArticleTopo}
