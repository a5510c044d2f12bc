"""Figures on real Open vSwitch bridges, with a client farm behind one port.

               farm --- X (Linux bridge) --- A, B (routers) --- core --- S
"""

import json
import os
import random
import shutil
import subprocess

from benchlib.figures import Figure
from benchlib.tools import (
    BENCH,
    GATEWAY,
    NO_LIMIT,
    BenchError,
    Scripted,
    daemon_of,
    end,
    popen,
    program,
    unique_directory,
    wait_for,
)

# pylint: disable=wrong-import-order
from firsthop.lab.harness import CONTROLLER, Lab
from firsthop.lab.netns import Netns, add_veth

PREFIX = "10.0.0.0/16"
DEMO = os.path.join(os.path.dirname(os.path.dirname(BENCH)), "mininet", "demo")
LIMITS = {
    "learned": NO_LIMIT,
    "learned_per_port": NO_LIMIT,
    "requests_per_s": NO_LIMIT,
}
LEARNT_S = 5
RESPONDER_MAC = "02:00:00:00:00:f1"


class FarmLab(Lab):
    """A Lab with a client farm, 'hosts' hosts from 10.0.1.0 on, on switch X.
    add_router() as you like, then open_farm()."""

    def __init__(self, hosts):
        super().__init__()
        self.hosts_behind = hosts
        self.farm_netns = None
        self.farm = None

    def __enter__(self):
        try:
            self.add_core()
            self.add_switch("X")
            self.farm_netns = Netns("farm")
            add_veth(self.netns, "X-farm", self.farm_netns, "farm")
            self.netns.ip("link set X-farm master X")
        except BaseException:
            self.__exit__()
            raise
        return self

    def open_farm(self):
        self.farm = Scripted(
            [
                program("clientfarm"),
                *("--interface", "farm"),
                *("--hosts", str(self.hosts_behind)),
            ],
            self.farm_netns,
        )
        return self.farm

    def __exit__(self, *_):
        if self.farm:
            self.farm.close()
        try:
            self.close()
        finally:
            if self.farm_netns:
                self.farm_netns.delete()


def _round_trips(farm, quick):
    """The latency of single requests, and the rate of 32 at a time."""
    seconds = 1 if quick else 3
    wait_for(
        lambda: farm.do("learn", 1, 2000, must=False)["ok"],
        20,
        "the farm to be answered",
    )
    single = farm.do("arp", 1, seconds)
    many = farm.do("arp", 32, seconds)
    return {
        "rtt_ms": single["latency"]["median_ms"],
        "rtt_p99_ms": single["latency"]["p99_ms"],
        "per_s": many["per_s"],
    }


def arp_round_trip(quick):
    """ARP round trip through a real bridge."""

    def firsthop():
        with FarmLab(100) as lab:
            lab.add_router("A", ["X"])
            lab.start_daemon(
                lab.config(prefixes=[PREFIX], limits=dict(LIMITS))
            )
            return _round_trips(lab.open_farm(), quick)

    def echo():
        with FarmLab(100) as lab:
            # Before the bridge, which else waits longer with each refusal.
            process = popen(
                [program("echoctl"), "--personal", CONTROLLER], lab.netns
            )
            try:
                lab.add_router("A", ["X"])
                return _round_trips(lab.open_farm(), quick)
            finally:
                end(process)

    def flows():
        with FarmLab(100) as lab:
            router = lab.add_router("A", ["X"], controller=None)
            router.ovs.ofctl("add-flow", router.bridge, _responder_flow())
            return _round_trips(lab.open_farm(), quick)

    def kernel():
        with FarmLab(100) as lab:
            netns = Netns("proxy")
            try:
                _add_proxy(lab, netns)
                return _round_trips(lab.open_farm(), quick)
            finally:
                netns.delete()

    return Figure(
        "arp_round_trip",
        "ARP request to reply through a real bridge",
        {
            "firsthop": firsthop,
            "echo controller": echo,
            "flow-only responder": flows,
            "kernel proxy ARP": kernel,
        },
        {"per_s": "1/s"},
        "echo controller",
    )


def _responder_flow():
    """One flow that turns an ARP request into its answer."""
    mac = "0x" + RESPONDER_MAC.replace(":", "")
    octets = [int(octet) for octet in GATEWAY.split(".")]
    address = "0x" + "".join(f"{octet:02x}" for octet in octets)
    actions = [
        "move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[]",
        f"mod_dl_src:{RESPONDER_MAC}",
        "load:0x2->NXM_OF_ARP_OP[]",
        "move:NXM_NX_ARP_SHA[]->NXM_NX_ARP_THA[]",
        "move:NXM_OF_ARP_SPA[]->NXM_OF_ARP_TPA[]",
        f"load:{mac}->NXM_NX_ARP_SHA[]",
        f"load:{address}->NXM_OF_ARP_SPA[]",
        "in_port",
    ]
    return f"arp,arp_op=1,arp_tpa={GATEWAY},actions=" + ",".join(actions)


