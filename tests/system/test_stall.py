"""What the daemon hands its output and its files to is slow, or does not move
at all, or strangers come by the thousand: the daemon goes on answering.

No bridges: the daemon alone, its control socket, and what stalls.  That it
answers is asked over the control socket, each request with its own limit.
"""

import concurrent.futures
import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import struct
import subprocess

import pytest

from firsthop import Client
from firsthopd import ApiError, Firsthopd
from netns import unique_directory, wait_for

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
EXAMPLE = os.path.join(TOP, "controller", "config", "firsthop.example.json")


@pytest.fixture(name="daemon")
def fixture_daemon():
    """A daemon that is not started yet, with the example's configuration."""
    directory = unique_directory()
    with open(EXAMPLE, encoding="utf-8") as stream:
        config = json.load(stream)
    config["openflow"]["listen"] = [f"unix:{directory}/openflow.sock"]
    daemon = Firsthopd(directory, config)
    daemon.config = config
    try:
        yield daemon
        daemon.stop()
        assert "Sanitizer" not in daemon.log()
    finally:
        daemon.stop()
        shutil.rmtree(directory)


def test_who_does_not_read_stderr_stops_nobody(daemon):
    """A pipe that nobody reads holds 64 KiB; ten times as much is logged."""
    reader, daemon.stderr = os.pipe()
    bad = dict(daemon.config, clients=[{"mac": n} for n in range(1000)])
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, reader)
        stack.callback(os.close, daemon.stderr)
        daemon.start()
        daemon.configure(bad)

        def has_lost_lines():
            daemon.reload()
            return daemon.metric("log_lines_lost_total") > 0

        wait_for(has_lost_lines, timeout=60, what="lines to be lost")
        assert daemon.get("/v1/status")["version"]
        daemon.stop()


@pytest.fixture(name="slow_disk")
def fixture_slow_disk(daemon):
    """The daemon, started; its disk stands still while the file exists that
    is returned with it."""
    hold = os.path.join(daemon.directory, "hold")
    daemon.wrapper = [os.path.join(daemon.build, "tests/lab/holdsync"), hold]
    daemon.start()
    return daemon, hold


def in_background(executor, daemon, method, url, body):
    """A request whose answer is waited for elsewhere, for as long as it
    takes."""
    patient = Client(daemon.socket_path, timeout=60.0)
    return executor.submit(patient.exchange, method, url, body)


def test_a_disk_that_stands_still_stops_nobody(slow_disk):
    """Changes wait for it, in order, and are in force when it has them; who
    only asks is answered meanwhile."""
    daemon, hold = slow_disk
    client = {"segment": "metro", "mac": "02:00:00:00:01:63"}
    with concurrent.futures.ThreadPoolExecutor() as executor:
        with open(hold, "w", encoding="utf-8"):
            pass
        drain = in_background(
            executor, daemon, "PATCH", "/v1/routers/A", {"admin": "drain"}
        )
        wait_for(
            lambda: "PATCH /v1/routers/A" in daemon.log(),
            what="the request to have come",
        )
        put = in_background(
            executor, daemon, "PUT", "/v1/clients/10.0.0.99", client
        )
        daemon.reload()
        wait_for(
            lambda: any(
                "has not answered" in problem
                for problem in daemon.get("/v1/status")["problems"]
            ),
            what="the problem to be told",
        )
        assert daemon.router("A")["admin"] == "up"
        assert daemon.client("10.0.0.99") is None
        assert not drain.done() and not put.done()
        assert not daemon.events(0, type="config.applied")

        os.unlink(hold)
        assert drain.result()[0] == 200
        assert put.result()[0] == 201
    wait_for(
        lambda: daemon.events(0, type="config.applied"),
        what="the file to be in force",
    )
    assert daemon.get("/v1/status")["problems"] == []
    daemon.restart()
    assert daemon.router("A")["admin"] == "drain"
    assert daemon.client("10.0.0.99")["origin"] == "provisioned"


