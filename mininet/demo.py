#!/usr/bin/python3
"""What each client loses, in the article's topology, fault by fault.

Question: for how long is a client cut off, in each direction, when a link or
a router breaks, with Firsthop and (--vrrp) with keepalived?

Topology: Article of firsthop.mininet.  Clients C (behind the middle switch)
and D (on A's switch) exchange 1 ms UDP in both directions with the server S.

Faults: link X-Y with and without loss of carrier, link A-X without, A's access
port down, A killed, A without power; the daemon killed, for longer than ARP's
timers, which are shortened for that.  After each it is repaired and the losses
of the next seconds are counted as well.

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

Run by mininet/demo, in network and process namespaces of its own, so that
nothing can be left behind.  Exit status 0: every claim held; 1: one did not;
2: it could not be run.
"""

import argparse
import json
import math
import os
import random
import shutil
import statistics
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(1, os.path.join(HERE, "..", "python"))

# pylint: disable=wrong-import-position
from mininet.cli import CLI  # noqa: E402
from mininet.log import setLogLevel  # noqa: E402

from firsthop.mininet import (  # noqa: E402
    Article,
    Net,
    Sweep,
    VrrpArticle,
    cut,
    kill,
    power_off,
)
from firsthop.mininet import plot  # noqa: E402
from firsthop.mininet.isolation import isolate, prepare  # noqa: E402
from firsthop.mininet.meters import lost, outage_ms  # noqa: E402
from firsthop.mininet.sweep import Result, header_of  # noqa: E402

PATIENCE_S = 10  # VRRP's master-down interval is 3.6 s at its longest.
SILENT_LIMIT_MS = 350
LOUD_LIMIT_MS = 200
CLIENTS = ("C", "D")
DAEMON = "c0"
# Of the daemon: longer than anybody remembers a MAC without asking again, with
# ARP's timers at a tenth of Linux's or less.
ABSENCE_S = 15
ARP_TIMERS = {
    "base_reachable_time_ms": 1000,
    "delay_first_probe_time": 1,
    "gc_stale_time": 2,
}
GATEWAY = "10.0.0.1"
DIRECTIONS = {"up": "to S", "down": "from S"}


class Fault:
    """Something that breaks.  'hits' are the clients whose path breaks,
    'limit_ms' how long they may be cut off.  'lasts_s': it is looked at for so
    long, whoever is back.  'of_daemon': only what has one can lose it."""

    def __init__(
        self, title, inject, hits, limit_ms, lasts_s=0, of_daemon=False
    ):
        self.title = title
        self.inject = inject
        self.hits = hits
        self.limit_ms = limit_ms
        self.lasts_s = lasts_s
        self.of_daemon = of_daemon


FAULTS = {
    "xy_cut": Fault("link X-Y cut", cut("X", "Y"), "C", SILENT_LIMIT_MS),
    "xy_silent": Fault(
        *("link X-Y cut, silent", cut("X", "Y", silent=True), "C"),
        SILENT_LIMIT_MS,
    ),
    "ax_silent": Fault(
        *("link A-X cut, silent", cut("X", "A", silent=True), "CD"),
        SILENT_LIMIT_MS,
    ),
    "port_down": Fault(
        "A's access port down", cut("X", "A"), "CD", LOUD_LIMIT_MS
    ),
    "killed": Fault("router A killed", kill("A"), "CD", LOUD_LIMIT_MS),
    "power": Fault(
        "router A without power", power_off("A"), "CD", SILENT_LIMIT_MS
    ),
    "absent": Fault(
        f"daemon killed, {ABSENCE_S} s",
        *(power_off(DAEMON), "", 0),
        lasts_s=ABSENCE_S,
        of_daemon=True,
    ),
}


class System:
    """One way of keeping the topology's gateway alive.  'make' makes the
    topology, 'watch_repair_s' is how long to look at what a repair costs."""

    def __init__(self, name, title, make, watch_repair_s):
        self.name = name
        self.title = title
        self.make = make
        self.watch_repair_s = watch_repair_s

    def start(self):
        net = Net(self.make())
        try:
            net.start()
            net.settle()
        except BaseException:
            net.stop()
            raise
        return net


FIRSTHOP = System("firsthop", "Firsthop", Article, watch_repair_s=3)
# The old master comes back after up to 3.6 s.
KEEPALIVED = [
    System("keepalived-1s", "keepalived 1 s", lambda: VrrpArticle(1), 5),
    System(
        *("keepalived-10ms", "keepalived 10 ms"),
        *(lambda: VrrpArticle(0.01), 5),
    ),
]


def quicken_arp(net):
    """What Linux asks for again after half a minute, in a second or two: an
    absence would not show before."""
    for name in (*CLIENTS, "S"):
        timers = f"net.ipv4.neigh.{name}-eth0"
        for key, value in ARP_TIMERS.items():
            net[name].cmd(f"sysctl -qw {timers}.{key}={value}")


def systems_of(options):
    """What is to be measured, in the order of the table."""
    systems = [] if options.vrrp_only else [FIRSTHOP]
    if options.vrrp or options.vrrp_only:
        systems += KEEPALIVED
    return systems


def who(net):
    """Who is active for whom, for a person."""
    if net.control:
        names = {name: net.active(name) or "nobody" for name in CLIENTS}
        return ", ".join(f"{c} on {router}" for c, router in names.items())
    masters = [name for name in net.topo.routers if net[name].is_master()]
    return f"master: {' and '.join(masters) or 'nobody'}"


