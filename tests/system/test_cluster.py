"""Several controllers, of which one leads: what clients notice of its faults.

Three machines with a controller and a server of the database each, two routers,
UDP of two clients each way."""

import signal
import subprocess

import pytest

import harness
import oflog
from clusterlab import ClusterLab
from firsthopd import ApiError, default_build
from meter import Meter, meter_binary


def lost(report):
    return {
        f"{name} {way}": stream["lost"] + stream["duplicates"]
        for name, pair in report["pairs"].items()
        for way, stream in pair.items()
        if stream["lost"] + stream["duplicates"]
    }


def pairs(lab):
    return {
        host.name: (
            host.netns.path,
            host.address,
            lab.server.netns.path,
            harness.NEXT_HOP,
        )
        for host in (lab.c, lab.d)
    }


@pytest.fixture(scope="module")
def cluster():
    lab = ClusterLab()
    try:
        lab.build()
        lab.record_openflow()
        lab.start()
        yield lab
    finally:
        lab.close()


def active(lab):
    return {c.name: lab.daemon.active(c.address) for c in (lab.c, lab.d)}


def wait_settled(lab):
    lab.wait_connected()
    for client in (lab.c, lab.d):
        for router in (lab.a, lab.b):
            lab.wait_reach(client, router)


def test_one_leads_and_the_others_follow(cluster):
    leader = cluster.wait_leader()
    epochs = set()
    for controller in cluster.controllers:
        status = controller.status()
        assert status["leader"] == leader.name
        assert (status["role"] == "leader") == (controller is leader)
        epochs.add(status["epoch"])
        # Any of them knows the clients.
        assert controller.active(cluster.c.address) == "A"
    assert len(epochs) == 1


def ctl(controller, *args):
    done = subprocess.run(
        [
            f"{default_build()}/firsthopctl",
            "--socket",
            controller.socket_path,
            *args,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_firsthopctl_shows_the_cluster(cluster):
    leader = cluster.wait_leader()
    follower = next(c for c in cluster.controllers if c is not leader)
    status, text = ctl(follower, "cluster")
    lines = {line.split()[0]: line.split() for line in text.splitlines()}
    assert status == 0
    for controller in cluster.controllers:
        words = lines[controller.name]
        assert words[1] == controller.peer_address
        assert words[2] == controller.role()
    assert f"leader    {leader.name}, epoch" in ctl(follower, "status")[1]
    status, text = ctl(follower, "cluster", "transfer", "nobody")
    assert status == 1 and "no such controller" in text


def test_a_follower_passes_changes_on(cluster):
    leader = cluster.wait_leader()
    follower = next(c for c in cluster.controllers if c is not leader)
    answer = follower.request(
        "PUT", "/v1/clients/10.0.0.99", {"segment": "metro"}
    )
    assert answer["origin"] == "provisioned"
    assert leader.client("10.0.0.99")["origin"] == "provisioned"
    with pytest.raises(ApiError) as e:
        follower.request("PUT", "/v1/clients/10.9.9.9", {"segment": "metro"})
    assert e.value.status == 422
    follower.request("DELETE", "/v1/clients/10.0.0.99")


def test_nothing_is_lost_when_the_leader_is_killed(cluster):
    before = active(cluster)
    old = cluster.wait_leader()
    with Meter(meter_binary(cluster.directory), pairs(cluster)) as meter:
        meter.wait_steady(explain=cluster.explain)
        meter.reset()
        old.kill()
        new = cluster.wait_leader(but=old)
        wait_settled(cluster)
        assert active(cluster) == before
        old.start()
        cluster.wait_leader()
        assert lost(meter.report()) == {}
    assert new.status()["epoch"] > 0
    assert not new.events(0, type="client.moved")


def test_a_leader_that_was_stopped_is_replaced_and_follows(cluster):
    before = active(cluster)
    old = cluster.wait_leader()
    with Meter(meter_binary(cluster.directory), pairs(cluster)) as meter:
        meter.wait_steady(explain=cluster.explain)
        meter.reset()
        old.process.send_signal(signal.SIGSTOP)
        others = [c for c in cluster.controllers if c is not old]
        cluster.wait_leader(among=others)
        wait_settled(cluster)
        old.process.send_signal(signal.SIGCONT)
        cluster.wait_leader(but=old)
        wait_settled(cluster)
        assert active(cluster) == before
        assert lost(meter.report()) == {}


def test_leadership_is_handed_over(cluster):
    before = active(cluster)
    old = cluster.wait_leader()
    new = next(c for c in cluster.controllers if c is not old)
    with Meter(meter_binary(cluster.directory), pairs(cluster)) as meter:
        meter.wait_steady(explain=cluster.explain)
        meter.reset()
        # By way of one that only follows.
        new.request("POST", "/v1/cluster/transfer", {"name": new.name})
        assert cluster.wait_leader(but=old) is new
        wait_settled(cluster)
        assert active(cluster) == before
        assert lost(meter.report()) == {}


def test_what_one_is_told_all_know(cluster):
    leader = cluster.wait_leader()
    follower = next(c for c in cluster.controllers if c is not leader)
    follower.request("PUT", "/v1/clients/10.0.0.99", {"segment": "metro"})
    follower.patch_part("segments", "metro", {"withdraw_after_ms": 61000})
    follower.request("PATCH", "/v1/routers/B", {"admin": "drain"})
    for controller in cluster.controllers:
        cluster.wait_for(
            lambda c=controller: c.config()["segments"]["metro"].get(
                "withdraw_after_ms"
            )
            == 61000,
            what=f"{controller.name} to have the configuration",
        )
        # What is its own it keeps.
        assert controller.config()["cluster"]["name"] == controller.name
    leader.kill()
    cluster.wait_leader(but=leader)
    cluster.wait_connected()
    assert cluster.daemon.client("10.0.0.99")["origin"] == "provisioned"
    assert cluster.daemon.router("B")["admin"] == "drain"
    follower.request("PATCH", "/v1/routers/B", {"admin": "up"})
    follower.request("DELETE", "/v1/clients/10.0.0.99")
    leader.start()
    cluster.wait_leader()


def test_all_are_restarted_and_nothing_is_lost(cluster):
    """As a rolling upgrade does, and then all at once."""
    before = active(cluster)
    with Meter(meter_binary(cluster.directory), pairs(cluster)) as meter:
        meter.wait_steady(explain=cluster.explain)
        meter.reset()
        for controller in cluster.controllers:
            controller.restart()
            cluster.wait_leader()
            wait_settled(cluster)
        for controller in cluster.controllers:
            controller.stop()
        for controller in cluster.controllers:
            controller.start()
        cluster.wait_leader()
        wait_settled(cluster)
        assert active(cluster) == before
        assert lost(meter.report()) == {}


def test_without_the_database_the_leader_goes_on(cluster):
    leader = cluster.wait_leader()
    servers = cluster.database.servers
    for server in servers[1:]:
        server.kill()
    cluster.wait_for(
        lambda: any("database is away" in p for p in leader.status()["problems"]),
        what="a problem",
    )
    assert leader.role() == "leader"
    cluster.c.forget(harness.GATEWAY)
    assert cluster.c.ping(harness.GATEWAY)
    with pytest.raises(ApiError):
        leader.request("PUT", "/v1/clients/10.0.0.98", {"segment": "metro"})
    for server in servers[1:]:
        server.start(wait=False)
    cluster.database.wait_until_whole()

    def is_kept():
        try:
            leader.request("PUT", "/v1/clients/10.0.0.98", {"segment": "metro"})
        except ApiError as error:
            assert error.status != 422
            return False
        return True

    cluster.wait_for(is_kept, 20, "a change to be kept")
    assert cluster.wait_leader() is leader
    assert not leader.status()["problems"]
    leader.request("DELETE", "/v1/clients/10.0.0.98")


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "delete", "table": "Shard", "where": []},
        {"op": "update", "table": "Shard", "where": [], "row": {"epoch": 1}},
    ],
    ids=["deleted", "set back"],
)
def test_a_row_that_somebody_spoils_is_made_anew(cluster, operation):
    """By hand, or with a backup of the database."""
    leader = cluster.wait_leader()
    epoch = leader.status()["epoch"]
    cluster.database.leader().transact(operation)
    cluster.wait_for(
        lambda: all(c.status()["epoch"] > epoch for c in cluster.controllers),
        what="a later epoch",
    )
    new = cluster.wait_leader()
    wait_settled(cluster)
    new.request("PUT", "/v1/clients/10.0.0.97", {"segment": "metro"})
    new.request("DELETE", "/v1/clients/10.0.0.97")


