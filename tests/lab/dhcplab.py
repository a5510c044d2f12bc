"""DHCP servers and clients for a Lab.

A server runs on the host behind the uplinks, at its address there.  A client
is a Host of the Lab that gives its address up and asks for one with udhcpc,
dhclient or whatever else the machine has."""

import calendar
import contextlib
import json
import os
import shutil
import stat
import struct
import time

from .frames import arp, ip_bytes, mac_bytes
from .harness import GATEWAY, NEXT_HOP, PREFIX
from .netns import end

POOL = ("10.0.0.100", "10.0.0.180")

# RFC 2132, 9.6.
DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE = range(1, 8)

# No acknowledgement leaves: its type is the first option that dnsmasq and Kea
# send, 248 bytes into UDP (in bits).
HOLD_BACK = """
table inet held {
    chain out {
        type filter hook output priority 0;
        udp sport 67 @th,1984,24 0x350105 counter drop
    }
}
"""

# What a DHCP client runs for each event.  udhcpc: $1, dhclient: $reason.
SCRIPT = """#!/bin/sh
interface=${interface:-eth0}
case "${1:-$reason}" in
bound|renew|BOUND|RENEW|REBIND|REBOOT)
    ip addr replace "${ip:-$new_ip_address}/24" dev "$interface"
    ip route replace default via "${router:-$new_routers}"
    ;;
deconfig|EXPIRE|FAIL|RELEASE|STOP)
    ip -4 addr flush dev "$interface"
    ;;
esac
case "${1:-$reason}" in
bound|renew|BOUND|RENEW|REBIND|REBOOT)
    echo "${1:-$reason} ${ip:-$new_ip_address}" >>"$0.log"
    ;;
esac
"""


class Server:
    """dnsmasq or Kea in the namespace of 'host' (None: the server's), with
    leases of 'lease_s'.  Kea's 'pool' is of 'prefix'.  'options' are further
    arguments."""

    def __init__(
        self,
        lab,
        kind,
        lease_s=3600,
        host=None,
        prefix=PREFIX,
        pool=None,
        options=(),
    ):  # pylint: disable=too-many-arguments
        self.host = host or lab.server
        self.prefix = prefix
        self.pool = pool or f"{POOL[0]} - {POOL[1]}"
        self.directory = os.path.join(
            lab.directory, f"dhcp-{kind}-{self.host.name}"
        )
        os.makedirs(self.directory, exist_ok=True)
        self.log_path = os.path.join(self.directory, "log")
        self.lease_s = lease_s
        self.process = None
        self._args = [*getattr(self, f"_{kind}")(), *options]

    def start(self):
        env = dict(
            os.environ,
            KEA_PIDFILE_DIR=self.directory,
            KEA_LOCKFILE_DIR=self.directory,
        )
        with open(self.log_path, "a", encoding="utf-8") as log:
            self.process = self.host.netns.popen(
                self._args, stdout=log, stderr=log, env=env
            )
        return self

    def stop(self):
        end(self.process)
        self.process = None

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def _dnsmasq(self):
        return [
            shutil.which("dnsmasq") or "/usr/sbin/dnsmasq",
            *("--keep-in-foreground", "--conf-file=/dev/null", "--port=0"),
            *("--user=root", "--group=root", "--pid-file="),
            *("--no-ping", "--dhcp-authoritative", "--log-dhcp"),
            *("--log-facility=-", "--no-hosts", "--no-resolv"),
            f"--dhcp-leasefile={self.directory}/leases",
            f"--dhcp-range={POOL[0]},{POOL[1]},255.255.255.0,{self.lease_s}",
            f"--dhcp-option=option:router,{GATEWAY}",
        ]

    def _kea(self):
        path = os.path.join(self.directory, "kea.json")
        subnet = {
            "id": 1,
            "subnet": self.prefix,
            "pools": [{"pool": self.pool}],
            "authoritative": True,
            "option-data": [{"name": "routers", "data": GATEWAY}],
        }
        config = {
            "interfaces-config": {
                "interfaces": ["eth0"],
                "dhcp-socket-type": "udp",
            },
            "lease-database": {
                "type": "memfile",
                "persist": False,
            },
            "valid-lifetime": self.lease_s,
            "subnet4": [subnet],
            "loggers": [
                {
                    "name": "kea-dhcp4",
                    "output_options": [{"output": "stdout"}],
                    "severity": "INFO",
                }
            ],
        }
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"Dhcp4": config}, file)
        return ["kea-dhcp4", "-c", path]


