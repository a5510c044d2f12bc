"""Traffic of a crowd: thousands of clients behind one port of real bridges.

The article's topology with a client farm on switch Y, beside C (10.0.0.10) and
L (10.0.250.10): clients are dealt with in the order of their addresses, so of
two clients C is among the first, and L the last.

                     S
                     |
              +---- core ----+
              A              B
              |              |
              X ----- Y ---- Z
              |       |
              D     C, L, farm
"""

import contextlib
import statistics
import time

from benchlib.figures import Figure
from benchlib.real import LIMITS, PREFIX
from benchlib.tools import BenchError, Scripted, program

# pylint: disable=wrong-import-order
from firsthop.lab.bgplab import BgpLab
from firsthop.lab.corelab import CoreLab
from firsthop.lab.faults import FAULTS, outage_of
from firsthop.lab.harness import ArticleLab
from firsthop.lab.kernellab import KernelLab
from firsthop.lab.netns import Netns, add_veth
from firsthop.lab.speakers import Bird, missing

DRIVERS = {
    "arp": ArticleLab,
    "core": CoreLab,
    "bgp": lambda: BgpLab(Bird),
    "kernel": KernelLab,
}
CLIENTS = (2, 1000, 10000)
# What breaks all of them at a time.
KEYS = ("killed", "power", "hung", "port_down", "ax_silent", "xy_silent")
PATIENCE_S = 30
# C, L and D are clients as well.
TALKERS = 3
# What a takeover leaves behind goes within two seconds; that it made the
# machine stall is forgotten by half every ten.
CALM_S = 10
# Linux's neighbour table, one for all namespaces, has room for 1,024 entries:
# with `arp` the next hop has one for each client.
NEIGHBOUR_LIMITS = "/proc/sys/net/ipv4/neigh/default/gc_thresh"


def crowd(quick):
    """Upstream drivers by faults by how many clients have to move."""
    sizes = (2, 200) if quick else CLIENTS
    keys = ("killed", "ax_silent") if quick else KEYS
    return Figure(
        "crowd",
        "traffic of the first and the last of many clients behind one port "
        "back, the worse direction of 1 kHz UDP, and the last notice, in ms "
        "after the fault; medians",
        {
            f"{driver} {size}": (
                lambda driver=driver, size=size: _run(driver, size, keys)
            )
            for driver in DRIVERS
            for size in sizes
        },
        {},
        layout=lambda figure: _table(figure, keys),
    )


@contextlib.contextmanager
def _room_for_neighbours(entries):
    paths = [NEIGHBOUR_LIMITS + number for number in "321"]
    before = []
    for path in paths:
        with open(path, encoding="ascii") as file:
            before.append(file.read())
    try:
        for path in paths:
            _write(path, str(entries))
        yield
    finally:
        for path, limit in zip(reversed(paths), reversed(before)):
            _write(path, limit)


def _write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def _run(driver, size, keys):
    """Every fault once: {KEY_first_ms, KEY_last_ms, KEY_notice_ms,
    KEY_detect_ms}; None: no recovery within the time."""
    if driver in ("bgp", "kernel") and missing():
        raise BenchError(missing())
    if driver == "core":  # A cable to an Open vSwitch cannot be silenced.
        keys = [key for key in keys if key != "power"]
    with _room_for_neighbours(4 * max(CLIENTS)):
        return _run_faults(driver, size, keys)


def _run_faults(driver, size, keys):
    lab = DRIVERS[driver]()
    farm_netns = Netns("farm")
    farm = None
    try:
        lab.build()
        last = _enlarge(lab)
        lab.start(prefixes=[PREFIX], limits=dict(LIMITS))
        lab.settle(last)
        if size > TALKERS:
            farm = _open_farm(lab, farm_netns, size - TALKERS)
        _gather(lab, size)
        values = {}
        with lab.meter(lab.c, last) as meter:
            meter.wait_steady(timeout=60, explain=lab.explain)
            for key in keys:
                values.update(_measure(lab, meter, farm, last, key))
                _go_home(lab, meter, size, FAULTS[key])
        return values
    finally:
        if farm:
            farm.close()
        lab.close()
        farm_netns.delete()


