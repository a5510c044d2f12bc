#!/usr/bin/python3
"""What each client loses, in the article's topology, fault by fault.

Question: for how long is a client cut off, in each direction, when a link or
a router breaks, with Firsthop and (--vrrp) with keepalived?

Topology: see topology.py.  Clients C (behind the middle switch) and D (on A's
switch) exchange 1 ms UDP in both directions with the server S.

Faults: link X-Y with and without loss of carrier, link A-X without, A's access
port down, A killed, A without power.  After each it is repaired and the losses of the next
seconds are counted as well.

Result (--json FILE): {"question", "units", "runs", "claims"}.  A run is
  system      "firsthop", "keepalived-1s", "keepalived-10ms"
  repeat      1...
  fault       key of FAULTS
  client, direction ("up": to the server, "down": from it)
  recovered   did the traffic come back before the repair?
  outage_ms   the longest run of lost datagrams (while the fault lasted)
  lost        datagrams (1 ms each) lost while the fault lasted
  repair_lost, repair_moves   what the repair cost
A claim is {"claim", "held", "detail"}.

Run by mininet/demo in network and process namespaces of its own, so that
nothing can be left behind.  Exit status 0: every claim held; 1: one did not;
2: it could not be run.
"""

import argparse
import fcntl
import glob
import json
import os
import shutil
import signal
import statistics
import sys
import tempfile
import time

from mininet.cli import CLI
from mininet.log import setLogLevel
from mininet.net import Mininet

from topology import (
    Cable,
    CLIENTS,
    CONTROLLER_HOST,
    CORE_VIP,
    GATEWAY,
    NEXT_HOP,
    PREFIX,
    ROUTERS,
    ArticleTopo,
    VrrpTopo,
    firsthop_config,
    netns_of,
)

# topology.py has made these findable.
from firsthop.lab.faults import cost_of_repair, outage_of
from firsthop.lab.firsthopd import Firsthopd  # isort: skip
from firsthop.lab.meter import Meter, is_over, meter_binary
from firsthop.lab.netns import run, sysctl, unique_directory, wait_for

DIRECTORY_PREFIX = "firsthop-demo-"
PATIENCE_S = 10  # VRRP's master-down interval is 3.6 s at its longest.
SILENT_LIMIT_MS = 350
LOUD_LIMIT_MS = 200
DIRECTIONS = {"up": "to S", "down": "from S"}


class Fault:
    """Something that breaks: 'inject' and 'repair' take a system.  'hits' are
    the clients whose path breaks, 'limit_ms' how long they may be cut off."""

    def __init__(self, title, inject, repair, hits, limit_ms):
        self.title = title
        self.inject = inject
        self.repair = repair
        self.hits = hits
        self.limit_ms = limit_ms


def set_link(dev, state):
    return lambda _system: run("ip", "link", "set", dev, state)


def set_port(dev, state):
    """State 0 of a bridge port passes nothing, 3 forwards."""
    return lambda _system: run(
        "bridge", "link", "set", "dev", dev, "state", state
    )


def set_cables_of_a(state):
    """Of all its cables, so that nobody sees its connections close."""
    for dev in ("X-A", "core-A", "mgmt-A"):
        run("bridge", "link", "set", "dev", dev, "state", state, check=False)


def lose_power(system):
    set_cables_of_a(0)
    system.net["A"].kill()


def regain_power(system):
    set_cables_of_a(3)
    system.net["A"].revive()


FAULTS = {
    "xy_cut": Fault(
        "link X-Y cut",
        set_link("X-Y", "down"),
        set_link("X-Y", "up"),
        "C",
        SILENT_LIMIT_MS,
    ),
    "xy_silent": Fault(
        "link X-Y cut, silent",
        set_port("X-Y", 0),
        set_port("X-Y", 3),
        "C",
        SILENT_LIMIT_MS,
    ),
    "ax_silent": Fault(
        "link A-X cut, silent",
        set_port("X-A", 0),
        set_port("X-A", 3),
        "CD",
        SILENT_LIMIT_MS,
    ),
    "port_down": Fault(
        "A's access port down",
        set_link("X-A", "down"),
        set_link("X-A", "up"),
        "CD",
        LOUD_LIMIT_MS,
    ),
    "killed": Fault(
        "router A killed",
        lambda system: system.net["A"].kill(),
        lambda system: system.net["A"].revive(),
        "CD",
        LOUD_LIMIT_MS,
    ),
    "power": Fault(
        "router A without power",
        lose_power,
        regain_power,
        "CD",
        SILENT_LIMIT_MS,
    ),
}


