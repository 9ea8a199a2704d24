"""A client of a Redis Cluster that tests use as if it were of one server.

A client's `where` is what another process connects with: a URI, or a cluster's address.
"""

import time

import redis

from stocksync.adapters.redis_client import Patience
from stocksync.adapters.redis_cluster import ClusterAddress, ClusterClient
from stocksync.adapters.redis_slots import SLOTS
from stocksync.adapters.redis_spaces import space_of

UNHURRIED = Patience(connect_s=3, answer_s=3, decision_s=60)
HURRIED = Patience(connect_s=3, answer_s=3, decision_s=0.3)


class WholeCluster(ClusterClient):
    """Commands over many keys go to each key's node; the program itself has no use for them."""

    def __init__(self, address, patience=HURRIED):
        super().__init__(address, patience)
        self.where = address

    def mset(self, mapping):
        for key, value in mapping.items():
            self.set(key, value)

    def mget(self, keys):
        return [self.get(key) for key in keys]

    def keys(self, pattern):
        return [key for node in self.map.nodes for key in node.keys(pattern)]

    def dbsize(self):
        return sum(node.dbsize() for node in self.map.nodes)


def connected(where):
    """Connect as another client did."""
    return redis.Redis.from_url(where) if isinstance(where, str) else WholeCluster(where)


def lock_key(client, date):
    """The key of the lock of a day's run."""
    return space_of(client).keys.lock(date)


def address_of(servers):
    """Where a cluster of local/servers is."""
    return ClusterAddress(tuple((node.host, node.port) for node in servers.nodes), {"password": servers.password})


def client_of(servers, patience=HURRIED):
    """Connect to it."""
    return WholeCluster(address_of(servers), patience)


class Moves:
    """Moves one slot from its node to the next and back, as an administrator does; at the end it is back."""

    def __init__(self, servers, slot):
        self._slot, self._password = slot, servers.password
        self._nodes = [node.client() for node in servers.masters]
        self._at = [(node.host, node.port) for node in servers.masters]
        self._ids = [node.execute_command("CLUSTER MYID").decode() for node in self._nodes]
        self._home = self._here = slot * len(self._nodes) // SLOTS
        self._there = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()
        self.back()
        for node in self._nodes:
            node.close()

    def away(self):
        """Move it to the next node."""
        self.begin()
        self.end()

    def back(self):
        """Move it to where it was."""
        if self._here != self._home:
            self.begin(self._home)
            self.end()

    def begin(self, to=None):
        """From now on it is moving; every key is where it was."""
        self._there = (self._here + 1) % len(self._nodes) if to is None else to
        self._tell(self._there, "IMPORTING", self._ids[self._here])
        self._tell(self._here, "MIGRATING", self._ids[self._there])

    def carry(self, *keys):
        """Move some keys of it."""
        host, port = self._at[self._there]
        self._nodes[self._here].migrate(host, port, list(keys), 0, 5000, auth=self._password)

    def end(self):
        """Move the other keys of it; all nodes know where it is."""
        if self._there is None:
            return
        while keys := self._nodes[self._here].execute_command("CLUSTER GETKEYSINSLOT", self._slot, 100):
            self.carry(*keys)
        for number in (self._there, self._here):
            self._tell(number, "NODE", self._ids[self._there])
        self._here, self._there = self._there, None
        while not all(self._owner(node) == self._at[self._here] for node in self._nodes):
            time.sleep(0.005)

    def _tell(self, number, what, node_id):
        self._nodes[number].execute_command("CLUSTER SETSLOT", self._slot, what, node_id)

    def _owner(self, node):
        for low, high, (host, port, *_), *_ in node.execute_command("CLUSTER SLOTS"):
            if low <= self._slot <= high:
                return host.decode(), port
        return None
