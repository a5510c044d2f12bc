"""firsthopctl against a running daemon, and what scrapes and completes it."""

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import termios
import time
import urllib.request

import pytest

import harness
from netns import (
    CommandError,
    end,
    entered,
    popen,
    run,
    unique_directory,
    wait_for,
)

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
BUILD = os.environ.get("FIRSTHOP_BUILD", "_build")
CTL = os.path.join(BUILD, "firsthopctl")
DONE, REFUSED, USAGE, UNREACHABLE = 0, 1, 2, 3

LISTEN = "127.0.0.1:8080"
TOKEN = "a-token-of-some-length"


def ctl_args(lab, *args):
    return [CTL, "--socket", lab.daemon.socket_path, *args]


def ctl(lab, *args, status=DONE):
    """Runs firsthopctl: (stdout, stderr), after a check of its status."""
    result = subprocess.run(
        ctl_args(lab, *args),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=30,
        check=False,
    )
    assert result.returncode == status, (args, result)
    return result.stdout, result.stderr


def table(text):
    """The rows of a table as dicts by its heads."""
    lines = text.splitlines()
    starts = [match.start() for match in re.finditer(r"(?<!\S)\S", lines[0])]
    heads = lines[0].split()
    assert len(heads) == len(starts)
    return [
        dict(zip(heads, re.split(r"\s{2,}", line.strip())))
        for line in lines[1:]
    ]


# Asking.


def test_status_tells_the_counts(article):
    out, _ = ctl(article, "status")
    assert "routers   2, 2 connected\n" in out
    assert "clients   2: 2 active, 0 lost, 0 pending\n" in out


def test_routers_and_clients_are_aligned_tables(article):
    rows = table(ctl(article, "routers")[0])
    assert [row["NAME"] for row in rows] == ["A", "B"]
    assert rows[0]["DATAPATH-ID"] == article.a.datapath_id
    assert rows[0]["BRIDGE"] == "ready"
    rows = table(ctl(article, "clients")[0])
    assert [row["ADDRESS"] for row in rows] == ["10.0.0.10", "10.0.0.11"]
    assert rows[0]["ACTIVE"] == article.daemon.active("10.0.0.10")
    assert rows[0]["REACH"] == "A:up B:up"
    assert "a-uplink" in ctl(article, "routers", "A")[0]
    assert "RTT-US" in ctl(article, "clients", "10.0.0.10")[0]


def test_ports_of_a_bridge_that_is_away_are_unknown(article):
    article.b.kill()

    def is_away():
        """And its peers have asked whether it still forwards."""
        router = article.daemon.router("B")
        return not router["connected"] and not router["headless"]

    wait_for(is_away)
    router, ports = map(table, ctl(article, "routers", "B")[0].split("\n\n"))
    assert (router[0]["BRIDGE"], router[0]["PORTS"]) == ("away", "-")
    assert [port["LINK"] for port in ports] == ["-", "-"]


def test_port_that_a_bridge_does_not_have_is_missing(article):
    config = article.config()
    config["routers"]["B"]["access_ports"] = ["b-acces"]
    article.daemon.request("PUT", "/v1/config", config)
    wait_for(
        lambda: "router B: its bridge has no port b-acces\n"
        in article.daemon.log()
    )
    router, ports = map(table, ctl(article, "routers", "B")[0].split("\n\n"))
    assert router[0]["PORTS"] == "1 of 2 down"
    assert [port["LINK"] for port in ports] == ["missing", "up"]


def test_what_a_bridge_cannot_do_is_shown(article):
    """A bridge that reads one tag, and a segment with two and an uplink VLAN
    of its own on the same port, which is not counted twice."""
    config = article.config()
    config["segments"]["double"] = {
        "vlan": [200, 100],
        "gateway": harness.GATEWAY,
        "prefixes": [harness.PREFIX],
        "routers": {"A": {"address": "10.0.0.2", "uplink": {"vlan": [12]}}},
    }
    article.a.ovs.vsctl(
        "set", "Open_vSwitch", ".", "other_config:vlan-limit=1"
    )
    article.wait_connected("A")
    article.daemon.request("PUT", "/v1/config", config)
    out = wait_for(
        lambda: re.search(
            r"(?s).*\n\nproblem: its bridge reads one VLAN tag only .*",
            ctl(article, "routers", "A")[0],
        )
    ).group()
    router, ports = map(table, out.split("\n\n")[:2])
    assert router[0]["PORTS"] == "2 up"
    assert [port["VLAN"] for port in ports] == ["-", "-", "12"]


def test_json_is_what_the_daemon_says(article):
    for command, url in (
        (["status"], "/v1/status"),
        (["routers"], "/v1/routers"),
        (["routers", "A"], "/v1/routers/A"),
        (["clients"], "/v1/clients"),
        (["explain", "10.0.0.10"], "/v1/clients/10.0.0.10/explain"),
        (["events"], "/v1/events"),
        (["config", "show"], "/v1/config"),
    ):
        said = json.loads(ctl(article, "--json", *command)[0])
        assert said.keys() == article.daemon.get(url).keys()


