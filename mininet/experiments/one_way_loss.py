"""What does it take of one-way loss between X and Y to move C?"""

from firsthop.mininet import Sweep, loss, main

main(
    Sweep(
        "C sends, but of what is sent to C a share is lost: is it moved?",
        faults={
            f"{share} % lost": loss("X", "Y", share)
            for share in (10, 30, 60, 100)
        },
        hold_s=8,
        claims={
            "with all lost C moves to B": lambda result: (
                set(result.values("active", fault="100 % lost")) == {"B"}
                and max(result.values(fault="100 % lost")) < 1800
            ),
            "with a tenth lost it stays: a probe is retried": lambda result: (
                set(result.values("active", fault="10 % lost")) == {"A"}
            ),
        },
    )
)