def kill_wrapped(daemon):
    """kill -9 of the daemon itself, not of what runs it."""
    pid = daemon.process.pid
    path = f"/proc/{pid}/task/{pid}/children"
    with open(path, encoding="ascii") as stream:
        os.kill(int(stream.read()), signal.SIGKILL)
    daemon.process.wait()
    daemon.process = None


def test_a_daemon_that_dies_meanwhile_keeps_the_old_state(slow_disk):
    daemon, hold = slow_disk
    daemon.request("PATCH", "/v1/routers/A", {"admin": "drain"})
    with concurrent.futures.ThreadPoolExecutor() as executor:
        with open(hold, "w", encoding="utf-8"):
            pass
        up = in_background(
            executor, daemon, "PATCH", "/v1/routers/A", {"admin": "up"}
        )
        wait_for(
            lambda: daemon.log().count("PATCH /v1/routers/A") == 2,
            what="the request to have come",
        )
        kill_wrapped(daemon)
        assert up.exception() is not None
    os.unlink(hold)
    daemon.start()
    assert daemon.router("A")["admin"] == "drain"


def test_sigterm_waits_for_a_slow_disk_but_not_for_ever(slow_disk):
    daemon, hold = slow_disk
    with concurrent.futures.ThreadPoolExecutor() as executor:
        with open(hold, "w", encoding="utf-8"):
            pass
        drain = in_background(
            executor, daemon, "PATCH", "/v1/routers/A", {"admin": "drain"}
        )
        wait_for(
            lambda: "PATCH /v1/routers/A" in daemon.log(),
            what="the request to have come",
        )
        daemon.process.terminate()
        wait_for(
            lambda: "leaving without waiting" in daemon.log(),
            timeout=20,
            what="the daemon to be tired of waiting",
        )
        assert drain.result()[0] == 409
        os.unlink(hold)  # A process in fsync() cannot end.
        assert daemon.process.wait(10) == 0


def test_a_read_only_state_directory_is_a_problem(daemon):
    """What is in it is read, and in force; every change is refused."""
    daemon.start()
    daemon.request("PATCH", "/v1/routers/A", {"admin": "drain"})
    daemon.stop()
    subprocess.run(
        ["mount", "--bind", daemon.state_dir, daemon.state_dir], check=True
    )
    try:
        subprocess.run(
            ["mount", "-o", "remount,bind,ro", daemon.state_dir], check=True
        )
        daemon.start()
        assert daemon.router("A")["admin"] == "drain"
        (problem,) = daemon.get("/v1/status")["problems"]
        assert "Read-only file system" in problem
        assert [t for t in daemon.log().splitlines() if problem in t]
        with pytest.raises(ApiError) as error:
            daemon.request("PATCH", "/v1/routers/A", {"admin": "up"})
        assert error.value.status == 409
        assert daemon.router("A")["admin"] == "drain"
        daemon.stop()
    finally:
        daemon.stop()
        subprocess.run(["umount", daemon.state_dir], check=True)


def large(config, n_clients):
    """The configuration with so many clients."""
    config = json.loads(json.dumps(config))
    config["segments"]["metro"]["prefixes"] = ["10.0.0.0/8"]
    config["clients"] = [
        {
            "address": f"10.{1 + (i >> 16)}.{i >> 8 & 255}.{i & 255}",
            "segment": "metro",
            "mac": f"02:00:01:{i >> 16:02x}:{i >> 8 & 255:02x}:{i & 255:02x}",
        }
        for i in range(n_clients)
    ]
    return config


def test_who_asks_is_answered_while_megabytes_are_checked(daemon):
    """A trial of 100,000 clients: the requests that come while it is checked
    are answered before it is."""
    daemon.start()
    body = json.dumps(large(daemon.config, 100000), indent=1).encode()
    answered = 0
    with concurrent.futures.ThreadPoolExecutor() as executor:
        trial = in_background(
            executor, daemon, "PUT", "/v1/config?dry_run=1", body
        )
        wait_for(
            lambda: "PUT /v1/config" in daemon.log(),
            what="the request to have come",
        )
        while not trial.done():
            assert daemon.get("/v1/status")["version"]
            answered += 1
        assert trial.result()[0] == 200
    assert answered > 1