def test_clients_are_read_page_by_page(article):
    config = article.config()
    config["segments"]["metro"]["prefixes"] = ["10.0.0.0/16"]
    config["clients"] = [
        {"address": f"10.0.{i // 250 + 1}.{i % 250 + 1}", "segment": "metro"}
        for i in range(1100)
    ]
    article.daemon.request("PUT", "/v1/config", config)
    out, _ = ctl(article, "--json", "clients")
    assert len(json.loads(out)["clients"]) == 1102
    out, _ = ctl(article, "--json", "--state", "active", "clients")
    assert len(json.loads(out)["clients"]) == 2
    assert len(table(ctl(article, "--state", "pending", "clients")[0])) == 1100


def test_explain_names_the_winner_and_why(article):
    out, _ = ctl(article, "explain", "10.0.0.10")
    active = article.daemon.active("10.0.0.10")
    assert f"elected: {active} (the active router still reaches" in out
    rows = table(out.split("\n\n")[1])
    assert [row["ROUTER"] for row in rows] == ["A", "B"]
    assert {row["CANDIDATE"] for row in rows} == {"yes"}


# Telling.


def test_move_moves_one_client(article):
    ctl(article, "move", "10.0.0.10", "B")
    article.wait_active(article.c, article.b)
    assert article.daemon.active("10.0.0.11") == "A"
    out, _ = ctl(article, "events")
    wait_for(
        lambda: re.search(
            r"Z client.moved segment=metro client=10.0.0.10 from=A to=B "
            r"cause=manual .*install=\d+ms",
            ctl(article, "events")[0],
        )
    )


def test_explain_tells_the_last_move(article):
    out, _ = ctl(article, "explain", "10.0.0.10")
    assert re.search(r"^first elected at 20\S+Z, cause first$", out, re.M)
    ctl(article, "move", "10.0.0.10", "B")

    def moved():
        out, _ = ctl(article, "explain", "10.0.0.10")
        return re.search(r"^moved from A at 20\S+Z, cause manual$", out, re.M)

    wait_for(moved)
    article.daemon.reload()
    wait_for(lambda: article.daemon.events(0, type="config.applied"))
    assert moved()


def test_move_to_where_it_is_says_so(article):
    active = article.daemon.active("10.0.0.10")
    out, _ = ctl(article, "move", "10.0.0.10", active)
    assert out == f"10.0.0.10 on segment metro is already on {active}\n"
    assert not article.daemon.events(0, type="client.moved")


@pytest.mark.parametrize("name", ["a/b", ""])
@pytest.mark.parametrize("command", ["routers", "drain", "undrain"])
def test_what_cannot_name_a_router_is_a_usage_error(article, command, name):
    out, err = ctl(article, command, name, status=USAGE)
    assert out == ""
    assert f'"{name}" is not the name of a router' in err


def test_refusals_have_their_reason_on_stderr(article):
    for args, reason in (
        (["routers", "Z"], "there is no router Z"),
        (["clients", "10.0.0.99"], "there is no client 10.0.0.99"),
        (["clients", "nobody"], "is no IPv4 address"),
        (["move", "10.0.0.10", "Z"], "there is no such router"),
        (["--segment", "nowhere", "clients"], "there is no segment nowhere"),
        (["--state", "happy", "clients"], "pending, active or lost"),
        (["--since", "x", "events"], "must be a number"),
        (["--since", "x", "--follow", "events"], "must be a number"),
    ):
        out, err = ctl(article, *args, status=REFUSED)
        assert out == ""
        assert reason in err
    assert (
        "POST /v1/clients/10.0.0.10/move: refused, 422: "
        in article.daemon.log()
    )


def test_move_to_where_the_client_is_not_reached_is_refused(article):
    article.links["X", "Y"].down()
    article.wait_reach(article.c, article.a, "down")
    _, err = ctl(article, "move", "10.0.0.10", "A", status=REFUSED)
    assert "10.0.0.10" in err or "reach" in err


def test_drain_says_who_stays_and_undrain_ends_it(article):
    article.links["X", "Y"].down()
    article.wait_reach(article.d, article.b, "down")
    out, _ = ctl(article, "drain", "A")
    assert "10.0.0.11" in out and "no other router reaches it" in out
    article.wait_active(article.c, article.b)
    assert article.daemon.active("10.0.0.11") == "A"
    assert table(ctl(article, "routers")[0])[0]["ADMIN"] == "drain"
    assert ctl(article, "undrain", "A")[0] == "A is up\n"
    assert article.daemon.router("A")["admin"] == "up"


