"""Who is elected, seen from outside: ties, priorities, provisioning."""

import os
import shutil

import harness
from farm import Farm, hosts

N_HOSTS = 16


def active_routers(lab, addresses):
    return {address: lab.daemon.active(address) for address in addresses}


def build_equals(lab):
    """Two routers of one priority on one switch, and a farm of hosts."""
    lab.add_core()
    lab.add_switch("X")
    lab.a = lab.add_router("A", ["X"])
    lab.b = lab.add_router("B", ["X"])
    lab.c = lab.add_client("C", "X")


def learn(lab, farm):
    """All hosts of the farm speak, and both routers reach each of them."""
    for address in farm.hosts:
        farm.ask(address, harness.GATEWAY)
    for address in farm.hosts:
        lab.wait_for(
            lambda address=address: all(
                reach["state"] == "up"
                for reach in lab.daemon.client(address)["reach"].values()
            ),
            what=f"{address} to be reached by both",
        )


def test_equal_routers_share_the_clients(lab):
    build_equals(lab)
    lab.start_daemon()
    with Farm(lab.c, hosts(N_HOSTS)) as farm:
        learn(lab, farm)
        chosen = active_routers(lab, farm.hosts)
        counts = [list(chosen.values()).count(name) for name in "AB"]
        assert sum(counts) == N_HOSTS
        assert min(counts) >= 3, counts
        macs = {"A": lab.a.mac, "B": lab.b.mac}
        for address, name in chosen.items():
            answers = farm.answers[address, harness.GATEWAY]
            assert answers[-1] == macs[name]


def test_the_same_inputs_elect_the_same(lab):
    """All forgotten, clients in another order: the same routers."""
    build_equals(lab)
    lab.start_daemon()
    with Farm(lab.c, hosts(N_HOSTS)) as farm:
        learn(lab, farm)
        before = active_routers(lab, farm.hosts)
        lab.daemon.stop()
        for router in (lab.a, lab.b):
            router.ovs.ofctl("del-flows", router.bridge)
        shutil.rmtree(lab.daemon.state_dir)
        os.makedirs(lab.daemon.state_dir)
        farm.hosts = dict(reversed(farm.hosts.items()))
        lab.daemon.start()
        lab.wait_connected()
        learn(lab, farm)
        assert active_routers(lab, farm.hosts) == before


def test_unlisted_client_is_not_served_without_learning(lab):
    harness.build_article(lab)
    config = lab.config(learn=False)
    config["clients"] = [
        {"address": lab.c.address, "segment": "metro", "mac": lab.c.mac}
    ]
    lab.start_daemon(config)
    lab.wait_active(lab.c, lab.a)
    assert lab.c.ping(harness.NEXT_HOP)
    assert not lab.d.ping(harness.GATEWAY, count=3, timeout=1)
    assert lab.daemon.client(lab.d.address) is None
    client = lab.daemon.client(lab.c.address)
    assert client["origin"] != "learned"
    assert client["mac"] == lab.c.mac


def test_configured_client_that_is_not_there_is_pending(lab):
    harness.build_article(lab)
    config = lab.config()
    config["clients"] = [{"address": "10.0.0.200", "segment": "metro"}]
    lab.start_daemon(config)
    lab.settle(lab.c)
    client = lab.daemon.client("10.0.0.200")
    assert client["state"] == "pending"
    assert client["active"] is None


def test_two_segments_on_one_set_of_routers(lab):
    """Another prefix with its own gateway on the same ports; C stays in
    metro, N lives in north and fails over with it."""
    harness.build_article(lab)
    north = lab.add_client("N", "Y", address="10.1.0.10", gateway="10.1.0.1")
    config = lab.config()
    config["segments"]["north"] = {
        "gateway": "10.1.0.1",
        "prefixes": ["10.1.0.0/24"],
        "routers": {
            "A": {"priority": 100, "address": "10.1.0.2"},
            "B": {"priority": 200, "address": "10.1.0.3"},
        },
    }
    lab.server.netns.ip("route add 10.1.0.0/24 dev eth0")
    lab.start_daemon(config)
    lab.settle(lab.c, lab.d)
    lab.wait_for(lambda: north.ping("10.1.0.1", timeout=1))
    for router in (lab.a, lab.b):
        lab.wait_reach(north, router)
    assert lab.daemon.active(lab.c.address) == "A"
    assert lab.daemon.active(north.address) == "B"
    with lab.meter(lab.c, lab.d, north) as meter:
        meter.wait_steady(explain=lab.explain)
        meter.reset()
        lab.links["Y", "Z"].silence()
        lab.wait_active(north, lab.a)
        meter.wait_steady(explain=lab.explain)
        report = meter.report()
    for name in ("C", "D"):
        for way in ("up", "down"):
            assert report["pairs"][name][way]["lost"] == 0
    assert lab.daemon.client(north.address)["segment"] == "north"
    assert north.ping(lab.c.address), "between segments, on one router"


def test_limit_of_learned_clients(lab):
    build_equals(lab)
    lab.start_daemon(lab.config(limits={"learned": 4}))
    with Farm(lab.c, hosts(6)) as farm:
        for address in list(farm.hosts)[:4]:
            farm.ask(address, harness.GATEWAY)
            lab.wait_for(lambda address=address: lab.daemon.active(address))
        for address in list(farm.hosts)[4:]:
            farm.ask(address, harness.GATEWAY)
        farm.ask(list(farm.hosts)[0], "10.0.0.77")
        lab.wait_for(
            lambda: farm.answers.get((list(farm.hosts)[0], "10.0.0.77"))
        )
        assert len(lab.daemon.clients()) == 4


def test_addresses_of_one_host_are_served_by_one_router(lab):
    """Its kernel has one entry for the gateway.  Equal routers would share the
    addresses by their hashes."""
    build_equals(lab)
    lab.start_daemon()
    addresses = [lab.c.address] + [f"10.0.0.{i}" for i in range(101, 108)]
    for address in addresses[1:]:
        lab.c.netns.ip(f"addr add {address}/24 dev eth0")

    def all_get_out():
        return all(
            lab.c.ping(harness.NEXT_HOP, source=address, timeout=1)
            for address in addresses
        )

    def all_on(name):
        return all(lab.daemon.active(address) == name for address in addresses)

    lab.wait_for(all_get_out, 20, "each address to reach the next hop")
    home = lab.daemon.active(addresses[0])
    lab.wait_for(lambda: all_on(home), what=f"all addresses to be on {home}")
    other = "B" if home == "A" else "A"
    for address in addresses:
        lab.wait_for(
            lambda address=address: lab.daemon.client(address)["reach"][other][
                "state"
            ]
            == "up",
            what=f"{address} to be reached by {other}",
        )
    lab.daemon.move(addresses[3], other)
    lab.wait_for(lambda: all_on(other), what=f"all to follow to {other}")
    lab.wait_for(all_get_out, 20, f"each address to get out by {other}")
    lab.routers[other].kill()
    lab.wait_for(lambda: all_on(home), what=f"all to be on {home} again")
    lab.wait_for(all_get_out, 20, f"each address to get out by {home}")
