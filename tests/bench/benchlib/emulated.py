"""Figures on the load generator: rates, moves, probes, memory, restart."""

import contextlib
import os
import random
import shutil
import sys
import time

from benchlib.figures import Figure
from benchlib.tools import (
    BenchError,
    FirsthopController,
    OvsdbCluster,
    beside_former,
    cpu_seconds,
    echo_controller,
    end,
    loadgen,
    no_worse,
    osken_controller,
    popen,
    resident_bytes,
    test_controller,
    unique_directory,
)

CANARIES = 4
LEARN_PER_S = 1000
FAULTS = {
    "killed": ("kill", 0),
    "port_down": ("portdown", 0, 1),
    "silent": ("cut", 0),
}


# Outstanding requests over all bridges.  With few of them a controller's cost
# is mostly system calls, with many mostly its own.
WINDOWS = (32, 256)


def _arp_rate(controller, generator, seconds, *mode):
    """Answers a second of wall and of controller CPU time."""
    result = {}
    for window in WINDOWS:
        generator.do("arp", window, 0.5, *mode)
        before = cpu_seconds(controller.pid)
        answer = generator.do("arp", window, seconds, *mode)
        cpu = cpu_seconds(controller.pid) - before
        result[f"per_cpu_s.{window}"] = (
            answer["answered"] / cpu if cpu else None
        )
        result[f"per_s.{window}"] = answer["per_s"]
    return result


def arp_rate(quick):
    """ARP answers per second and core."""
    seconds = 1 if quick else 3

    def firsthop():
        hosts = 1000 if quick else 10000
        with FirsthopController() as controller:
            with loadgen(controller.port, hosts=hosts) as generator:
                generator.do("connect")
                generator.do("learn", hosts)
                controller.wait_reachable([hosts, hosts])
                return _arp_rate(controller, generator, seconds)

    def echo():
        with echo_controller() as controller:
            with loadgen(controller.port) as generator:
                generator.do("connect")
                return _arp_rate(controller, generator, seconds, "any")

    def osken():
        with osken_controller() as controller:
            with loadgen(controller.port, of="1.3", hosts=1000) as generator:
                generator.do("connect")
                return _arp_rate(controller, generator, seconds, "any")

    def testcontroller():
        with test_controller() as controller:
            with loadgen(controller.port, of="1.3") as generator:
                generator.do("connect")
                return _arp_rate(controller, generator, seconds, "any")

    return Figure(
        "arp_rate",
        "ARP answers on two emulated bridges, with 32 and with 256 requests "
        "outstanding, by second and by CPU second of the controller",
        {
            **beside_former({"firsthop": firsthop}),
            "echo controller": echo,
            "os-ken": osken,
            "ovs-testcontroller": testcontroller,
        },
        {
            f"{metric}.{window}": unit
            for metric, unit in (("per_s", "1/s"), ("per_cpu_s", "1/CPU-s"))
            for window in WINDOWS
        },
        "echo controller",
        [
            ("firsthop", "per_cpu_s.32", ">=", 0.5, "echo controller"),
            ("firsthop", "per_cpu_s.32", ">=", 100, "os-ken"),
            *no_worse("firsthop", "per_cpu_s.32", ">="),
            *no_worse("firsthop", "per_cpu_s.256", ">="),
        ],
    )


class Emulation:
    """firsthopd and loadgen with 'hosts' learnt clients, all of them active
    on the first of two routers, and canaries that only the second reaches."""

    def __init__(self, hosts, priorities=(200, 100), **options):
        self.hosts = hosts
        self.controller = FirsthopController(priorities=priorities)
        self._options = options
        self.generator = None
        self.learnt = None

    def __enter__(self):
        self.controller.__enter__()
        try:
            self.generator = loadgen(
                self.controller.port,
                hosts=self.hosts + CANARIES,
                canaries=CANARIES,
                **self._options,
            )
            self.generator.do("connect")
            self.learnt = self.generator.do("learn", self.hosts, 256)
            self.controller.wait_reachable([self.hosts, self.hosts + CANARIES])
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.generator:
            self.generator.close()
        self.controller.__exit__()