def test_uplink_is_said_to_be_down(article):
    out, _ = ctl(article, "uplink", "A", "down")
    assert out.startswith("A's uplink is down, it was said")
    for client in (article.c, article.d):
        article.wait_active(client, article.b)
    assert article.daemon.events(type="client.moved", cause="uplink")
    assert table(ctl(article, "routers")[0])[0]["UPLINK"] == "down"
    article.daemon.stop()
    article.daemon.start()
    article.wait_connected()
    assert article.daemon.router("A")["uplink"] == "down"
    ctl(article, "uplink", "A", "up")
    assert article.daemon.router("A")["uplink"] == "up"
    _, err = ctl(article, "uplink", "A", "sideways", status=REFUSED)
    assert "/uplink" in err


def test_sweep_finds_who_says_nothing(article):
    silent = article.add_client("E", "Z")
    out, _ = ctl(article, "sweep", "metro", "10.0.0.8/29")
    assert out.startswith("metro: 6 addresses are being asked for")
    article.wait_active(silent)
    _, err = ctl(article, "sweep", "metro", status=REFUSED)
    assert "a sweep of segment metro is under way" in err
    article.wait_for(
        lambda: "done: 6 of 6 addresses asked, 1 hosts found"
        in [e["detail"] for e in article.daemon.events(type="segment.sweep")],
        what="the sweep to be done",
    )
    _, err = ctl(article, "sweep", "metro", "10.1.0.0/29", status=REFUSED)
    assert "/prefix" in err


def test_exposure_says_what_then_happens(article):
    out, _ = ctl(article, "exposure")
    assert out == "of 2 clients 0 have one router only, 0 have none\n"
    article.links["Y", "Z"].silence()
    for client in (article.c, article.d):
        article.wait_reach(client, article.b, "down")
    out, _ = ctl(article, "exposure")
    assert "of 2 clients 2 have one router only, 0 have none" in out
    assert "10.0.0.10  metro    A\n" in out
    out, _ = ctl(article, "exposure", "A")
    assert "if A died now: 0 of 2 clients would move, 2 would be" in out
    assert "10.0.0.10  metro    no other router reaches it" in out
    article.links["Y", "Z"].unsilence()
    for client in (article.c, article.d):
        article.wait_reach(client, article.b)
    out, _ = ctl(article, "drain", "--dry-run", "A")
    assert "if A drained now: 2 of 2 clients would move, 0 would stay" in out
    assert article.daemon.router("A")["admin"] == "up"
    out, _ = ctl(article, "exposure", "A")
    print(out)
    assert "B         2" in out
    article.a.kill()
    for client in (article.c, article.d):
        article.wait_active(client, article.b)


def test_events_and_history_are_chosen(article):
    article.daemon.move("10.0.0.10", "B")
    article.wait_active(article.c, article.b)
    article.wait_for(
        lambda: article.daemon.events(type="client.moved"),
        what="the move to be reported",
    )
    out, _ = ctl(
        *(article, "events", "--since", "1h", "--client", "10.0.0.10"),
        *("--cause", "manual"),
    )
    (line,) = out.splitlines()
    assert " client.moved segment=metro client=10.0.0.10 from=A to=B" in line
    out, _ = ctl(article, "events", "--type", "client", "--router", "B")
    assert out.splitlines() == [line]
    out, _ = ctl(article, "history", "10.0.0.10")
    print(out)
    head, first, moved = out.splitlines()
    assert head.split()[:4] == ["TIME", "WHAT", "ROUTER", "CAUSE"]
    assert first.split()[1:4] == ["elected", "A", "first"]
    assert moved.split()[1:6] == ["moved", "A", "->", "B", "manual"]
    ctl(article, "events", "--type", "whim", status=REFUSED)


def test_drain_of_the_last_router_says_that_the_others_drain(article):
    ctl(article, "drain", "B")
    out, _ = ctl(article, "drain", "A")
    assert out.count("the other routers that reach it drain too") == 2
    out, _ = ctl(article, "explain", "10.0.0.10")
    assert "elected: A (it drains, but no other router can take over)" in out


# Configuration.

BAD = {"routers": {"A": {"colour": 1}}, "clients": 7}


def write_json(lab, name, value):
    path = os.path.join(lab.directory, name)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file)
    return path


