"""From one controller to three, all of it over TLS: what the one has kept is
what the three know, and certificates are read again."""

import contextlib
import os

import pytest

from clusterlab import ClusterLab
from netns import wait_for
from pki import Pki


class TlsClusterLab(ClusterLab):
    """Bridges, peers and the database over TLS."""

    def build(self):
        super().build()
        self.pki = Pki(os.path.join(self.directory, "pki"))
        self.issue("db")
        self.database.protocol = "ssl"
        self.database.tls = self.files("db")
        for controller in self.controllers:
            self.issue(controller.name)
        for router in self.routers.values():
            self.pki.issue(router.bridge)
            self.pki.give(router.ovs, router.bridge)

    def issue(self, name):
        """A key and a certificate, in place of those before."""
        for what in ("privkey", "cert", "req"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.pki.path(f"{name}-{what}.pem"))
        self.pki.issue(name, "controller")

    def files(self, name, authority="controllerca"):
        return (
            self.pki.path(f"{name}-privkey.pem"),
            self.pki.path(f"{name}-cert.pem"),
            self.pki.path(f"pki/{authority}/cacert.pem"),
        )

    def tls_of(self, controller, authority):
        keys = ("key", "certificate", "ca")
        return dict(zip(keys, self.files(controller.name, authority)))

    def config_of(self, controller, **segment):
        config = super().config_of(controller, **segment)
        config["openflow"] = {"listen": [controller.target]}
        config["tls"] = self.tls_of(controller, "switchca")
        config["cluster"]["tls"] = self.tls_of(controller, "controllerca")
        return config

    def start_alone(self):
        """The first controller, without the others."""
        first = self.controllers[0]
        config = self.config_of(first)
        del config["cluster"]
        first.configure(config)
        first.start()
        self.daemon = first
        for router in self.routers.values():
            router.ovs.set_controller(router.bridge, first.target)
        self.wait_connected()
        self.settle(self.c, self.d)


@pytest.fixture(name="lab")
def fixture_lab():
    lab = TlsClusterLab()
    try:
        lab.build()
        for controller in lab.controllers:
            controller.protocol = "ssl"
        yield lab
    finally:
        lab.close()


def test_what_one_has_kept_three_know(lab):
    lab.start_alone()
    first = lab.controllers[0]
    first.request("PUT", "/v1/clients/10.0.0.99", {"segment": "metro"})
    first.request("PATCH", "/v1/routers/B", {"admin": "drain"})
    first.stop()

    lab.start()
    leader = lab.wait_leader()
    for controller in lab.controllers:
        wait_for(
            lambda c=controller: c.client("10.0.0.99")["origin"]
            == "provisioned"
            and c.get("/v1/routers/B")["admin"] == "drain"
            and c.active(lab.c.address) == "A",
            20,
            f"{controller.name} to know what the first one knew",
            lab.explain,
        )

    # Certificates are read by who follows as well, and what is none is said.
    follower = next(c for c in lab.controllers if c is not leader)
    certificate = lab.pki.path(f"{follower.name}-cert.pem")
    with open(certificate, "w", encoding="ascii") as file:
        file.write("nothing")
    follower.reload()
    wait_for(
        lambda: f"TLS: {certificate}" in follower.log(),
        20,
        "a follower to read its certificates",
        lab.explain,
    )
    lab.issue(follower.name)
    follower.reload()

    # New ones are for the connections that come.
    lab.issue(leader.name)
    leader.reload()
    lab.database.servers[leader.number - 1].kill()
    wait_for(
        lambda: leader.request(
            "PUT", "/v1/clients/10.0.0.98", {"segment": "metro"}
        ),
        20,
        "a database server that answers",
        lab.explain,
    )
    leader.kill()
    leader = lab.wait_leader(but=leader)
    wait_for(
        lambda: leader.client("10.0.0.98")["origin"] == "provisioned",
        20,
        "the next leader to know what was written last",
        lab.explain,
    )


def test_two_shards_share_a_database():
    """Each has its own leader and epoch, and nothing of the other's."""
    lab = ClusterLab(n=2, n_servers=1)
    try:
        lab.database.start()
        for controller, other in zip(
            lab.controllers, reversed(lab.controllers)
        ):
            config = lab.config_of(controller)
            config["cluster"]["shard"] = f"shard-{controller.name}"
            # Its peers are not there.
            config["cluster"]["peers"] = [f"{other.address}:1"]
            config["routers"] = {}
            config["segments"] = {}
            controller.configure(config)
            controller.start()
        for controller in lab.controllers:
            lab.daemon = controller
            wait_for(
                lambda c=controller: c.role() == "leader",
                20,
                f"{controller.name} to lead its shard",
                lab.explain,
            )
        rows = lab.database.servers[0].transact(
            {
                "op": "select",
                "table": "Shard",
                "where": [],
                "columns": ["name", "leader"],
            }
        )[0]["rows"]
        assert {row["name"]: row["leader"] for row in rows} == {
            f"shard-{c.name}": c.name for c in lab.controllers
        }
        first = lab.controllers[0]
        first.kill()
        lab.daemon = lab.controllers[1]
        assert lab.daemon.role() == "leader"
    finally:
        lab.close()