def _move(hosts, fault):
    """One fault that moves all 'hosts', and what it took."""
    with Emulation(hosts, delay_us=300, jitter_us=200) as emulation:
        # At any moment of the probe interval, not just after the learning.
        emulation.generator.do("run", random.uniform(0, 1))
        answer = emulation.generator.do(*FAULTS[fault], must=False)
        # A handful may have been heard by the second router first.
        if answer["affected"] < 0.99 * hosts:
            raise BenchError(f"{answer['affected']} affected, not {hosts}")
        complete = answer["ok"]
        return {
            "first_ms": answer["notice"]["min_ms"],
            "median_ms": answer["notice"]["median_ms"],
            "p99_ms": answer["notice"]["p99_ms"],
            "all_ms": answer["notice"]["max_ms"] if complete else None,
            "installed_ms": answer["install"]["max_ms"] if complete else None,
            "canary_max_ms": answer["canary"]["max_ms"],
            "canary_lost": answer["canary_lost"],
            "false_moves": answer["false_moves"],
            "early_notices": answer["early_notices"],
        }


def move_sizes(quick):
    return [1, 1000, 10000] if quick else [1, 1000, 10000, 100000]


def move(quick):
    """Time to move clients, from the fault to the notice at the client."""
    contestants = {}
    for fault in FAULTS:
        for hosts in move_sizes(quick):
            contestants[
                f"{fault} {hosts}"
            ] = lambda hosts=hosts, fault=fault: (_move(hosts, fault))
    return Figure(
        "move",
        "from the fault to the takeover notice at the client, emulated",
        beside_former(contestants),
        {},
        None,
        [
            ("killed 1", "first_ms", "<=", 15, None),
            ("port_down 1", "first_ms", "<=", 25, None),
            ("silent 1", "all_ms", "<=", 600, None),
            ("silent 1", "max all_ms", "<=", 1200, None),
            ("silent 1000", "p99_ms", "<=", 150, None),
            ("silent 10000", "p99_ms", "<=", 400, None),
            ("killed 100000", "all_ms", "<=", 1500, None),
            ("killed 100000", "canary_max_ms", "<=", 30, None),
            ("port_down 100000", "all_ms", "<=", 1500, None),
            ("port_down 100000", "canary_max_ms", "<=", 30, None),
            *(
                target
                for label in contestants
                for target in no_worse(label, "all_ms", "<=")
            ),
        ],
    )


def probes(quick):
    """What it costs to keep many clients probed every second."""
    hosts = 10000 if quick else 100000
    seconds = 3 if quick else 10

    def firsthop():
        with FirsthopController() as controller:
            idle = resident_bytes(controller.pid)
            with loadgen(controller.port, hosts=hosts) as generator:
                generator.do("connect")
                generator.do("learn", hosts)
                controller.wait_reachable([hosts, hosts])
                generator.do("run", 2)
                before = cpu_seconds(controller.pid)
                run = generator.do("run", seconds)
                cpu = cpu_seconds(controller.pid) - before
                memory = resident_bytes(controller.pid) - idle
        return {
            "cpu_percent": 100 * cpu / run["seconds"],
            "probes_per_s": run["probes"] / run["seconds"],
            "probes_per_cpu_s": run["probes"] / cpu,
            "bytes_per_client_router": memory / hosts / 2,
            "false_moves": run["false_moves"],
        }

    return Figure(
        "probes",
        f"{hosts} clients on two routers, each probed every second",
        beside_former({"firsthop": firsthop}),
        {
            "cpu_percent": "% of a core",
            "probes_per_s": "1/s",
            "probes_per_cpu_s": "1/CPU-s",
            "bytes_per_client_router": "bytes",
        },
        None,
        []
        if quick
        else [
            ("firsthop", "cpu_percent", "<=", 40, None),
            ("firsthop", "bytes_per_client_router", "<=", 600, None),
            *no_worse("firsthop", "probes_per_cpu_s", ">="),
        ],
    )


