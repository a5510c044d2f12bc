"""Outages in the article's topology, whichever way the core learns of a move.

                     S
                     |
              +---- core ----+
              A              B
              |              |
              X ----- Y ---- Z
              |       |
              D       C
"""

import statistics
import time

from benchlib.figures import Figure
from benchlib.tools import BenchError

# pylint: disable=wrong-import-order
from firsthop.lab.faults import FAULTS, cost_of_repair, outage_of
from firsthop.lab.meter import losses
from firsthop.lab.upstreams import UPSTREAMS, missing

# Two rounds of probes: whoever would move after a repair has done so.
WATCH_S = 2
# The key of UPSTREAMS for each row of the table.
CONTESTANTS = {
    "arp": "arp",
    "bgp, BIRD": "bgp-bird",
    "bgp, FRR": "bgp-frr",
    "core": "core",
}
ROWS = {
    "up_ms": "C to S, ms",
    "down_ms": "S to C, ms",
    "d_lost": "D lost",
    "repair_lost": "repair: lost",
    "repair_moves": "repair: moves",
}


def drivers(quick):
    """Upstream drivers by faults."""
    faults = ("xy_silent", "killed") if quick else tuple(FAULTS)
    return Figure(
        "drivers",
        "longest outage of client C's 1 kHz UDP, what D lost where only C's "
        "path broke, what the repair cost both; min / median / max",
        {
            label: lambda name=name: _run(name, faults)
            for label, name in CONTESTANTS.items()
        },
        {},
        layout=lambda figure: _table(figure, faults),
    )


def _run(name, faults):
    """Every fault once, in a lab that starts anew: {FAULT_ROW: number}, None
    for an outage that did not end before the repair."""
    if missing(name):
        raise BenchError(missing(name))
    lab = UPSTREAMS[name]()
    try:
        lab.build()
        lab.start()
        values = {}
        with lab.meter(lab.c, lab.d) as meter:
            meter.wait_steady(explain=lab.explain)
            for key in faults:
                rows = measure_fault(lab, meter, FAULTS[key])
                for row, value in rows.items():
                    values[f"{key}_{row}"] = value
                go_home(lab, meter)
        return values
    finally:
        lab.close()


def measure_fault(lab, meter, fault):
    """The rows of one fault: {key of ROWS: number}."""
    report = outage_of(fault, lab, meter)
    values = {}
    for way, result in report["pairs"]["C"].items():
        recovered = result["good_ms"] > 0
        values[f"{way}_ms"] = result["outage_ms"] if recovered else None
    if "D" not in fault.hits:
        values["d_lost"] = sum(losses(report, "D").values())
    moves = _moves(lab)
    report = cost_of_repair(fault, lab, meter, lambda: _watch(lab))
    values["repair_lost"] = sum(
        sum(losses(report, client).values()) for client in "CD"
    )
    values["repair_moves"] = _moves(lab) - moves
    return values


def _watch(lab):
    """Until both routers are as good as before, and a while longer."""
    lab.wait_connected()
    lab.settle(lab.c, lab.d)
    time.sleep(WATCH_S)


def _moves(lab):
    """How many times a client has moved so far."""
    return sum(client["moves"] for client in lab.daemon.clients())


def go_home(lab, meter):
    """Back to A, to where nobody returns by himself, and until B has let go:
    a client that has not acknowledged the move still sends to B."""
    for client in (lab.c, lab.d):
        if lab.daemon.active(client.address) != "A":
            lab.daemon.move(client.address, "A")
        lab.wait_for(
            lambda client=client: not lab.b.flows_of(client),
            what=f"B to hold no flows of {client.name}",
        )
    meter.wait_steady(explain=lab.explain)


def _table(figure, faults):
    """Markdown that is aligned: driver by driver, one column a fault."""
    rows = [["upstream", ""] + [FAULTS[key].title for key in faults]]
    for label, metrics in figure.samples.items():
        for row, title in ROWS.items():
            cells = [cell(metrics.get(f"{key}_{row}")) for key in faults]
            rows.append([label, title] + cells)
            label = ""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    rows.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in rows
    )


def cell(values):
    """min / median / max, or what all have in common; None is never."""
    if not values:
        return ""
    known = [float("inf") if value is None else value for value in values]
    numbers = (min(known), statistics.median(known), max(known))
    texts = ["never" if n == float("inf") else f"{n:.0f}" for n in numbers]
    return texts[0] if len(set(texts)) == 1 else " / ".join(texts)
