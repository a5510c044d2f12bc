"""Keys and certificates as `ovs-pki` makes them, for OpenFlow and OVSDB."""

import os
import subprocess


class Pki:
    """What `ovs-pki` makes, in 'directory'."""

    def __init__(self, directory):
        self.directory = directory
        os.makedirs(directory)
        self._run("ovs-pki", "-d", f"{directory}/pki", "init")
        self.issue("ctl", "controller")

    def _run(self, *command, cwd="."):
        subprocess.run(
            command, cwd=self.path(cwd), check=True, capture_output=True
        )

    def path(self, name):
        return os.path.join(self.directory, name)

    def issue(self, name, ca="switch"):
        """A key, and a certificate with that common name."""
        self._run(
            "ovs-pki",
            "-d",
            f"{self.directory}/pki",
            "-u",
            "-b",
            "req+sign",
            name,
            ca,
        )

    def issue_expired(self, name):
        """The same, but that it was valid long ago."""
        self._run("ovs-pki", "-d", f"{self.directory}/pki", "-u", "req", name)
        self._run(
            "openssl",
            "ca",
            "-batch",
            "-notext",
            "-config",
            "ca.cnf",
            "-startdate",
            "200101000000Z",
            "-enddate",
            "200102000000Z",
            "-in",
            self.path(f"{name}-req.pem"),
            "-out",
            self.path(f"{name}-cert.pem"),
            cwd="pki/switchca",
        )

    def daemon(self):
        """The daemon's "tls"."""
        return {
            "key": self.path("ctl-privkey.pem"),
            "certificate": self.path("ctl-cert.pem"),
            "ca": self.path("pki/switchca/cacert.pem"),
        }

    def give(self, ovs, name, ca=None):
        """Has an Open vSwitch use a certificate; it believes 'ca' (a Pki)."""
        ovs.vsctl(
            "set-ssl",
            self.path(f"{name}-privkey.pem"),
            self.path(f"{name}-cert.pem"),
            (ca or self).path("pki/controllerca/cacert.pem"),
        )
