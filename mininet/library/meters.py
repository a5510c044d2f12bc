"""What clients lose: UDP between each of them and the server S, both ways,
and what it costs to keep them: CPU time."""

import math
import os
import time

from firsthop.lab.meter import Meter, is_over, meter_binary

from .nodes import netns_of
from .topologies import NEXT_HOP

PATIENCE_S = 10  # VRRP's master-down interval is 3.6 s at its longest.
GRACE_MS = 100  # A datagram that is later than this is lost.
DARK_MS = 400  # Nothing for that long: it is an outage that still lasts.
WAYS = ("up", "down")  # From the client, to the client.


class Meters:
    """One datagram a millisecond ('interval_us') each way between every
    client of the network and S, from when it is made until stop()."""

    def __init__(self, net, clients, directory, interval_us=1000):
        self._meter = Meter(
            meter_binary(directory),
            {
                name: (
                    *(netns_of(net[name]), address),
                    *(netns_of(net["S"]), NEXT_HOP),
                )
                for name, (_, address) in clients.items()
            },
            interval_us=interval_us,
            grace_ms=GRACE_MS,
        )

    def stop(self):
        self._meter.stop()

    def reset(self):
        """Counts from now on only."""
        self._meter.reset()

    def report(self):
        """See firsthop.lab.meter."""
        return self._meter.report()

    def wait_steady(self, timeout=15, explain=None):
        """Until all has arrived for a while."""
        self._meter.wait_steady(timeout=timeout, explain=explain)

    def wait_back(self, clients, patience_s=PATIENCE_S):
        """Waits until the traffic of 'clients', which a fault since the last
        reset hits, is back, or else for 'patience_s'.  Returns the report."""
        deadline = time.monotonic() + patience_s
        while True:
            report = self.report()
            if is_over(report, clients) or time.monotonic() > deadline:
                return report
            time.sleep(0.05)


def outage_ms(report, client):
    """How long the client was cut off, {"up", "down"}: the longest run of
    lost datagrams since the last reset, infinity if none arrive yet."""
    return {
        way: stream["outage_ms"] if stream["dark_ms"] < DARK_MS else math.inf
        for way, stream in report["pairs"][client].items()
        if way in WAYS
    }


def lost(report, clients=None):
    """Datagrams that did not arrive, of 'clients' or of all."""
    return sum(
        report["pairs"][client][way]["lost"]
        for client in clients or report["pairs"]
        for way in WAYS
    )


def cpu_percent(pids, seconds=1.0):
    """How much of one CPU each of {name: [pid]} takes, measured over some
    'seconds'."""
    before = {name: _cpu_s(group) for name, group in pids.items()}
    started = time.monotonic()
    time.sleep(seconds)
    took_s = time.monotonic() - started
    return {
        name: 100 * (_cpu_s(group) - before[name]) / took_s
        for name, group in pids.items()
    }


def _cpu_s(pids):
    """What all threads that live have run; /proc/PID/stat counts in steps of
    10 ms, which is much for an idle daemon."""
    total_ns = 0
    for pid in pids:
        for thread in os.listdir(f"/proc/{pid}/task"):
            path = f"/proc/{pid}/task/{thread}/schedstat"
            with open(path, encoding="ascii") as file:
                total_ns += int(file.read().split()[0])
    return total_ns / 1e9