def test_check_says_what_the_daemon_would_without_it(article):
    path = write_json(article, "bad.json", BAD)
    daemon = subprocess.run(
        [os.path.join(BUILD, "firsthopd"), "--check", "--config", path],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert daemon.returncode == 1
    article.daemon.stop()
    out, err = ctl(article, "config", "check", path, status=REFUSED)
    assert (out, err) == (daemon.stdout, daemon.stderr)
    assert f"{path}: /routers/A/colour: " in err
    ctl(article, "config", "check", article.daemon.config_path)


def test_bad_configuration_is_refused_with_all_errors(article):
    before = article.daemon.get("/v1/config")
    path = write_json(article, "bad.json", BAD)
    _, err = ctl(article, "config", "apply", path, status=REFUSED)
    assert f"{path}: /routers/A/colour: " in err
    assert f"{path}: /clients: " in err
    assert article.daemon.get("/v1/config") == before


def test_configuration_shown_can_be_applied(article):
    text, _ = ctl(article, "config", "show")
    config = json.loads(text)
    config["segments"]["metro"]["probe"] = {"interval_ms": 500}
    path = write_json(article, "new.json", config)
    out, _ = ctl(article, "--dry-run", "config", "apply", path)
    assert "nothing was changed" in out
    assert "probe" not in article.daemon.get("/v1/config")["segments"]["metro"]
    assert ctl(article, "config", "apply", path)[0] == "applied\n"
    assert article.daemon.get("/v1/config") == config


def test_what_a_file_would_change_is_shown_and_undone(article):
    config = article.daemon.get("/v1/config")
    article.daemon.configure(config)
    assert ctl(article, "config", "diff", article.daemon.config_path)[0] == (
        "no difference\n"
    )
    config["segments"]["metro"]["probe"] = {"interval_ms": 500}
    config["clients"] = [{"address": "10.0.0.50", "segment": "metro"}]
    path = write_json(article, "new.json", config)
    changes = [
        '+ /segments/metro/probe: {"interval_ms":500}',
        '+ /clients/0: {"address":"10.0.0.50","segment":"metro"}',
    ]
    out, _ = ctl(article, "config", "diff", path)
    print(out)
    assert out.splitlines() == changes
    ctl(article, "config", "apply", path)
    article.daemon.restart()
    out, _ = ctl(article, "config", "versions")
    print(out)
    assert [line.split()[::2] for line in out.splitlines()] == [
        ["VERSION", "IN-FORCE"],
        ["2", "yes"],
        ["1", "no"],
    ]
    undone = ["-" + change[1:] for change in changes]
    out, _ = ctl(article, "config", "diff", "1")
    assert out.splitlines() == undone
    out, _ = ctl(article, "config", "rollback", "--dry-run")
    assert out.splitlines() == undone + ["valid; nothing was changed"]
    out, _ = ctl(article, "config", "rollback")
    assert out.splitlines() == undone + ["applied"]
    assert "clients" not in article.daemon.get("/v1/config")
    ctl(article, "config", "rollback", "77", status=REFUSED)
    ctl(article, "config", "diff", "77", status=REFUSED)
    assert article.daemon.client("10.0.0.50")["origin"] == "learned"


def test_flows_are_those_of_the_bridges(article):
    out, _ = ctl(article, "flows", "10.0.0.10")
    print(out)
    assert "A: active\n" in out
    assert "B: standby, no flows\n" in out
    told = [line.strip() for line in out.splitlines() if "cookie=" in line]
    held = [
        flow
        for flow in article.a.flows()
        if "reg0=0xa00000a," in flow or "reg1=0xa00000a," in flow
    ]
    assert held and sorted(told) == sorted(held)
    article.daemon.move("10.0.0.10", "B")
    article.wait_active(article.c, article.b)
    article.wait_for(
        lambda: "A: standby, no flows" in ctl(article, "flows", "10.0.0.10")[0]
        and not article.a.flows_of(article.c),
        what="A to hold no flows",
    )


def counted(router, client):
    """What the bridge's flows of 'client' have counted: packets and bytes
    that it sent, and that it was sent."""
    name = harness.as_register(client.address)
    counts = [0, 0, 0, 0]
    for line in router.ovs.ofctl("dump-flows", router.bridge).splitlines():
        for register, place in ((0, 0), (1, 2)):
            if f"reg{register}={name}," in line or (
                f"reg{register}={name} " in line
            ):
                numbers = re.search(r"n_packets=(\d+), n_bytes=(\d+)", line)
                counts[place] += int(numbers.group(1))
                counts[place + 1] += int(numbers.group(2))
    return counts


def usage(article, client):
    row = table(ctl(article, "usage", client.address)[0])[0]
    return [
        int(row[head])
        for head in ("SENT", "SENT-BYTES", "RECEIVED", "RECEIVED-BYTES")
    ]


def look_at(router):
    """Has the daemon read the bridge now, not in ten seconds: somebody has
    changed flows of ours, it seems."""
    router.ovs.ofctl(
        "add-flow",
        router.bridge,
        "cookie=0xf1a5010000000000,table=200,priority=1,actions=drop",
    )


def ping_and_count(article, router, packets):
    """Sends and receives that many, and waits until the bridge, which hears
    of its datapath's doing a moment later, has counted them."""
    before = counted(router, article.c)
    article.c.netns.run(
        *("ping", "-n", "-q", "-i", "0.01", "-c", packets),
        harness.NEXT_HOP,
    )
    article.wait_for(
        lambda: counted(router, article.c)
        == [
            before[0] + packets,
            before[1] + 98 * packets,
            before[2] + packets,
            before[3] + 98 * packets,
        ],
        what=f"{router.name} to count {packets} packets",
    )


def test_usage_is_kept_over_moves_and_restarts(article):
    """Known packets over A, then over B, then a restart of the daemon, which
    keeps what the present flows have counted."""
    ping_and_count(article, article.a, 40)
    before = counted(article.a, article.c)
    look_at(article.a)
    article.wait_for(
        lambda: usage(article, article.c) == before, what="A to be read"
    )
    # What A counts from here on it tells when its flows go.
    ping_and_count(article, article.a, 20)
    before = counted(article.a, article.c)
    article.daemon.move(article.c.address, "B")
    article.wait_active(article.c, article.b)
    article.wait_for(
        lambda: usage(article, article.c) == before, what="A's last word"
    )
    ping_and_count(article, article.b, 30)
    on_b = counted(article.b, article.c)
    look_at(article.b)
    total = [a + b for a, b in zip(before, on_b)]
    article.wait_for(
        lambda: usage(article, article.c) == total, what="B to be read"
    )
    print(ctl(article, "usage")[0])
    metrics = article.daemon.get("/metrics")
    for direction, packets in (
        ("from_client", on_b[0]),
        ("to_client", on_b[2]),
    ):
        assert (
            f'firsthop_client_packets_total{{router="B",'
            f'direction="{direction}"}} {packets}\n' in metrics
        )
    article.daemon.restart()
    article.wait_for(
        lambda: usage(article, article.c) == on_b, what="B to be adopted"
    )
    document = json.loads(ctl(article, "--json", "usage", "--active", "B")[0])
    active = {c["address"]: c["active"] for c in document["clients"]}
    assert active[article.c.address] == "B" and set(active.values()) == {"B"}
    _, err = ctl(
        article, "usage", article.c.address, "10.9.9.9", status=REFUSED
    )
    assert "10.9.9.9" in err


def traced(article, *args):
    out, _ = ctl(article, "trace", *args)
    print(out)
    return out


def test_trace_tells_what_a_bridge_does(article):
    flows = article.a.flows()
    out = traced(article, "10.0.0.10", "198.51.100.1")
    assert "A, in by a-access (" in out
    assert "out by a-uplink (" in out
    assert out.endswith("10.0.0.10 to 198.51.100.1: sent to the next hop\n")
    # Every flow that it names is one of the bridge's.
    named = re.findall(r"^  \d+ \w+ +(cookie=.*)$", out, re.MULTILINE)
    assert len(named) >= 4
    assert set(named) <= set(flows)
    out = traced(article, "10.0.0.10", "10.0.0.11")
    assert out.endswith("10.0.0.10 to 10.0.0.11: delivered\n")
    article.daemon.move("10.0.0.11", "B")
    article.wait_active(article.d, article.b)
    article.wait_for(
        lambda: not article.a.flows_of(article.d), what="A to let go"
    )
    out = traced(article, "10.0.0.10", "10.0.0.11")
    assert "A, in by a-access" in out and "B, in by b-uplink" in out
    assert out.endswith("10.0.0.10 to 10.0.0.11: delivered\n")
    out = traced(article, "198.51.100.1", "10.0.0.11")
    assert out.startswith("B, in by b-uplink (")
    assert out.endswith("198.51.100.1 to 10.0.0.11: delivered\n")
    ctl(article, "trace", "198.51.100.1", "198.51.100.2", status=REFUSED)


def test_report_is_one_file_without_secrets(article):
    start_with_tcp(article)
    path = os.path.join(article.daemon.directory, "report.json")
    out, _ = ctl(article, "report", path)
    assert out.startswith(f"{path}: look through it before you send it")
    assert os.stat(path).st_mode & 0o777 == 0o600
    with open(path, encoding="utf-8") as file:
        text = file.read()
    report = json.loads(text)
    assert report["config"]["api"]["token_file"] == "(left out)"
    assert TOKEN not in text and token_file(article) not in text
    assert report["status"]["counts"]["routers"] == 2
    assert len(report["clients_active"]["clients"]) == 2
    assert "firsthop_build_info" in report["metrics"]
    assert report["events"]["events"]
    ctl(article, "report", path, status=REFUSED)  # It is there already.
    article.daemon.stop()
    out, err = ctl(article, "report", "-", status=3)
    assert "error" in json.loads(out)["status"]
    assert "not reachable" in err


# Exit statuses.


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["nonsense"],
        ["move", "10.0.0.10"],
        ["status", "x"],
        ["config"],
        ["config", "check"],
        ["config", "eat", "file"],
        ["--colour", "status"],
        ["--socket"],
        # Options that would be ignored.
        ["--dry-run", "move", "10.0.0.10", "A"],
        ["--dry-run", "config", "show"],
        ["--follow", "status"],
        ["--state", "lost", "clients", "10.0.0.10"],
        ["--state", "lost", "events"],
        ["--cause", "drain", "clients"],
    ],
)
def test_wrong_command_lines_are_usage(args):
    result = subprocess.run(
        [CTL, *args],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        check=False,
    )
    assert result.returncode == USAGE
    assert result.stderr and not result.stdout


