"""Firsthop for Mininet's own command:

    mn --custom mininet/topology.py --topo article --switch firsthop \\
        --controller firsthop --test failover

Topologies: article, ring[,N], tree[,N], leafspine[,N], customers,
routers[,N]; any of Mininet's own parameters of a class may follow:
--controller firsthop,interval_ms=250.  FIRSTHOP_BUILD names the build
directory, where Firsthop is not installed.  See README.md.
"""

import inspect
import os
import sys

# mn executes this file without saying, by __file__, where it is.
HERE = os.path.dirname(inspect.currentframe().f_code.co_filename)
sys.path.insert(1, os.path.join(os.path.abspath(HERE), "..", "python"))

# pylint: disable=wrong-import-position
from firsthop.mininet import (  # noqa: E402
    TOPOLOGIES,
    Firsthop,
    FirsthopRouter,
    failover,
)

topos = TOPOLOGIES
switches = {"firsthop": FirsthopRouter}
controllers = {"firsthop": Firsthop}
tests = {"failover": failover}
