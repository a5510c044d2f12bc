"""The takeover notice, as a Linux client and the core take it."""

import harness
from frames import is_arp_reply, is_arp_request


def test_fresh_neighbour_entry_moves(article):
    """The entry was made a moment ago: Linux ignores replies for a second
    (locktime), the request form moves it."""
    article.c.forget(harness.GATEWAY)
    assert article.c.ping(harness.GATEWAY)
    article.a.access[0].down()
    article.wait_for(
        lambda: article.c.neighbour(harness.GATEWAY)[0] == article.b.mac,
        what="C's entry of the gateway to name B",
    )


def test_stale_neighbour_entry_moves(article):
    article.c.netns.ip(
        f"neigh replace {harness.GATEWAY} lladdr {article.a.mac} dev eth0 "
        "nud stale"
    )
    article.wait_for(
        lambda: seconds_since_update(article.c, harness.GATEWAY) >= 2,
        what="C's entry of the gateway to be old",
    )
    article.a.access[0].down()
    article.wait_for(
        lambda: article.c.neighbour(harness.GATEWAY)[0] == article.b.mac,
        what="C's entry of the gateway to name B",
    )


def seconds_since_update(host, address):
    """Of a neighbour entry: "... used 3/3/2 probes 1 STALE"."""
    text = host.netns.ip(f"-s neigh show {address} dev eth0")
    return int(text.split(" used ")[1].split("/")[2].split("probes")[0])


def test_every_address_that_was_answered_for_moves(article):
    others = ["10.0.0.77", "10.0.0.78"]
    for address in others:
        assert harness.arping(article.c, address) == article.a.mac
    article.links["X", "Y"].silence()
    article.wait_active(article.c, article.b)
    for address in others + [harness.GATEWAY]:
        article.wait_for(
            lambda address=address: article.c.neighbour(address)[0]
            == article.b.mac,
            what=f"C's entry of {address} to name B",
        )


def test_both_forms_come_from_the_winner(article):
    with article.c.tap() as tap:
        article.a.access[0].down()
        request = tap.wait(is_arp_request(article.c.address, harness.GATEWAY))
        assert request.sha == request.eth_src == article.b.mac
        assert request.eth_dst == article.c.mac
        reply = tap.wait(is_arp_reply(harness.GATEWAY))
        assert reply.sha == reply.eth_src == article.b.mac
        assert reply.eth_dst == article.c.mac
        # By then the winner forwards: its flows come first.
        assert article.b.flows_of(article.c)


def test_notice_is_acknowledged_and_then_ends(article):
    seq = article.daemon.last_seq()
    article.a.access[0].down()
    article.wait_for(
        lambda: article.daemon.events(
            seq, type="client.moved", client=article.c.address
        ),
        what="the event of the move",
    )
    (event,) = article.daemon.events(
        seq, type="client.moved", client=article.c.address
    )
    assert event["detect_ms"] >= 0
    assert event["install_ms"] >= 0
    assert event["ack_ms"] >= 0


DEAF = """table arp deaf {
    chain in {
        type filter hook input priority 0
        arp saddr ip 10.0.0.1 drop
    }
}
"""


def test_silent_client_is_told_again(article):
    """D hears no notice at first, only probes, and must get others."""
    article.wait_active(article.d, article.a)
    with article.d.tap() as tap:
        article.d.netns.run("nft", "-f", "-", stdin=DEAF)
        article.a.kill()
        notice = is_arp_request(article.d.address, harness.GATEWAY)
        article.wait_for(
            lambda: len(tap.matching(notice)) >= 3,
            what="three notices to D, which acknowledges none",
        )
        article.d.netns.run("nft", "delete", "table", "arp", "deaf")
    article.wait_for(lambda: article.d.ping(harness.NEXT_HOP, timeout=1))


def test_bystanders_hear_nothing(article):
    """Each client moves by itself: D is not told of C's move."""
    with article.d.tap() as tap:
        article.links["X", "Y"].silence()
        article.wait_active(article.c, article.b)
        article.wait_for(
            lambda: article.c.neighbour(harness.GATEWAY)[0] == article.b.mac
        )
        assert not [
            frame
            for frame in tap.collect()
            if article.c.address in (frame.spa, frame.tpa)
            or frame.spa == harness.GATEWAY
        ]


def test_core_is_told(article):
    """The next hop's entry of C names B without traffic of C."""
    assert article.server.ping(article.c.address)
    assert article.server.neighbour(article.c.address)[0] == article.a.mac
    with article.server.tap() as tap:
        article.a.access[0].down()
        article.wait_for(
            lambda: article.server.neighbour(article.c.address)[0]
            == article.b.mac,
            what="the server's entry of C to name B",
        )
        told = tap.wait(
            lambda frame: frame.spa == article.c.address
            and frame.sha == article.b.mac
        )
        assert told.eth_src == article.b.mac
