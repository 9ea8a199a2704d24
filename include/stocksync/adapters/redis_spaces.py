"""Which kind of Redis a client is of."""

from dataclasses import replace

import redis

from stocksync.adapters.redis_client import Patience, with_patience
from stocksync.adapters.redis_cluster import ClusterAddress, ClusterClient
from stocksync.adapters.redis_cluster_space import ClusterSpace
from stocksync.adapters.redis_errors import translated
from stocksync.adapters.redis_one_server import OneServer
from stocksync.adapters.redis_sentinel import SentinelAddress
from stocksync.adapters.redis_space import Space

Client = redis.Redis | ClusterClient


def space_of(client: Client) -> Space:
    """Say where the keys of a client's server live."""
    return ClusterSpace(client) if isinstance(client, ClusterClient) else OneServer(client)


def opened(made: redis.Redis | ClusterAddress | SentinelAddress | ClusterClient, patience: Patience) -> Client:
    """Make a client wait as long as this program does; where another server takes over from a dead one, it waits less.

    A cluster is connected to.

    Raises:
        BadSetting: a person has to change the connection first.
        CacheUnavailable: no node of the cluster answers.
    """
    if isinstance(made, redis.Redis):
        return with_patience(made, patience)
    if isinstance(made, ClusterClient):
        return made
    hurried = replace(patience, connect_s=min(5.0, patience.connect_s), answer_s=min(5.0, patience.answer_s))
    if isinstance(made, SentinelAddress):
        return with_patience(made.client(seconds=hurried.connect_s), hurried)
    with translated("connecting"):
        return ClusterClient(made, hurried)


def nodes_of(client: Client) -> list[redis.Redis]:
    """Give a client of each server that has keys: of the masters of a cluster, or of the one."""
    return client.map.nodes if isinstance(client, ClusterClient) else [client]
