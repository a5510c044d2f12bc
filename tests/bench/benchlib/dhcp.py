"""DHCP through a pair of routers: a crowd of new clients at a time.

Real servers behind the uplinks; the clients are frames on the interface of C,
which both routers hear: see dhcpcrowd.py.
"""

import statistics

from benchlib.figures import Figure

# pylint: disable=wrong-import-order
from firsthop.lab.dhcpcrowd import WINDOW, Crowd, crowd_config, start_kea
from firsthop.lab.harness import ArticleLab, NEXT_HOP

POOLS = ("10.0.8.0 - 10.0.39.255", "10.0.48.0 - 10.0.79.255")
SECOND = "192.0.2.60"


def dhcp(quick):
    """Leases, and offers that should not be."""
    n = 100 if quick else 1000
    return Figure(
        "dhcp",
        f"{n} leases through two routers, {WINDOW} clients at a time: a "
        "second, the slowest, and offers of a second address by one server in "
        "one transaction",
        {
            "Kea": lambda: _run(n, 1),
            "Kea, two servers": lambda: _run(n, 2),
        },
        {"per_s": "1/s", "double_offers": "", "repeated": "", "unserved": ""},
        targets=[
            ("Kea", "max double_offers", "<=", 0, None),
            ("Kea, two servers", "max double_offers", "<=", 0, None),
        ],
    )


def _run(n, n_servers):
    lab = ArticleLab()
    servers = []
    try:
        lab.build()
        hosts = [lab.server]
        if n_servers > 1:
            hosts.append(lab.add_client("S2", "core", SECOND, gateway=NEXT_HOP))
        for host, pool in zip(hosts, POOLS):
            servers.append(start_kea(lab, host, pool))
        lab.start_daemon(crowd_config(lab, [host.address for host in hosts]))
        lab.wait_uplinks()
        with lab.c.tap() as tap:
            crowd = Crowd(tap, n)
            crowd.run()
        values = _values(crowd)
        values["unserved"] = n - sum(
            client["origin"] == "leased" for client in lab.daemon.clients()
        )
        return values
    finally:
        for server in servers:
            server.stop()
        lab.close()


def _values(crowd):
    took = sorted(crowd.took_s)
    return {
        "per_s": crowd.n / crowd.seconds,
        "median_ms": 1000 * statistics.median(took),
        "p99_ms": 1000 * took[len(took) * 99 // 100],
        "double_offers": crowd.double_offers(),
        "repeated": crowd.repeated,
    }
