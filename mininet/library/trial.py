"""A running network under trial: it is broken, measured and repaired."""

import subprocess

from firsthop.lab.netns import end, popen, wait_for

from .faults import Faults
from .meters import PATIENCE_S, Meters, cpu_percent, lost, outage_ms
from .nodes import Firsthop, netns_of

SETTLE_S = 30


class Trial:
    """'net' is any started Mininet of an AccessTopo.  Its clients exchange a
    datagram with S each way every 'interval_us' from the first settle() to
    release()."""

    def __init__(self, net, directory, interval_us=1000):
        self._net = net
        self._directory = directory
        self._interval_us = interval_us
        self._home = {}
        self._dumps = []
        self.faults = Faults(net)
        self.meters = None
        self.clients = net.topo.clients

    def release(self):
        """Ends the traffic and the recordings."""
        for dump in self._dumps:
            end(dump)
        if self.meters:
            self.meters.stop()
        self._dumps, self.meters = [], None

    # Who serves whom.

    @property
    def control(self):
        """The firsthop.Client of the daemon, None where there is none."""
        daemons = [c for c in self._net.controllers if isinstance(c, Firsthop)]
        return daemons[0].control if daemons else None

    def active(self, client):
        """The name of the client's active router, or None."""
        if self.control:
            segment, address = self.clients[client]
            return self.control.active(address, segment)
        routers = self._net.topo.routers
        masters = [name for name in routers if self._net[name].is_master()]
        return masters[0] if len(masters) == 1 else None

    def moves(self):
        """How many times a client has moved so far; None: not known."""
        if not self.control:
            return None
        return sum(self._record(name)["moves"] for name in self.clients)

    def settle(self):
        """Starts the traffic and returns once every client is served by the
        router that it had the first time, is known to all routers of its
        segment, and loses nothing.  Returns the meters' report of the time
        until then."""
        if not self.meters:
            self.meters = Meters(
                *(self._net, self.clients, self._directory),
                interval_us=self._interval_us,
            )
        explain = self.control.log_tail if self.control else None
        wait_for(self._is_reached, SETTLE_S, "all to be reached", explain)
        for name in self.clients:
            self._home.setdefault(name, self.active(name))
        for name, router in self._home.items():
            what = f"{name} to be back on {router}"
            wait_for(
                lambda: self._is_home(name, router), SETTLE_S, what, explain
            )
        self.meters.wait_steady(SETTLE_S, explain)
        report = self.meters.report()
        self.meters.reset()
        return report

    def cpu_percent(self, seconds=1.0):
        """{"daemon", "routers"}: how much of one CPU they take."""
        routers = [self._net[name] for name in self._net.topo.routers]
        pids = {
            "daemon": [self.control.process.pid],
            "routers": [router.ovs.switch_pid() for router in routers],
        }
        return cpu_percent(pids, seconds)

    # Breaking and measuring.

    def breaks(self, fault):
        """Counts anew and calls 'fault' with the Faults of the network."""
        if self.meters:
            self.meters.reset()
        return fault(self.faults)

    def cut(self, a, b, silent=False):
        self.breaks(lambda faults: faults.cut(a, b, silent))

    def loss(self, a, b, percent):
        self.breaks(lambda faults: faults.loss(a, b, percent))

    def flap(self, a, b, **how):
        self.breaks(lambda faults: faults.flap(a, b, **how))

    def kill(self, name):
        self.breaks(lambda faults: faults.kill(name))

    def power_off(self, name):
        self.breaks(lambda faults: faults.power_off(name))

    def repair(self):
        """Undoes all faults."""
        self.breaks(Faults.repair)

    def outage(self, client, patience_s=PATIENCE_S):
        """For how long the last fault cut the client off, in ms, in the worse
        direction; waits until its traffic is back.  Infinity if it is not
        after 'patience_s', 0 if it lost nothing."""
        report = self.meters.wait_back([client], patience_s)
        return max(outage_ms(report, client).values())

    def capture(self, a, b, path):
        """Records what passes the cable between two nodes in the file 'path',
        for tcpdump or Wireshark, until release()."""
        interface = self.faults.end(a, b)
        dump = popen(
            [
                *("nsenter", f"--net={netns_of(interface.node)}", "tcpdump"),
                *("-U", "-Z", "root", "-i", interface.name, "-w", path),
            ],
            stderr=subprocess.PIPE,
            text=True,
        )
        self._dumps.append(dump)
        said = ""
        while "listening on" not in said:
            said = dump.stderr.readline()
            if not said:
                raise RuntimeError(f"tcpdump of {a}-{b} has died")

    # Inside.

    def _record(self, name):
        segment, address = self.clients[name]
        return self.control.client(address, segment)

    def _is_reached(self):
        if not self.control:
            return all(self.active(name) for name in self.clients)
        return all(
            reach["state"] == "up"
            for name in self.clients
            for reach in self._record(name)["reach"].values()
        )

    def _is_home(self, name, router):
        """Moves the client there where that is needed: nobody moves back by
        himself, but for VRRP's master."""
        if self.active(name) == router:
            return True
        if self.control:
            segment, address = self.clients[name]
            since = self.control.last_seq()
            self.control.move(address, router, segment)
            # It has moved once it has said so.
            moved = {"type": "client.moved", "client": address, "to": router}
            wait_for(
                lambda: self.control.events(since, segment=segment, **moved)
            )
        return False


def run_faults(trial, say, patience_s=PATIENCE_S):
    """Breaks the topology in its own ways, one by one, and says for how long
    each client was cut off.  Returns what did not come back, as texts."""
    trial.settle()
    stuck = []
    for title, (fault, hits) in trial._net.topo.faults.items():
        trial.breaks(fault)
        report = trial.meters.wait_back(list(hits), patience_s)
        worst = {
            name: max(outage_ms(report, name).values())
            for name in trial.clients
        }
        stuck += [f"{n} after {title}" for n in hits if worst[n] > 1e6]
        line = "  ".join(f"{n} {worst[n]:.0f}" for n in worst)
        say(f"{title:<22} cut off, ms: {line}")
        trial.repair()
        say(f"{'  repaired':<22} lost: {lost(trial.settle())}")
    return stuck