def measure_fault(system, net, fault):
    """Breaks, waits, repairs, and returns the two reports of the meters:
    {"fault", "repair", "moves"}."""
    # What went before ended with the probes at a certain phase.
    time.sleep(random.uniform(0, 1))
    net.breaks(fault.inject)
    time.sleep(fault.lasts_s)
    during = net.meters.wait_back(fault.hits, PATIENCE_S)
    if fault.of_daemon:
        return measure_return(system, net, fault, during)
    back = all(max(outage_ms(during, c).values()) < 1e6 for c in fault.hits)
    say(
        f"{fault.title:<22} {who(net):<20} "
        + ("back" if back else f"not back within {PATIENCE_S} s")
    )
    moves = net.moves()
    net.repair()
    time.sleep(system.watch_repair_s)
    after = net.meters.report()
    moves = None if moves is None else net.moves() - moves
    say(f"{'  repaired':<22} {who(net):<20} {lost(after)} lost")
    return {"fault": during, "repair": after, "moves": moves}


def measure_return(system, net, fault, during):
    """The rest of measure_fault() for a daemon that is away: it cannot be
    asked before it is back, and counts moves from then on."""
    say(f"{fault.title:<22} {'':<20} {lost(during)} lost")
    net.repair()
    time.sleep(system.watch_repair_s)
    after = net.meters.report()
    say(f"{'  back':<22} {who(net):<20} {lost(after)} lost")
    return {"fault": during, "repair": after, "moves": net.moves()}


def rows_of(system, repeat, key, reports):
    """The runs (see the top of the file) of one measured fault."""
    rows = []
    for client in CLIENTS:
        for way in DIRECTIONS:
            during = reports["fault"]["pairs"][client][way]
            after = reports["repair"]["pairs"][client][way]
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
                    "repair_lost": after["lost"],
                    "repair_moves": reports["moves"],
                }
            )
    return rows


def run_system(system, repeats, stay):
    """Measures all faults 'repeats' times and returns the runs."""
    rows = []
    print(f"{system.title}: setting up", flush=True)
    net = system.start()
    try:
        quicken_arp(net)
        say(f"{'ready':<22} {who(net)}")
        for repeat in range(1, repeats + 1):
            if repeats > 1:
                say(f"repetition {repeat} of {repeats}")
            for key, fault in FAULTS.items():
                if fault.of_daemon and not net.control:
                    continue
                reports = measure_fault(system, net, fault)
                rows += rows_of(system, repeat, key, reports)
                net = ensure_home(system, net)
        if stay:
            print_cli_help(net)
            setLogLevel("output")
            CLI(net)
    finally:
        net.stop()
    return rows


def ensure_home(system, net):
    """Back to the beginning, with a new network if nothing else helps."""
    try:
        net.settle()
        return net
    except AssertionError as error:
        if net.control:
            raise
        say(f"{'  starting over':<22} {str(error).splitlines()[0]}")
        net.stop()
        return system.start()


def print_cli_help(net):
    print("\nMininet's command line; exit leaves.  For example")
    print(f"  C ping -c 3 {GATEWAY}         py net.cut('X', 'Y')")
    print("  py net.outage('C')              py net.repair()")
    if net.control:
        url = "http://localhost/v1/clients"
        path = net.control.socket_path
        print(f"  sh curl -s --unix-socket {path} {url}")


def check_claims(rows):
    """What the demo claims about Firsthop: a list of {"claim", "held",
    "detail"}."""
    rows = [row for row in rows if row["system"] == "firsthop"]
    if not rows:
        return []
    hit = [r for r in rows if r["client"] in FAULTS[r["fault"]].hits]
    spared = [
        r
        for r in rows
        if FAULTS[r["fault"]].hits
        and r["client"] not in FAULTS[r["fault"]].hits
    ]
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
            f"nothing is lost while the daemon is away for {ABSENCE_S} s",
            [r for r in rows if FAULTS[r["fault"]].of_daemon],
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
    """min/median/max of the outages, in ms; "-": that was not broken."""
    if not rows:
        return "-"
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
    if not values:
        return "-"
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


def draw(rows, path):
    """The worse direction of C, fault by fault and system by system."""
    sweep = Sweep("What does client C lose?", faults={})
    worst = {}
    for row in rows:
        if row["client"] == "C":
            ms = row["outage_ms"] if row["recovered"] else math.inf
            key = row["fault"], row["system"], row["repeat"]
            worst[key] = max(ms, worst.get(key, 0))
    repeats = max(row["repeat"] for row in rows)
    result = Result(
        header_of(sweep, repeats, seed=None),
        [
            {
                "topology": "article",
                "fault": FAULTS[fault].title,
                "setting": system,
                "hit": True,
                "outage_ms": ms,
            }
            for (fault, system, _), ms in sorted(
                worst.items(), key=lambda item: list(FAULTS).index(item[0][0])
            )
        ],
    )
    with open(path, "w", encoding="utf-8") as file:
        file.write(plot.draw(result))


def say(text):
    print(f"  {text}", flush=True)


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
    parser.add_argument(
        "--plot", metavar="FILE", help="draw the results (SVG)"
    )
    options = parser.parse_args()
    if options.repeat < 1:
        parser.error("--repeat takes a number from 1")
    return options


def main():
    options = parse_options()
    isolate()
    setLogLevel("error")
    directory = prepare()
    rows = []
    try:
        for i, system in enumerate(systems_of(options)):
            stay = options.cli and i == 0
            rows += run_system(system, options.repeat, stay)
        claims = check_claims(rows)
        print_table(rows)
        print_claims(claims)
        if options.json:
            write_json(options.json, rows, claims)
        if options.plot:
            draw(rows, options.plot)
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
