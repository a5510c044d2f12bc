"""A cluster of ovsdb-servers of one's own, and machines for its members.

Question: what happens to the database when a server, its machine or a link
dies?  Topology of Machines: N network namespaces, each with eth0
10.99.0.N/24 on one Linux bridge in a namespace of its own; cut() takes a
machine off that bridge, or parts two machines.  OvsdbCluster puts one server
on each machine, or on loopback addresses of one namespace:

    machines = Machines(3)
    cluster = OvsdbCluster(directory, machines.places())
    cluster.start()
    cluster.targets()           # ["tcp:10.99.0.1:6641", ...]
    cluster.leader().kill()     # kill -9; .freeze(), .thaw(), .stop(), .start()
    machines.cut(2)
    cluster.close(), machines.close()

Files of server N are in DIRECTORY/N; its process dies with this one.
"""

import itertools
import json
import os
import signal

from .netns import Netns, add_veth, end, popen, run, wait_for

SCHEMA = os.path.join(
    os.path.dirname(os.path.realpath(__file__)),
    "..",
    "..",
    "controller",
    "ovsdb",
    "firsthop.ovsschema",
)
CLIENT_PORT = 6641
RAFT_PORT = 6644
NETWORK = "10.99.0"
JOIN_TIMEOUT = 30.0


class Machines:
    """'n' namespaces on one network; the first is number 1."""

    def __init__(self, n, network=NETWORK):
        self.network = network
        self.hub = Netns("hub")
        self.hub.batch(["link add br0 type bridge", "link set br0 up"])
        self.netns = [self._add(number) for number in range(1, n + 1)]

    def _add(self, number):
        netns = Netns(f"m{number}")
        add_veth(netns, "eth0", self.hub, f"m{number}")
        netns.ip(f"addr add {self.address(number)}/24 dev eth0")
        self.hub.ip(f"link set m{number} master br0")
        return netns

    def address(self, number):
        return f"{self.network}.{number}"

    def places(self):
        """What OvsdbCluster wants: a list of (namespace, address)."""
        return [
            (netns, self.address(number))
            for number, netns in enumerate(self.netns, 1)
        ]

    def cut(self, number, other=None):
        """Takes a machine off the network, or parts it from 'other' alone."""
        if other is None:
            self.hub.ip(f"link set m{number} nomaster")
        else:
            self._routes("add", number, other)

    def heal(self, number, other=None):
        """Undoes the same cut()."""
        if other is None:
            self.hub.ip(f"link set m{number} master br0")
        else:
            self._routes("del", number, other)

    def _routes(self, verb, number, other):
        for here, there in ((number, other), (other, number)):
            self.netns[here - 1].ip(
                f"route {verb} blackhole {self.address(there)}/32"
            )

    def close(self):
        for netns in [*self.netns, self.hub]:
            netns.delete()


class OvsdbServer:
    """Member 'number' of a cluster, on 'address' in 'netns' (or None)."""

    def __init__(self, cluster, number, netns, address):
        self.cluster = cluster
        self.number = number
        self.netns = netns
        self.address = address
        self.directory = os.path.join(cluster.directory, str(number))
        self.database = os.path.join(self.directory, "db")
        self.process = None

    @property
    def target(self):
        return f"{self.cluster.protocol}:{self.address}:{CLIENT_PORT}"

    @property
    def raft(self):
        return f"{self.cluster.protocol}:{self.address}:{RAFT_PORT}"

    # Life.

    def create(self, first):
        """Makes the database file: of a new cluster, or one that joins."""
        os.makedirs(self.directory, exist_ok=True)
        if first is self:
            run(
                "ovsdb-tool",
                f"--election-timer={self.cluster.election_ms}",
                "create-cluster",
                self.database,
                self.cluster.schema,
                self.raft,
            )
        else:
            run(
                "ovsdb-tool",
                "join-cluster",
                self.database,
                self.cluster.name,
                self.raft,
                first.raft,
            )

    def start(self, wait=True):
        """Starts the server; 'wait': until it has contact to the cluster."""
        passive = f"p{self.cluster.protocol}:{CLIENT_PORT}:{self.address}"
        args = ["ovsdb-server", f"--remote={passive}"]
        args += [f"--remote=punix:{self.directory}/db.sock"]
        args += [f"--unixctl={self.directory}/ctl", *self.cluster.tls_args()]
        args += ["-vconsole:off", f"--log-file={self.directory}/log"]
        self.process = popen([*args, self.database], netns=self.netns)
        if wait:
            wait_for(
                self.is_connected,
                JOIN_TIMEOUT,
                f"ovsdb-server {self.number} to join",
                self.log_tail,
            )

    def stop(self):
        """SIGTERM: it hands leadership over before it leaves."""
        self.thaw()
        end(self.process)
        self.process = None

    def kill(self):
        """kill -9."""
        end(self.process, signal.SIGKILL)
        self.process = None

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        if self.is_running():
            self.process.send_signal(signal.SIGCONT)

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    # Inside.

    def appctl(self, *args, **kwargs):
        return run(
            "ovs-appctl",
            "-T",
            "5",
            "-t",
            f"{self.directory}/ctl",
            *args,
            **kwargs,
        )

    def status(self):
        """cluster/status, as {"Role": "leader", ...}."""
        text = self.appctl("cluster/status", self.cluster.name)
        pairs = (line.partition(": ") for line in text.splitlines())
        return {key: value for key, colon, value in pairs if colon}

    def is_connected(self):
        status = self.status()
        return (
            status["Status"] == "cluster member"
            and status["Leader"] != "unknown"
        )

    def leads(self):
        return self.is_running() and self.status()["Role"] == "leader"

    def transfer(self):
        """Has this server, which leads, hand leadership over."""
        self.appctl("cluster/failure-test", "transfer-leadership")

    def transact(self, *operations):
        """Returns the results, by way of the server's own Unix socket."""
        text = run(
            "ovsdb-client",
            "--timeout=20",
            "transact",
            f"unix:{self.directory}/db.sock",
            json.dumps([self.cluster.name, *operations]),
        )
        return json.loads(text)

    def log_tail(self, lines=20):
        path = os.path.join(self.directory, "log")
        if not os.path.exists(path):
            return f"--- ovsdb-server {self.number}: no log"
        with open(path, encoding="utf-8", errors="replace") as file:
            tail = file.read().splitlines()[-lines:]
        return "\n".join([f"--- ovsdb-server {self.number}", *tail])


