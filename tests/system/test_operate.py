"""Drain, move, reload and provision while traffic flows: nothing is lost."""

import copy
import time

import pytest

import harness
from firsthopd import ApiError
from frames import is_arp_request


def total_lost(report):
    return sum(
        way["lost"] + way["duplicates"]
        for pair in report["pairs"].values()
        for way in pair.values()
    )


def wait_all_probed(lab):
    """Until both routers have probed C again."""
    with lab.c.tap() as tap:
        for router in (lab.a, lab.b):
            tap.wait(is_arp_request(sender=router.local), timeout=15)


def reload(lab, config):
    """SIGHUP, until the event says that it is in force."""
    seq = lab.daemon.last_seq()
    lab.daemon.configure(config)
    lab.daemon.reload()
    lab.wait_for(
        lambda: lab.daemon.events(seq, type="config.applied"),
        what="the configuration to be applied",
    )
    lab.wait_connected()


def test_drain_and_undrain_lose_nothing(article):
    clients = (article.c, article.d)
    with article.meter(*clients) as meter:
        meter.wait_steady(explain=article.explain)
        meter.reset()
        article.daemon.request("PATCH", "/v1/routers/A", {"admin": "drain"})
        for client in clients:
            article.wait_active(client, article.b)
            article.wait_for(
                lambda client=client: not article.a.flows_of(client),
                what="A to hold no flows",
            )
        assert article.daemon.router("A")["admin"] == "drain"
        article.daemon.request("PATCH", "/v1/routers/A", {"admin": "up"})
        wait_all_probed(article)
        assert total_lost(meter.report()) == 0
    for client in clients:
        assert article.daemon.active(client.address) == "B"
        (event,) = article.daemon.events(
            0, type="client.moved", client=client.address
        )
        assert event["cause"] == "drain"


def test_drain_keeps_whom_nobody_else_reaches(article):
    article.links["Y", "Z"].silence()
    for client in (article.c, article.d):
        article.wait_reach(client, article.b, "down")
    article.daemon.request("PATCH", "/v1/routers/A", {"admin": "drain"})
    wait = article.daemon.get(f"/v1/clients/{article.c.address}/explain")
    assert article.daemon.active(article.c.address) == "A"
    assert article.c.ping(harness.NEXT_HOP)
    assert "no other router" in str(wait)
    article.links["Y", "Z"].unsilence()
    for client in (article.c, article.d):
        article.wait_active(client, article.b)


def test_drain_survives_a_restart(article):
    article.daemon.request("PATCH", "/v1/routers/A", {"admin": "drain"})
    article.wait_active(article.c, article.b)
    article.daemon.restart()
    article.wait_connected()
    assert article.daemon.router("A")["admin"] == "drain"
    article.wait_reach(article.c, article.a)
    assert article.daemon.active(article.c.address) == "B"


def test_move_loses_nothing(article):
    with article.meter(article.c, article.d) as meter:
        meter.wait_steady(explain=article.explain)
        meter.reset()
        article.daemon.move(article.c.address, "B")
        article.wait_active(article.c, article.b)
        article.wait_for(
            lambda: not article.a.flows_of(article.c),
            what="A to hold no flows of C",
        )
        wait_all_probed(article)
        assert total_lost(meter.report()) == 0
    assert article.daemon.active(article.d.address) == "A"


def test_move_to_a_router_that_does_not_reach_is_refused(article):
    article.links["Y", "Z"].silence()
    article.wait_reach(article.c, article.b, "down")
    with pytest.raises(ApiError) as error:
        article.daemon.move(article.c.address, "B")
    assert error.value.status == 409
    assert article.daemon.active(article.c.address) == "A"


def test_reload_of_a_timer_loses_nothing(article):
    clients = (article.c, article.d)
    config = article.config(probe={"interval_ms": 700})
    with article.meter(*clients) as meter:
        meter.wait_steady(explain=article.explain)
        wait_all_probed(article)
        flows = [article.a.flows(), article.b.flows()]
        meter.reset()
        reload(article, config)
        wait_all_probed(article)
        wait_all_probed(article)
        assert total_lost(meter.report()) == 0
    assert [article.a.flows(), article.b.flows()] == flows
    assert not article.daemon.events(0, type="client.moved")
    for client in clients:
        assert article.daemon.client(client.address)["moves"] == 0


def test_a_bad_configuration_changes_nothing(article):
    config = article.config()
    config["segments"]["metro"]["gateway"] = "nonsense"
    config["routers"]["A"]["mac"] = "03:00:00:00:00:01"
    article.daemon.configure(config)
    article.daemon.reload()
    article.wait_for(
        lambda: "nothing was changed" in article.daemon.log(),
        what="the refusal to be logged",
    )
    log = article.daemon.log()
    for pointer in ("/segments/metro/gateway", "/routers/A/mac"):
        (line,) = [t for t in log.splitlines() if f": {pointer}: " in t]
        assert " ERR " in line
    assert article.daemon.active(article.c.address) == "A"
    assert article.c.ping(harness.NEXT_HOP)


def assert_all_have_moved(lab, clients):
    """From A to B, each once, and because of the configuration."""
    for client in clients:
        lab.wait_active(client, lab.b)
        events = lab.wait_for(
            lambda client=client: lab.daemon.events(
                0, type="client.moved", client=client.address
            ),
            what=f"{client.address} to have moved",
        )
        (event,) = events
        assert (event["from"], event["to"]) == ("A", "B")
        assert event["cause"] == "config"


