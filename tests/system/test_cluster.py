"""Several controllers, of which one leads: what clients notice of its faults.

Three machines with a controller and a server of the database each, two routers,
UDP of two clients each way."""

import pytest

import harness
from clusterlab import ClusterLab
from firsthopd import ApiError
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
