"""Topology x setting x fault x repetition, and what came out of it.

A Sweep is one question.  main() runs it from the command line:

    main(Sweep("What does a shorter interval buy?",
               settings={"1 s": {}, "250 ms": {"interval_ms": 250}},
               faults={"X-Y": cut("X", "Y", silent=True)}))

Every run of it is a row, one per client:
  topology, setting, fault, repetition, client
  hit              does the fault hit this client (by 'clients')?
  recovered        did its traffic come back before the repair?
  up_ms, down_ms   the longest run of lost datagrams, from and to the client
  outage_ms        the longer of both; "never" counts as infinity
  lost             datagrams lost while the fault lasted
  repair_lost      and in the seconds after the repair
  active, moves    its router then; moves of all clients during the run
and what 'measure', functions of the Net by column, found before the fault.
"""

import argparse
import csv
import dataclasses
import datetime
import json
import math
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import time
from typing import Any, Callable

from firsthop.lab.firsthopd import default_build
from firsthop.lab.netns import run
from mininet.log import setLogLevel

from . import plot
from .isolation import isolate, prepare
from .meters import lost, outage_ms
from .net import Net
from .topologies import TOPOLOGIES

WATCH_REPAIR_S = 2


@dataclasses.dataclass
class Sweep:
    """'topologies', 'settings' and 'faults' are dicts by title: of a ready
    topology's name or a function that makes one; of keywords of Net; of a
    fault (see faults.py).  'clients' are those that the faults hit.
    'hold_s': look at the outage that long after the fault, not when traffic
    is back (for faults that come and go).  'claims' are what the answer is
    expected to be, texts with functions of the Result."""

    question: str
    faults: dict[str, Callable]
    settings: dict[str, dict] = dataclasses.field(
        default_factory=lambda: {"defaults": {}}
    )
    topologies: dict[str, Any] = dataclasses.field(
        default_factory=lambda: {"article": "article"}
    )
    clients: tuple = ("C",)
    repetitions: int = 5
    patience_s: float = 10
    hold_s: float = 0
    measure: dict[str, Callable] = dataclasses.field(default_factory=dict)
    claims: dict[str, Callable] = dataclasses.field(default_factory=dict)


class Result:
    """'header' tells the question, the machine, the seed; 'rows' see above."""

    def __init__(self, header, rows):
        self.header = header
        self.rows = rows

    def values(self, column="outage_ms", **match):
        """A column of the rows of the clients hit that fit: values(
        setting="1 s")."""
        match.setdefault("hit", True)
        return [
            row[column]
            for row in self.rows
            if all(row[key] == value for key, value in match.items())
        ]

    def median(self, column="outage_ms", **match):
        return statistics.median(self.values(column, **match))

    def cases(self):
        """Pairs of a title and the outages of all runs that have it, titled
        by what varies."""
        titles = dict.fromkeys(
            self._title(row) for row in self.rows if row["hit"]
        )
        return [
            (title, [row["outage_ms"] for row in self.case(title)])
            for title in titles
        ]

    def case(self, title):
        """The rows of one of cases()."""
        return [
            row
            for row in self.rows
            if row["hit"] and self._title(row) == title
        ]

    def _title(self, row):
        keys = [
            key
            for key in ("topology", "setting", "fault")
            if len({row[key] for row in self.rows}) > 1
        ]
        return ", ".join(row[key] for key in keys or ["fault"])


def run_sweep(sweep, repetitions=None, seed=None, say=print):
    """Runs all of it and returns the Result."""
    repetitions = repetitions or sweep.repetitions
    seed = random.randrange(2**32) if seed is None else seed
    header = header_of(sweep, repetitions, seed)
    started = time.monotonic()
    rows = []
    for topology, make in sweep.topologies.items():
        for setting, keywords in sweep.settings.items():
            say(f"{topology}, {setting}: setting up")
            # A network has its faults at the same moments, whatever else is
            # swept and in which order.
            chance = random.Random(f"{seed} {topology} {setting}")
            rows += _run_network(
                sweep,
                topology,
                make,
                setting,
                keywords,
                repetitions,
                chance,
                say,
            )
    header["took_s"] = round(time.monotonic() - started, 1)
    result = Result(header, rows)
    header["claims"] = [
        {"claim": text, "held": bool(holds(result))}
        for text, holds in sweep.claims.items()
    ]
    return result


def _run_network(
    sweep, topology, make, setting, keywords, repetitions, chance, say
):
    rows = []
    keywords = dict(keywords)
    # A setting may be another kind of network altogether.
    make = keywords.pop("topology", make)
    topo = TOPOLOGIES[make]() if isinstance(make, str) else make()
    with Net(topo, **keywords) as net:
        for repetition in range(1, repetitions + 1):
            for title, fault in sweep.faults.items():
                net.settle()
                found = {key: f(net) for key, f in sweep.measure.items()}
                # What went before ended with the probes at a certain phase.
                time.sleep(chance.uniform(0, 1))
                for row in _run_fault(sweep, net, fault):
                    case = {
                        "topology": topology,
                        "setting": setting,
                        "fault": title,
                        "repetition": repetition,
                    }
                    rows.append({**case, **row, **found})
                said = ", ".join(
                    f"{row['client']} {row['outage_ms']:.0f} ms"
                    for row in rows[-len(net.clients) :]
                )
                say(f"  {repetition} {title}: {said}")
    return rows