def _enlarge(lab):
    """The segment is a /16 now.  Returns L."""
    last = lab.add_client("L", "Y")
    last.address = "10.0.250.10"
    for host in (lab.c, lab.d, last):
        netns = host.netns
        netns.ip("addr flush dev eth0")
        netns.ip(f"addr add {host.address}/16 dev eth0")
        netns.ip("route add default via 10.0.0.1")
    lab.server.netns.ip("route del 10.0.0.0/24 dev eth0", check=False)
    if not isinstance(lab, (BgpLab, KernelLab)):
        lab.server.netns.ip(f"route add {PREFIX} dev eth0")
    return last


def _open_farm(lab, netns, hosts):
    add_veth(lab.netns, "Y-farm", netns, "farm")
    lab.netns.ip("link set Y-farm master Y")
    farm = Scripted(
        [program("clientfarm"), "--interface", "farm", "--hosts", str(hosts)],
        netns,
    )
    for router in (lab.a, lab.b):
        farm.do("router", router.mac)
    farm.do("learn", 64, 60000)
    return farm


def _gather(lab, size):
    """Everybody is known, reached by both routers, and on A."""
    size = max(size, TALKERS)
    lab.wait_for(
        lambda: all(
            lab.daemon.router(name)["clients_reachable"] == size
            for name in lab.routers
        ),
        120,
        f"both routers to reach {size} clients",
    )
    lab.daemon.request("PATCH", "/v1/routers/B", {"admin": "drain"})
    lab.wait_for(
        lambda: lab.daemon.router("A")["clients_active"] == size,
        120,
        f"all of {size} clients to be on A",
    )
    lab.daemon.request("PATCH", "/v1/routers/B", {"admin": "up"})
    time.sleep(CALM_S)


class _Hit:
    """A fault whose victims are those that the meter knows."""

    def __init__(self, fault, mark):
        self.hits = "CL"
        self._fault = fault
        self._mark = mark

    def inject(self, lab):
        self._mark()
        self._fault.inject(lab)


def _measure(lab, meter, farm, last, key):
    seq = lab.daemon.last_seq()
    fault = _Hit(FAULTS[key], lambda: farm and farm.do("mark"))
    report = outage_of(fault, lab, meter, PATIENCE_S)
    values = {}
    for name, metric in (("C", "first"), ("L", "last")):
        ways = report["pairs"][name].values()
        back = all(way["good_ms"] > 0 for way in ways)
        values[f"{key}_{metric}_ms"] = (
            max(way["outage_ms"] for way in ways) if back else None
        )
    if farm:
        answer = farm.do("moved", 0, 10000, must=False)
        values[f"{key}_notice_ms"] = (
            answer["notice"]["max_ms"] if answer["ok"] else None
        )
    moves = lab.daemon.events(seq, type="client.moved", client=last.address)
    if moves:
        values[f"{key}_detect_ms"] = moves[0]["detect_ms"]
    return values


def _go_home(lab, meter, size, fault):
    fault.repair(lab)
    lab.wait_connected()
    _gather(lab, size)
    meter.wait_steady(timeout=60, explain=lab.explain)


def _table(figure, keys):
    """Markdown: a row for each driver and number of clients; of each fault
    the traffic of the first and of the last client, and the last notice."""
    rows = [["upstream, clients"] + [FAULTS[key].title for key in keys]]
    rows.append(["-"] * len(rows[0]))
    for label, metrics in figure.samples.items():
        cells = [
            " / ".join(
                _median(metrics.get(f"{key}_{metric}_ms"))
                for metric in ("first", "last", "notice")
            )
            for key in keys
        ]
        rows.append([label] + cells)
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _median(values):
    if not values:
        return "-"
    known = [float("inf") if value is None else value for value in values]
    median = statistics.median(known)
    return "never" if median == float("inf") else f"{median:.0f}"