def test_a_router_that_leaves_the_segment_loses_nothing(article):
    clients = (article.c, article.d)
    config = article.config()
    del config["segments"]["metro"]["routers"]["A"]
    with article.meter(*clients) as meter:
        meter.wait_steady(explain=article.explain)
        meter.reset()
        reload(article, config)
        assert_all_have_moved(article, clients)
        for client in clients:
            article.wait_for(
                lambda client=client: not article.a.flows_of(client),
                what="A to hold no flows of clients that have moved",
            )
        meter.wait_steady(explain=article.explain)
        assert total_lost(meter.report()) == 0


def test_a_router_that_is_deleted_loses_nothing_and_keeps_no_flow(article):
    clients = (article.c, article.d)
    config = article.config()
    del config["segments"]["metro"]["routers"]["A"]
    del config["routers"]["A"]
    with article.meter(*clients) as meter:
        meter.wait_steady(explain=article.explain)
        meter.reset()
        article.daemon.configure(config)
        article.daemon.reload()
        assert_all_have_moved(article, clients)
        article.wait_for(
            lambda: not article.a.flows(), what="A to hold no flow of ours"
        )
        meter.wait_steady(explain=article.explain)
        assert total_lost(meter.report()) == 0
    reload(article, article.config())
    article.wait_reach(article.c, article.a)
    assert article.daemon.active(article.c.address) == "B"


def test_a_deleted_router_without_a_stand_in_keeps_no_flow(article):
    article.links["Y", "Z"].silence()
    for client in (article.c, article.d):
        article.wait_reach(client, article.b, "down")
    config = article.config()
    del config["segments"]["metro"]["routers"]["A"]
    del config["routers"]["A"]
    article.daemon.configure(config)
    article.daemon.reload()
    article.wait_for(
        lambda: not article.a.flows(), what="A to hold no flow of ours"
    )


def test_what_was_put_over_the_socket_outlives_a_restart(article):
    config = copy.deepcopy(article.config(probe={"interval_ms": 800}))
    article.daemon.request("PUT", "/v1/config", config)
    article.daemon.request(
        "PUT", "/v1/clients/10.0.0.77", {"segment": "metro"}
    )
    article.daemon.restart()
    article.wait_connected()
    segment = article.daemon.get("/v1/config")["segments"]["metro"]
    assert segment["probe"]["interval_ms"] == 800
    client = article.daemon.client("10.0.0.77")
    assert (client["origin"], client["state"]) == ("provisioned", "pending")
    article.daemon.request("DELETE", "/v1/clients/10.0.0.77")
    assert article.daemon.client("10.0.0.77") is None
    article.daemon.restart()
    assert article.daemon.client("10.0.0.77") is None


def test_the_daemon_dials_bridges_that_do_not_call(lab):
    """ "connect": the bridges know of no controller; after a restart of the
    daemon nothing has to wait for their back-off."""
    harness.build_article(lab)
    config = lab.config()
    for name, router in lab.routers.items():
        router.controller = None
        path = f"unix:{router.ovs.directory}/{router.bridge}.mgmt"
        config["routers"][name]["connect"] = path
    lab.start_daemon(config)
    lab.settle(lab.c, lab.d)
    with lab.meter(lab.c, lab.d) as meter:
        meter.wait_steady(explain=lab.explain)
        meter.reset()
        lab.daemon.kill()
        lab.daemon.start()
        lab.wait_connected(timeout=3)
        for router in (lab.a, lab.b):
            lab.wait_reach(lab.c, router)
        assert total_lost(meter.report()) == 0
    assert lab.daemon.active(lab.c.address) == "A"


def test_a_segment_is_changed_alone_and_loses_nothing(article):
    with article.meter(article.c, article.d) as meter:
        meter.wait_steady(explain=article.explain)
        meter.reset()
        article.daemon.request(
            "PATCH",
            "/v1/config/segments/metro",
            {"probe": {"interval_ms": 700}},
            {"If-Match": "*"},
        )
        article.wait_connected()
        wait_all_probed(article)
        assert total_lost(meter.report()) == 0
    segment = article.daemon.get("/v1/config/segments/metro")
    assert segment["probe"] == {"interval_ms": 700}
    article.daemon.restart()
    assert article.daemon.get("/v1/config/segments/metro") == segment


def test_ten_thousand_clients_in_one_call(article):
    config = article.config(prefixes=["10.0.0.0/16"])
    article.daemon.request("PUT", "/v1/config", config)
    lines = [
        f'{{"address": "10.0.{100 + i // 250}.{1 + i % 250}",'
        f' "segment": "metro", "mac": "02:00:01:00:{i // 256:02x}:'
        f'{i % 256:02x}"}}'
        for i in range(10000)
    ]
    bad = lines + ['{"address": "10.9.0.1", "segment": "metro"}']
    with pytest.raises(ApiError) as error:
        article.daemon.request(
            "POST", "/v1/clients", "\n".join(bad[1:]).encode()
        )
    assert error.value.status == 422
    assert error.value.body["pointer"] == "/9999/address"
    counts = article.daemon.get("/v1/status")["counts"]
    assert counts["clients_provisioned"] == 0
    start = time.monotonic()
    answer = article.daemon.request(
        "POST", "/v1/clients", "\n".join(lines).encode()
    )
    print(f"10,000 clients in {time.monotonic() - start:.3f} s")
    assert answer == {"applied": True, "added": 10000, "changed": 0}
    article.daemon.restart()
    counts = article.daemon.get("/v1/status")["counts"]
    assert counts["clients_provisioned"] == 10000