def _run_fault(sweep, net, fault):
    """One fault and its repair: a row for each client."""
    moves = net.moves()
    net.breaks(fault)
    if sweep.hold_s:
        time.sleep(sweep.hold_s)
        report = net.meters.report()
    else:
        report = net.meters.wait_back(sweep.clients, sweep.patience_s)
    active = {name: _active(net, name) for name in net.clients}
    net.repair()
    time.sleep(WATCH_REPAIR_S)
    after = net.meters.report()
    moves = None if moves is None else net.moves() - moves
    for name in net.clients:
        outage = outage_ms(report, name)
        yield {
            "client": name,
            "hit": name in sweep.clients,
            "recovered": max(outage.values()) < math.inf,
            "up_ms": outage["up"],
            "down_ms": outage["down"],
            "outage_ms": max(outage.values()),
            "lost": lost(report, [name]),
            "repair_lost": lost(after, [name]),
            "active": active[name],
            "moves": moves,
        }


def _active(net, name):
    """The client's router, None while nobody can say (the daemon is away)."""
    try:
        return net.active(name)
    except OSError:
        return None


def header_of(sweep, repetitions, seed):
    """What somebody needs to do the same again."""
    return {
        "question": sweep.question,
        "expected": list(sweep.claims),
        "measures": list(sweep.measure),
        "repetitions": repetitions,
        "seed": seed,
        "settings": {
            key: repr(value) for key, value in sweep.settings.items()
        },
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(
            timespec="seconds"
        ),
        "machine": _machine(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "openvswitch": _first_line("ovs-vswitchd", "--version"),
        "firsthop": _first_line(
            os.path.join(default_build(), "firsthopd"), "--version"
        ),
        "load_before": round(os.getloadavg()[0], 2),
    }


def _machine():
    model = platform.machine()
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
    return f"{os.cpu_count()} x {model}"


def _first_line(*command):
    try:
        return run(*command).splitlines()[0]
    except (OSError, subprocess.SubprocessError, IndexError):
        return "unknown"


# Files.


def write(result, directory, name):
    """NAME.json, NAME.csv and NAME.svg in 'directory'."""
    os.makedirs(directory, exist_ok=True)
    path = os.path.join(directory, name)
    rows = [
        {key: _finite(value) for key, value in row.items()}
        for row in result.rows
    ]
    with open(path + ".json", "w", encoding="utf-8") as file:
        json.dump({"header": result.header, "rows": rows}, file, indent=1)
        file.write("\n")
    with open(path + ".csv", "w", encoding="utf-8", newline="") as file:
        for key, value in result.header.items():
            file.write(f"# {key}: {json.dumps(value)}\n")
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    with open(path + ".svg", "w", encoding="utf-8") as file:
        file.write(plot.draw(result))


def _finite(value):
    """JSON has no infinity."""
    return None if value == math.inf else value


# The command line.


def print_table(result):
    print(f"\n{result.header['question']}\n")
    print(
        f"{'outage of those that are hit, ms':<42}{'min':>7}{'median':>8}"
        f"{'max':>7}{'lost':>8}{'runs':>6}"
    )
    for title, values in result.cases():
        numbers = (min(values), statistics.median(values), max(values))
        low, median, high = (
            "never" if n == math.inf else f"{n:.0f}" for n in numbers
        )
        lost_ = statistics.median(row["lost"] for row in result.case(title))
        print(
            f"{title:<42}{low:>7}{median:>8}{high:>7}{lost_:>8.0f}"
            f"{len(values):>6}"
        )
    for key in result.header["measures"]:
        for setting in dict.fromkeys(row["setting"] for row in result.rows):
            median = result.median(key, setting=setting)
            print(f"{key}, {setting}: {median:.2f} (median)")
    print()
    for claim in result.header["claims"]:
        print(f"{'yes' if claim['held'] else 'NO '}  {claim['claim']}")
    print(f"\nseed {result.header['seed']}, {result.header['took_s']} s")


def main(sweep):
    """Runs the sweep as the command line says and exits: 0 if every claim
    held, 1 if one did not."""
    name = os.path.splitext(os.path.basename(sys.argv[0]))[0]
    parser = argparse.ArgumentParser(prog=name, description=sweep.question)
    parser.add_argument("--repeat", type=int, metavar="N", help="repetitions")
    parser.add_argument("--seed", type=int, help="of an earlier run")
    parser.add_argument(
        "--out",
        metavar="DIR",
        help=f"write {name}.json, {name}.csv and {name}.svg there",
    )
    options = parser.parse_args()
    if options.repeat is not None and options.repeat < 1:
        parser.error("--repeat takes a number from 1")
    isolate()
    setLogLevel("error")
    directory = prepare()
    try:
        result = run_sweep(
            *(sweep, options.repeat, options.seed),
            say=lambda text: print(text, flush=True),
        )
        print_table(result)
        if options.out:
            write(result, options.out, name)
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    sys.exit(not all(claim["held"] for claim in result.header["claims"]))