def test_a_leader_that_dies_without_the_database_is_not_missed(cluster):
    """Nobody can lead: the bridges answer by themselves, and whoever is asked
    still knows the clients."""
    leader = cluster.wait_leader()
    servers = cluster.database.servers
    with Meter(meter_binary(cluster.directory), pairs(cluster)) as meter:
        meter.wait_steady(explain=cluster.explain)
        meter.reset()
        for server in servers[1:]:
            server.kill()
        leader.kill()
        for router in (cluster.a, cluster.b):
            cluster.wait_for(
                router.is_alone,
                what=f"{router.name} to answer by itself",
            )
        follower = cluster.running()[0]
        assert follower.role() == "follower"
        assert follower.client(cluster.c.address)["origin"] == "learned"
        cluster.c.forget(harness.GATEWAY)
        assert cluster.c.ping(harness.GATEWAY)
        for server in servers[1:]:
            server.start(wait=False)
        cluster.wait_leader(but=leader)
        leader.start()
        cluster.wait_leader()
        wait_settled(cluster)
        assert lost(meter.report()) == {}


def test_the_leader_dies_with_a_router(cluster):
    """Its clients are asked for, by the one that takes over, from what is in
    the database."""
    leader = cluster.wait_leader()
    assert set(active(cluster).values()) == {"A"}
    with Meter(meter_binary(cluster.directory), pairs(cluster)) as meter:
        meter.wait_steady(explain=cluster.explain)
        meter.reset()
        leader.kill()
        cluster.a.kill()
        cluster.wait_leader(but=leader)
        for client in (cluster.c, cluster.d):
            cluster.wait_active(client, "B")
        meter.wait_steady(explain=cluster.explain)
        outages = {
            f"{name} {way}": stream["outage_ms"]
            for name, pair in meter.report()["pairs"].items()
            for way, stream in pair.items()
        }
        print("outages", outages)
    cluster.a.revive()
    leader.start()
    cluster.wait_leader()


def test_no_bridge_has_obeyed_two_leaders(cluster):
    """In none of the tests above."""
    logs = cluster.openflow_logs()
    print(*oflog.summary(logs), sep="\n")
    assert oflog.complaints(logs) == []
