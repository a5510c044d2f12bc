"""Runs udpmeter: what do paths lose, and for how long?"""

import json
import os
import subprocess

from .firsthopd import default_build
from .netns import end, popen, run, wait_for

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "udpmeter.c")


def meter_binary(scratch):
    """The meter from the build directory, or as it is installed, or else
    compiled into 'scratch'."""
    build = default_build()
    for known in ("tests/lab/udpmeter", "../libexec/firsthop/udpmeter"):
        if os.access(os.path.join(build, known), os.X_OK):
            return os.path.join(build, known)
    program = os.path.join(scratch, "udpmeter")
    if not os.path.exists(program):
        with open(os.path.join(scratch, "config.h"), "w", encoding="ascii"):
            pass
        run(
            *("cc", "-std=gnu11", "-O2", "-D_GNU_SOURCE"),
            *("-I", scratch, "-o", program, SOURCE),
        )
    return program


class Meter:
    """1 kHz UDP (or slower) in both directions between pairs of hosts.

    'pairs' maps a name to (client netns path, client address, server netns
    path, server address).  A report is {"seconds", "pairs": {NAME: {"up",
    "down"}}}, "up" from client to server, each with
      sent, lost, duplicates, send_errors    datagrams
      outages                                runs of lost datagrams
      outage_ms, outage_start_ms             the longest, and when it began,
                                             counted from the last reset
      dark_ms, good_ms                       for how long now nothing, or
                                             everything, arrives
      delay_max_ms                           the slowest that arrived
    """

    def __init__(self, program, pairs, interval_us=1000, grace_ms=100):
        specs = [",".join((name, *pair)) for name, pair in pairs.items()]
        self._process = popen(
            [
                program,
                "--interval-us",
                interval_us,
                "--grace-ms",
                grace_ms,
                *specs,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def report(self):
        self._command("report")
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the meter has died")
        return json.loads(line)

    def reset(self):
        """Counts from now on only."""
        self._command("reset")

    def stop(self):
        """Ends the traffic and returns the last report."""
        if self._process is None:
            return None
        process, self._process = self._process, None
        try:
            out, _ = process.communicate("stop\n", timeout=10)
        finally:
            end(process)
        return json.loads(out.splitlines()[-1])

    def is_steady(self, names=None, good_ms=300):
        """Has everything arrived, both ways, for the last 'good_ms'?"""
        pairs = self.report()["pairs"]
        return all(
            pairs[name][way]["good_ms"] >= good_ms
            for name in names or pairs
            for way in ("up", "down")
        )

    def wait_steady(self, names=None, good_ms=300, timeout=10.0, explain=None):
        wait_for(
            lambda: self.is_steady(names, good_ms),
            timeout,
            f"traffic of {', '.join(names or ['all'])} in both directions",
            lambda: self._explain(explain),
        )

    def _explain(self, explain):
        text = json.dumps(self.report(), indent=1)
        return text + ("\n" + str(explain()) if explain else "")

    def _command(self, line):
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()


def losses(report, name):
    """What the pair 'name' lost, by direction."""
    return {way: report["pairs"][name][way]["lost"] for way in ("up", "down")}


def duplicates(report):
    """How many arrived twice, stream by stream."""
    return [
        way["duplicates"]
        for pair in report["pairs"].values()
        for way in pair.values()
    ]


def is_over(report, names):
    """Has every pair of 'names', which a fault since the last reset hits,
    noticed it and recovered?

    A fault takes effect within milliseconds; a second without any loss says
    that there was, or will be, no outage to wait for."""
    ways = [way for name in names for way in report["pairs"][name].values()]
    if not all(way["good_ms"] >= 500 for way in ways):
        return False
    return any(way["lost"] for way in ways) or report["seconds"] > 2
