"""A client of an access network whose IP stack is lwIP: see lwipclient.c."""

import json
import os
import subprocess

from .harness import GATEWAY, NEXT_HOP
from .netns import NetnsPath, end, popen, run

SOURCE = os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "lwipclient.c"
)
HEADERS = "/usr/include/lwip"
# How long lwIP keeps an ARP entry that it does not renew: ARP_MAXAGE.
ARP_MAXAGE_S = 300
# Those of the first pair of a Meter.
PORT, PEER_PORT = 9000, 9001


def missing():
    """What is not installed of what this needs, or None."""
    return None if os.path.isdir(HEADERS) else "liblwip-dev is not installed"


def client_binary(scratch):
    """Compiled into 'scratch', once."""
    program = os.path.join(scratch, "lwipclient")
    if not os.path.exists(program):
        run(
            *("cc", "-std=gnu11", "-O2", "-D_GNU_SOURCE", "-I", HEADERS),
            *("-o", program, SOURCE, "-llwip"),
        )
    return program


class LwipClient:
    """lwIP in the place of the kernel's stack on eth0 of 'host', a Host that
    has not spoken yet, until the with block ends.  It announces itself.

    Its ARP clock runs 'haste' times as fast as it should.  One pair of a
    Meter, its first, can be pair(): lwIP and the server."""

    def __init__(self, lab, host, haste=1):
        self.name, self.address, self.mac = host.name, host.address, host.mac
        self._server = lab.server
        host.netns.ip("addr flush dev eth0")
        self._process = popen(
            [
                *(client_binary(lab.directory), "--haste", haste, "eth0"),
                *(f"{host.address}/24", GATEWAY),
                *(PORT, NEXT_HOP, PEER_PORT),
            ],
            netns=host.netns,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            self._read_report()
            self._apps = NetnsPath(f"/proc/{self._process.pid}/ns/net")
            for line in (
                "link set lo up",
                f"addr add {host.address}/32 dev lo",
                f"addr add {NEXT_HOP}/32 dev lo",
            ):
                run("ip", *line.split(), netns=self._apps)
        except BaseException:
            self.stop()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def pair(self):
        """For a Meter: this client and the server."""
        return (
            self._apps.path,
            self.address,
            self._server.netns.path,
            NEXT_HOP,
        )

    def report(self):
        """{"gateway": the MAC address it has for it, or "", "requests": for
        the gateway so far, "unicast": of these, "replies": about it}."""
        self._process.stdin.write("report\n")
        self._process.stdin.flush()
        return self._read_report()

    def stop(self):
        process, self._process = self._process, None
        if process:
            process.stdin.close()
            process.stdout.close()
            end(process)

    def _read_report(self):
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("lwipclient has died")
        return json.loads(line)
