"""Runs firsthopd and talks to its control socket."""

import contextlib
import json
import os
import shutil
import signal
import socket

from firsthop import ApiError, Client

from .netns import end, popen, wait_for

READY_TIMEOUT = 10.0
TOP = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..")

__all__ = ["ApiError", "Firsthopd", "default_build"]


def default_build():
    """Where the programs are: $FIRSTHOP_BUILD, or _build of the repository,
    or, for an installed package, where the path has them."""
    build = os.environ.get("FIRSTHOP_BUILD")
    if not build and not os.path.exists(os.path.join(TOP, "configure.ac")):
        build = os.path.dirname(shutil.which("firsthopd") or "")
    return build or os.path.join(TOP, "_build")


class Firsthopd(Client):
    """firsthopd with private files in 'directory', run in 'netns' (a Netns,
    or None for the namespace of this process), and the client of its control
    socket."""

    def __init__(self, directory, config, netns=None, build=None):
        self.directory = str(directory)
        self.netns = netns
        self.build = build or default_build()
        super().__init__(os.path.join(self.directory, "control.sock"))
        self.state_dir = os.path.join(self.directory, "state")
        self.config_path = os.path.join(self.directory, "firsthop.json")
        self.log_path = os.path.join(self.directory, "firsthopd.log")
        self.process = None
        self.log_level = os.environ.get("FIRSTHOP_LOG_LEVEL")
        self.stderr = None  # A file or descriptor in place of the log.
        self.wrapper = []  # A command that runs it.
        os.makedirs(self.state_dir, exist_ok=True)
        self.configure(config)

    def uplinks_are_resolved(self, name):
        """Does that router know the next hop of each of its uplinks?"""
        return all(
            port["next_hop_state"] == "resolved"
            for port in self.router(name)["ports"]
            if port["role"] == "uplink"
        )

    # Life.

    def configure(self, config):
        """Writes the configuration (a dict); a running daemon is not told."""
        with open(self.config_path, "w", encoding="utf-8") as file:
            json.dump(config, file, indent=1)

    def start(self):
        """Starts the daemon and returns once it says that it is ready."""
        notify_path = os.path.join(self.directory, "notify.sock")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(notify_path)
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        with contextlib.closing(notify):
            notify.bind(notify_path)
            notify.settimeout(0.05)
            self.process = self._spawn(notify_path)
            wait_for(
                lambda: self._is_ready(notify),
                READY_TIMEOUT,
                "firsthopd to be ready",
                self.log_tail,
            )

    def stop(self):
        """SIGTERM, which must be obeyed, with exit status 0."""
        status = end(self.process, signal.SIGTERM)
        self.process = None
        if status not in (None, 0):
            raise AssertionError(
                f"firsthopd exited with {status}\n{self.log_tail(200)}"
            )

    def kill(self):
        """kill -9."""
        self.process.kill()
        self.process.wait()
        self.process = None

    def restart(self):
        self.stop()
        self.start()

    def reload(self):
        """SIGHUP."""
        self.process.send_signal(signal.SIGHUP)

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def log(self):
        if not os.path.exists(self.log_path):
            return ""
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def log_tail(self, lines=40):
        tail = self.log().splitlines()[-lines:]
        return "--- firsthopd\n" + "\n".join(tail)

    # Inside.

    def _spawn(self, notify_path):
        program = os.path.join(self.build, "firsthopd")
        args = [*self.wrapper, program, "--config", self.config_path]
        args += ["--socket", self.socket_path, "--state-dir", self.state_dir]
        if self.log_level:
            args += ["--log-level", self.log_level]
        env = dict(os.environ, NOTIFY_SOCKET=notify_path)
        with open(self.log_path, "a", encoding="utf-8") as log:
            stderr = log if self.stderr is None else self.stderr
            return popen(
                args, netns=self.netns, stdout=log, stderr=stderr, env=env
            )

    def _is_ready(self, notify):
        if self.process.poll() is not None:
            raise RuntimeError(f"it exited with {self.process.returncode}")
        return b"READY=1" in notify.recv(4096)
