"""Which breaks of the access network does VRRP not see?"""

import math

from firsthop.mininet import Sweep, VrrpArticle, cut, kill, main

NEVER = math.inf

main(
    Sweep(
        "Which breaks of the access network does VRRP not see?",
        settings={
            "Firsthop": {},
            "VRRP 1 s": {"topology": VrrpArticle},
            "VRRP 10 ms": {"topology": lambda: VrrpArticle(0.01)},
        },
        faults={
            "X-Y cut": cut("X", "Y"),
            "X-Y cut, silent": cut("X", "Y", silent=True),
            "A dies": kill("A"),
        },
        repetitions=3,
        claims={
            "Firsthop brings C back from all of them": lambda result: (
                max(result.values(setting="Firsthop")) < NEVER
            ),
            "VRRP never does when X-Y is cut": lambda result: all(
                min(result.values(setting=vrrp, fault=cut)) == NEVER
                for vrrp in ("VRRP 1 s", "VRRP 10 ms")
                for cut in ("X-Y cut", "X-Y cut, silent")
            ),
            "both do when the router dies": lambda result: (
                max(result.values(fault="A dies")) < NEVER
            ),
        },
    )
)
