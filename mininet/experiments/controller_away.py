"""The controller dies: what do clients lose, and if a link breaks then?"""

import math

from firsthop.mininet import Sweep, main, power_off


def dies_then_cut(faults):
    """A break that nobody is there to see."""
    faults.power_off("c0")
    faults.cut("X", "Y", silent=True)


main(
    Sweep(
        "The controller dies: what do clients lose?",
        faults={
            "it dies": power_off("c0"),
            "it dies, then X-Y is cut": dies_then_cut,
        },
        hold_s=40,
        repetitions=2,
        claims={
            "its death costs nothing": lambda result: (
                max(result.values(fault="it dies")) == 0
            ),
            "a break then lasts until it is back": lambda result: (
                min(result.values(fault="it dies, then X-Y is cut"))
                == math.inf
            ),
            "its return costs nothing": lambda result: (
                max(result.values("repair_lost", fault="it dies")) == 0
            ),
        },
    )
)
