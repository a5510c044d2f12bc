"""Real BGP speakers for tests: ExaBGP, which Firsthop feeds, and BIRD and FRR
as the core router that it tells.

All of them run in network namespaces with their files in a directory of their
own; none reads the machine's configuration."""

import os
import re
import shutil

from .netns import end, run, wait_for

ASN = 65000
HELPER = os.path.join(
    os.path.dirname(os.path.realpath(__file__)),
    "../../controller/upstream/firsthop-exabgp",
)
FRR_LIBRARY = "/usr/lib/frr"


def missing():
    """What is not installed, or None."""
    for tool in ("exabgp", "bird", "birdc", "vtysh"):
        if not shutil.which(tool):
            return f"{tool} is not installed"
    return None


class Speaker:
    """What the speakers share: a directory, a namespace, processes."""

    def __init__(self, directory, netns):
        self.directory = directory
        self.netns = netns
        self.processes = []
        os.makedirs(directory, exist_ok=True)

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def spawn(self, *args, env=None):
        with open(self.path("output"), "a", encoding="utf-8") as log:
            process = self.netns.popen(
                args, stdout=log, stderr=log, env=env, cwd=self.directory
            )
        self.processes.append(process)
        return process

    def stop(self):
        for process in self.processes:
            end(process)
        self.processes = []

    def output(self):
        if not os.path.exists(self.path("output")):
            return ""
        with open(self.path("output"), encoding="utf-8") as file:
            return file.read()[-4000:]


class ExaBgp(Speaker):
    """ExaBGP at 'address' with the peer 'peer', fed by Firsthop through the
    pipes api_in and api_out."""

    def __init__(self, directory, netns, address, peer):
        super().__init__(directory, netns)
        self.api_in = self.path("api.in")
        self.api_out = self.path("api.out")
        self.config = self.write(
            "exabgp.conf",
            f"""
process firsthop {{
    run {HELPER} {self.api_in} {self.api_out};
    encoder json;
}}
neighbor {peer} {{
    router-id {address};
    local-address {address};
    local-as {ASN};
    peer-as {ASN};
    manual-eor true;
    capability {{ graceful-restart 60; }}
    family {{ ipv4 unicast; }}
    api {{ processes [ firsthop ]; neighbor-changes; }}
}}
""",
        )

    def start(self):
        env = dict(
            os.environ,
            **{
                "exabgp.daemon.user": "root",
                "exabgp.api.cli": "false",
                "exabgp.log.destination": "stdout",
            },
        )
        self.spawn("exabgp", self.config, env=env)

    def kill(self):
        """kill -9."""
        for process in self.processes:
            process.kill()
            process.wait()
        self.processes = []


class Bird(Speaker):
    """BIRD 2 at 'address', which waits for 'peers', one or more."""

    TABLE = "birdc show route"

    def __init__(self, directory, netns, address, *peers):
        super().__init__(directory, netns)
        sessions = "".join(
            f"""
protocol bgp firsthop{number} {{
    local {address} as {ASN};
    neighbor {peer} as {ASN};
    passive;
    ipv4 {{ import all; export none; }};
}}"""
            for number, peer in enumerate(peers, 1)
        )
        self.write(
            "bird.conf",
            f"""
router id {address};
protocol device {{ scan time 10; }}
protocol direct {{ ipv4; interface "eth0"; }}
protocol kernel {{ ipv4 {{ import none; export all; }}; }}
{sessions}
""",
        )

    def start(self):
        self.spawn(
            *("bird", "-f", "-c", self.path("bird.conf")),
            *("-s", self.path("bird.ctl"), "-P", self.path("bird.pid")),
        )
        wait_for(
            lambda: "up and running" in self.show("status"),
            what="BIRD",
            explain=self.output,
        )

    def show(self, *what):
        """What birdc says; it fails where there is no such route."""
        return self.netns.run(
            *("birdc", "-r", "-s", self.path("bird.ctl"), "show", *what),
            check=False,
        )

    def table(self):
        """What TABLE prints."""
        return self.show("route")

    def next_hop(self, address):
        """Where the table sends 'address': an address, or None."""
        route = rf"^{re.escape(address)}/32 .*\n\s+via (\S+) on eth0$"
        found = re.search(route, self.table(), re.MULTILINE)
        return found.group(1) if found else None

    def attributes(self, address):
        """(local preference, communities) of the route."""
        text = self.show("route", "for", f"{address}/32", "all")
        return (
            int(re.search(r"BGP.local_pref: (\d+)", text).group(1)),
            re.findall(r"\((\d+,\d+)\)", text),
        )

    def is_up(self):
        return "Established" in self.show("protocols")


