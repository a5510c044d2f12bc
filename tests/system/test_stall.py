"""What the daemon hands its output and its files to is slow, or does not move
at all: the daemon goes on answering.

No bridges: the daemon alone, its control socket, and what stalls.  That it
answers is asked over the control socket, each request with its own limit.
"""

import contextlib
import json
import os
import shutil

import pytest

from firsthopd import ApiError, Firsthopd
from netns import unique_directory

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


def refusals(daemon, count):
    """That many requests, each of which makes a line or two in the log."""
    for number in range(count):
        path = f"/v1/clients/10.0.0.77/move?segment=no-such-{number:0100d}"
        with pytest.raises(ApiError) as error:
            daemon.request("POST", path, {"router": "A"})
        assert error.value.status == 404


def test_who_does_not_read_stderr_stops_nobody(daemon):
    """A pipe that nobody reads holds 64 KiB; ten times as much is logged."""
    reader, daemon.stderr = os.pipe()
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, reader)
        stack.callback(os.close, daemon.stderr)
        daemon.start()
        refusals(daemon, 1600)
        assert daemon.metric("log_lines_lost_total") > 0
        assert daemon.get("/v1/status")["version"]
        daemon.stop()