class System:
    """The topology with one way of keeping its gateway alive."""

    name = title = None
    topo = None
    watch_repair_s = 3  # Two rounds of probes and more.

    def __init__(self):
        self.net = None
        self.meter = None

    def start(self):
        self.net = Mininet(
            topo=self.topo, controller=None, link=Cable, autoSetMacs=False
        )
        self.net.start()
        self.started()
        self.meter = Meter(
            meter_binary(scratch_directory()),
            {
                name: (
                    *(netns_of(self.net[name]), address),
                    *(netns_of(self.net["S"]), NEXT_HOP),
                )
                for name, (_, address) in CLIENTS.items()
            },
        )
        self.go_home()

    def stop(self):
        if self.meter:
            self.meter.stop()
        self.meter = None
        self.stopping()
        if self.net:
            self.net.stop()
        self.net = None

    def go_home(self):
        """Returns when A is active for everybody and traffic flows."""
        wait_for(self.is_home, 15, "A to be active for C and D", self.log)
        self.meter.wait_steady(timeout=15, explain=self.log)

    def started(self):
        raise NotImplementedError

    def stopping(self):
        raise NotImplementedError

    def is_home(self):
        raise NotImplementedError

    def who(self):
        """Who is active for whom, for a person."""
        raise NotImplementedError

    def moves(self):
        """How many times a client has moved so far, or None: not known."""
        return None

    def log(self):
        return ""


class FirsthopSystem(System):
    name = "firsthop"
    title = "Firsthop"

    def __init__(self):
        super().__init__()
        self.topo = ArticleTopo()
        self.daemon = None

    def started(self):
        self.net["S"].cmd(f"ip route add {PREFIX} dev S-core")
        run("ip", "addr", "add", f"{CONTROLLER_HOST}/24", "dev", "mgmt")
        self.daemon = Firsthopd(unique_directory(), firsthop_config())
        self.daemon.start()
        wait_for(self._are_connected, 15, "the routers", self.log)
        for name in ROUTERS:
            self.net[name].ovs.reconnect_quickly(f"br-{name}")

    def stopping(self):
        if self.daemon and self.daemon.is_running():
            self.daemon.stop()

    def go_home(self):
        """Nobody moves back by himself: B's access port goes down for a
        moment, where that is needed."""
        wait_for(self._are_reached, 15, "both routers to see all", self.log)
        if not self.is_home():
            run("ip", "link", "set", "Z-B", "down")
            wait_for(self.is_home, 15, "all to be on A", self.log)
            run("ip", "link", "set", "Z-B", "up")
            wait_for(self._are_reached, 15, "B to be back", self.log)
        super().go_home()

    def is_home(self):
        return all(
            self.daemon.active(address) == "A"
            for _, address in CLIENTS.values()
        )

    def who(self):
        return ", ".join(
            f"{name} on {self.daemon.active(address) or 'nobody'}"
            for name, (_, address) in CLIENTS.items()
        )

    def moves(self):
        return sum(
            self.daemon.client(address)["moves"]
            for _, address in CLIENTS.values()
        )

    def log(self):
        return self.daemon.log_tail()

    def _are_connected(self):
        return all(self.daemon.router(name)["connected"] for name in ROUTERS)

    def _are_reached(self):
        return all(
            self.daemon.client(address)["reach"][name]["state"] == "up"
            for _, address in CLIENTS.values()
            for name in ROUTERS
        )


