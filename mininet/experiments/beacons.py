"""How much sooner than probes do path beacons show a silent break?"""

from firsthop.mininet import Sweep, cut, kill, main, power_off

main(
    Sweep(
        "How much sooner than probes do path beacons show a silent break?",
        settings={
            "beacons": {"beacon_ms": 50, "beacon_misses": 3},
            "no beacons": {"beacon_ms": 0},
        },
        faults={
            "A's access cut, silent": cut("X", "A", silent=True),
            "A without power": power_off("A"),
            "A's process killed": kill("A"),
        },
        clients=("C", "D"),
        claims={
            "with them a silent break lasts below 400 ms": lambda result: (
                result.median(
                    setting="beacons", fault="A's access cut, silent"
                )
                < 400
            ),
            "without power too": lambda result: (
                result.median(setting="beacons", fault="A without power")
                < min(
                    400,
                    result.median(
                        setting="no beacons", fault="A without power"
                    ),
                )
            ),
            "a process that dies needs none": lambda result: (
                result.median(fault="A's process killed") < 100
            ),
        },
    )
)
