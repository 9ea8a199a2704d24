"""A client of a Redis Cluster that tests use as if it were of one server."""

from stocksync.adapters.redis_client import Patience
from stocksync.adapters.redis_cluster import ClusterAddress, ClusterClient

HURRIED = Patience(connect_s=3, answer_s=3, decision_s=0.05)


class WholeCluster(ClusterClient):
    """Commands over many keys go to each key's node; the program itself has no use for them."""

    def mset(self, mapping):
        for key, value in mapping.items():
            self.set(key, value)

    def mget(self, keys):
        return [self.get(key) for key in keys]

    def keys(self, pattern):
        return [key for node in self.map.nodes for key in node.keys(pattern)]

    def dbsize(self):
        return sum(node.dbsize() for node in self.map.nodes)


def address_of(servers):
    """Where a cluster of local/servers is."""
    return ClusterAddress(tuple((node.host, node.port) for node in servers.nodes), {"password": servers.password})


def client_of(servers, patience=HURRIED):
    """Connect to it."""
    return WholeCluster(address_of(servers), patience)