class KeepalivedSystem(System):
    watch_repair_s = 5  # The old master comes back after up to 3.6 s.

    def __init__(self, name, title, advert_s):
        super().__init__()
        self.name = name
        self.title = title
        self.topo = VrrpTopo(advert_s=advert_s)

    def started(self):
        self.net["S"].cmd(f"ip route add {PREFIX} via {CORE_VIP}")
        for name in ROUTERS:
            self.net[name].start_keepalived()

    def stopping(self):
        pass

    def is_home(self):
        return self.net["A"].is_master() and not self.net["B"].is_master()

    def who(self):
        masters = [name for name in ROUTERS if self.net[name].is_master()]
        return f"master: {' and '.join(masters) or 'nobody'}"


def systems_of(options):
    """Makers of what is to be measured, in the order of the table."""
    makers = [] if options.vrrp_only else [FirsthopSystem]
    if options.vrrp or options.vrrp_only:
        makers += [
            lambda: KeepalivedSystem("keepalived-1s", "keepalived 1 s", 1),
            lambda: KeepalivedSystem(
                "keepalived-10ms", "keepalived 10 ms", 0.01
            ),
        ]
    return makers


def measure_fault(system, key, fault):
    """Breaks, waits, repairs, and returns the two reports of the meter:
    {"fault", "repair", "repair_moves"}."""
    after_fault = outage_of(fault, system, system.meter, PATIENCE_S)
    recovered = is_over(after_fault, fault.hits)
    say(
        f"{fault.title:<22} {system.who():<20} "
        + ("back" if recovered else f"not back within {PATIENCE_S} s")
    )

    moves = system.moves()
    after_repair = cost_of_repair(
        *(fault, system, system.meter),
        lambda: time.sleep(system.watch_repair_s),
    )
    moves = None if moves is None else system.moves() - moves
    lost = sum(
        way["lost"]
        for p in after_repair["pairs"].values()
        for way in p.values()
    )
    say(f"{'  repaired':<22} {system.who():<20} {lost} lost")
    return {"fault": after_fault, "repair": after_repair, "moves": moves}


def rows_of(system, repeat, key, reports):
    """The runs (see the top of the file) of one measured fault."""
    rows = []
    for client in CLIENTS:
        for way in DIRECTIONS:
            during = reports["fault"]["pairs"][client][way]
            rows.append(
                {
                    "system": system.name,
                    "repeat": repeat,
                    "fault": key,
                    "client": client,
                    "direction": way,
                    "recovered": during["good_ms"] > 0,
                    "outage_ms": during["outage_ms"],
                    "lost": during["lost"],
                    "duplicates": during["duplicates"],
                    "repair_lost": reports["repair"]["pairs"][client][way][
                        "lost"
                    ],
                    "repair_moves": reports["moves"],
                }
            )
    return rows


def run_system(make, repeats, stay):
    """Measures all faults 'repeats' times and returns the runs."""
    rows = []
    system = make()
    print(f"{system.title}: setting up", flush=True)
    try:
        system.start()
        say(f"{'ready':<22} {system.who()}")
        for repeat in range(1, repeats + 1):
            if repeats > 1:
                say(f"repetition {repeat} of {repeats}")
            for key, fault in FAULTS.items():
                reports = measure_fault(system, key, fault)
                rows += rows_of(system, repeat, key, reports)
                system = ensure_home(system, make)
        if stay:
            print_cli_help(system)
            setLogLevel("output")
            CLI(system.net)
    finally:
        system.stop()
    return rows


def ensure_home(system, make):
    """Back to the beginning, with a new network if nothing else helps."""
    try:
        system.go_home()
        return system
    except AssertionError as error:
        if isinstance(system, FirsthopSystem):
            raise
        say(f"{'  starting over':<22} {str(error).splitlines()[0]}")
        system.stop()
        system = make()
        system.start()
        return system


def print_cli_help(system):
    print("\nMininet's command line; exit leaves.  For example")
    print(f"  C ping -c 3 {GATEWAY}         sh ip link set X-Y down")
    if isinstance(system, FirsthopSystem):
        url = "http://localhost/v1/clients"
        print(f"  sh curl -s --unix-socket {system.daemon.socket_path} {url}")


