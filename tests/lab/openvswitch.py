"""An Open vSwitch of one's own.

Each Ovs has its own ovsdb-server and ovs-vswitchd with their files in one
private directory, in one network namespace, on the userspace datapath: no
kernel module, nothing shared with the machine's Open vSwitch, and killing it
kills one router and no other.  No two of them can share a namespace: both
would want a device called ovs-netdev.
"""

import os
import signal

from .netns import end, popen, run, wait_for

SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"


def _vlan_limit(n):
    return ("set", "Open_vSwitch", ".", f"other_config:vlan-limit={n}")


class Ovs:
    """ovsdb-server and ovs-vswitchd in 'directory' and in 'netns' (a
    NetnsPath, or None for the namespace of this process)."""

    def __init__(self, directory, netns=None):
        self.directory = str(directory)
        self.netns = netns
        self.database = os.path.join(self.directory, "conf.db")
        self._db_process = None
        self._switch_process = None
        self._records_openflow = False
        os.makedirs(self.directory, exist_ok=True)
        self.env = dict(
            os.environ,
            OVS_RUNDIR=self.directory,
            OVS_DBDIR=self.directory,
            OVS_LOGDIR=self.directory,
            OVS_SYSCONFDIR=self.directory,
        )

    # Life.

    def start(self, vlan_limit=None):
        """Starts both processes, with an empty database the first time.
        'vlan_limit': tags that the switch reads [1]; what it has in its
        datapath when that is changed later is not to be relied on."""
        if not os.path.exists(self.database):
            run("ovsdb-tool", "create", self.database, SCHEMA)
        self._db_process = self._popen(
            "ovsdb-server",
            self.database,
            f"--remote=punix:{self.directory}/db.sock",
        )
        wait_for(
            lambda: self._answers("ovsdb-server", self._db_process),
            what=f"ovsdb-server in {self.directory}",
            explain=self.log,
        )
        self.vsctl("--no-wait", "init")
        if vlan_limit is not None:
            self.vsctl("--no-wait", *_vlan_limit(vlan_limit))
        self.start_switch()

    def start_switch(self):
        """Starts ovs-vswitchd; its bridges come from the database."""
        self._switch_process = self._popen(
            "ovs-vswitchd",
            f"unix:{self.directory}/db.sock",
            *(["-vvconn:file:dbg"] if self._records_openflow else []),
        )
        wait_for(
            lambda: self._answers("ovs-vswitchd", self._switch_process),
            what=f"ovs-vswitchd in {self.directory}",
            explain=self.log,
        )
        if self._records_openflow:
            self.record_openflow()

    def record_openflow(self):
        """All OpenFlow messages go into openflow_log() from now on, in later
        lives of the switch as well, for oflog.py to read."""
        self._records_openflow = True
        target = f"--target={self.directory}/ovs-vswitchd.ctl"
        self.appctl(target, "vlog/set", "vconn:file:dbg")
        self.appctl(target, "vlog/disable-rate-limit", "vconn")

    def openflow_log(self):
        path = os.path.join(self.directory, "ovs-vswitchd.log")
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def kill_switch(self):
        """`kill -9` of ovs-vswitchd: forwarding and OpenFlow end at once."""
        self._switch_process.kill()
        self._switch_process.wait()
        self._switch_process = None

    def switch_pid(self):
        """The process id of ovs-vswitchd."""
        return self._switch_process.pid

    def pause_switch(self):
        """A hung switch: it neither forwards nor answers, and its TCP
        connections stay."""
        self._switch_process.send_signal(signal.SIGSTOP)

    def resume_switch(self):
        self._switch_process.send_signal(signal.SIGCONT)

    def stop(self):
        for process in (self._switch_process, self._db_process):
            if process is not None and process.poll() is None:
                process.send_signal(signal.SIGCONT)
                end(process, signal.SIGTERM)
        self._switch_process = self._db_process = None

    # Commands.

    def set_vlan_limit(self, n):
        """At once; see start()."""
        self.vsctl(*_vlan_limit(n))

    def vsctl(self, *args):
        return run("ovs-vsctl", *args, env=self.env, netns=self.netns)

    def ofctl(self, *args, stdin=None):
        return run(
            "ovs-ofctl",
            "-O",
            "OpenFlow14",
            *args,
            env=self.env,
            netns=self.netns,
            stdin=stdin,
        )

    def appctl(self, *args):
        return run("ovs-appctl", *args, env=self.env, netns=self.netns)

    def log(self):
        """The last lines of both logs, for explanations."""
        text = ""
        for name in ("ovsdb-server.log", "ovs-vswitchd.log"):
            path = os.path.join(self.directory, name)
            if os.path.exists(path):
                with open(path, encoding="utf-8", errors="replace") as file:
                    text += f"--- {path}\n" + "".join(file.readlines()[-20:])
        return text

    # Bridges.

    def add_bridge(self, name, datapath_id, ports=(), fail_mode="secure"):
        """A bridge with 'ports' (devices that exist already)."""
        args = f"add-br {name} -- set bridge {name} datapath_type=netdev"
        args += f" fail_mode={fail_mode}"
        args += f" other_config:datapath-id={datapath_id}"
        args += " other_config:disable-in-band=true"
        args += " other_config:vlan-limit=2"
        args += " other_config:controller-queue-size=512"
        args += " protocols=OpenFlow13,OpenFlow14,OpenFlow15"
        for port in ports:
            args += f" -- add-port {name} {port}"
        self.vsctl(*args.split())
        wait_for(
            lambda: os.path.exists(f"{self.directory}/{name}.mgmt"),
            what=f"bridge {name}",
            explain=self.log,
        )

    def set_controller(self, bridge, *targets):
        self.vsctl("set-controller", bridge, *targets)

    def reconnect_quickly(self, bridge):
        """Lets the bridge dial its controller at least once a second.

        Open vSwitch takes the setting only while it is connected."""
        for record in self.vsctl("get", "bridge", bridge, "controller")[
            1:-2
        ].split(", "):
            if record:
                self.vsctl("set", "controller", record, "max_backoff=1000")

    def is_connected(self, bridge):
        """Is every controller of the bridge connected?"""
        records = self.vsctl("get", "bridge", bridge, "controller")
        records = [r for r in records.strip()[1:-1].split(", ") if r]
        return bool(records) and all(
            self.vsctl("get", "controller", r, "is_connected").strip()
            == "true"
            for r in records
        )

    def flows(self, bridge, match=""):
        """The flows of a bridge, as `ovs-ofctl` prints them without counters:
        a sorted list of "cookie=..., table=..., ... actions=..."."""
        text = self.ofctl("--no-stats", "dump-flows", bridge, match)
        return sorted(
            line.strip() for line in text.splitlines() if "actions=" in line
        )

    def megaflows(self, *words):
        """What the datapath has cached, as `ovs-appctl` prints it: those
        lines that have all of 'words' in them."""
        target = f"--target={self.directory}/ovs-vswitchd.ctl"
        text = self.appctl(target, "dpctl/dump-flows", "--names")
        lines = text.splitlines()
        return [line for line in lines if all(w in line for w in words)]

    def _popen(self, program, *args):
        return popen(
            [
                program,
                "-vconsole:off",
                "-vsyslog:off",
                f"--unixctl={self.directory}/{program}.ctl",
                f"--log-file={self.directory}/{program}.log",
                *args,
            ],
            netns=self.netns,
            env=self.env,
            cwd=self.directory,
        )

    def _answers(self, program, process):
        if process.poll() is not None:
            raise RuntimeError(f"{program} exited with {process.returncode}")
        return run(
            "ovs-appctl",
            f"--target={self.directory}/{program}.ctl",
            "version",
            env=self.env,
            check=False,
        )
