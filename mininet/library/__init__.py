"""Firsthop in Mininet: networks to break, and what clients lose meanwhile.

    from firsthop.mininet import Net

    with Net("article", interval_ms=250) as net:
        net.settle()
        net.cut("X", "Y", silent=True)
        print(f"C was cut off for {net.outage('C'):.0f} ms")

Net is a Mininet of an AccessTopo; Firsthop (a Controller) and FirsthopRouter
(a Switch) work in one's own as well, and in `mn --custom topology.py`.  Sweep
repeats a fault over settings and topologies and tells what came out.  All of
it needs root; see mininet/README.md.
"""

from .faults import Faults, cut, flap, kill, loss, power_off
from .net import Net, failover
from .nodes import (
    Cable,
    Firsthop,
    FirsthopRouter,
    LinuxBridge,
    QuietHost,
    Tagger,
)
from .sweep import Sweep, main
from .topologies import (
    TOPOLOGIES,
    AccessTopo,
    Article,
    Customers,
    LeafSpine,
    Ring,
    Routers,
    Tree,
)
from .trial import Trial
from .vrrp import Keepalived, VrrpArticle

__all__ = [
    "AccessTopo",
    "Article",
    "Cable",
    "Customers",
    "Faults",
    "Firsthop",
    "FirsthopRouter",
    "Keepalived",
    "LeafSpine",
    "LinuxBridge",
    "Net",
    "QuietHost",
    "Ring",
    "Routers",
    "Sweep",
    "TOPOLOGIES",
    "Tagger",
    "Tree",
    "Trial",
    "VrrpArticle",
    "cut",
    "failover",
    "flap",
    "kill",
    "loss",
    "main",
    "power_off",
]