class OvsdbCluster:
    """ovsdb-servers at 'places', a list of (namespace or None, address).

    'election_ms' is the RAFT election timer.  'tls' is (key, certificate, CA):
    then every address is ssl:."""

    def __init__(
        self, directory, places, schema=SCHEMA, election_ms=1000, tls=None
    ):
        self.directory = str(directory)
        self.schema = schema
        self.election_ms = election_ms
        self.tls = tls
        self.protocol = "ssl" if tls else "tcp"
        with open(schema, encoding="utf-8") as file:
            self.name = json.load(file)["name"]
        self.servers = [
            OvsdbServer(self, number, netns, address)
            for number, (netns, address) in enumerate(places, 1)
        ]

    def tls_args(self):
        if not self.tls:
            return []
        key, certificate, authority = self.tls
        return [f"-p{key}", f"-c{certificate}", f"-C{authority}"]

    def start(self):
        """Makes the cluster the first time, and starts all servers."""
        first = self.servers[0]
        for server in self.servers:
            new = not os.path.exists(server.database)
            if new:
                server.create(first)
            server.start(wait=new)
        self.wait_until_whole()

    def wait_until_whole(self):
        """Until every server that runs knows a leader."""
        for server in self.servers:
            if server.is_running():
                wait_for(
                    server.is_connected,
                    JOIN_TIMEOUT,
                    f"ovsdb-server {server.number} to know its leader",
                    self.explain,
                )

    def targets(self, nearest=1):
        """What clients dial: that of server 'nearest' first."""
        ordered = itertools.chain(
            self.servers[nearest - 1 :], self.servers[: nearest - 1]
        )
        return [server.target for server in ordered]

    def leader(self):
        """The server that leads, once there is one."""
        return wait_for(
            lambda: next(
                (server for server in self.servers if self._leads(server)),
                None,
            ),
            JOIN_TIMEOUT,
            "a RAFT leader",
            self.explain,
        )

    @staticmethod
    def _leads(server):
        try:
            return server.leads()
        except Exception:  # pylint: disable=broad-except
            return False  # Frozen, or just gone.

    def lead(self, number):
        """Has server 'number' become the leader.  A leader hands over to the
        first that it is connected with: the third is stopped for a moment."""
        wanted = self.servers[number - 1]
        leader = self.leader()
        if leader is wanted:
            return
        others = [
            server
            for server in self.servers
            if server not in (wanted, leader) and server.is_running()
        ]
        for server in others:
            server.stop()
        leader.transfer()
        wait_for(
            lambda: self._leads(wanted),
            JOIN_TIMEOUT,
            f"server {number} to lead",
            self.explain,
        )
        for server in others:
            server.start()

    def set_election_timer(self, ms):
        """At most doubled or halved at a time."""
        now = int(self.leader().status()["Election timer"])
        while now != ms:
            now = min(now * 2, ms) if now < ms else max(now // 2, ms)
            self.leader().appctl("cluster/change-election-timer", self.name, now)
            wait_for(
                lambda now=now: int(
                    self.leader().status()["Election timer"]
                )
                == now,
                what=f"an election timer of {now} ms",
                explain=self.explain,
            )
        self.election_ms = ms

    def explain(self):
        """What the servers say, for a failed test."""
        return "\n".join(server.log_tail() for server in self.servers)

    def close(self):
        for server in self.servers:
            server.kill()
