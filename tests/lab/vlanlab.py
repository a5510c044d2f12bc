"""Linux hosts behind VLAN tags, and cuts for a single host.

The kernel's VLAN devices are not needed: between a host and its switch there
is an Open vSwitch that tags on the way out and takes the tags off on the way
in.  One instance does that for all hosts of a lab.
"""

import select
import struct
import threading

from . import harness
from .frames import PACKET_OUTGOING, Frame, Tap, ip_bytes, mac_bytes
from .netns import add_veth, run

# Of the outer tag.
DOT1Q, DOT1AD = "802.1q", "802.1ad"


class Tagger:
    """Puts hosts of 'lab' behind tags."""

    def __init__(self, lab):
        self._lab = lab
        self._ovs = lab.add_ovs("tagger")
        self._ovs.vsctl(
            "set", "Open_vSwitch", ".", "other_config:vlan-limit=2"
        )
        self._n = 0

    def add_host(self, name, switch, vlan, address, mac, ethtype=DOT1AD):
        """A host whose frames have the tags 'vlan' (outermost first, one or
        two) on 'switch'.  'ethtype' is the outer one's of two."""
        self._n += 1
        n, lab, ovs = self._n, self._lab, self._ovs
        host = harness.Host(name, address, mac, None)
        add_veth(ovs.netns, f"h{n}", host.netns, "eth0", mac_b=mac)
        add_veth(lab.netns, f"{switch}-t{n}", ovs.netns, f"s{n}")
        host.netns.ip(f"addr add {address}/24 dev eth0")
        lab.netns.ip(f"link set {switch}-t{n} master {switch}")
        host.link = harness.Link(lab.netns, f"{switch}-t{n}")
        lab.hosts[name] = host
        self._add_bridge(f"in{n}", f"h{n}", f"tag={vlan[-1]}")
        if len(vlan) == 1:
            ovs.vsctl("add-port", f"in{n}", f"s{n}")
        else:
            self._add_bridge(f"out{n}", f"s{n}")
            self._add_patch(f"in{n}", f"pi{n}", f"po{n}")
            self._add_patch(
                f"out{n}",
                f"po{n}",
                f"pi{n}",
                f"tag={vlan[0]}",
                "vlan_mode=dot1q-tunnel",
                f"other_config:qinq-ethtype={ethtype}",
            )
        return host

    def add_trunk(self, a, b):
        """A cable between two switches that cut_off() can cut for one host."""
        args = "add-br cut -- set bridge cut datapath_type=netdev".split()
        for switch, port in ((a, "cut-a"), (b, "cut-b")):
            add_veth(self._lab.netns, f"{switch}-cut", self._ovs.netns, port)
            self._lab.netns.ip(f"link set {switch}-cut master {switch}")
            args += ["--", "add-port", "cut", port]
        self._ovs.vsctl(*args)

    def cut_off(self, mac):
        """A silent cut: no frame from or to 'mac' passes the trunk."""
        for field in ("dl_src", "dl_dst"):
            self._ofctl("add-flow", f"{field}={mac},actions=drop")

    def mend(self):
        """Undoes all cuts."""
        self._ofctl("del-flows")
        self._ofctl("add-flow", "priority=0,actions=normal")

    def _ofctl(self, command, *args):
        env, netns = self._ovs.env, self._ovs.netns
        run("ovs-ofctl", command, "cut", *args, env=env, netns=netns)

    def _add_bridge(self, bridge, port, *settings):
        args = ["add-br", bridge, "--", "set", "bridge", bridge]
        args += ["datapath_type=netdev", "--", "add-port", bridge, port]
        self._ovs.vsctl(*args, *settings)

    def _add_patch(self, bridge, port, peer, *settings):
        args = ["add-port", bridge, port, *settings, "--"]
        args += ["set", "interface", port, "type=patch"]
        self._ovs.vsctl(*args, f"options:peer={peer}")


def allow_two_tags(lab):
    """Every router's bridge can carry Q-in-Q from now on.  Before it is
    started again Open vSwitch forgets the inner tags of the flows that it has
    in its datapath, and mistakes them for others when its tables change."""
    for router in lab.routers.values():
        router.ovs.set_vlan_limit(2)
        router.ovs.kill_switch()
        router.ovs.start_switch()


def client_of(lab, address, segment):
    """GET of the client in one of several segments, or None."""
    for client in lab.daemon.clients():
        if client["address"] == address and client["segment"] == segment:
            return client
    return None


