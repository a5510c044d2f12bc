"""A client of the daemon's control socket: HTTP/1.1 and JSON (api.md,
openapi.json).  Every call is one connection; nothing is kept between them.

Values are those of the API, dicts and lists; firsthop.types, which is
generated from openapi.json, says what is in them.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import time
from typing import TYPE_CHECKING, Any, Iterable, Iterator
from urllib.parse import quote, urlencode

if TYPE_CHECKING:
    from . import types

DEFAULT_SOCKET = "/run/firsthop/control.sock"
PAGE = 1000  # What one answer may list at most.


class ApiError(Exception):
    """An answer that is no success: 'status', and 'body', a Problem."""

    def __init__(self, method: str, url: str, status: int, body: Any):
        super().__init__(f"{method} {url}: {status} {body}")
        self.status = status
        self.body = body


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float | None):
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        deadline = time.monotonic() + (self.timeout or 60)
        while True:
            try:
                return self.sock.connect(self._path)
            except BlockingIOError:
                # The backlog is full of others' connections.
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.005)


class Client:
    """The control socket at 'socket_path'.  'timeout' is how long an answer
    may take, in seconds."""

    def __init__(
        self, socket_path: str = DEFAULT_SOCKET, timeout: float = 5.0
    ):
        self.socket_path = socket_path
        self.timeout = timeout

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    # Any request.

    def exchange(self, method, url, body=None, headers=None):
        """One request: (status, headers, bytes), whatever the status.  'body'
        is bytes, or a value that is sent as JSON."""
        headers = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        connection = _UnixConnection(self.socket_path, self.timeout)
        with contextlib.closing(connection):
            connection.request(method, url, body, headers)
            response = connection.getresponse()
            return response.status, response.headers, response.read()

    def request(self, method, url, body=None, headers=None) -> Any:
        """The decoded body of a successful answer, None without a body.
        Raises ApiError for any other."""
        status, reply, data = self.exchange(method, url, body, headers)
        if "json" in reply.get("Content-Type", ""):
            data = json.loads(data)
        else:
            data = data.decode()
        if not 200 <= status < 300:
            raise ApiError(method, url, status, data)
        return data or None

    def get(self, url: str) -> Any:
        return self.request("GET", url)

    # The daemon.

    def status(self) -> types.Status:
        return self.get("/v1/status")

    def cluster(self) -> types.Cluster:
        """Several controllers: who leads, and who is heard."""
        return self.get("/v1/cluster")

    def transfer(self, name: str) -> types.ClusterTransferred:
        """Has the controller 'name' lead."""
        return self.request("POST", "/v1/cluster/transfer", {"name": name})

    def paths(self) -> types.Paths:
        """Who hears whom across each segment and the core."""
        return self.get("/v1/paths")

    def segments(self) -> list[types.Segment]:
        return self.get("/v1/segments")["segments"]

    def sweep(self, segment: str, prefix: str | None = None) -> types.Sweep:
        """Search for hosts that do not speak."""
        return self.request(
            "POST",
            _url("/v1/segments", segment, "sweep"),
            {"prefix": prefix} if prefix else {},
        )

    def exposure(self, router: str | None = None) -> types.Exposure:
        """What would happen if the router died now; without one, whom one
        router only reaches."""
        return self.get(_url("/v1/exposure", router=router))

    def page(self, part: str = "") -> str:
        """The live page, or a part of it: page("page.js")."""
        return self.request("GET", "/" + part)

    def openapi(self) -> types.OpenAPI:
        """The description of this interface."""
        return self.get("/v1/openapi.json")

    def metrics(self) -> str:
        return self.get("/metrics")

    def metric(self, name: str) -> int:
        """A counter without labels, firsthop_NAME."""
        for line in self.metrics().splitlines():
            if line.startswith(f"firsthop_{name} "):
                return int(line.split()[1])
        raise KeyError(f"no metric {name}")

    # The configuration.  With 'if_match', an etag(), nothing is changed unless
    # it is still the one that was read: ApiError 412.

    def config(self) -> types.Config:
        return self.get("/v1/config")

    def etag(self, *part: str) -> str:
        """What names the state of the configuration, or of a 'part' of it:
        etag("segments", "metro")."""
        url = _url("/v1/config", *part)
        status, headers, data = self.exchange("GET", url)
        if status != 200:
            raise ApiError("GET", url, status, data.decode())
        return headers["ETag"]

    def apply(
        self, config: Any, dry_run: bool = False, if_match: str | None = None
    ) -> types.ConfigResult:
        """The whole configuration, applied whole or not at all."""
        return self._change("PUT", (), config, dry_run, if_match)

    def config_versions(self) -> list[types.ConfigVersion]:
        """Those that were in force, the newest first."""
        return self.get("/v1/config/versions")["versions"]

    def config_version(self, version: int) -> types.Config:
        return self.get(_url("/v1/config/versions", str(version)))

    def rollback(
        self, version: int | None = None, dry_run: bool = False
    ) -> types.ConfigResult:
        """Applies one that was in force, by default the one before."""
        return self.request(
            "POST",
            _url(
                "/v1/config/rollback",
                version=version,
                dry_run=int(dry_run) or None,
            ),
        )

    def config_part(self, kind: str, name: str) -> types.ConfigPart:
        """A segment or a router: config_part("segments", "metro")."""
        return self.get(_url("/v1/config", kind, name))

    def put_part(
        self,
        kind: str,
        name: str,
        value: Any,
        dry_run: bool = False,
        if_match: str | None = None,
    ) -> types.ConfigResult:
        """Puts a segment or a router there, checked with the whole."""
        return self._change("PUT", (kind, name), value, dry_run, if_match)

    def patch_part(
        self,
        kind: str,
        name: str,
        change: Any,
        dry_run: bool = False,
        if_match: str | None = None,
    ) -> types.ConfigResult:
        """Changes what 'change' names of it (RFC 7396)."""
        return self._change("PATCH", (kind, name), change, dry_run, if_match)

    def delete_part(
        self,
        kind: str,
        name: str,
        dry_run: bool = False,
        if_match: str | None = None,
    ) -> types.ConfigResult:
        return self._change("DELETE", (kind, name), None, dry_run, if_match)

    def _change(self, method, part, body, dry_run, if_match):
        return self.request(
            method,
            _url("/v1/config", *part, dry_run=int(dry_run) or None),
            body,
            {"If-Match": if_match} if if_match else None,
        )

    # Routers.

    def routers(self) -> list[types.Router]:
        return self.get("/v1/routers")["routers"]

    def router(self, name: str) -> types.Router:
        return self.get(_url("/v1/routers", name))

    def drain(self, name: str) -> types.Router:
        return self._set_router(name, "admin", "drain")

    def undrain(self, name: str) -> types.Router:
        return self._set_router(name, "admin", "up")

    def uplink(self, name: str, state: str) -> types.Router:
        """Say that the router's way to the core is 'down', or 'up' again."""
        return self._set_router(name, "uplink", state)

    def _set_router(self, name, key, value):
        return self.request("PATCH", _url("/v1/routers", name), {key: value})

    # Clients.

    def iter_clients(self, **filters: str | None) -> Iterator[types.Client]:
        """All clients, page by page, ordered by address; 'filters' are
        segment, active and state."""
        yield from self._pages("/v1/clients", filters)

    def _pages(self, resource, filters):
        after = None
        while True:
            page = self.get(
                _url(resource, limit=PAGE, after=after, **filters)
            )
            yield from page["clients"]
            after = page["next"]
            if after is None:
                return

    def iter_usage(self, **filters: str | None) -> Iterator[types.Usage]:
        """What all clients have sent and were sent; 'filters' are segment
        and active."""
        yield from self._pages("/v1/usage", filters)

    def usage(
        self, address: str, segment: str | None = None
    ) -> types.Usage:
        """What it has sent and was sent, as bridges have counted."""
        return self.get(_url("/v1/clients", address, "usage", segment=segment))

    def clients(self, **filters: str | None) -> list[types.Client]:
        return list(self.iter_clients(**filters))

    def client(
        self, address: str, segment: str | None = None
    ) -> types.Client | None:
        """None for an unknown one."""
        try:
            return self.get(_url("/v1/clients", address, segment=segment))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def active(self, address: str, segment: str | None = None) -> str | None:
        """The name of the client's active router."""
        client = self.client(address, segment)
        return client["active"] if client else None

    def provision(
        self, address: str, segment: str, **entry: Any
    ) -> types.Client:
        """'entry': mac and vlan."""
        return self.request(
            *("PUT", _url("/v1/clients", address, segment=segment)),
            {"segment": segment, **entry},
        )

    def provision_many(
        self, entries: Iterable[Any], dry_run: bool = False
    ) -> types.BulkResult:
        """Many at once, whole or not at all; 'entries' are {"address",
        "segment", "mac"?, "vlan"?}."""
        lines = [json.dumps(entry).encode() + b"\n" for entry in entries]
        return self.request(
            *("POST", _url("/v1/clients", dry_run=int(dry_run) or None)),
            b"".join(lines),
            {"Content-Type": "application/x-ndjson"},
        )

    def remove(self, address: str, segment: str | None = None) -> None:
        self.request("DELETE", _url("/v1/clients", address, segment=segment))

    def move(self, address: str, router: str, segment: str | None = None):
        """ApiError 409 where that router cannot reach it."""
        return self.request(
            *("POST", _url("/v1/clients", address, "move", segment=segment)),
            {"router": router},
        )

    def explain(
        self, address: str, segment: str | None = None
    ) -> types.Explain:
        """The inputs of its last election, and what decided."""
        return self.get(
            _url("/v1/clients", address, "explain", segment=segment)
        )

    def flows(
        self, address: str, segment: str | None = None
    ) -> types.ClientFlows:
        """Its flows on every bridge, as ovs-ofctl writes them."""
        return self.get(_url("/v1/clients", address, "flows", segment=segment))

    def trace(
        self,
        address: str,
        to: str | None = None,
        source: str | None = None,
        segment: str | None = None,
    ) -> types.Trace:
        """Which flows decide about a packet from the client to 'to', or from
        'source' to the client."""
        query = {"to": to, "from": source, "segment": segment}
        return self.get(_url("/v1/clients", address, "trace", **query))

    # Events.

    def events(self, since: int = 0, **match: Any) -> list[types.Event]:
        """Events after 'since' whose fields equal 'match', for example
        events(type="client.moved", client="10.0.0.10")."""
        return [
            event
            for event in self.get(_url("/v1/events", since=since))["events"]
            if all(event.get(key) == value for key, value in match.items())
        ]

    def last_seq(self) -> int:
        """The number of the latest event."""
        return max([event["seq"] for event in self.events()] or [0])

    def follow(self, since: int | None = None) -> Iterator[types.Event]:
        """Events as they come, without an end, from after number 'since' on
        (None: from now on).  OSError when the daemon leaves: call it again
        with the number of the last event."""
        headers = {"Accept": "text/event-stream"}
        if since is not None:
            headers["Last-Event-ID"] = str(since)
        connection = _UnixConnection(self.socket_path, None)
        with contextlib.closing(connection):
            connection.request("GET", "/v1/events", headers=headers)
            response = connection.getresponse()
            if response.status != 200:
                body = response.read().decode()
                raise ApiError("GET", "/v1/events", response.status, body)
            for line in response:
                if line.startswith(b"data:"):
                    yield json.loads(line[len(b"data:") :])
        raise ConnectionResetError("the stream of events has ended")


def _url(*parts: str, **query: Any) -> str:
    """A path of 'parts', with those of 'query' that are not None."""
    path = parts[0] + "".join("/" + quote(part, "") for part in parts[1:])
    query = {key: value for key, value in query.items() if value is not None}
    return path + ("?" + urlencode(query) if query else "")
