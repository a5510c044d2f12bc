"""What can break, and how it is put right.

    faults = Faults(net)             # any Mininet of firsthop.mininet's nodes
    faults.cut("X", "Y")             # both ends lose carrier
    faults.cut("X", "Y", silent=True)  # nothing passes, carrier stays
    faults.loss("X", "Y", 30)        # 30 % of what X sends to Y, one way
    faults.flap("X", "Y", period_s=1.0)
    faults.kill("A")                 # its switch process: TCP closes
    faults.power_off("A")            # its machine: no link, no word
    faults.repair()                  # all of it, in reverse

Functions of the same names at the end of the file make faults for later:
cut("X", "Y")(faults) is faults.cut("X", "Y").
"""

import functools
import random
import threading

from .nodes import Firsthop, LinuxBridge, run_in

# Of what passes an interface, in hundredths of a percent.
ALL = 10000


class Faults:
    """The faults of a network: see the top of the file."""

    def __init__(self, net):
        self.net = net
        self._repairs = []
        self._lossy = {}

    def cut(self, a, b, silent=False):
        """Cuts the cable between two nodes.  Silent, or one way, cuts and
        losses need a switch at one end of it."""
        if silent:
            self._set_loss(a, b, ALL, ALL)
            return
        end = self.end(a, b)
        _set_link(end, "down")
        self._repairs.append(lambda: _set_link(end, "up"))

    def loss(self, a, b, percent):
        """Of what 'a' sends to 'b', 'percent' is lost at random, 100 all of
        it; the other way nothing."""
        self._set_loss(a, b, round(percent * 100), 0)

    def flap(self, a, b, period_s=1.0, down=0.5, silent=False, seed=None):
        """The cable is cut for the share 'down' of every period, which varies
        by a tenth, until repair()."""
        flapping = _Flapping(self, (a, b, silent), period_s, down, seed)
        self._repairs.append(flapping.end)

    def kill(self, name):
        """A router's switch process dies."""
        self.net[name].kill()
        self._repairs.append(self.net[name].revive)

    def power_off(self, name):
        """A switch's or router's machine dies, or the daemon."""
        self.net[name].power_off()
        self._repairs.append(self.net[name].power_on)

    def repair(self):
        """Undoes whatever has been broken."""
        while self._repairs:
            self._repairs.pop()()

    # Inside.

    def ends(self, a, b):
        """The interfaces of the cable between two nodes, a's first."""
        found = self.net[a].connectionsTo(self.net[b])
        if not found:
            raise ValueError(f"no cable between {a} and {b}")
        return found[0]

    def end(self, a, b):
        """One end of the cable, that of a switch if there is one."""
        ends = self.ends(a, b)
        return next((i for i in ends if _is_switch(i.node)), ends[0])

    def _set_loss(self, a, b, to_b, to_a):
        """Sets what is lost on the cable, each way, in 1/100 percent."""
        end = self.end(a, b)
        if not _is_switch(end.node):
            raise ValueError(f"neither {a} nor {b} is a switch")
        out, into = (to_b, to_a) if end.node.name == a else (to_a, to_b)
        old = self._lossy.get(end, (0, 0))
        self._lossy[end] = max(old[0], out), max(old[1], into)
        drop(end, *self._lossy[end])

        def undo():
            self._lossy[end] = old
            drop(end, *old)

        self._repairs.append(undo)


class _Flapping:
    def __init__(self, faults, cable, period_s, down, seed):
        self._faults = faults
        self._cable = cable
        self._period_s = period_s
        self._down = down
        self._random = random.Random(seed)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._flap, daemon=True)
        self._thread.start()

    def end(self):
        self._over.set()
        self._thread.join()

    def _flap(self):
        own = Faults(self._faults.net)
        a, b, silent = self._cable
        while not self._over.is_set():
            period_s = self._period_s * self._random.uniform(0.9, 1.1)
            own.cut(a, b, silent)
            self._over.wait(period_s * self._down)
            own.repair()
            self._over.wait(period_s * (1 - self._down))


def drop(end, out, into):
    """Lets a switch's interface lose what leaves and what enters by it, in
    1/100 percent.  A table of nftables, which the frame passes before, or
    after, the bridge has it; the carrier and its neighbours see nothing."""
    table = "loss_" + "".join(c if c.isalnum() else "_" for c in end.name)
    text = f"add table netdev {table}\ndelete table netdev {table}\n"
    for hook, share in (("egress", out), ("ingress", into)):
        if share:
            which = f"numgen random mod {ALL} < {share}" * (share < ALL)
            text += (
                f"add table netdev {table}\n"
                f"add chain netdev {table} {hook} {{ type filter hook {hook} "
                f'device "{end.name}" priority 0; }}\n'
                f"add rule netdev {table} {hook} {which} drop\n"
            )
    run_in(end.node, "nft", "-f", "-", stdin=text)


def _set_link(end, state):
    run_in(end.node, "ip", "link", "set", end.name, state)


def _is_switch(node):
    return isinstance(node, (LinuxBridge, Firsthop))


def _later(method):
    @functools.wraps(method)
    def make(*args, **kwargs):
        return lambda faults: method(faults, *args, **kwargs)

    return make


cut = _later(Faults.cut)
loss = _later(Faults.loss)
flap = _later(Faults.flap)
kill = _later(Faults.kill)
power_off = _later(Faults.power_off)
