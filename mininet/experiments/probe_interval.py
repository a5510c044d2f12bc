"""What does a shorter probe interval buy, and what does it cost?"""

from firsthop.mininet import Sweep, cut, main

INTERVALS_MS = (100, 250, 500, 1000, 2000)

main(
    Sweep(
        "Without beacons: what does a shorter probe interval buy and cost?",
        settings={
            f"{ms} ms": {"interval_ms": ms, "beacon_ms": 0}
            for ms in INTERVALS_MS
        },
        faults={"X-Y cut, silent": cut("X", "Y", silent=True)},
        measure={"cpu_daemon": lambda net: net.cpu_percent(2)["daemon"]},
        claims={
            "the median outage shrinks with the interval": lambda result: (
                result.median(setting="100 ms")
                < result.median(setting="500 ms")
                < result.median(setting="2000 ms")
            ),
            "no outage is longer than interval and retries": lambda result: (
                all(
                    max(result.values(setting=f"{ms} ms")) < ms + 400
                    for ms in INTERVALS_MS
                )
            ),
        },
    )
)
