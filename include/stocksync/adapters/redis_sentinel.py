"""The one Redis that is master at the moment, as its sentinels name it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import redis
from redis.sentinel import Sentinel


@dataclass(frozen=True, slots=True)
class SentinelAddress:
    """Whom to ask for the master.

    Attributes:
        sentinels: host and port of each
        master_name: what they call it
        arguments: what a client of the data servers is made with
        sentinel_arguments: what a client of the sentinels is made with
    """

    sentinels: tuple[tuple[str, int], ...]
    master_name: str
    arguments: Mapping[str, Any]
    sentinel_arguments: Mapping[str, Any]

    def client(self, *, seconds: float) -> redis.Redis:
        """Make a client that asks anew whenever it connects.

        Args:
            seconds: for which a sentinel is waited for
        """
        limits = {"socket_connect_timeout": seconds, "socket_timeout": seconds}
        sentinel = Sentinel(list(self.sentinels), sentinel_kwargs={**self.sentinel_arguments, **limits})
        client: redis.Redis = sentinel.master_for(self.master_name, redis_class=redis.Redis, **self.arguments)
        return client