def check_claims(rows):
    """What the demo claims about Firsthop: a list of {"claim", "held",
    "detail"}."""
    rows = [row for row in rows if row["system"] == "firsthop"]
    if not rows:
        return []
    hit = [r for r in rows if r["client"] in FAULTS[r["fault"]].hits]
    spared = [r for r in rows if r["client"] not in FAULTS[r["fault"]].hits]
    return [
        claim(
            "every client recovers, in both directions",
            hit,
            lambda row: row["recovered"],
        ),
        claim(
            f"cuts without a signal, power loss: at most {SILENT_LIMIT_MS} ms",
            [r for r in hit if FAULTS[r["fault"]].limit_ms == SILENT_LIMIT_MS],
            lambda row: row["outage_ms"] <= SILENT_LIMIT_MS,
        ),
        claim(
            f"port down, router killed: at most {LOUD_LIMIT_MS} ms",
            [r for r in hit if FAULTS[r["fault"]].limit_ms == LOUD_LIMIT_MS],
            lambda row: row["outage_ms"] <= LOUD_LIMIT_MS,
        ),
        claim(
            "D loses nothing when only C's path breaks",
            spared,
            lambda row: row["lost"] == 0,
        ),
        claim(
            "after a repair nobody moves",
            rows,
            lambda row: row["repair_moves"] == 0,
        ),
        claim(
            "after a repair nothing is lost",
            rows,
            lambda row: row["repair_lost"] == 0,
        ),
    ]


def claim(text, rows, holds):
    bad = [row for row in rows if not holds(row)]
    detail = "; ".join(
        f"{row['fault']} {row['client']} {row['direction']}: "
        f"{row['outage_ms']:.0f} ms, {row['lost']} lost, "
        f"repair {row['repair_lost']} lost, {row['repair_moves']} moves"
        for row in bad[:3]
    )
    return {"claim": text, "held": bool(rows) and not bad, "detail": detail}


def cell(rows):
    """min/median/max of the outages, in ms."""
    values = [row["outage_ms"] if row["recovered"] else None for row in rows]
    if all(value is None for value in values):
        return "never"
    known = [float("inf") if value is None else value for value in values]
    numbers = [min(known), statistics.median(known), max(known)]
    texts = ["never" if n == float("inf") else f"{n:.0f}" for n in numbers]
    return texts[0] if len(rows) == 1 else "/".join(texts)


def print_table(rows):
    """Outages by fault, client and direction; one column a system."""
    systems = list(dict.fromkeys(row["system"] for row in rows))
    repeats = max(row["repeat"] for row in rows)
    many = f", min/median/max of {repeats}" if repeats > 1 else ""
    print(f"\nOutage in ms{many} (never: not within {PATIENCE_S} s)\n")
    head = "".join(f"{name:>18}" for name in systems)
    print(f"{'fault':<22} {'client':<7}{'traffic':<8}{head}")
    for key, fault in FAULTS.items():
        title = fault.title
        for client in CLIENTS:
            for way, way_title in DIRECTIONS.items():
                line = f"{title:<22} {client:<7}{way_title:<8}"
                for name in systems:
                    chosen = select(rows, name, key, client, way)
                    line += f"{cell(chosen):>18}"
                print(line)
                title = ""
        line = f"{'  lost in repair':<22} {'both':<7}{'both':<8}"
        for name in systems:
            line += f"{repair_cell(rows, name, key):>18}"
        print(line)


def select(rows, system, fault, client, direction):
    want = (system, fault, client, direction)
    return [
        row
        for row in rows
        if (row["system"], row["fault"], row["client"], row["direction"])
        == want
    ]


def repair_cell(rows, system, fault):
    """min/median/max of the datagrams that a repair lost."""
    lost = {}
    for row in rows:
        if (row["system"], row["fault"]) == (system, fault):
            number = row["repeat"]
            lost[number] = lost.get(number, 0) + row["repair_lost"]
    values = list(lost.values())
    if len(values) == 1:
        return str(values[0])
    numbers = (min(values), statistics.median(values), max(values))
    return "/".join(f"{n:.0f}" for n in numbers)


def print_claims(claims):
    print()
    for item in claims:
        mark = "yes" if item["held"] else "NO "
        print(f"{mark}  {item['claim']}")
        if item["detail"]:
            print(f"     {item['detail']}")


