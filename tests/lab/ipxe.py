"""A machine without an operating system that boots by iPXE: QEMU, with its
processor in software, and the iPXE of the ROM of its network card."""

import ipaddress
import os
import shutil
import struct
import subprocess
import sys

from .frames import Tap, checksum, ethernet
from .harness import NEXT_HOP
from .netns import end

QEMU = "qemu-system-x86_64"
ROM = "/usr/lib/ipxe/qemu/pxe-virtio.rom"
TUN = "/dev/net/tun"
# What the machine boots: it says its address again and again, by HTTP.
SCRIPT = f"""#!ipxe
:again
imgfetch http://{NEXT_HOP}/alive-${{net0/ip}} || echo no answer
imgfree
sleep 1
goto again
"""


def missing():
    """What is not here of what this needs, or None."""
    if not shutil.which(QEMU):
        return f"no {QEMU}, iPXE is not tested: install qemu-system-x86"
    if not os.path.exists(ROM):
        return f"no {ROM}, iPXE is not tested: install ipxe-qemu"
    if not os.path.exists(TUN):
        return f"no {TUN}, iPXE is not tested"
    return None


ETH_P_IPV6 = 0x86DD
ICMPV6 = 58


def router_advertisement(mac):
    """Of a router that nobody should use, without a prefix (RFC 4861, 4.2)."""
    src = ipaddress.IPv6Address("fe80::1").packed
    dst = ipaddress.IPv6Address("ff02::1").packed

    def message(check):
        return struct.pack("!BBHBBHII", 134, 0, check, 64, 0, 0, 0, 0)

    size = len(message(0))
    pseudo = src + dst + struct.pack("!II", size, ICMPV6)
    header = struct.pack("!IHBB", 6 << 28, size, ICMPV6, 255) + src + dst
    return ethernet(
        "33:33:00:00:00:01", mac, ETH_P_IPV6,
        header + message(checksum(pseudo + message(0))),
    )


class NextServer:
    """What iPXE asks after DHCP, on the server of the Lab: TFTP, which is
    dnsmasq's by dnsmasq_options(), and HTTP."""

    def __init__(self, lab):
        self._host = lab.server
        self.directory = os.path.join(lab.directory, "boot")
        self._log_path = os.path.join(lab.directory, "http.log")
        self._process = None
        os.mkdir(self.directory)
        with open(self._path("boot.ipxe"), "w", encoding="utf-8") as file:
            file.write(SCRIPT)

    def _path(self, name):
        return os.path.join(self.directory, name)

    def dnsmasq_options(self):
        return (
            *("--enable-tftp", f"--tftp-root={self.directory}"),
            f"--dhcp-boot=boot.ipxe,,{NEXT_HOP}",
        )

    def start(self):
        args = [sys.executable, "-u", "-m", "http.server", "--bind", NEXT_HOP]
        args += ["--directory", self.directory, "80"]
        with open(self._log_path, "a", encoding="utf-8") as log:
            self._process = self._host.netns.popen(
                args, stdout=log, stderr=log
            )
        return self

    def stop(self):
        end(self._process)

    def heard(self):
        """How often the machine's script has been heard, by address."""
        counts = {}
        with open(self._log_path, encoding="utf-8") as log:
            for line in log:
                _, mark, rest = line.partition("GET /alive-")
                if mark:
                    address = rest.split()[0]
                    counts[address] = counts.get(address, 0) + 1
        return counts


class Machine:
    """In the place of 'host', which has no address any more: on the same
    cable, with a MAC of its own."""

    def __init__(self, lab, host):
        self.name, self.mac = host.name, "02:00:00:00:01:ee"
        self.console = os.path.join(lab.directory, f"console-{host.name}")
        host.netns.batch(
            [
                "addr flush dev eth0",
                "link add br0 type bridge",
                "tuntap add tap0 mode tap",
                "link set eth0 master br0",
                "link set tap0 master br0",
                "link set br0 up",
                "link set tap0 up",
            ]
        )
        self._host = host
        self._process = None
        self._tap = Tap(host.netns, "br0")
        self.address = None         # As the server has heard.

    def start(self):
        self._process = self._host.netns.popen(
            [
                # SeaBIOS's console, and iPXE's, on the serial line.
                *(QEMU, "-accel", "tcg", "-m", 64, "-nodefaults"),
                *("-display", "none", "-serial", f"file:{self.console}"),
                *("-fw_cfg", "name=etc/sercon-port,string=0x3f8"),
                *("-netdev", "tap,id=n,ifname=tap0,script=no,downscript=no"),
                *("-device", f"virtio-net-pci,netdev=n,mac={self.mac}"),
                *("-boot", "n", "-no-reboot"),
            ],
            stderr=subprocess.DEVNULL,  # That SeaBIOS's name lacks "opt/".
        )
        return self

    def stop(self):
        end(self._process)
        self._tap.close()

    def _answer_solicitations(self):
        """It would wait for an IPv6 router for 13 s before it boots."""
        for frame in self._tap.take():
            if frame.ethertype == ETH_P_IPV6 and frame.eth_src == self.mac:
                self._tap.send(router_advertisement(self._host.mac))

    def wait_alive(self, lab, server, timeout=60.0):
        """Until 'server', a NextServer, has heard its script once more;
        returns its address, which becomes the machine's."""
        before = server.heard()

        def heard():
            self._answer_solicitations()
            now = server.heard()
            return [a for a in now if now[a] > before.get(a, 0)]

        try:
            self.address = lab.wait_for(
                heard, timeout, f"{self.name}'s script to be heard"
            )[0]
        except AssertionError:
            with open(self.console, errors="replace") as console:
                print(console.read())
            raise
        return self.address
