"""firsthop.Client against a running daemon: every operation of openapi.json,
and every answer is as described there."""

import json
import os
import re

import jsonschema
import pytest

from firsthop import ApiError, Client
from firsthop.lab.firsthopd import TOP

with open(
    os.path.join(TOP, "controller/api/openapi.json"), encoding="utf-8"
) as stream:
    OPENAPI = json.load(stream)


def pattern_of(path):
    return re.compile(re.sub(r"\{\w+\}", "[^/]+", path) + "$")


class Checked(Client):
    """A Client that holds what it is told against the description;
    'operations' are those that it has been through."""

    def __init__(self, socket_path):
        super().__init__(socket_path)
        self.operations = set()

    def exchange(self, method, url, body=None, headers=None):
        status, reply, data = super().exchange(method, url, body, headers)
        operation = self._operation(method, url.partition("?")[0])
        described = operation["responses"][str(status)]
        self.operations.add(operation["operationId"])
        kind = reply.get("Content-Type", "").partition(";")[0]
        if data:
            schema = described["content"][kind].get("schema")
            if schema and "json" in kind:
                self._validate(schema, json.loads(data))
        return status, reply, data

    def _operation(self, method, path):
        for known, methods in OPENAPI["paths"].items():
            if pattern_of(known).match(path) and method.lower() in methods:
                return methods[method.lower()]
        raise AssertionError(f"{method} {path} is not described")

    def _validate(self, schema, value):
        whole = {"components": OPENAPI["components"], **schema}
        jsonschema.Draft202012Validator(whole).validate(value)


@pytest.fixture
def control(article):
    return Checked(article.daemon.socket_path)


def test_every_operation_answers_as_described(article, control):
    """It reads, changes and puts back all there is."""
    c = article.c.address
    assert control.status()["role"]
    assert control.openapi()["openapi"].startswith("3.1")
    assert "firsthop_" in control.metrics()
    assert {r["name"] for r in control.routers()} == {"A", "B"}
    assert control.router("A")["connected"]
    control.paths()
    assert [s["name"] for s in control.segments()] == ["metro"]
    assert control.exposure()["clients_exposed"] == 0
    assert control.exposure("A")["clients_active"] == 2
    assert control.page().startswith("<!DOCTYPE html>")
    for part in ("page.css", "page.js", "page.svg"):
        assert control.page(part)
    assert [x["address"] for x in control.clients()] == [
        c,
        article.d.address,
    ]
    assert control.clients(active="B") == []
    assert control.explain(c)["address"] == c
    assert [x["address"] for x in control.iter_usage(active="A")] == [
        c,
        article.d.address,
    ]
    assert control.usage(c)["active"] == "A"
    assert len(control.flows(c)["routers"][0]["flows"]) == 2
    assert control.trace(c, to="198.51.100.1")["hops"][0]["router"] == "A"
    assert control.trace(c, source="198.51.100.1")["verdict"] == "delivered"

    control.drain("A")
    article.wait_for(
        lambda: control.events(type="client.moved", client=c, cause="drain")
    )
    control.undrain("A")
    control.move(c, "A")
    article.wait_for(
        lambda: control.events(type="client.moved", client=c, cause="manual")
    )

    control.provision("10.0.0.50", "metro", mac="02:00:00:00:01:50")
    assert control.client("10.0.0.50")["origin"] == "provisioned"
    control.provision_many(
        {"address": f"10.0.0.{host}", "segment": "metro"}
        for host in range(60, 70)
    )
    assert len(control.clients(state="pending")) == 11
    control.remove("10.0.0.50")
    assert control.client("10.0.0.50") is None

    config = control.config()
    tag = control.etag()
    assert control.apply(config, dry_run=True)["applied"] is False
    control.apply(config, if_match=tag)
    with pytest.raises(ApiError) as refused:
        control.apply(config, if_match='"another"')
    assert refused.value.status == 412
    for kind, name in (("segments", "spare"), ("routers", "C")):
        check_part(control, config, kind, name)

    newest, before = control.config_versions()[:2]
    assert newest["in_force"] and not before["in_force"]
    assert control.config_version(newest["version"]) == control.config()
    assert control.rollback(dry_run=True)["applied"] is False
    assert control.rollback(before["version"])["applied"]

    assert control.sweep("metro", "10.0.0.200/30")["state"]

    # Of several controllers: test_cluster.py.
    with pytest.raises(ApiError) as alone:
        control.cluster()
    assert alone.value.status == 404
    with pytest.raises(ApiError) as alone:
        control.transfer("metro-2")
    assert alone.value.status == 409

    operations = {
        method["operationId"]
        for methods in OPENAPI["paths"].values()
        for method in methods.values()
        if isinstance(method, dict)
    }
    assert operations - control.operations == set()


def check_part(control, config, kind, name):
    """Another segment or router comes, changes and goes."""
    if kind == "segments":
        value = {
            "gateway": "10.0.9.1",
            "prefixes": ["10.0.9.0/24"],
            "routers": {"A": {"address": "10.0.9.2"}},
        }
        change = {"learn": False}
    else:
        value = dict(
            config["routers"]["A"],
            datapath_id="00000000000000cc",
            mac="02:00:00:00:00:cc",
            uplink={
                "port": "c-uplink",
                "address": "192.0.2.77/24",
                "next_hop": "192.0.2.1",
            },
        )
        change = {"access_ports": ["other"]}
    control.put_part(kind, name, value)
    assert control.config_part(kind, name)
    control.patch_part(kind, name, change, if_match=control.etag(kind, name))
    (key,) = change
    assert control.config_part(kind, name)[key] == change[key]
    control.delete_part(kind, name)
    with pytest.raises(ApiError) as gone:
        control.config_part(kind, name)
    assert gone.value.status == 404


def test_follow_hands_out_events_as_they_come(article):
    """From the one after which it is told to begin."""
    control = Client(article.daemon.socket_path)
    seq = control.last_seq()
    article.daemon.move(article.c.address, "B")
    for event in control.follow(seq):
        assert event["seq"] > seq
        if event["type"] == "client.moved":
            break
    assert (event["client"], event["to"]) == (article.c.address, "B")


def test_follow_says_when_the_daemon_has_left(article):
    stream = Client(article.daemon.socket_path).follow(0)
    assert next(stream)["seq"] == 1
    article.daemon.stop()
    with pytest.raises(OSError):
        for _ in stream:
            pass
