"""The faults of the article, in its topology (harness.build_article()), and
what they and their repair cost."""

import random
import time

from .meter import is_over

PROBE_INTERVAL_S = 1  # The default of firsthopd.
PATIENCE_S = 10


class Fault:
    """'hits' are the clients whose path breaks, 'cause' the event's."""

    def __init__(self, title, inject, repair, hits, cause):
        self.title = title
        self.inject = inject
        self.repair = repair
        self.hits = hits
        self.cause = cause


FAULTS = {
    "xy_cut": Fault(
        "X-Y cut",
        lambda lab: lab.links["X", "Y"].down(),
        lambda lab: lab.links["X", "Y"].up(),
        "C",
        "unreachable",
    ),
    "xy_silent": Fault(
        "X-Y cut, silent",
        lambda lab: lab.links["X", "Y"].silence(),
        lambda lab: lab.links["X", "Y"].unsilence(),
        "C",
        "unreachable",
    ),
    "ax_silent": Fault(
        "A-X cut, silent",
        lambda lab: lab.a.access[0].silence(),
        lambda lab: lab.a.access[0].unsilence(),
        "CD",
        "unreachable",
    ),
    "port_down": Fault(
        "A's access port down",
        lambda lab: lab.a.access[0].down(),
        lambda lab: lab.a.access[0].up(),
        "CD",
        "port_down",
    ),
    "killed": Fault(
        "A killed",
        lambda lab: lab.a.kill(),
        lambda lab: lab.a.revive(),
        "CD",
        "router_lost",
    ),
    "power": Fault(
        "A without power",
        lambda lab: lab.a.lose_power(),
        lambda lab: lab.a.regain_power(),
        "CD",
        "router_lost",
    ),
    "hung": Fault(
        "A's switch hangs",
        lambda lab: lab.a.ovs.pause_switch(),
        lambda lab: lab.a.ovs.resume_switch(),
        "CD",
        "router_lost",
    ),
}


def outage_of(fault, lab, meter, patience_s=PATIENCE_S):
    """Breaks it, at any phase of the probes, and returns the meter's report
    of when those that it hits are back: good_ms is 0 for a direction that is
    not after 'patience_s'.  'lab' is what the fault's functions take."""
    # What went before ended with the probes at a certain phase.
    time.sleep(random.uniform(0, PROBE_INTERVAL_S))
    meter.reset()
    fault.inject(lab)
    deadline = time.monotonic() + patience_s
    while True:
        report = meter.report()
        if is_over(report, fault.hits) or time.monotonic() > deadline:
            return report
        time.sleep(0.05)


def cost_of_repair(fault, lab, meter, watch):
    """Repairs it and returns the meter's report of the time until 'watch()'
    returns."""
    meter.reset()
    fault.repair(lab)
    watch()
    return meter.report()
