"""Packets that are longer than the uplink takes (RFC 791, 1191, 1812)."""

import re
import socket
import threading

import pytest

import harness
from frames import ETH_P_IP

MTU = 1280


def with_mtu(config):
    for router in config["routers"].values():
        router["uplink"]["mtu"] = MTU
    return config


@pytest.fixture(scope="module")
def net():
    """The article's topology, with uplinks that take 1280 bytes of IP."""
    lab = harness.build_article(harness.Lab())
    try:
        lab.start_daemon(with_mtu(lab.config()))
        lab.settle(lab.c, lab.d)
        yield lab
    finally:
        lab.close()


def ping_size(client, target, length, discovery):
    """Pings with an IP packet of 'length' bytes.  'discovery' is `do` (with
    DF) or `dont`.  Returns what ping prints."""
    args = ["ping", "-n", "-c", 1, "-W", 2, "-M", discovery]
    return client.netns.run(*args, "-s", length - 28, target, check=False)


def forget_path(client):
    client.netns.ip("route flush cache")


def is_answered(out):
    return " 1 received" in out


def frame_lengths(tap):
    """Of the IPv4 frames so far."""
    return [
        len(frame.bytes) for frame in tap.take() if frame.ethertype == ETH_P_IP
    ]


def test_longest_packet_that_fits_goes_through(net):
    assert is_answered(ping_size(net.c, harness.SERVER, MTU, "do"))


def test_longer_packet_with_df_needs_fragmentation(net):
    """The active router says so from its local address, with the MTU, and
    the client's kernel remembers it."""
    forget_path(net.c)
    out = ping_size(net.c, harness.SERVER, MTU + 1, "do")
    print(out)
    assert f"From {net.a.local} icmp_seq=1 Frag needed" in out
    assert re.search(rf"mtu ?= ?{MTU}\b", out)
    assert f"mtu {MTU}" in net.c.netns.ip(f"route get {harness.SERVER}")
    forget_path(net.c)


@pytest.mark.parametrize("length", [MTU + 1, 1500, 4000])
def test_longer_packet_without_df_is_cut(net, length):
    forget_path(net.c)
    before = net.daemon.metric("fragments_total")
    with net.server.tap() as tap:
        out = ping_size(net.c, harness.SERVER, length, "dont")
        assert is_answered(out), out
        lengths = frame_lengths(tap)
    assert len(lengths) >= 2
    assert max(lengths) <= MTU + 14
    assert net.daemon.metric("fragments_total") >= before + 2


def test_nothing_is_cut_for_a_next_hop_that_is_not_known(lab):
    harness.build_article(lab)
    lab.server.netns.ip("link set eth0 arp off")
    lab.start_daemon(with_mtu(lab.config()))
    lab.wait_for(lambda: lab.c.ping(harness.GATEWAY, timeout=1))
    ping_size(lab.c, harness.SERVER, MTU + 1, "dont")
    assert lab.c.ping(harness.GATEWAY)
    assert lab.daemon.metric("fragments_total") == 0


def test_what_stays_on_the_router_is_not_cut(net):
    """From client to client the uplink's MTU says nothing."""
    out = ping_size(net.c, net.d.address, 1500, "do")
    assert is_answered(out), out


def test_tcp_finds_the_path_s_mtu(net):
    """A long transfer, which begins with segments that are too long."""
    forget_path(net.c)
    data = bytes(range(256)) * 2000
    listener = net.server.netns.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind((harness.SERVER, 7000))
    listener.listen(1)
    listener.settimeout(20)
    received = []

    def receive():
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(20)
            received.append(
                b"".join(iter(lambda: connection.recv(65536), b""))
            )

    thread = threading.Thread(target=receive, daemon=True)
    thread.start()
    sender = net.c.netns.socket(socket.AF_INET, socket.SOCK_STREAM)
    with sender, net.server.tap() as tap:
        sender.settimeout(20)
        sender.connect((harness.SERVER, 7000))
        sender.sendall(data)
        sender.shutdown(socket.SHUT_WR)
        thread.join(20)
        lengths = frame_lengths(tap)
    listener.close()
    assert received == [data]
    assert max(lengths) <= MTU + 14