def wait_client(lab, address, segment, timeout=10, **fields):
    """Waits until all 'fields' of the client have these values."""

    def matches():
        client = client_of(lab, address, segment)
        return client and all(client[k] == v for k, v in fields.items())

    lab.wait_for(
        matches, timeout, what=f"{address} in {segment} to be {fields}"
    )


def tagged(frame, *tags, outer=0x88A8):
    """'frame' under 'tags', outermost first: ids, or whole 16-bit values.
    Inner tags, and a single one, have Ethertype 0x8100."""
    ethertypes = [outer] + [0x8100] * (len(tags) - 1)
    if len(tags) == 1:
        ethertypes = [0x8100]
    raw = b""
    for ethertype, tag in zip(ethertypes, tags):
        raw += ethertype.to_bytes(2, "big") + tag.to_bytes(2, "big")
    return frame[:12] + raw + frame[12:]


def parse_tags(frame):
    """(Ethertypes, ids) of a Frame's tags."""
    ethertypes, tags, at = [], [], 12
    while frame.bytes[at : at + 2] in (b"\x81\x00", b"\x88\xa8"):
        ethertypes.append(int.from_bytes(frame.bytes[at : at + 2], "big"))
        tags.append(int.from_bytes(frame.bytes[at + 2 : at + 4], "big"))
        at += 4
    return ethertypes, tags


def is_answer_under(tags, target, mac=None):
    """Predicate: an ARP reply (to 'mac') about 'target' under exactly these
    tags."""

    def matches(frame):
        if mac not in (None, frame.eth_dst):
            return False
        if parse_tags(frame)[1] != list(tags):
            return False
        body = frame.bytes[14 + 4 * len(tags) :]
        return body[6:8] == b"\0\2" and body[14:18] == bytes(
            int(byte) for byte in target.split(".")
        )

    return matches


def drops(lab):
    """The daemon's counters of dropped frames by reason, from /metrics."""
    counters = {}
    for line in lab.daemon.get("/metrics").splitlines():
        if line.startswith("firsthop_") and 'reason="' in line:
            name, value = line.rsplit(" ", 1)
            counters[name.split('reason="')[1].split('"')[0]] = float(value)
    return counters


SOL_PACKET, PACKET_AUXDATA = 263, 8
VLAN_VALID, TPID_VALID = 0x10, 0x40


class TagTap(Tap):
    """A Tap that sees the outermost tag, which the kernel takes off.  'host'
    may be a Link: what comes out of the cable there."""

    def __init__(self, host):
        super().__init__(host.netns, getattr(host, "dev", "eth0"))
        self._socket.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)

    def collect(self):
        while True:
            try:
                data, ancillary, _, where = self._socket.recvmsg(65535, 256)
            except BlockingIOError:
                return self.frames
            if where[2] != PACKET_OUTGOING:
                for _, _, aux in ancillary:
                    data = _with_tag(data, aux)
                self.frames.append(Frame(data))


def _with_tag(data, aux):
    """'data' with the tag that struct tpacket_auxdata tells of."""
    status, _, _, _, _, tci, tpid = struct.unpack("IIIHHHH", aux[:20])
    if not status & VLAN_VALID:
        return data
    tpid = tpid if status & TPID_VALID else 0x8100
    return data[:12] + struct.pack("!HH", tpid, tci) + data[12:]


class TagFarm:
    """One host that speaks ARP under any tags: answers every request for
    'address' under the tags that it came with, until close().  It says that
    it is at 'mac', in frames from 'source', with 'tag' (bytes) outside."""

    def __init__(self, host, mac, address, source=None, tag=b""):
        self._mac, self._address = mac_bytes(mac), ip_bytes(address)
        self._source, self._tag = mac_bytes(source or mac), tag
        self._tap = TagTap(host)
        self._stop = threading.Event()
        host.netns.ip("link set eth0 promisc on")
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        self._tap.__exit__()

    def send(self, frame):
        self._tap.send(frame)

    def _serve(self):
        while not self._stop.is_set():
            select.select([self._tap], [], [], 0.1)
            for frame in self._tap.take():
                self._handle(frame.bytes)

    def _handle(self, data):
        at = 12
        while data[at : at + 2] in (b"\x81\x00", b"\x88\xa8"):
            at += 4
        body = data[at + 2 :]
        if data[at : at + 2] != b"\x08\x06" or body[6:8] != b"\0\1":
            return
        if body[24:28] == self._address:
            reply = body[:6] + b"\0\2" + self._mac + self._address
            reply += body[8:18] + body[28:]
            head = data[6:12] + self._source + self._tag + data[12 : at + 2]
            self._tap.send(head + reply)