def _add_proxy(lab, netns):
    """A Linux router on X that answers for the gateway by proxy ARP."""
    add_veth(lab.netns, "X-proxy", netns, "access")
    lab.netns.ip("link set X-proxy master X")
    add_veth(netns, "behind", netns, "behind2")
    netns.batch(
        [
            "addr add 10.0.0.2/16 dev access",
            f"route add {GATEWAY}/32 dev behind",
        ]
    )
    netns.sysctl("net.ipv4.conf.all.forwarding", 1)
    netns.sysctl("net.ipv4.conf.access.proxy_arp", 1)
    # Else the kernel waits for up to 0.8 s before it answers.
    netns.sysctl("net.ipv4.neigh.access.proxy_delay", 0)


def move_on_bridges(hosts, fault, build=None):
    """All 'hosts' move from A to B; times from the fault to the notice.
    'build': of another firsthopd."""
    with FarmLab(hosts) as lab:
        a = lab.add_router("A", ["X"], priority=200)
        b = lab.add_router("B", ["X"], priority=100)
        with daemon_of(build):
            lab.start_daemon(
                lab.config(prefixes=[PREFIX], limits=dict(LIMITS))
            )
        farm = lab.open_farm()
        for router in (a, b):
            farm.do("router", router.mac)
        farm.do("learn", 64, 30000)
        _wait_reachable(lab, hosts)
        owners = farm.do("owners")
        # Some may have been heard by B first.
        if owners["believe"][0] < 0.9 * hosts:
            raise BenchError(f"not all on A: {owners}")
        faults = {
            "killed": a.kill,
            "port_down": a.access[0].down,
            "silent": a.access[0].silence,
            "power": a.lose_power,
            "hung": a.ovs.pause_switch,
        }
        # At any moment of the probe interval, and when the bridges have done
        # with what the learning has cost them: what takes long now is taken
        # for what may take long.
        farm.do("run", LEARNT_S + random.uniform(0, 1))
        farm.do("mark")
        faults[fault]()
        answer = farm.do("moved", 0, 10000)
        return {
            "first_ms": answer["notice"]["min_ms"],
            "median_ms": answer["notice"]["median_ms"],
            "p99_ms": answer["notice"]["p99_ms"],
            "all_ms": answer["notice"]["max_ms"],
        }


def move_real(quick):
    """1,000 clients that have to move, on real bridges."""
    hosts = 200 if quick else 1000
    return Figure(
        "move_real",
        f"from the fault to the takeover notice, {hosts} clients of one "
        "router, real bridges",
        {
            fault: lambda fault=fault: move_on_bridges(hosts, fault)
            for fault in ("killed", "port_down", "silent", "power", "hung")
        },
        {},
        None,
        [
            ("killed", "first_ms", "<=", 30, None),
            ("killed", "all_ms", "<=", 80, None),
            ("port_down", "first_ms", "<=", 25, None),
            ("port_down", "all_ms", "<=", 60, None),
            ("silent", "p99_ms", "<=", 150, None),
            ("power", "all_ms", "<=", 150, None),
            ("hung", "all_ms", "<=", 150, None),
        ],
    )


def _wait_reachable(lab, hosts):
    """Waits until every router of 'lab' reaches 'hosts' clients."""
    lab.wait_for(
        lambda: all(
            lab.daemon.router(name)["clients_reachable"] == hosts
            for name in lab.routers
        ),
        60,
        f"both routers to reach {hosts} clients",
    )


class Demo:
    """Runs of mininet/demo, which measures three systems at a time: each run
    is handed to each of them once."""

    SYSTEMS = ("firsthop", "keepalived-1s", "keepalived-10ms")

    def __init__(self):
        self._runs = []
        self._taken = set(self.SYSTEMS)

    def take(self, system):
        """The outages of client C under 'system', of a run that it has not
        been handed: {FAULT_ms: ms, None if there was no recovery}."""
        if system in self._taken:
            self._runs = self._measure()
            self._taken = set()
        self._taken.add(system)
        worst = {}
        for outage_run in self._runs:
            if (outage_run["system"], outage_run["client"]) != (system, "C"):
                continue
            metric = f"{outage_run['fault']}_ms"
            ms = outage_run["outage_ms"] if outage_run["recovered"] else None
            known = worst.get(metric, 0)
            worst[metric] = (
                None if ms is None or known is None else max(ms, known)
            )
        if not worst:
            raise BenchError(f"the demo says nothing of {system}")
        return worst

    def _measure(self):
        directory = unique_directory()
        path = os.path.join(directory, "demo.json")
        try:
            # Status 1 says that a claim did not hold, which is a result.
            process = subprocess.run(
                [DEMO, "--vrrp", "--json", path],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )
            if process.returncode not in (0, 1):
                raise BenchError(f"mininet/demo: {process.stderr[-2000:]}")
            with open(path, encoding="utf-8") as file:
                return json.load(file)["runs"]
        finally:
            shutil.rmtree(directory, ignore_errors=True)


def outage(quick):
    """Outage of a client's traffic against keepalived, in the demo."""
    del quick
    demo = Demo()
    return Figure(
        "outage",
        "1 kHz UDP of client C in the article's topology, longest outage, "
        "the worse direction",
        {
            system: lambda system=system: demo.take(system)
            for system in Demo.SYSTEMS
        },
        {},
        "keepalived-1s",
    )
