"""A link that comes and goes: does its client follow it to and fro?"""

from firsthop.mininet import Sweep, flap, main

main(
    Sweep(
        "A link that comes and goes: does its client follow it to and fro?",
        settings={
            "stay where one is": {},
            "back to the preferred router": {"preempt": True},
        },
        faults={
            f"X-Y flaps every {s} s": flap("X", "Y", period_s=s, seed=1)
            for s in (2, 4)
        },
        hold_s=20,
        repetitions=3,
        claims={
            "C is cut off once, until it has moved": lambda result: (
                max(result.values()) < 1800
            ),
            "it moves once": lambda result: (
                set(result.values("moves", setting="stay where one is")) == {1}
            ),
            "preemption waits for 10 s of peace": lambda result: (
                max(
                    result.values(
                        "moves", setting="back to the preferred router"
                    )
                )
                <= 2
            ),
        },
    )
)
