"""Somebody sends replies in a client's name, and does not see the probes."""

import harness
from flooder import flood_frames
from frames import ARP_REPLY, arp
from vlanlab import drops

PROBE = {"interval_ms": 200, "retry_ms": 50, "retries": 2}


def replies(lab, router, *targets):
    """What would answer the router's probes of C."""
    return [
        arp(ARP_REPLY, lab.c.mac, lab.c.address, router.mac, target)
        for target in targets
    ]


def build(lab):
    """The article's topology, and F on X, A's side of the cut to come."""
    harness.build_article(lab)
    lab.f = lab.add_client("F", "X")
    lab.start_daemon(lab.config(probe=PROBE))
    lab.settle(lab.c, lab.d)
    assert lab.daemon.client(lab.c.address)["active"] == "A"
    return lab


def test_forged_replies_keep_no_client_where_it_is_not(lab):
    """50 a second, before and after the cut between C and A: C moves to B, and
    stays there; D is not touched."""
    build(lab)
    seq = lab.daemon.last_seq()
    with flood_frames(lab.f, *replies(lab, lab.a, lab.a.local), pps=50):
        # It is told before anything is broken.
        lab.wait_for(
            lambda: lab.daemon.events(
                seq, type="client.forged", client=lab.c.address
            ),
            what="the event",
        )
        (event,) = lab.daemon.events(seq, type="client.forged")
        assert event["to"] == "A" and "a-access" in event["detail"]
        lab.links["X", "Y"].silence()
        lab.wait_active(lab.c, lab.b)
        lab.wait_for(lambda: lab.c.ping(harness.NEXT_HOP), what="a ping")
        before = drops(lab)["unasked"]
        lab.wait_for(
            lambda: drops(lab)["unasked"] > before + 200,
            what="some seconds more of it",
        )
        assert lab.daemon.client(lab.c.address)["moves"] == 1
    assert not [
        e
        for e in lab.daemon.events(seq, client=lab.d.address)
        if e["type"] in ("client.lost", "client.forged")
    ]


def test_forged_replies_move_nobody_who_answers(lab):
    """F, beside C, answers for it all the time, and C answers as well."""
    harness.build_article(lab)
    lab.f = lab.add_client("F", "Y")
    lab.start_daemon(lab.config(probe=PROBE))
    lab.settle(lab.c, lab.d)
    seq = lab.daemon.last_seq()
    with flood_frames(lab.f, *replies(lab, lab.a, lab.a.local), pps=50):
        # F's frames keep the switch's port for C's MAC at F for moments, so
        # probes may be lost; but C is heard often enough.
        lab.wait_for(
            lambda: lab.daemon.events(seq, type="client.forged"),
            what="the event",
        )
    lab.wait_reach(lab.c, lab.a)
    assert lab.c.ping(harness.NEXT_HOP)


def test_replies_to_either_sender_are_not_believed_alone(lab):
    """F answers to both senders that a probe can have: it cannot be told from
    C, so the router that hears C alone is preferred."""
    build(lab)
    seq = lab.daemon.last_seq()
    frames = replies(lab, lab.a, lab.a.local, "0.0.0.0")
    with flood_frames(lab.f, *frames, pps=100):
        lab.wait_for(
            lambda: lab.daemon.events(seq, type="client.forged"),
            what="the event",
        )
        lab.links["X", "Y"].silence()
        lab.wait_active(lab.c, lab.b)
        lab.wait_for(lambda: lab.c.ping(harness.NEXT_HOP), what="a ping")
