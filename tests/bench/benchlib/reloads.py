"""A reload with many clients: what those who are not concerned feel of it."""

import contextlib
import copy
import ipaddress
import threading

from benchlib.figures import Figure
from benchlib.tools import (
    NEXT_HOP,
    BenchError,
    FirsthopController,
    loadgen,
    wait_for,
)

FIRST_HOST = ipaddress.IPv4Address("10.0.1.0")
# Who is asked for is behind a bridge of a load generator of its own: the other
# one is busy for tens of ms when its bridges list what they hold.
ASIDE_HOSTS = 50
ASIDE = {
    "dpid": "c",
    "gateway": "10.8.0.1",
    "first": "10.8.0.10",
    "prefix": "10.8.0.0/24",
    "address": "10.8.0.2",
}
PER_S = 1000
SECONDS = 6
LEAD_S = 1.0


def _configured(hosts):
    return [
        {"address": str(FIRST_HOST + i), "segment": "bench"}
        for i in range(hosts)
    ]


def _add_aside(config):
    """A third router, alone in a segment of its own."""
    config["routers"]["R02"] = {
        "datapath_id": f"{int(ASIDE['dpid'], 16):016x}",
        "mac": "02:00:00:00:00:0c",
        "access_ports": ["b0-a1"],
        "uplink": {
            "port": "b0-up",
            "address": "192.0.2.4/24",
            "next_hop": NEXT_HOP,
        },
    }
    config["segments"]["aside"] = {
        "gateway": ASIDE["gateway"],
        "prefixes": [ASIDE["prefix"]],
        "routers": {"R02": {"address": ASIDE["address"]}},
        "limits": config["segments"]["bench"]["limits"],
    }


def _nothing(_config):
    pass


def _timer(config):
    config["segments"]["bench"]["probe"] = {"interval_ms": 1100}


def _client(config):
    config["clients"][-1]["mac"] = "02:00:00:00:ff:fe"


CHANGES = {"nothing": _nothing, "one timer": _timer, "one client": _client}


TOLD = ("flow_mods", "flow_changes", "bundles")


def _measure(aside, meanwhile=None):
    """How long the answers of some seconds took, and what the bridge was told,
    with 'meanwhile' called in between."""
    timer = threading.Timer(LEAD_S, meanwhile) if meanwhile else None
    if timer:
        timer.start()
    answer = aside.do("ask", PER_S, SECONDS)
    if timer:
        timer.join()
    return answer["latency"], _told(answer)


def _told(counters):
    return sum(counters[key] for key in TOLD)


@contextlib.contextmanager
def _clients(hosts):
    """A daemon with so many configured clients that are all reached, and both
    load generators, of which the first goes on by itself."""
    with FirsthopController() as controller:
        config = controller.config
        config["clients"] = _configured(hosts)
        _add_aside(config)
        controller.daemon.configure(config)
        controller.daemon.restart()
        with loadgen(controller.port, hosts=hosts) as crowd, loadgen(
            controller.port,
            bridges=1,
            hosts=ASIDE_HOSTS,
            first_dpid=ASIDE["dpid"],
            first_ip=ASIDE["first"],
            gateway=ASIDE["gateway"],
        ) as aside:
            crowd.do("connect")
            aside.do("connect")
            crowd.do("learn", hosts)
            aside.do("learn", ASIDE_HOSTS)
            controller.wait_reachable([hosts, hosts, ASIDE_HOSTS])
            yield controller, crowd, aside


def _reload(hosts, change):
    with _clients(hosts) as (controller, crowd, aside):
        daemon = controller.daemon
        crowd.send("run", SECONDS)
        quiet, _ = _measure(aside)
        crowd.receive()
        changed = copy.deepcopy(controller.config)
        change(changed)
        daemon.configure(changed)

        def applied():
            return daemon.events(0, type="config.applied")

        crowd.send("run", SECONDS)
        during, told = _measure(aside, daemon.reload)
        told += _told(crowd.receive())
        if not applied():
            wait_for(applied, 60, "the reload", daemon.log_tail)
            raise BenchError(f"the reload took longer than {SECONDS} s")
    return {
        "quiet_max_ms": quiet["max_ms"],
        "max_ms": during["max_ms"],
        "p99_ms": during["p99_ms"],
        "told": told,
    }


def reload_sizes(quick):
    return [10000] if quick else [100000]


def reloads(quick):
    """SIGHUP with many configured clients: the slowest ARP answer."""
    contestants = {
        f"{name} {hosts}": lambda hosts=hosts, change=change: _reload(
            hosts, change
        )
        for hosts in reload_sizes(quick)
        for name, change in CHANGES.items()
    }
    return Figure(
        "reload",
        "SIGHUP: the slowest ARP answer of those seconds, and what bridges "
        "were told",
        contestants,
        {"told": "messages"},
        None,
        [
            target
            for label in contestants
            for target in (
                (label, "max_ms", "<=", 30, None),
                (label, "told", "<=", 0, None),
            )
            if "told" not in target or "client" not in label
        ],
    )
