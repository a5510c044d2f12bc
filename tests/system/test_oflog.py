"""What tells whom bridges have obeyed (tests/lab/oflog.py), on what Open
vSwitch 3.1 has logged, whole and doctored: it must be able to complain."""

import pytest

import oflog

N1, N2 = "tcp:172.31.255.101:6653", "tcp:172.31.255.102:6653"


def record(conn, text):
    return f"2026-11-26T11:17:00.971Z|01275|vconn|DBG|{conn}: {text}\n"


def received(conn, text):
    return record(conn, f"received: {text}")


def sent(conn, text):
    return record(conn, f"sent (Success): {text}")


def hello(conn):
    return received(
        conn, "OFPT_HELLO (OF1.4) (xid=0x1):\n version bitmap: 0x04, 0x05"
    )


def takes(conn, generation, xid=0x37):
    role = f"(xid={xid:#x}): role=primary generation_id={generation}"
    return received(conn, f"OFPT_ROLE_REQUEST (OF1.4) {role}") + sent(
        conn, f"OFPT_ROLE_REPLY (OF1.4) {role}"
    )


def commit(xid, kind="COMMIT_REQUEST"):
    return (
        f"OFPT_BUNDLE_CONTROL (OF1.4) (xid={xid:#x}):\n"
        f" bundle_id={xid:#x} type={kind} flags=atomic ordered"
    )


def commits(conn, xid=0x22):
    return received(conn, commit(xid)) + sent(
        conn, commit(xid, "COMMIT_REPLY")
    )


# Changes that n1 sent before it heard of n2.
LATE = commit(0x40)
LATE_PACKET = (
    "OFPT_PACKET_OUT (OF1.4) (xid=0x54): in_port=CONTROLLER "
    "actions=learn(table=15,hard_timeout=3,priority=100) data_len=14"
)


def error(conn, why, message):
    return sent(conn, f"OFPT_ERROR (OF1.4) (xid=0x40): {why}\n{message}")


def is_slave(message):
    return error(N1, "OFPBRC_IS_SLAVE", message)


TAKEN_OVER = (
    hello(N1)
    + hello(N2)
    + takes(N1, 1000)
    + commits(N1)
    + takes(N2, 2000)
    + received(N1, commit(0x40, "OPEN_REQUEST"))
    + is_slave(commit(0x40, "OPEN_REQUEST"))
    + received(N1, LATE)
    + is_slave(LATE)
    + received(N1, LATE_PACKET)
    + is_slave(LATE_PACKET)
    + commits(N2)
    + received(N2, LATE_PACKET)
)


def test_who_takes_over_is_obeyed():
    assert oflog.complaints({"A": TAKEN_OVER}) == []
    assert list(oflog.summary({"A": TAKEN_OVER})) == [
        "A: 3 changes of 2 leaderships made, 2 refused to slaves"
    ]


@pytest.mark.parametrize(
    "message, kind",
    [
        (LATE, "OFPT_BUNDLE_CONTROL"),
        (LATE_PACKET, "OFPT_PACKET_OUT"),
    ],
    ids=["bundle", "packet-out"],
)
def test_a_refusal_that_is_missing_is_seen(message, kind):
    refusal = is_slave(message)
    assert refusal in TAKEN_OVER
    assert oflog.complaints({"A": TAKEN_OVER.replace(refusal, "")}) == [
        f"A: {kind} of {N1}, not its master"
    ]


def test_two_with_one_generation_are_seen():
    """On one bridge, or each on its own."""
    expected = [f"generation 1000: {[N1, N2]} were obeyed"]
    log = TAKEN_OVER.replace("=2000", "=1000")
    assert oflog.complaints({"A": log}) == expected
    logs = {
        name: hello(conn) + takes(conn, 1000) + commits(conn)
        for name, conn in (("A", N1), ("B", N2))
    }
    assert oflog.complaints(logs) == expected


def test_an_older_generation_is_seen():
    log = TAKEN_OVER.replace("=2000", "=999")
    assert oflog.complaints({"A": log}) == [
        f"A: OFPT_BUNDLE_CONTROL of {N2}, whose generation 999 is older than "
        "1000",
        f"A: OFPT_PACKET_OUT of {N2}, whose generation 999 is older than 1000",
    ]


def test_who_comes_back_is_nobodys_master():
    log = hello(N1) + takes(N1, 1000) + commits(N1) + hello(N1) + commits(N1)
    assert oflog.complaints({"A": log}) == [
        f"A: OFPT_BUNDLE_CONTROL of {N1}, not its master"
    ]


def test_a_stale_request_makes_no_master():
    stale = (
        "OFPT_ROLE_REQUEST (OF1.4) (xid=0x41): "
        "role=primary generation_id=999"
    )
    log = (
        TAKEN_OVER
        + received(N1, stale)
        + error(N1, "OFPRRFC_STALE", stale)
        + commits(N1, xid=0x42)
    )
    assert oflog.complaints({"A": log}) == [
        f"A: OFPT_BUNDLE_CONTROL of {N1}, not its master"
    ]


def test_what_is_tried_twice_under_one_xid_is_refused_once():
    """A meter that exists is modified under the xid that has added it."""
    add, modify = (
        f"OFPT_METER_MOD (OF1.4) (xid=0x3a): {verb} meter=26 pktps"
        for verb in ("ADD", "MOD")
    )
    log = (
        hello(N1)
        + takes(N1, 1000)
        + received(N1, add)
        + error(N1, "OFPMMFC_METER_EXISTS", add)
        + received(N1, modify)
    )
    assert list(oflog.obeyed(log)) == [(N1, 1000, "OFPT_METER_MOD")]


def test_a_log_without_changes_proves_nothing():
    assert oflog.complaints({"A": hello(N1)}) == ["A: its log shows no change"]
