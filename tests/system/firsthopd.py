"""Runs firsthopd and talks to its control socket."""

import contextlib
import http.client
import json
import os
import signal
import socket
import time

from netns import end, popen, wait_for

READY_TIMEOUT = 10.0


class ApiError(Exception):
    """An answer of the control socket that is no success."""

    def __init__(self, method, path, status, body):
        super().__init__(f"{method} {path}: {status} {body}")
        self.status = status
        self.body = body


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        deadline = time.monotonic() + self.timeout
        while True:
            try:
                return self.sock.connect(self._path)
            except BlockingIOError:
                # Its backlog is full, of a test's idle peers.
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.005)


def default_build():
    """The build directory: $FIRSTHOP_BUILD, or _build of the repository."""
    here = os.path.dirname(os.path.abspath(__file__))
    top = os.path.dirname(os.path.dirname(here))
    return os.environ.get("FIRSTHOP_BUILD") or os.path.join(top, "_build")


def control_request(path, method, url, body=None, headers=None, timeout=5.0):
    """One request to the control socket at 'path': (status, headers, bytes).

    'body' is bytes, or a value that is sent as JSON."""
    connection = _UnixConnection(path, timeout)
    with contextlib.closing(connection):
        headers = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        connection.request(method, url, body, headers)
        response = connection.getresponse()
        return response.status, response.headers, response.read()


class Firsthopd:
    """firsthopd with private files in 'directory', run in 'netns' (a Netns,
    or None for the namespace of this process)."""

    def __init__(self, directory, config, netns=None, build=None):
        self.directory = str(directory)
        self.netns = netns
        self.build = build or default_build()
        self.socket_path = os.path.join(self.directory, "control.sock")
        self.state_dir = os.path.join(self.directory, "state")
        self.config_path = os.path.join(self.directory, "firsthop.json")
        self.log_path = os.path.join(self.directory, "firsthopd.log")
        self.process = None
        self.log_level = os.environ.get("FIRSTHOP_LOG_LEVEL")
        os.makedirs(self.state_dir, exist_ok=True)
        self.configure(config)

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

    # Control socket.

    def request(self, method, url, body=None, headers=None):
        """The decoded body of a successful answer, None without a body.
        Raises ApiError for any other."""
        status, reply_headers, data = control_request(
            self.socket_path, method, url, body, headers
        )
        if "json" in reply_headers.get("Content-Type", ""):
            data = json.loads(data)
        else:
            data = data.decode()
        if not 200 <= status < 300:
            raise ApiError(method, url, status, data)
        return data or None

    def get(self, url):
        return self.request("GET", url)

    def metric(self, name):
        """A counter without labels, from /metrics."""
        for line in self.get("/metrics").splitlines():
            if line.startswith(f"firsthop_{name} "):
                return int(line.split()[1])
        raise AssertionError(f"no metric {name}")

    def router(self, name):
        return self.get(f"/v1/routers/{name}")

    def client(self, address):
        """GET /v1/clients/ADDRESS, or None for an unknown one."""
        try:
            return self.get(f"/v1/clients/{address}")
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def clients(self):
        """All clients, page by page."""
        clients, url = [], "/v1/clients"
        while url:
            page = self.get(url)
            clients += page["clients"]
            after = page.get("next")
            url = f"/v1/clients?after={after}" if after else None
        return clients

    def active(self, address):
        """The name of the client's active router, or None."""
        client = self.client(address)
        return client and client["active"]

    def move(self, address, router):
        """`firsthopctl move ADDRESS ROUTER`."""
        path = f"/v1/clients/{address}/move"
        return self.request("POST", path, {"router": router})

    def events(self, since=0, **match):
        """Events after 'since' whose fields equal 'match', for example
        events(type="client.moved", client="10.0.0.10")."""
        reply = self.get(f"/v1/events?since={since}")
        events = reply["events"] if isinstance(reply, dict) else reply
        return [
            event
            for event in events
            if all(event.get(key) == value for key, value in match.items())
        ]

    def last_seq(self):
        return max([event["seq"] for event in self.events()] or [0])

    # Inside.

    def _spawn(self, notify_path):
        program = os.path.join(self.build, "firsthopd")
        args = [program, "--config", self.config_path]
        args += ["--socket", self.socket_path, "--state-dir", self.state_dir]
        if self.log_level:
            args += ["--log-level", self.log_level]
        env = dict(os.environ, NOTIFY_SOCKET=notify_path)
        with open(self.log_path, "a", encoding="utf-8") as log:
            return popen(
                args, netns=self.netns, stdout=log, stderr=log, env=env
            )

    def _is_ready(self, notify):
        if self.process.poll() is not None:
            raise RuntimeError(f"it exited with {self.process.returncode}")
        return b"READY=1" in notify.recv(4096)
