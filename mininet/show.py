#!/usr/bin/python3 -B
"""What an operator sees of a move: before and after the link X-Y, between
client C and its router A, stops passing anything without losing carrier.

The topology is the article's (harness.py).  Run by `mininet/demo --show`.
"""

import argparse
import os
import signal
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "python"))

# pylint: disable=wrong-import-position
from firsthop.lab.faults import FAULTS  # noqa: E402
from firsthop.lab.firsthopd import default_build  # noqa: E402
from firsthop.lab.harness import (  # noqa: E402
    GATEWAY,
    SERVER,
    require_tools,
)
from firsthop.lab.netns import run, sweep  # noqa: E402
from firsthop.lab.upstreams import UPSTREAMS, missing  # noqa: E402


def heading(text):
    print(f"\n=== {text}", flush=True)


def show(where, command, output):
    """A command as it is typed at 'where', and what it printed."""
    print(f"\n{where}# {command}\n{output.strip()}", flush=True)


def look(lab):
    """Client, core, Firsthop: the client first."""
    for command in (
        f"ping -n -c 3 -i 0.2 {GATEWAY}",
        f"traceroute -n -q 1 {SERVER}",
        f"ip neigh show {GATEWAY}",
    ):
        show("C", command, lab.c.netns.run(*command.split()))
    show("core", *lab.look_at_core())
    for command in ("clients", f"explain {lab.c.address}"):
        show_ctl(lab, command)


def show_ctl(lab, command):
    program = os.path.join(default_build(), "firsthopctl")
    args = ("--socket", lab.daemon.socket_path, *command.split())
    show("firsthop", f"firsthopctl {command}", run(program, *args))


def show_move(name):
    """The whole story, with the core told by UPSTREAMS[name]."""
    lab = UPSTREAMS[name]()
    try:
        lab.build()
        lab.start()
        heading(f"upstream {name}: all is well")
        look(lab)
        heading(FAULTS["xy_silent"].title)
        FAULTS["xy_silent"].inject(lab)
        lab.wait_for(
            lambda: lab.daemon.events(
                type="client.moved", client=lab.c.address
            ),
            what="C to move",
        )
        lab.wait_for(lambda: lab.c.ping(SERVER, timeout=1))
        look(lab)
        show_ctl(lab, "events")
    finally:
        lab.close()


def leave(_signum, _frame):
    """Everything is cleaned up as for Ctrl-C."""
    raise KeyboardInterrupt


def main():
    parser = argparse.ArgumentParser(
        prog="mininet/demo --show",
        description="Shows what an operator sees of a move.",
    )
    parser.add_argument(
        "upstreams",
        nargs="*",
        metavar="UPSTREAM",
        help=f"{', '.join(UPSTREAMS)} [bgp-bird]",
    )
    names = parser.parse_args().upstreams or ["bgp-bird"]
    for name in names:
        if name not in UPSTREAMS:
            parser.error(f"no such upstream: {name}")
        if require_tools() or missing(name):
            parser.error(require_tools() or missing(name))
    signal.signal(signal.SIGTERM, leave)
    sweep()
    try:
        for name in names:
            show_move(name)
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