class DhcpClient:
    """A DHCP client program on 'host', which starts without an address."""

    def __init__(self, lab, host, program="udhcpc"):
        self.host = host
        self.lab = lab
        self.program = program
        self.script = os.path.join(lab.directory, f"{program}-{host.name}")
        with open(self.script, "w", encoding="utf-8") as file:
            file.write(SCRIPT)
        os.chmod(self.script, stat.S_IRWXU)
        host.netns.ip("-4 addr flush dev eth0")
        self.process = None

    def start(self, *args):
        command = getattr(self, f"_{self.program}")() + list(args)
        self.process = self.host.netns.popen(
            command,
            stdout=open(self.script + ".out", "a", encoding="utf-8"),
            stderr=open(self.script + ".out", "a", encoding="utf-8"),
        )
        return self

    def signal(self, signum):
        self.process.send_signal(signum)

    def stop(self):
        end(self.process)
        self.process = None

    def address(self):
        """The address that the interface has, or None."""
        words = self.host.netns.ip("-4 -o addr show dev eth0").split()
        return words[words.index("inet") + 1].split("/")[0] if words else None

    def wait_bound(self, timeout=15.0):
        """Waits until the client's script has set an address and a route; the
        address becomes the host's, and is returned."""
        self.host.address = self.lab.wait_for(
            lambda: self.events() and self.address(),
            timeout,
            f"{self.host.name} to get an address",
        )
        return self.host.address

    def wait_renewed(self):
        """Until its program has said so, since it was started."""
        self.lab.wait_for(
            lambda: any(line.startswith("renew") for line in self.events()),
            what=f"{self.host.name}'s lease to be renewed",
        )

    def events(self):
        """What the client has told its script, a line each.  (networkd has
        none.)"""
        if self.program == "networkd":
            return self.address() and ["bound"]
        try:
            with open(self.script + ".log", encoding="utf-8") as file:
                return file.read().splitlines()
        except FileNotFoundError:
            return []

    def _udhcpc(self):
        return [
            *("udhcpc", "-f", "-i", "eth0", "-s", self.script),
            *("-t", "10", "-T", "1", "-A", "1"),
        ]

    def _dhclient(self):
        base = self.script
        return [
            *("dhclient", "-4", "-d", "-sf", self.script),
            *("-lf", base + ".leases", "-pf", base + ".pid"),
            *("-cf", "/dev/null", "eth0"),
        ]

    def _dhcpcd(self):
        """In directories of its own: it remembers its lease."""
        command = "mount -t tmpfs none /var/lib/dhcpcd && mkdir -p /run/dhcpcd"
        command += " && mount -t tmpfs none /run/dhcpcd && exec dhcpcd -4 -B"
        command += f' -f /dev/null -c {self.script} "$@" eth0'
        return ["unshare", "-m", "sh", "-c", command, "dhcpcd"]

    def _networkd(self):
        """As it runs in a container: no bus, and no udev to wait for, which
        it tells by /sys."""
        network = "[Match]\\nName=eth0\\n[Network]\\nDHCP=ipv4\\n"
        network += "LinkLocalAddressing=no\\nIPv6AcceptRA=no\\n"
        command = "mount --bind /sys /sys && mount -o remount,bind,ro /sys"
        command += " && mount -t tmpfs none /run"
        command += " && mkdir -p /run/systemd/network"
        command += f" && printf '{network}' >/run/systemd/network/a.network"
        command += " && mkdir -p /run/systemd/netif/links"
        command += " /run/systemd/netif/leases /run/systemd/netif/lldp"
        command += " && chown -R systemd-network /run/systemd/netif"
        command += " && exec /lib/systemd/systemd-networkd"
        return ["unshare", "-m", "sh", "-c", command]


def dhcp_config(lab, servers=(NEXT_HOP,), **segment):
    """lab.config() with DHCP relayed to 'servers'."""
    return lab.config(dhcp={"servers": list(servers)}, **segment)


def serve(lab, kind, lease_s=3600, options=(), **segment):
    """Starts a Server, lab.dhcp, and the daemon with DHCP relayed to it;
    until it can be."""
    lab.dhcp = Server(lab, kind, lease_s, options=options).start()
    lab.start_daemon(dhcp_config(lab, **segment))
    lab.wait_uplinks()


def seconds_until(text):
    """Of the API's time, from now."""
    parsed = time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")
    return calendar.timegm(parsed) - time.time()


@contextlib.contextmanager
def acknowledgements_held_back(lab):
    """Inside the with block the server of 'lab' grants leases, and nobody
    hears of it.  Its end waits until that has happened."""
    nft = lab.server.netns.run
    nft("nft", "-f", "-", stdin=HOLD_BACK)
    yield
    lab.wait_for(
        lambda: "packets 0" not in nft("nft", "list", "table", "inet", "held"),
        what="an acknowledgement to be held back",
    )
    nft("nft", "delete", "table", "inet", "held")


def build_message(kind, number, chaddr, options=b"", ciaddr="0.0.0.0"):
    """A client's message; 'number' is of the transaction."""
    message = struct.pack(
        "!BBBBIHH4s12s16s192sI",
        *(1, 1, 6, 0, number, 0, 0, ip_bytes(ciaddr), b""),
        *(mac_bytes(chaddr), b"", 0x63825363),
    )
    return message + bytes([53, 1, kind]) + options + b"\xff"


# Of frames that a Tap sees.


def udp_payload(frame):
    data = bytes(frame.bytes)[14:]
    return data[(data[0] & 15) * 4 + 8 :] if data[9:10] == b"\x11" else b""


def xid(frame):
    return udp_payload(frame)[4:8]


def options_of(message):
    """{code: data} of a DHCP message."""
    options, rest = {}, message[240:]
    while rest and rest[0] != 255:
        if rest[0] == 0:
            rest = rest[1:]
            continue
        options[rest[0]] = rest[2 : 2 + rest[1]]
        rest = rest[2 + rest[1] :]
    return options


def message_type(frame):
    return options_of(udp_payload(frame))[53][0]


def is_relayed(frame):
    """A request to a server with a relay's address in it."""
    payload = udp_payload(frame)
    return len(payload) > 240 and payload[0] == 1 and any(payload[24:28])


def is_relayed_request(frame):
    return is_relayed(frame) and message_type(frame) == REQUEST


def is_reply(frame):
    return udp_payload(frame)[:1] == b"\x02"


def is_reply_of(kind):
    """Predicate: a server's word of that type."""
    return lambda frame: is_reply(frame) and message_type(frame) == kind


def defend(host, tap):
    """'host' answers whoever looks whether an address is in use (RFC 5227)."""
    for frame in tap.take():
        if frame.op == 1 and frame.spa == "0.0.0.0":
            tap.send(arp(2, host.mac, frame.tpa, frame.eth_src, frame.spa))