# Strangers on the OpenFlow port.

HELLO = bytes([4, 0, 0, 8, 0, 0, 0, 1])


def features_reply(xid, dpid):
    """OFPT_FEATURES_REPLY of OpenFlow 1.3."""
    return struct.pack(
        "!BBHIQIBBxxII", 4, 6, 32, xid, dpid, 256, 254, 0, 0x4F, 0
    )


def stranger(path, dpid):
    """A bridge that nobody knows: it says all that a bridge says."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(5)
    sock.connect(path)
    sock.sendall(HELLO)
    data = b""
    while len(data) < 16:
        data += sock.recv(16 - len(data))
        if len(data) >= 8 and data[1] == 0:
            data = data[struct.unpack("!H", data[2:4])[0] :]
        if len(data) >= 8 and data[1] == 5:
            break
    sock.sendall(features_reply(struct.unpack("!I", data[4:8])[0], dpid))
    return sock


def test_strangers_fill_neither_the_port_nor_the_log(daemon):
    """1,000 unknown bridges, one after another: a known one gets in, the log
    has some lines of each kind, and the strangers are gone in seconds."""
    daemon.start()
    path = f"{daemon.directory}/openflow.sock"
    with contextlib.ExitStack() as stack:
        for i in range(1000):
            stack.enter_context(stranger(path, 0x1000 + i))
        assert len(daemon.log()) < 60000
        stack.enter_context(stranger(path, 0xA))
        wait_for(
            lambda: daemon.metric("openflow_strangers_total")
            + daemon.metric("openflow_dead_total")
            >= 1000,
            timeout=20,
            what="the strangers to be gone, or dead for want of an echo",
        )
        assert daemon.metric("openflow_connections_total") == 1001
        assert len(daemon.log()) < 120000


def test_a_removed_control_socket_is_made_again(daemon):
    daemon.start()
    os.unlink(daemon.socket_path)
    wait_for(
        lambda: os.path.exists(daemon.socket_path),
        what="the control socket to be there again",
    )
    assert os.stat(daemon.socket_path).st_mode & 0o777 == 0o660
    assert daemon.get("/v1/status")["version"]
    daemon.stop()
    assert not os.path.exists(daemon.socket_path)


def test_out_of_descriptors_it_serves_whom_it_has(daemon):
    """40 descriptors, and 100 connections: who has one is answered, what
    needs a file is refused, and all is well when they are gone."""
    daemon.wrapper = ["prlimit", "--nofile=40"]
    daemon.start()
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.sock.settimeout(5)
    connection.sock.connect(daemon.socket_path)

    def ask(method, url, body=None):
        connection.request(method, url, body and json.dumps(body).encode())
        response = connection.getresponse()
        response.read()
        return response.status

    assert ask("GET", "/v1/status") == 200
    with contextlib.ExitStack() as stack:
        for path in (daemon.socket_path, f"{daemon.directory}/openflow.sock"):
            for _ in range(50):
                sock = stack.enter_context(
                    socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                )
                sock.settimeout(5)
                sock.connect(path)
        wait_for(
            lambda: "Too many open files" in daemon.log(),
            what="the descriptors to be used up",
        )
        assert ask("GET", "/v1/status") == 200
        # A descriptor that has just become free may be enough for a file.
        assert ask("PATCH", "/v1/routers/A", {"admin": "drain"}) in (200, 409)
        assert ask("GET", "/metrics") == 200
    wait_for(
        lambda: ask("PATCH", "/v1/routers/A", {"admin": "drain"}) == 200,
        what="a file to be written again",
    )
    assert daemon.router("A")["admin"] == "drain"
    connection.close()