def _learn(hosts, cluster=None):
    """'hosts' come, 1,000 a second: how long their first answers take."""
    with FirsthopController(cluster=cluster) as controller:
        with loadgen(controller.port, hosts=hosts) as generator:
            generator.do("connect", 30000)
            answer = generator.do("learn", hosts, 256, 120000, LEARN_PER_S)
    return {
        "per_s": answer["answered"] / answer["seconds"],
        "median_ms": answer["latency"]["median_ms"],
        "p99_ms": answer["latency"]["p99_ms"],
        "max_ms": answer["latency"]["max_ms"],
    }


def _log_index(servers):
    """How many entries the log of the database has had."""
    return int(servers.leader().status()["Log"].strip("[]").split(", ")[1])


def learning(quick):
    """What a database that is shared costs while clients are learnt."""
    hosts = 2000 if quick else 10000

    def clustered():
        places = [(None, f"127.0.0.{number}") for number in (1, 2, 3)]
        directory = unique_directory()
        servers = OvsdbCluster(directory, places)
        try:
            servers.start()
            before, start_s = _log_index(servers), time.monotonic()
            result = _learn(
                hosts,
                {
                    "name": "bench",
                    "address": "127.0.0.1:6650",
                    "peers": ["127.0.0.2:6650"],  # Is not there.
                    "database": ",".join(servers.targets()),
                },
            )
            seconds = time.monotonic() - start_s
            result["transactions_per_s"] = (
                _log_index(servers) - before
            ) / seconds
            return result
        finally:
            servers.close()
            shutil.rmtree(directory, ignore_errors=True)

    return Figure(
        "learning",
        f"{hosts} clients are learnt, {LEARN_PER_S} a second: first answers",
        {"alone": lambda: _learn(hosts), "cluster": clustered},
        {"per_s": "1/s", "transactions_per_s": "1/s"},
        "alone",
        [
            ("cluster", "p99_ms", "<=", 2, "alone"),
            ("cluster", "transactions_per_s", "<=", 30, None),
        ],
    )


def restart(quick):
    """kill -9 of the daemon and a start, with clients in place."""
    hosts = 1000 if quick else 10000

    def firsthop():
        with Emulation(hosts) as emulation:
            daemon = emulation.controller.daemon
            emulation.generator.send("restart")
            emulation.generator.receive()
            daemon.kill()
            daemon.start()
            answer = emulation.generator.receive()
            if not answer["ok"]:
                raise BenchError(f"restart: {answer}")
        return {
            "flow_changes": answer["flow_changes"],
            "answer_ms": answer["answer_after_connect_ms"],
            "moves": answer["moves"],
        }

    return Figure(
        "restart",
        f"kill -9 and a start with {hosts} clients on emulated bridges",
        beside_former({"firsthop": firsthop}),
        {},
        None,
        [
            ("firsthop", "flow_changes", "<=", 0, None),
            ("firsthop", "answer_ms", "<=", 200, None),
            ("firsthop", "moves", "<=", 0, None),
            *no_worse("firsthop", "answer_ms", "<="),
        ],
    )


@contextlib.contextmanager
def _busy_machine():
    """Every core kept busy by a process that does nothing else."""
    processes = [
        popen([sys.executable, "-c", "while True: pass"])
        for _ in range(os.cpu_count())
    ]
    try:
        yield
    finally:
        for process in processes:
            end(process)


def soak(quick):
    """Does anybody move without need while the machine is busy?"""
    hosts = 10000
    seconds = 30 if quick else 600

    def firsthop():
        with FirsthopController() as controller:
            with loadgen(
                controller.port, hosts=hosts, delay_us=300, jitter_us=200
            ) as generator:
                generator.do("connect")
                generator.do("learn", hosts)
                controller.wait_reachable([hosts, hosts])
                controller.wait_paths()
                with _busy_machine():
                    run = generator.do("run", seconds, timeout=seconds + 60)
                lost = controller.daemon.events(0, type="path.lost")
        return {
            "false_moves": run["false_moves"],
            "paths_lost": len(lost),
            "probes_per_s": run["probes"] / run["seconds"],
        }

    return Figure(
        "soak",
        f"{hosts} clients for {seconds} s, all cores busy with other work",
        {"firsthop": firsthop},
        {"probes_per_s": "1/s"},
        None,
        [("firsthop", "false_moves", "<=", 0, None)],
    )