class RouteServer(Speaker):
    """BIRD beside firsthopd, at 'address': redistributes the routes of a
    table of the kernel to the peer 'peer', by BGP."""

    def __init__(self, directory, netns, address, peer, table):
        super().__init__(directory, netns)
        self.write(
            "bird.conf",
            f"""
router id {address};
ipv4 table firsthop;
protocol device {{ scan time 10; }}
protocol direct {{ ipv4; interface "core"; }}
protocol kernel {{
    kernel table {table};
    learn;
    scan time 10;
    netlink rx buffer 67108864;
    ipv4 {{ table firsthop; import all; export none; }};
}}
protocol bgp core {{
    local {address} as {ASN};
    neighbor {peer} as {ASN};
    connect delay time 1;
    ipv4 {{ table firsthop; import none; export all; next hop keep; }};
}}
""",
        )

    def start(self):
        self.spawn(
            *("bird", "-f", "-c", self.path("bird.conf")),
            *("-s", self.path("bird.ctl"), "-P", self.path("bird.pid")),
        )


class Frr(Speaker):
    """FRR's zebra and bgpd at 'address', which waits for the peer 'peer'."""

    TABLE = "vtysh -c 'show ip route'"

    def __init__(self, directory, netns, address, peer):
        super().__init__(directory, netns)
        self.write("zebra.conf", "hostname core\n")
        self.write("vtysh.conf", "")
        self.write(
            "bgpd.conf",
            f"""
hostname core
router bgp {ASN}
 bgp router-id {address}
 neighbor {peer} remote-as {ASN}
 neighbor {peer} passive
 neighbor {peer} timers connect 1
""",
        )

    def start(self):
        for daemon in ("zebra", "bgpd"):
            self.spawn(
                f"{FRR_LIBRARY}/{daemon}",
                *("-u", "root", "-g", "frrvty", "-P", "0"),
                *("-f", self.path(f"{daemon}.conf")),
                *("-i", self.path(f"{daemon}.pid")),
                *("-z", self.path("zserv.api")),
                *("--vty_socket", self.directory),
            )
            wait_for(
                lambda daemon=daemon: os.path.exists(
                    self.path(f"{daemon}.vty")
                ),
                what=daemon,
                explain=self.output,
            )

    def show(self, *what):
        return self.netns.run(
            *("vtysh", "--vty_socket", self.directory),
            *("--config_dir", self.directory),
            *("-c", "show " + " ".join(what)),
        )

    def table(self):
        """What TABLE prints."""
        return self.show("ip", "route")

    def next_hop(self, address):
        """Where the table sends 'address': an address, or None."""
        route = rf"^B.* {re.escape(address)}/32 \[\S+\] via ([\d.]+)"
        found = re.search(route, self.table(), re.MULTILINE)
        return found.group(1) if found else None

    def attributes(self, address):
        text = self.show("bgp", "ipv4", "unicast", f"{address}/32")
        return (
            int(re.search(r"localpref (\d+)", text).group(1)),
            [
                c.replace(":", ",")
                for c in re.search(r"Community: (.*)", text).group(1).split()
            ],
        )

    def is_up(self):
        return "Established" in self.show("bgp", "neighbors")


class RouteWatch:
    """Sees every route that comes to a namespace's kernel table or goes."""

    def __init__(self, directory, netns):
        self.path = os.path.join(directory, "routes.log")
        with open(self.path, "w", encoding="utf-8") as log:
            self.process = netns.popen(["ip", "monitor", "route"], stdout=log)
        marker = "203.0.113.0/24"
        wait_for(lambda: self._sees(netns, marker), what="ip monitor")

    def _sees(self, netns, marker):
        run("ip", "-n", netns.name, "route", "add", "unreachable", marker)
        run("ip", "-n", netns.name, "route", "del", "unreachable", marker)
        return marker in self._text()

    def _text(self):
        with open(self.path, encoding="utf-8") as log:
            return log.read()

    def next_hops(self, address):
        """Where the kernel was told to send 'address', in order.  A route in
        place of another is one of these, and nothing is deleted."""
        route = rf"^{re.escape(address)} .*?via (\S+)"
        return re.findall(route, self._text(), re.MULTILINE)

    def deleted(self, address):
        """The lines about routes to 'address' that were deleted."""
        return [
            line
            for line in self._text().splitlines()
            if line.startswith("Deleted") and f" {address} " in line
        ]

    def stop(self):
        end(self.process)
