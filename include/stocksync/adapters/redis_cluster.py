"""A client of a Redis Cluster, and which of its nodes has which slot."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import redis
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.exceptions import (
    AskError,
    ClusterDownError,
    RedisClusterException,
    TryAgainError,
)
from redis.retry import Retry

from stocksync.adapters.redis_client import Patience
from stocksync.adapters.redis_slots import SLOTS
from stocksync.adapters.redis_wire import Wire

MOVING: tuple[type[Exception], ...] = (AskError, TryAgainError)
"""A slot is elsewhere, or on its way; MOVED is a kind of ASK to redis-py."""
PASSING: tuple[type[Exception], ...] = (
    redis.ConnectionError,
    redis.TimeoutError,
    ClusterDownError,
    RedisClusterException,
)
"""What a failover looks like until it is over."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ClusterAddress:
    """Where a cluster is.

    Attributes:
        nodes: host and port of some of its nodes; they name the others
        arguments: what each node's client is made with
    """

    nodes: tuple[tuple[str, int], ...]
    arguments: Mapping[str, Any]


class ClusterClient(RedisCluster):
    """redis-py's client, which pauses before it asks again: a failover takes seconds."""

    def __init__(self, address: ClusterAddress, patience: Patience) -> None:
        """Connect to some node, and ask it for the others.

        Raises:
            redis.RedisError, RedisClusterException: none of the nodes answers, or it is none of a cluster.
        """
        self.patience = patience
        super().__init__(
            startup_nodes=[ClusterNode(host, port) for host, port in address.nodes],
            retry=Retry(NoBackoff(), 1),
            socket_connect_timeout=patience.connect_s,
            socket_timeout=patience.answer_s,
            socket_keepalive=True,
            **address.arguments,
        )

    def execute_command(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - redis' own types
        """Call one command, on the node that has its key."""
        call: Callable[..., Any] = super().execute_command
        return self.patiently(lambda: call(*args, **kwargs))

    def patiently(self, do: Callable[[], T], then: Callable[[], None] = lambda: None) -> T:
        """Do something, and do it again after a pause where it may pass; `then` is done before that."""
        patience = self.patience
        pauses = ExponentialBackoff(patience.longest_pause_s, patience.first_pause_s)
        retry = Retry(pauses, patience.retries, supported_errors=PASSING)
        answer: T = retry.call_with_retry(do, lambda _error: then())
        return answer

    def wire(self, node: redis.Redis) -> Wire:
        """Make a connection to a node for many commands at once."""
        return Wire(node)

    @cached_property
    def map(self) -> "SlotMap":
        """Which node has which slot, as far as is known."""
        return SlotMap(self)


class SlotMap:
    """Which node has which slot.

    Attributes:
        names: of the masters
        nodes: a client of each
        owners: for each CRC16 of a key the number of its master
        replicas: whether each of them has some
        version: grows with each change
    """

    def __init__(self, client: RedisCluster) -> None:
        self._client = client
        self.version = 0
        self._read()

    def reload(self) -> None:
        """Ask the cluster."""
        self._client.nodes_manager.initialize()
        before = self.names, self.owners
        self._read()
        self.version += (self.names, self.owners) != before

    def _read(self) -> None:
        cache = self._client.nodes_manager.slots_cache
        by_slot = [cache[slot] for slot in range(SLOTS)]
        found = {nodes[0].name: nodes for nodes in by_slot}
        self.names = sorted(found)
        self.nodes: list[redis.Redis] = [self._client.get_redis_connection(found[name][0]) for name in self.names]
        self.replicas = [len(found[name]) > 1 for name in self.names]
        numbers = {name: number for number, name in enumerate(self.names)}
        self.owners = [numbers[nodes[0].name] for nodes in by_slot] * 4
