"""The article's topology with keepalived in place of Firsthop, to compare.

Routers are Linux machines; one VRRP instance towards the clients and one
towards the core, joined in a sync group, so that both follow each other."""

import os
import shutil
import signal

from firsthop.lab.netns import end, popen, unique_directory
from mininet.node import Node

from .nodes import netns_of, ports_of, run_in, set_links
from .topologies import Article

CORE_VIP = "192.0.2.254"


class Keepalived(Node):
    """A Linux router whose addresses are kept by keepalived; 'advert_s' is
    the interval of its advertisements.  Other parameters as FirsthopRouter's,
    of one segment."""

    def __init__(
        self, name, advert_s=1, number=10, uplink=None, segments=None, **params
    ):
        super().__init__(name, **params)
        self.advert_s = advert_s
        self.number = number
        self.uplink_address = uplink["address"]
        (self.segment,) = segments.values()
        self.directory = unique_directory()
        self.process = None

    def config(self, **params):
        result = super().config(**params)
        self.cmd("sysctl -qw net.ipv6.conf.all.disable_ipv6=1")
        self.cmd("sysctl -qw net.ipv4.ip_forward=1")
        local = self.segment["address"] + "/24"
        run_in(self, "ip", "addr", "add", local, "dev", self.access)
        run_in(
            self, "ip", "addr", "add", self.uplink_address, "dev", self.uplink
        )
        set_links(self, "up")
        return result

    @property
    def access(self):
        return next(n for n in ports_of(self) if not n.endswith("-core"))

    @property
    def uplink(self):
        return f"{self.name}-core"

    def start(self):
        path = self._path("keepalived.conf")
        with open(path, "w", encoding="ascii") as file:
            file.write(self._keepalived_conf())
        with open(self._path("log"), "a", encoding="ascii") as file:
            self.process = popen(
                [
                    *("nsenter", f"--net={netns_of(self)}", "keepalived"),
                    *("--dont-fork", "--log-console", "--vrrp"),
                    *("--use-file", path, "--pid", self._path("pid")),
                    *("--vrrp_pid", self._path("vrrp.pid")),
                ],
                stdout=file,
                stderr=file,
            )

    def power_off(self):
        """The machine dies: no process, no link."""
        for name in ("vrrp.pid", "pid"):
            if os.path.exists(self._path(name)):
                with open(self._path(name), encoding="ascii") as file:
                    os.kill(int(file.read()), signal.SIGKILL)
                os.unlink(self._path(name))
        end(self.process, signal.SIGKILL)
        self.process = None
        set_links(self, "down")

    def power_on(self):
        """The machine comes back, without the addresses that moved."""
        for address, dev in self._virtual():
            self.cmd(f"ip addr del {address}/24 dev {dev}")
        set_links(self, "up")
        self.start()

    kill = power_off
    revive = power_on

    def is_master(self):
        """Is it alive and does it hold the clients' gateway address?"""
        if self.process is None:
            return False
        shown = run_in(self, "ip", "-4", "addr", "show", self.access)
        return f" {self.segment['gateway']}/" in shown

    def terminate(self):
        end(self.process)
        shutil.rmtree(self.directory, ignore_errors=True)
        super().terminate()

    def _path(self, name):
        return os.path.join(self.directory, name)

    def _virtual(self):
        return (
            (self.segment["gateway"], self.access),
            (CORE_VIP, self.uplink),
        )

    def _keepalived_conf(self):
        version = 2 if self.advert_s >= 1 else 3
        text = f"global_defs {{\n vrrp_version {version}\n}}\n"
        text += "vrrp_sync_group both {\n group {\n  side1\n  side2\n }\n}\n"
        for vrid, (address, dev) in enumerate(self._virtual(), 1):
            text += (
                f"vrrp_instance side{vrid} {{\n"
                " state BACKUP\n"
                f" interface {dev}\n"
                f" virtual_router_id {vrid}\n"
                f" priority {self.segment['priority']}\n"
                f" advert_int {self.advert_s}\n"
                f" virtual_ipaddress {{\n  {address}/24\n }}\n"
                "}\n"
            )
        return text


class VrrpArticle(Article):
    """The article's topology with keepalived on A and B."""

    has_controller = False

    def draw(self, advert_s=1):
        self.advert_s = advert_s
        super().draw()

    def server_route(self, prefix):
        return f"{prefix} via {CORE_VIP}"

    def add_router_node(self, name, **params):
        self.addNode(
            name, cls=Keepalived, advert_s=self.advert_s, ip=None, **params
        )
