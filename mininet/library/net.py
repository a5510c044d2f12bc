"""A network that runs, with what breaks it and what measures it.

    with Net("article", interval_ms=250) as net:
        net.settle()
        net.cut("X", "Y", silent=True)
        print(net.outage("C"))
"""

import functools
import os
import shutil

from firsthop.lab.netns import unique_directory
from mininet.log import output
from mininet.net import Mininet

from .nodes import Cable, Firsthop, FirsthopRouter
from .topologies import TOPOLOGIES
from .trial import Trial, run_faults


class Net(Mininet, Trial):
    """A Mininet of 'topo', the name of a ready topology or an AccessTopo, and
    its Trial.

    'settings' are keywords of Firsthop: interval_ms=250.  With 'pcap', a
    directory, every cable is recorded there as A-B.pcap."""

    def __init__(self, topo="article", pcap=None, **settings):
        if isinstance(topo, str):
            topo = TOPOLOGIES[topo]()
        daemon = functools.partial(Firsthop, **settings)
        self.directory = unique_directory()
        self.pcap = pcap
        Mininet.__init__(
            self,
            topo=topo,
            switch=FirsthopRouter,
            controller=daemon if topo.has_controller else None,
            link=Cable,
            autoSetMacs=False,
        )
        Trial.__init__(self, self, self.directory)

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        super().start()
        for node in self.hosts:
            if hasattr(node, "start"):
                node.start()
        if self.pcap:
            os.makedirs(self.pcap, exist_ok=True)
            for link in self.links:
                a, b = link.intf1.node.name, link.intf2.node.name
                self.capture(a, b, os.path.join(self.pcap, f"{a}-{b}.pcap"))

    def stop(self):
        self.release()
        super().stop()
        shutil.rmtree(self.directory, ignore_errors=True)


def failover(net, patience_s=10):
    """For `mn --test failover`: see run_faults().  An exception if a client
    that a fault hits does not come back."""
    directory = unique_directory()
    trial = Trial(net, directory)
    try:
        stuck = run_faults(
            trial, lambda line: output(f"*** {line}\n"), float(patience_s)
        )
    finally:
        trial.release()
        shutil.rmtree(directory, ignore_errors=True)
    if stuck:
        raise AssertionError("not back: " + ", ".join(stuck))