def test_absent_daemon_is_told_apart():
    directory = unique_directory()
    path = os.path.join(directory, "control.sock")
    dead = socket.socket(socket.AF_UNIX)
    for command in (["status"], ["events", "--follow"], ["top"], ["clients"]):
        result = subprocess.run(
            [CTL, "--socket", path, *command],
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        assert result.returncode == UNREACHABLE
        assert path in result.stderr
        if not os.path.exists(path):  # Then one that a dead daemon left.
            dead.bind(path)
    dead.close()
    shutil.rmtree(directory)


# Following.


class Follower:
    """`firsthopctl events --follow`, running; 'said' is all its lines."""

    def __init__(self, lab, *args):
        self.said = ""
        self.process = popen(
            ctl_args(lab, *args, "events", "--follow"),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        os.set_blocking(self.process.stdout.fileno(), False)

    def wait(self, text):
        def is_said():
            self.said += (self.process.stdout.read() or b"").decode()
            return text in self.said

        wait_for(is_said, 20, f"{text!r} to be said", lambda: self.said)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        end(self.process, signal.SIGTERM)
        self.process.stdout.close()


def test_follow_reads_like_a_log_and_survives_a_restart(article):
    with Follower(article, "--since", "0") as follower:
        follower.wait("client.elected segment=metro client=10.0.0.10")
        ctl(article, "drain", "B")
        follower.wait("router.admin from=B (drain)")
        article.daemon.stop()
        follower.wait("the daemon has gone, waiting for it")
        article.daemon.start()
        article.wait_connected()
        seen = len(follower.said)
        ctl(article, "undrain", "B")
        follower.wait("router.admin from=B (up)")
        assert "client.elected" not in follower.said[seen:]


def test_follow_speaks_json(article):
    with Follower(article, "--json", "--since", "0") as follower:
        follower.wait('"client.elected"')
        event = json.loads(follower.said.splitlines()[0])
        assert event["seq"] == 1


# top


class Screen:
    """A program on a terminal of its own."""

    def __init__(self, args, rows=30, columns=120):
        self.shown = b""
        pid, self.terminal = pty.fork()
        if not pid:
            os.execv(args[0], args)
        self.pid = pid
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, size)

    def read(self):
        while select.select([self.terminal], [], [], 0)[0]:
            try:
                data = os.read(self.terminal, 65536)
            except OSError:  # It has ended.
                return
            if not data:
                return
            self.shown += data

    def wait(self, pattern):
        def is_shown():
            self.read()
            return re.search(pattern, self.shown)

        wait_for(is_shown, 20, f"{pattern!r}", lambda: self.shown)

    def type(self, keys):
        os.write(self.terminal, keys)

    def wait_end(self):
        def has_ended():
            self.read()
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.status = status
            return pid

        wait_for(has_ended, 20, "its end", lambda: self.shown)
        self.read()
        os.close(self.terminal)
        return os.waitstatus_to_exitcode(self.status)


def test_top_is_a_live_screen_that_q_leaves(article):
    screen = Screen(ctl_args(article, "top"))
    screen.wait(rb"2 active, 0 lost")
    screen.wait(rb"A +ready +up +2 +2 +\d+ +")
    ctl(article, "drain", "A")
    screen.wait(rb"A +ready +drain +0 +2 ")
    screen.wait(rb"drain 2")
    screen.type(b"x")
    screen.type(b"q")
    assert screen.wait_end() == DONE
    assert screen.shown.startswith(b"\033[?1049h")
    assert screen.shown.rstrip().endswith(b"\033[?25h\033[?1049l")


def test_top_leaves_on_interrupt_and_waits_for_a_daemon(article):
    screen = Screen(ctl_args(article, "top"), rows=5, columns=20)
    screen.wait(rb"firsthopd ")
    article.daemon.stop()
    screen.wait(rb"not reachable|the daemon is not")
    article.daemon.start()
    seen = len(screen.shown)
    wait_for(lambda: screen.read() or b"firsthopd " in screen.shown[seen:], 20)
    screen.type(b"\x03")
    assert screen.wait_end() == DONE
    assert screen.shown.rstrip().endswith(b"\033[?1049l")


def test_top_without_a_terminal_prints_once(article):
    out, _ = ctl(article, "top")
    assert "\033" not in out
    assert "router.connected" in out


# TCP, and Prometheus.


def token_file(lab):
    path = os.path.join(lab.directory, "token")
    with open(path, "w", encoding="utf-8") as file:
        file.write(TOKEN + "\n")
    os.chmod(path, 0o640)
    return path


def start_with_tcp(lab, **more):
    config = lab.config()
    config["api"] = {
        "listen": LISTEN,
        "token_file": token_file(lab),
        **more,
    }
    lab.daemon.configure(config)
    lab.daemon.restart()
    lab.wait_connected()


def status_over_tcp(lab, header):
    request = urllib.request.Request(f"http://{LISTEN}/v1/status")
    if header:
        request.add_header("Authorization", header)
    with entered(lab.netns.path):
        try:
            with urllib.request.urlopen(request, timeout=10) as reply:
                return reply.status
        except urllib.error.HTTPError as error:
            return error.code


def test_tcp_listens_as_configured_for_those_with_the_token(article):
    start_with_tcp(article)
    assert status_over_tcp(article, None) == 401
    assert status_over_tcp(article, "Bearer wrong-token-of-length") == 401
    assert status_over_tcp(article, f"Bearer {TOKEN}") == 200
    article.daemon.request("PUT", "/v1/config", article.config())
    with pytest.raises(urllib.error.URLError):
        status_over_tcp(article, f"Bearer {TOKEN}")


def test_page_is_told_or_how_to_have_it(article):
    _, err = ctl(article, "page", status=REFUSED)
    assert "the live page is off" in err
    assert "read_without_token" in err
    start_with_tcp(article, read_without_token=True)
    assert ctl(article, "page")[0].startswith(f"http://{LISTEN}/\n")
    assert status_over_tcp(article, None) == 200
    assert status_over_tcp(article, "Bearer wrong-token-of-length") == 401
    start_with_tcp(article)
    _, err = ctl(article, "page", status=REFUSED)
    assert "for those with the token only" in err


# What stands for ssh runs what it is told here, and says what a tunnel is.
FAKE_SSH = """#!/bin/sh
if [ "$1" = -- ]; then
    [ "$2" = operator@edge ] || exit 255
    shift 2
    exec sh -c "$*"
fi
for argument; do echo "$argument"; done
"""


def fake_ssh(article, directory):
    """The environment with it, and a firsthopctl that finds the daemon."""
    tell = " ".join(ctl_args(article)) + ' "$@"\n'
    for name, text in (
        ("ssh", FAKE_SSH),
        ("firsthopctl", f"#!/bin/sh\n{tell}"),
    ):
        path = directory / name
        path.write_text(text)
        path.chmod(0o755)
    return dict(os.environ, PATH=f"{directory}:{os.environ['PATH']}")


def test_page_opens_a_tunnel(article, tmp_path):
    env = fake_ssh(article, tmp_path)

    def tunnel(host):
        return subprocess.run(
            [CTL, "page", host],
            env=env,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    refused = tunnel("operator@edge")
    assert refused.returncode == REFUSED
    assert "the live page is off" in refused.stderr
    start_with_tcp(article, read_without_token=True)
    opened = tunnel("operator@edge")
    assert opened.returncode == DONE, opened
    words = opened.stdout.splitlines()
    forward = words[words.index("-L") + 1]
    assert forward.startswith("127.0.0.1:")
    assert forward.endswith(f":{LISTEN}")
    port = forward.split(":")[1]
    assert f"LocalCommand=echo http://127.0.0.1:{port}/" in words
    assert "ExitOnForwardFailure=yes" in words
    assert words[0] == "-N" and words[-2:] == ["--", "operator@edge"]
    assert tunnel("elsewhere").returncode == UNREACHABLE
    assert tunnel("").returncode == USAGE
    # What another machine says is not trusted with a command line.
    for url in ("http://127.0.0.1:80 -v/", "http://$(id):80/", "x", ""):
        (tmp_path / "firsthopctl").write_text(
            f"#!/bin/sh\necho '{json.dumps({'url': url})}'\n"
        )
        assert tunnel("operator@edge").returncode == REFUSED, url


PROMETHEUS = """
global:
  scrape_interval: 1s
scrape_configs:
  - job_name: firsthop
    authorization: {{ credentials_file: {token} }}
    static_configs: [ {{ targets: [ "{listen}" ] }} ]
"""


@contextlib.contextmanager
def prometheus(lab):
    path = os.path.join(lab.directory, "prometheus.yml")
    token = os.path.join(lab.directory, "token")
    with open(path, "w", encoding="utf-8") as file:
        file.write(PROMETHEUS.format(token=token, listen=LISTEN))
    log = open(os.path.join(lab.directory, "prometheus.log"), "wb")
    process = popen(
        [
            "prometheus",
            f"--config.file={path}",
            f"--storage.tsdb.path={lab.directory}/prometheus",
            "--web.listen-address=127.0.0.1:9090",
        ],
        netns=lab.netns,
        stdout=log,
        stderr=log,
    )
    try:
        yield
    finally:
        end(process, signal.SIGTERM, timeout=20)
        log.close()


def query(lab, expression):
    """{labels: value} of an instant query."""
    url = f"http://127.0.0.1:9090/api/v1/query?query={expression}"
    with entered(lab.netns.path):
        with urllib.request.urlopen(url, timeout=10) as reply:
            result = json.load(reply)["data"]["result"]
    return {
        tuple(
            value
            for key, value in sorted(item["metric"].items())
            if key not in ("__name__", "instance", "job")
        ): float(item["value"][1])
        for item in result
    }


@pytest.mark.skipif(
    not shutil.which("prometheus"), reason="prometheus is not installed"
)
def test_prometheus_scrapes_it(article):
    start_with_tcp(article)
    article.settle(article.c, article.d)
    with prometheus(article):
        wait_for(lambda: query(article, "up") == {(): 1}, 60)
        wait_for(
            lambda: query(article, "firsthop_clients")[("active",)] == 2, 30
        )
        assert query(article, "firsthop_router_connected") == {
            ("A",): 1,
            ("B",): 1,
        }
        before = query(article, "firsthop_probes_sent_total")[("A",)]
        wait_for(
            lambda: query(article, "firsthop_probes_sent_total")[("A",)]
            > before,
            30,
        )


def test_dashboard_shows_what_there_is(article):
    with open(
        os.path.join(TOP, "controller/api/firsthop-grafana.json"), encoding="utf-8"
    ) as file:
        panels = json.load(file)["panels"]
    config = article.config()
    config["bgp"] = {
        f"api_{end}": f"{article.directory}/api.{end}" for end in ("in", "out")
    }
    config["cores"] = {
        "K": {
            "datapath_id": "00000000000000c0",
            "ports": {"A": "to-a", "B": "to-b"},
        }
    }
    article.daemon.request("PUT", "/v1/config", config)
    metrics = article.daemon.get("/metrics")
    assert panels
    for panel in panels:
        for target in panel["targets"]:
            for name in re.findall(
                r"\b(?:firsthop|process)_\w+", target["expr"]
            ):
                assert re.search(rf"\n{name}[{{ ]", metrics), panel["title"]


# Completion.


def complete(lab, *words):
    """What bash offers for the last of 'words'."""
    env = dict(
        os.environ, PATH=f"{os.path.abspath(BUILD)}:{os.environ['PATH']}"
    )
    args = ["firsthopctl", "--socket", lab.daemon.socket_path, *words]
    script = f"""
        source {TOP}/controller/ctl/firsthopctl.bash
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
        _firsthopctl
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    out = subprocess.run(
        ["bash", "-c", script, "bash", *args],
        env=env,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    return sorted(out.split())


def test_bash_completes(article):
    for words, offered in (
        (["st"], ["status"]),
        (["e"], ["events", "explain", "exposure"]),
        (["exposure", ""], ["A", "B"]),
        (["trace", "10.0.0.10", "10"], ["10.0.0.10", "10.0.0.11"]),
        (["history", "10"], ["10.0.0.10", "10.0.0.11"]),
        (["--cause", "u"], ["unreachable", "uplink"]),
        (["routers", ""], ["A", "B"]),
        (["drain", "B"], ["B"]),
        (["clients", "10"], ["10.0.0.10", "10.0.0.11"]),
        (["move", "10.0.0.11", ""], ["A", "B"]),
        (["--segment", ""], ["metro"]),
        (["--state", "p"], ["pending"]),
        (
            ["config", ""],
            ["apply", "check", "diff", "rollback", "show", "versions"],
        ),
        (["status", ""], []),
        (["--j"], ["--json"]),
    ):
        assert complete(article, *words) == offered, words


# Sockets of the living and the dead.


def test_socket_of_a_running_daemon_is_refused(article):
    path = write_json(
        article,
        "other.json",
        {"openflow": {"listen": ["tcp:127.0.0.1:16654"]}},
    )
    with pytest.raises(CommandError, match="in use by a running daemon"):
        run(
            *(os.path.join(BUILD, "firsthopd"), "--config", path),
            *("--socket", article.daemon.socket_path),
            *("--state-dir", os.path.join(article.directory, "other")),
            netns=article.netns,
        )
    assert article.daemon.get("/v1/status")["counts"]["routers"] == 2


def test_socket_of_a_killed_daemon_is_reused(article):
    article.daemon.kill()
    assert os.path.exists(article.daemon.socket_path)
    article.daemon.start()
    assert article.daemon.get("/v1/status")["counts"]["routers"] == 2


# Peers that behave badly.


def connect(lab):
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(lab.daemon.socket_path)
    return sock


def test_idle_and_slow_peers_disturb_nobody(article):
    """2,000 connections, half of them with a begun request, and a reader that
    takes one byte at a time: the probes go on, and nobody moves."""
    since = article.daemon.client("10.0.0.10")["since"]
    idle = []
    for i in range(2000):
        idle.append(connect(article))
        if i % 2:
            with contextlib.suppress(OSError):
                idle[-1].send(b"GET /v1/status HTTP/1.1\r\n")
    slow = connect(article)
    slow.send(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    for sent in range(5):
        probes = probes_sent(article)
        wait_for(lambda: probes_sent(article) > probes, 20)
        assert slow.recv(1) == b"HTTP/1.1"[sent : sent + 1]
    assert article.daemon.client("10.0.0.10")["since"] == since
    assert article.daemon.client("10.0.0.10")["moves"] == 0
    for sock in [*idle, slow]:
        sock.close()


def probes_sent(lab):
    text = lab.daemon.get("/metrics")
    return float(
        re.search(r'\nfirsthop_probes_sent_total\{router="A"\} (\S+)', text)[1]
    )
