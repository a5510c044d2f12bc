"""Routes in the kernel's table, and a routing daemon that redistributes them.
"""

import pytest

import kernellab
import speakers


@pytest.fixture(params=[speakers.Bird, speakers.Frr])
def net(request):
    lab = kernellab.KernelLab(request.param)
    try:
        lab.build()
        lab.start()
        yield lab
    finally:
        lab.close()


@pytest.fixture
def quick():
    """With BIRD as the core, and clients that are given up soon."""
    lab = kernellab.KernelLab()
    try:
        lab.build()
        lab.start(withdraw_after_ms=1000)
        yield lab
    finally:
        lab.close()


def test_core_follows_a_client_that_moves(net):
    """Silently cut off from A, C is behind B, and D stays; both ways."""
    with net.meter(net.c, net.d) as meter:
        meter.wait_steady(explain=net.explain)
        net.links["X", "Y"].silence()
        net.wait_next_hop(net.c, net.b)
        meter.wait_steady(good_ms=500, explain=net.explain)
    assert net.routes() == {
        net.c.address: net.b.uplink_address,
        net.d.address: net.a.uplink_address,
    }


def test_routes_stay_while_the_daemon_is_away(net):
    before = net.routes()
    net.daemon.kill()
    assert net.routes() == before
    net.daemon.start()
    net.wait_connected()
    for client in (net.c, net.d):
        net.wait_active(client, net.a)
    assert net.routes() == before


def test_route_of_a_client_that_is_gone_is_withdrawn(quick):
    quick.c.link.down()
    quick.wait_for(
        lambda: quick.c.address not in quick.routes(),
        what="C's route to be removed",
    )
    quick.wait_next_hop(quick.c, None)
    assert quick.d.address in quick.routes()


def test_what_an_earlier_daemon_left_is_removed(quick):
    """Once it is known which clients are gone, and no sooner; other tables
    and protocols are not touched."""
    foreign = f"route add 10.0.0.99/32 via 192.0.2.1 dev core table {T}"
    quick.netns.ip(foreign)
    quick.daemon.stop()
    stale = f"route add 10.0.0.77/32 via 192.0.2.2 dev core table {T}"
    quick.netns.ip(stale + " proto 177")
    quick.daemon.start()
    assert "10.0.0.77" in quick.routes()
    quick.wait_for(
        lambda: "10.0.0.77" not in quick.routes(),
        timeout=30,
        what="the stale route to be removed",
    )
    text = quick.netns.ip(f"route show table {T}")
    assert "10.0.0.99" in text
    assert quick.c.address in quick.routes()


def test_device_that_comes_back_gets_all_routes_again(quick):
    quick.netns.ip("link set core down")
    quick.wait_for(lambda: not quick.routes(), what="the routes to go")
    quick.netns.ip("link set core up")
    quick.wait_for(
        lambda: len(quick.routes()) == 2, what="the routes to be back"
    )


def test_device_that_is_not_there_is_told(quick):
    config = quick.config()
    config["kernel"]["device"] = "nowhere"
    quick.daemon.configure(config)
    quick.daemon.reload()
    quick.wait_for(
        lambda: not quick.daemon.status()["upstream"]["kernel"]["up"],
        what="the status to say so",
    )
    assert 'no device "nowhere"' in quick.daemon.log()


def test_table_that_is_not_used_any_more_is_emptied(quick):
    config = quick.config(upstream="none")
    del config["kernel"]
    quick.daemon.configure(config)
    quick.daemon.reload()
    quick.wait_for(lambda: not quick.routes(), what="the routes to go")


T = kernellab.TABLE
