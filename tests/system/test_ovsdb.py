"""The client of the controllers' database against a cluster of real servers:
servers that die, freeze and are cut off, TLS, an older schema.

Three ovsdb-servers in namespaces of their own (ovsdbcluster.py); ovsdbprobe,
built beside the daemon, is the client, on the first server's machine.
"""

import contextlib
import json
import os
import re
import subprocess
import threading

import pytest

from firsthopd import default_build
from netns import end, popen, run, unique_directory, wait_for
from ovsdbcluster import SCHEMA, Machines, OvsdbCluster
from pki import Pki

WATCHED = "Shard:name,epoch,leader"


class Probe:
    """A running ovsdbprobe; 'said' is every line that it has written."""

    def __init__(self, netns, targets, *options):
        program = os.path.join(
            default_build(), "tests", "system", "ovsdbprobe"
        )
        self.process = popen(
            [program, *options, WATCHED, *targets],
            netns=netns,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.said = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.said.append(line.rstrip("\n"))

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def wait(self, pattern, after=0):
        """Until it says a line that matches; returns that line's number."""

        def number():
            for index in range(after, len(self.said)):
                if re.match(pattern, self.said[index]):
                    return index + 1
            return 0

        return wait_for(
            number, 20, f"ovsdbprobe to say {pattern}", lambda: self.said
        )

    def transact(self, *operations):
        """Returns the line that says what came of it."""
        after = len(self.said)
        self.tell(json.dumps(operations))
        line = self.wait("committed|unmet|refused|unknown|full", after)
        return self.said[line - 1]

    def close(self):
        end(self.process)
        self._reader.join()
        self.process.stdin.close()
        self.process.stdout.close()


def take(epoch, leader):
    """Leadership by compare and swap: of whom it is told, if anybody."""
    where = [["name", "==", "s"]]
    return [
        {
            "op": "wait",
            "table": "Shard",
            "where": where,
            "columns": ["epoch"],
            "until": "==",
            "rows": [{"epoch": epoch}],
            "timeout": 0,
        },
        {
            "op": "update",
            "table": "Shard",
            "where": where,
            "row": {"epoch": epoch + 1, "leader": leader},
        },
    ]


CREATE = {"op": "insert", "table": "Shard", "row": {"name": "s", "epoch": 1}}


@contextlib.contextmanager
def cluster(**options):
    machines = Machines(3)
    servers = OvsdbCluster(unique_directory(), machines.places(), **options)
    servers.machines = machines
    try:
        servers.start()
        yield servers
    finally:
        servers.close()
        machines.close()


@contextlib.contextmanager
def probe(servers, nearest, *options, extra=()):
    client = Probe(
        servers.machines.netns[nearest - 1],
        [*servers.targets(nearest), *extra],
        *options,
    )
    try:
        yield client
    finally:
        client.close()


def test_a_server_that_is_lost_is_left_and_what_was_missed_is_told():
    with cluster() as servers, probe(servers, 1) as client:
        client.wait("synced", client.wait(f"up {servers.servers[0].target}"))
        assert client.transact(CREATE).startswith("committed")
        assert client.transact(*take(1, "me")).startswith("committed")
        assert client.transact(*take(1, "you")).startswith("unmet")

        for away, back in (
            (servers.servers[0].kill, servers.servers[0].start),
            (servers.servers[1].freeze, servers.servers[1].thaw),
        ):
            now = len(client.said)
            away()
            client.wait("synced", client.wait("up", client.wait("down", now)))
            # Nothing was missed, nothing is told.
            told = [line[:3] for line in client.said[now:]]
            assert "row" not in told
            back()
            servers.wait_until_whole()

        # It is at the third one now, and the others go on without that.
        now = len(client.said)
        servers.machines.cut(3)
        wait_for(
            lambda: "timed out"
            not in str(servers.servers[0].transact(*take(2, "other")))
        )
        client.wait('row .*"epoch":3,"leader":"other"', now)


def test_one_of_two_takes_the_epoch_whatever_server_it_asks():
    with cluster() as servers, probe(servers, 1) as one:
        with probe(servers, 2) as two:
            one.wait("synced")
            two.wait("synced")
            assert one.transact(CREATE).startswith("committed")
            for epoch in range(1, 6):
                pattern = rf'row .*"epoch":{epoch}\b'
                one.wait(pattern)
                two.wait(pattern)
                for client, name in ((one, "one"), (two, "two")):
                    client.tell(json.dumps(take(epoch, name)))
                pattern = rf'row .*"epoch":{epoch + 1}\b'
                one.wait(pattern)
                two.wait(pattern)
            counts = [
                sum(line.startswith(what) for line in one.said + two.said)
                for what in ("committed", "unmet", "unknown", "refused")
            ]
            wait_for(
                lambda: sum(
                    line.startswith(("committed", "unmet"))
                    for line in one.said + two.said
                )
                == 11,
                what="every answer",
                explain=lambda: [one.said, two.said, counts],
            )
            won = sum(
                line.startswith("committed") for line in one.said + two.said
            )
            assert won == 6  # The row, and each epoch once.


def test_a_server_leads_when_it_is_asked_to():
    """With a timer that nobody could wait for: the leader has died."""
    with cluster(election_ms=20000) as servers, probe(servers, 1) as client:
        client.wait("synced")
        client.transact(CREATE)
        if servers.leader() is servers.servers[0]:
            servers.lead(2)
            client.wait("follows")
        now = len(client.said)
        servers.leader().kill()
        client.tell("lead")
        client.wait("leads", now)
        assert client.transact(*take(1, "me")).startswith("committed")


def test_over_tls_both_prove_who_they_are():
    pki = Pki(os.path.join(unique_directory(), "pki"))
    pki.issue("db", "controller")
    authority = pki.path("pki/controllerca/cacert.pem")
    tls = (pki.path("db-privkey.pem"), pki.path("db-cert.pem"), authority)
    good = (pki.path("ctl-privkey.pem"), pki.path("ctl-cert.pem"), authority)
    pki.issue("switch")
    bad = (
        pki.path("switch-privkey.pem"),
        pki.path("switch-cert.pem"),
        authority,
    )
    with cluster(tls=tls, election_ms=20000) as servers:
        servers.lead(2)
        with probe(servers, 1, "--tls", *good) as client:
            client.wait("synced")
            assert client.said[0].startswith("up ssl:")
            assert client.transact(CREATE).startswith("committed")
            client.tell("lead")
            client.wait("leads")
        with probe(servers, 1, "--tls", *bad) as client:
            wait_for(
                lambda: client.tell("?")
                or any("problem" in line for line in client.said)
            )
            assert not any(line.startswith("up") for line in client.said)


@pytest.fixture(name="older_schema")
def fixture_older_schema(tmp_path):
    """The schema as release 0.9 might have had it: without some columns."""
    with open(SCHEMA, encoding="utf-8") as file:
        schema = json.load(file)
    schema["version"] = "0.9.0"
    del schema["tables"]["Router"]
    path = tmp_path / "older.ovsschema"
    path.write_text(json.dumps(schema))
    return str(path)


def test_an_older_schema_is_a_problem_until_it_is_converted(older_schema):
    with cluster(schema=older_schema) as servers:
        first = servers.servers[0]
        first.transact(CREATE)
        with probe(servers, 1, "--version", "1.0.0") as client:
            wait_for(
                lambda: client.tell("?")
                or any("is older than 1.0.0" in line for line in client.said),
                explain=lambda: client.said,
            )
            line = next(line for line in client.said if "older" in line)
            assert "run ovsdb-client convert tcp:" in line
            command = line.partition("run ")[2].split()
            assert command[-1] == "SCHEMA"
            run(*command[:-1], SCHEMA, netns=servers.machines.netns[0])
            client.wait("synced", client.wait("up"))
            assert any(
                re.match(r'row .*"name":"s"', line) for line in client.said
            )


# The README's commands, on machines of the lab.

README = os.path.join(os.path.dirname(__file__), "../../README.md")
UNIT = os.path.join(os.path.dirname(SCHEMA), "firsthop-ovsdb.service")
STATE_DIRECTORY = "/var/lib/firsthop-ovsdb"
RUN_DIRECTORY = "/run/firsthop-ovsdb"


def readme_commands():
    """What is to be run on the first machine, and on each of the others."""
    with open(README, encoding="utf-8") as file:
        section = file.read().partition("### From one controller to three")[2]
    script = section.partition("```sh\n")[2].partition("```")[0]
    first, others = re.split(r"^# on .*\n", script, flags=re.M)[1:]
    return [
        text.replace("\\\n", " ").strip().splitlines()
        for text in (first, others)
    ]


def unit_command():
    """How systemd starts a server."""
    with open(UNIT, encoding="utf-8") as file:
        text = file.read()
    command = re.search(r"^ExecStart=(.*)$", text, re.M).group(1)
    remote = re.search(r"^Environment=REMOTE=(\S+)", text, re.M).group(1)
    return command.replace("${REMOTE}", remote).replace("$OPTIONS", "").split()


class ReadmeMachine:
    """One machine on which the README's commands are run."""

    def __init__(self, number, netns, directory):
        self.number = number
        self.netns = netns
        self.directory = os.path.join(directory, str(number))
        os.makedirs(f"{self.directory}/run")
        self.server = None

    def _place(self, text):
        """With directories and addresses of the lab."""
        for path in (STATE_DIRECTORY, RUN_DIRECTORY):
            text = text.replace(path, self.directory + path)
        text = text.replace("/usr/share/firsthop", os.path.dirname(SCHEMA))
        text = text.replace("192.0.2.12", f"10.99.0.{self.number}")
        return text.replace("192.0.2.11", "10.99.0.1")

    def do(self, command):
        if command.startswith("systemctl"):
            os.makedirs(self.directory + RUN_DIRECTORY, exist_ok=True)
            args = [self._place(word) for word in unit_command()]
            self.server = popen(args, netns=self.netns, stderr=subprocess.DEVNULL)
            return ""
        return run(*self._place(command).split(), netns=self.netns)


def test_the_commands_of_the_readme_make_a_cluster():
    first, others = readme_commands()
    machines = Machines(3)
    directory = unique_directory()
    places = [
        ReadmeMachine(number, netns, directory)
        for number, netns in enumerate(machines.netns, 1)
    ]
    try:
        for command in first:
            places[0].do(command)
        for place in places[1:]:
            for command in others[:-1]:
                place.do(command)
        for place in places:
            wait_for(
                lambda place=place: re.search(
                    r"Leader: (?!unknown)", place.do(others[-1])
                ),
                30,
                f"server {place.number} to know its leader",
            )
        targets = [f"tcp:10.99.0.{number}:6641" for number in (3, 1, 2)]
        client = Probe(machines.netns[2], targets, "--version", "1.0.0")
        with contextlib.closing(client):
            client.wait("synced")
            assert client.transact(CREATE).startswith("committed")
    finally:
        for place in places:
            end(place.server)
        machines.close()
