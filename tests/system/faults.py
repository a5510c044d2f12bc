"""The faults of the article, in its topology (harness.build_article())."""


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
}
