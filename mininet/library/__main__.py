"""Breaks a ready topology in its own ways: python3 -m firsthop.mininet ring"""

import argparse
import shutil
import sys

from mininet.cli import CLI
from mininet.log import setLogLevel
from mininet.util import buildTopo

from .isolation import isolate, prepare
from .net import Net
from .topologies import TOPOLOGIES
from .trial import run_faults


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="python3 -m firsthop.mininet",
        description="Breaks a topology in its own ways and tells for how "
        "long each client is cut off.  Exit status 1 if one does not return.",
    )
    parser.add_argument(
        "topology",
        nargs="?",
        default="article",
        help=f"{', '.join(TOPOLOGIES)}; a number may follow: ring,6",
    )
    parser.add_argument(
        "--interval-ms", type=int, metavar="MS", help="between two probes"
    )
    parser.add_argument(
        "--pcap", metavar="DIR", help="record what passes every cable"
    )
    parser.add_argument(
        "--cli", action="store_true", help="do nothing but Mininet's CLI"
    )
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    isolate()
    setLogLevel("error")
    directory = prepare()
    try:
        with Net(
            buildTopo(TOPOLOGIES, arguments.topology),
            pcap=arguments.pcap,
            interval_ms=arguments.interval_ms,
        ) as net:
            if arguments.cli:
                net.settle()
                setLogLevel("output")
                CLI(net)
                return 0
            stuck = run_faults(net, lambda line: print(line, flush=True))
    except KeyboardInterrupt:
        return 130
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    for text in stuck:
        print(f"not back: {text}")
    return 1 if stuck else 0


sys.exit(main())
