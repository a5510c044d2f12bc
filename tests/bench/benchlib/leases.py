"""DHCP leases through two emulated routers: how many a second, and what a
router's death costs."""

from benchlib.figures import Figure
from benchlib.tools import (
    BenchError,
    FirsthopController,
    cpu_seconds,
    loadgen,
    wait_for,
)

SERVER = "198.51.100.67"
PER_S = 1000
WINDOW = 100000  # Clients do not wait for each other,
MOST_WINDOW = 256  # but where the question is how many there can be.
PATIENCE_MS = 60000
DELAY_US = 5000  # Of the server, so that some wait for it when a router dies.


def dhcp_rate(quick):
    """Leases a second, and those lost when a router dies."""
    hosts = 2000 if quick else 20000
    return Figure(
        "dhcp_rate",
        f"{hosts} leases through two emulated routers, from DISCOVER to ACK: "
        f"{PER_S} clients a second, the same while a router dies, and as many "
        f"as there can be, {MOST_WINDOW} at a time; the server takes "
        f"{DELAY_US / 1000:.0f} ms, for the last nothing",
        {
            "firsthop": lambda: _run(hosts, PER_S, WINDOW),
            "a router dies": lambda: _run(hosts, PER_S, WINDOW, dies=True),
            "as many as can be": lambda: _run(hosts, 0, MOST_WINDOW, 0),
        },
        {
            "per_s": "1/s",
            "per_cpu_s": "1/CPU-s",
            "repeated": "",
            "twice": "",
            "early": "",
            "lost": "",
        },
        targets=[
            ("firsthop", "per_s", ">=", 0.99 * PER_S, None),
            ("firsthop", "max twice", "<=", 0, None),
            ("firsthop", "max early", "<=", 0, None),
            ("firsthop", "max lost", "<=", 0, None),
            ("a router dies", "per_s", ">=", 0.95 * PER_S, None),
            ("a router dies", "max twice", "<=", 0, None),
            ("a router dies", "max early", "<=", 0, None),
            ("a router dies", "max lost", "<=", 0, None),
        ],
    )


def _run(hosts, per_s, window, delay_us=DELAY_US, dies=False):
    options = {
        "learn": "dhcp",
        "dhcp": {"servers": [SERVER]},
        "priorities": (200, 100),
    }
    with FirsthopController(**options) as controller:
        with loadgen(
            controller.port, hosts=hosts, delay_us=delay_us
        ) as generator:
            generator.do("connect")
            controller.wait_paths()
            _wait_next_hops(controller)
            before = cpu_seconds(controller.pid)
            answer = generator.do(
                *("lease", hosts, per_s, window, PATIENCE_MS),
                *((0,) if dies else ()),
                must=False,
            )
            cpu = cpu_seconds(controller.pid) - before
            generator.do("run", 1)
            lost = hosts - _held(controller, generator, dies)
    return {
        "per_s": answer["per_s"],
        "per_cpu_s": answer["bound"] / cpu,
        "median_ms": answer["took"]["median_ms"],
        "p99_ms": answer["took"]["p99_ms"],
        "max_ms": answer["took"]["max_ms"],
        "repeated": answer["repeated"],
        "twice": answer["twice"],
        "early": answer["early"],
        "lost": lost,
    }


def _wait_next_hops(controller):
    wait_for(
        lambda: all(
            controller.daemon.uplinks_are_resolved(name)
            for name in controller.config["routers"]
        ),
        10,
        "the next hops to be known",
    )


def _held(controller, generator, dies):
    """Who has a lease and is served: by one router, which is alive and where
    it believes that its gateway is."""
    leased = sum(
        client["origin"] == "leased" and client["state"] == "active"
        for client in controller.daemon.clients()
    )
    owners = generator.do("owners")
    if owners["held_by_several"]:
        raise BenchError(f"held by several routers: {owners}")
    first = 1 if dies else 0
    return min(
        leased, sum(owners["hold"][first:]), sum(owners["believe"][first:])
    )
