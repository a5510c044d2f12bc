"""Whom a bridge has obeyed, from what ovs-vswitchd logs of OpenFlow.

Question: has a bridge ever done what two controllers said?
The log (Ovs.record_openflow()) has every message of all connections in the
order in which ovs-vswitchd has read or sent it.  It reads one after the other,
and what it does not refuse by an error it has done.

    complaints({"A": text, "B": text})      # What is wrong, [] if nothing.
"""

import re
from dataclasses import dataclass

# A record begins with a time, and may have more lines.
_RECORD = re.compile(r"\n(?=\d{4}-\d\d-\d\dT)")
# "TIME|SERIAL|vconn|DBG|CONNECTION: received: MESSAGE"; an error has the
# message, or its beginning, that it is for.
_VCONN = re.compile(
    r"\|vconn\|DBG\|((?:tcp|ssl):\S+): (received|sent \(Success\)): (.*)",
    re.DOTALL,
)
_MESSAGE = re.compile(
    r"(OFPT_\w+) \(OF1\.\d\) \(xid=(0x[0-9a-f]+)\):(.*)", re.DOTALL
)
_MASTER = re.compile(r"role=primary generation_id=(\d+)")
# What a bridge does for its master only.  A packet-out may `learn' flows.
_CHANGES = (
    "OFPT_FLOW_MOD",
    "OFPT_GROUP_MOD",
    "OFPT_METER_MOD",
    "OFPT_PACKET_OUT",
)


@dataclass
class Request:
    """What a controller has asked a bridge for."""

    controller: str  # The bridge's name for it, "tcp:172.31.255.101:6653".
    type: str
    xid: str
    text: str
    refused: str = ""  # Why: "OFPBRC_IS_SLAVE".

    def is_change(self):
        return self.type in _CHANGES or (
            self.type == "OFPT_BUNDLE_CONTROL" and "COMMIT_REQ" in self.text
        )

    def matters(self):
        return self.is_change() or self.type in (
            "OFPT_HELLO",
            "OFPT_ROLE_REQUEST",
        )

    def key(self):
        return self.type, self.xid


def _request(controller, text):
    match = _MESSAGE.match(text)
    return Request(controller, *match.groups()) if match else None


def requests(log):
    """Changes, role requests and hellos, in order.  The bridge answers in the
    order in which it is asked: of several with one type and xid (a meter that
    exists is modified under the xid that added it) an error is for the first
    that none has been for."""
    found = []
    waiting = {}
    for record in _RECORD.split(log):
        match = _VCONN.search(record)
        request = match and _request(match[1], match[3])
        if not request:
            continue
        if request.type == "OFPT_HELLO":
            waiting[request.controller] = {}  # Its xids begin anew.
        asked = waiting.setdefault(request.controller, {})
        if match[2] == "received" and request.matters():
            found.append(request)
            asked.setdefault(request.key(), []).append(request)
        elif request.type == "OFPT_ERROR":
            why, _, message = request.text.strip().partition("\n")
            refused = _request(match[1], message)
            if refused and asked.get(refused.key()):
                asked[refused.key()].pop(0).refused = why
    return found


def obeyed(log):
    """(controller, generation, type) of each change that the bridge has made,
    in order; the generation id is the one under which that controller was its
    master then, None if it was not."""
    master = {}
    for request in requests(log):
        if request.refused:
            continue
        if request.type == "OFPT_HELLO":
            master.pop(request.controller, None)
        elif request.type == "OFPT_ROLE_REQUEST":
            match = _MASTER.search(request.text)
            if match:
                # Whoever was is a slave now.
                master = {request.controller: int(match[1])}
            elif "role=nochange" not in request.text:
                master.pop(request.controller, None)
        elif request.is_change():
            generation = master.get(request.controller)
            yield request.controller, generation, request.type


def complaints(logs):
    """Of the logs {bridge: text}: what a bridge has done that its one leader
    has not said, and leaders that had the same generation id.  A log that
    shows no change is a complaint as well."""
    leaders = {}
    wrong = set()
    for bridge, log in logs.items():
        latest = None
        for controller, generation, kind in obeyed(log):
            if generation is None:
                wrong.add(f"{bridge}: {kind} of {controller}, not its master")
            elif latest and generation < latest:
                wrong.add(
                    f"{bridge}: {kind} of {controller}, whose generation "
                    f"{generation} is older than {latest}"
                )
            else:
                latest = generation
                leaders.setdefault(generation, set()).add(controller)
        if not latest:
            wrong.add(f"{bridge}: its log shows no change")
    for generation, names in leaders.items():
        if len(names) > 1:
            wrong.add(f"generation {generation}: {sorted(names)} were obeyed")
    return sorted(wrong)


def summary(logs):
    """How much there was to be judged, a line for each bridge."""
    for bridge, log in logs.items():
        changes = list(obeyed(log))
        epochs = {(c, g) for c, g, _ in changes}
        late = [r for r in requests(log) if r.refused == "OFPBRC_IS_SLAVE"]
        yield (
            f"{bridge}: {len(changes)} changes of {len(epochs)} leaderships "
            f"made, {len(late)} refused to slaves"
        )
