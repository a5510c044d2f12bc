"""Nothing that falls silent may cut a client off: outages, fault by fault,
beside those of a former build, whose directory $FIRSTHOP_FORMER names.

With two clients in the article's topology (see drivers.py), with a thousand
behind one port of two routers (see real.py), and without the management
network."""

import contextlib
import os
import time

from benchlib.drivers import cell, go_home, measure_fault
from benchlib.figures import Figure
from benchlib.real import move_on_bridges
from benchlib.tools import BenchError, daemon_of, former_build

# pylint: disable=wrong-import-order
from firsthop.lab.faults import FAULTS
from firsthop.lab.harness import ArticleLab
from firsthop.lab.meter import losses

TWO_CLIENTS = (
    *("xy_silent", "ax_silent", "power", "hung"),
    *("xy_cut", "port_down", "killed"),
)
MANY_CLIENTS = {
    "power": "A without power",
    "hung": "A's switch hangs",
    "silent": "A's access port cut, silent",
    "killed": "A killed",
}
AWAY_S = 30


def _builds(**also):
    """{label: (build, segment)}: this one, this one with 'also' replaced in
    the segment, and the former."""
    builds = {"now": (None, {})}
    for label, segment in also.items():
        builds[label.replace("_", " ")] = (None, segment)
    if former_build():
        builds["before"] = (former_build(), {})
    return builds


@contextlib.contextmanager
def _article(build, segment):
    """The article's topology, both clients reached by both routers, and the
    meter of their traffic."""
    lab = ArticleLab()
    try:
        lab.build()
        with daemon_of(build):
            lab.start(**segment)
        with lab.meter(lab.c, lab.d) as meter:
            meter.wait_steady(explain=lab.explain)
            yield lab, meter
    finally:
        lab.close()


def silence(quick):
    """Two clients, fault by fault."""
    faults = TWO_CLIENTS[:3] if quick else TWO_CLIENTS

    def contestant(build, segment):
        values = {}
        with _article(build, segment) as (lab, meter):
            for key in faults:
                rows = measure_fault(lab, meter, FAULTS[key])
                ways = [rows["up_ms"], rows["down_ms"]]
                values[key] = None if None in ways else max(ways)
                if "d_lost" in rows:
                    values[f"{key}.d_lost"] = rows["d_lost"]
                for row in ("repair_lost", "repair_moves"):
                    values[row] = values.get(row, 0) + rows[row]
                go_home(lab, meter)
        return values

    titles = {key: f"{FAULTS[key].title}, ms" for key in faults}
    titles |= {f"{key}.d_lost": "... D lost" for key in faults}
    titles |= {
        "repair_lost": "lost in all repairs",
        "repair_moves": "moves in all repairs",
    }
    return _figure(
        "silence",
        "two clients: longest outage of client C's 1 kHz UDP, the worse "
        "direction",
        _builds(every_10_ms={"beacon": {"interval_ms": 10}}),
        contestant,
        titles,
        [
            ("now", "xy_silent", "<=", 150),
            ("now", "max xy_silent", "<=", 350),
            ("now", "ax_silent", "<=", 150),
            ("now", "max ax_silent", "<=", 350),
            ("now", "power", "<=", 150),
            ("now", "max power", "<=", 300),
            ("every 10 ms", "xy_silent", "<=", 60),
            ("every 10 ms", "ax_silent", "<=", 60),
        ],
    )


def silence_many(quick):
    """A thousand clients that have to move."""
    hosts = 200 if quick else 1000

    def contestant(build, _segment):
        values = {}
        for fault in MANY_CLIENTS:
            times = move_on_bridges(hosts, fault, build)
            values[f"{fault}.median"] = times["median_ms"]
            values[f"{fault}.last"] = times["all_ms"]
        return values

    titles = {
        f"{fault}.{which}": f"{title}: {which} client, ms"
        for fault, title in MANY_CLIENTS.items()
        for which in ("median", "last")
    }
    return _figure(
        "silence_many",
        f"from the fault to the takeover notice, {hosts} clients of A",
        _builds(),
        contestant,
        titles,
        [
            ("now", "power.last", "<=", 150),
            ("now", "max power.last", "<=", 300),
            ("now", "hung.last", "<=", 150),
            ("now", "max hung.last", "<=", 300),
        ],
    )


def management(quick):
    """The management network is gone, and X-Y breaks meanwhile."""
    away_s = 8 if quick else AWAY_S

    def contestant(build, segment):
        with _article(build, segment) as (lab, meter):
            return _without_management(lab, meter, away_s)

    return _figure(
        "management",
        f"the management network is gone for {away_s} s; then for as long "
        "again, with X-Y cut silently in the middle, and back",
        _builds(),
        contestant,
        {
            "lost": "lost by C and D while it was away",
            "moved": "moves",
            "healed": "from the later connection to C's move, ms",
            "d_lost": "lost by D with X-Y cut",
        },
        [
            ("now", "max lost", "<=", 0),
            ("now", "max moved", "<=", 0),
            ("now", "max healed", "<=", 1000),
            ("now", "max d_lost", "<=", 0),
        ],
    )


def _without_management(lab, meter, away_s):
    routers = (lab.a, lab.b)

    def part():
        for router in routers:
            router.ovs.management.silence()

    def join():
        for router in routers:
            router.ovs.management.unsilence()
        lab.wait_connected(timeout=30)
        lab.settle(lab.c, lab.d)

    meter.reset()
    part()
    time.sleep(away_s)
    join()
    report = meter.report()
    values = {
        "lost": sum(sum(losses(report, name).values()) for name in "CD"),
        "moved": len(lab.daemon.events(0, type="client.moved")),
    }
    seq = lab.daemon.last_seq()
    part()
    time.sleep(away_s / 2)
    lab.links["X", "Y"].silence()
    meter.reset()
    time.sleep(away_s / 2)
    for router in routers:
        router.ovs.management.unsilence()
    lab.wait_active(lab.c, lab.b, timeout=40)
    lab.wait_for(
        lambda: lab.daemon.events(
            seq, type="client.moved", client=lab.c.address
        ),
        what="C to have moved",
    )
    values["healed"] = _healed_ms(lab.daemon.events(seq))
    values["d_lost"] = sum(losses(meter.report(), "D").values())
    return values


def _healed_ms(events):
    """From the last router's connection to the first move."""
    move = next(e for e in events if e["type"] == "client.moved")
    connected = [
        e
        for e in events
        if e["type"] == "router.connected" and e["seq"] < move["seq"]
    ]
    if not connected:
        raise BenchError("C moved before a router was back")
    return 1000 * (_seconds(move) - _seconds(connected[-1]))


def _seconds(event):
    """Of its minute: enough for a difference of some seconds."""
    hours, minutes, seconds = event["time"][11:-1].split(":")
    return 3600 * int(hours) + 60 * int(minutes) + float(seconds)


def _figure(name, title, builds, contestant, titles, targets):
    figure = Figure(
        name,
        title,
        {
            label: lambda build=build, segment=segment: contestant(
                build, segment
            )
            for label, (build, segment) in builds.items()
        },
        {},
        None,
        [target + (None,) for target in targets],
        layout=lambda figure: _table(figure, titles),
    )
    return figure


def _table(figure, titles):
    """Markdown: one row a metric, one column a build."""
    metrics = list(
        dict.fromkeys(
            metric for values in figure.samples.values() for metric in values
        )
    )
    rows = [["min / median / max"] + list(figure.samples)]
    for metric in metrics:
        rows.append(
            [titles.get(metric, metric)]
            + [cell(values.get(metric)) for values in figure.samples.values()]
        )
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    rows.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in rows
    )