def plot(rows, path):
    """The worst direction of C, fault by fault, on a logarithmic scale."""
    try:
        import matplotlib
    except ImportError:
        print("demo: no plot: python3-matplotlib is not installed")
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot

    systems = list(dict.fromkeys(row["system"] for row in rows))
    figure, axes = pyplot.subplots(figsize=(9, 4.5))
    width = 0.8 / len(systems)
    for i, name in enumerate(systems):
        heights, colors = [], f"C{i}"
        for key in FAULTS:
            worst = [
                PATIENCE_S * 1000 if not r["recovered"] else r["outage_ms"]
                for way in DIRECTIONS
                for r in select(rows, name, key, "C", way)
            ]
            heights.append(max(worst + [1]))
        at = [j + i * width for j in range(len(FAULTS))]
        axes.bar(at, heights, width, color=colors, label=name)
    axes.set_yscale("log")
    axes.set_ylabel("C cut off, worst direction, ms")
    axes.set_xticks([j + 0.4 - width / 2 for j in range(len(FAULTS))])
    axes.set_xticklabels(
        [f.title.replace(", ", ",\n") for f in FAULTS.values()]
    )
    axes.axhline(PATIENCE_S * 1000, color="grey", linestyle=":")
    axes.legend()
    figure.tight_layout()
    figure.savefig(path)


def say(text):
    print(f"  {text}", flush=True)


def scratch_directory():
    return tempfile.gettempdir()


def parse_options():
    parser = argparse.ArgumentParser(
        prog="mininet/demo",
        description="Breaks links and routers of the article's topology and "
        "measures what each client loses.",
    )
    parser.add_argument(
        "--vrrp", action="store_true", help="measure keepalived as well"
    )
    parser.add_argument(
        "--vrrp-only", action="store_true", help="measure only keepalived"
    )
    parser.add_argument(
        "--cli", action="store_true", help="then stay in Mininet's CLI"
    )
    parser.add_argument(
        "--repeat", type=int, default=1, metavar="N", help="repetitions"
    )
    parser.add_argument("--json", metavar="FILE", help="write the results")
    parser.add_argument("--plot", metavar="FILE", help="draw the results")
    options = parser.parse_args()
    if options.repeat < 1:
        parser.error("--repeat takes a number from 1")
    return options


def prepare():
    """A private place for files, loopback up, and an end to any signal."""

    def leave(_signum, _frame):
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGHUP, leave)
    setLogLevel("error")
    run("ip", "link", "set", "lo", "up")
    sysctl("net.ipv6.conf.all.disable_ipv6", 1)
    sysctl("net.ipv6.conf.default.disable_ipv6", 1)
    sweep_directories()
    tempfile.tempdir = tempfile.mkdtemp(prefix=DIRECTORY_PREFIX)
    lock_directory(tempfile.tempdir)
    return tempfile.tempdir


def sweep_directories():
    """Removes the files of demos that were killed."""
    pattern = os.path.join(tempfile.gettempdir(), DIRECTORY_PREFIX + "*")
    for path in glob.glob(pattern):
        if lock_directory(path):
            shutil.rmtree(path, ignore_errors=True)


def lock_directory(path):
    """Marks 'path' as in use for as long as this process lives.  Returns
    false if another one has."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except OSError:
        os.close(descriptor)
        return False


def main():
    options = parse_options()
    directory = prepare()
    rows = []
    try:
        makers = systems_of(options)
        for i, make in enumerate(makers):
            stay = options.cli and i == 0
            rows += run_system(make, options.repeat, stay)
        claims = check_claims(rows)
        print_table(rows)
        print_claims(claims)
        if options.json:
            write_json(options.json, rows, claims)
        if options.plot:
            plot(rows, options.plot)
    except KeyboardInterrupt:
        print("\ndemo: interrupted", file=sys.stderr)
        return 130
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return 0 if all(item["held"] for item in claims) else 1


def write_json(path, rows, claims):
    result = {
        "question": "for how long is a client cut off, fault by fault?",
        "units": {"outage_ms": "ms", "lost": "datagrams, one a millisecond"},
        "runs": rows,
        "claims": claims,
    }
    with open(path, "w", encoding="utf-8") as file:
        json.dump(result, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    sys.exit(main())
