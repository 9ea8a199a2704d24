"""Noticing every write to a counter between two looks at it, even one that leaves the same bytes.

A counter that was sold from and restocked by as much looks untouched, though two orders are on their way to the
ledger. Redis remembers which keys a connection has read and tells it when one of them is written (CLIENT TRACKING,
Redis 6, RESP3). It does so in order: what was written before a read is told before the read is answered.
"""

from collections.abc import Sequence
from typing import Any

import redis

_TOLD = object()


class Watch:
    """A connection of its own that reads counters and is told of writes to them.

    Args:
        client: whose server and credentials to use
    """

    def __init__(self, client: redis.Redis) -> None:
        pool = client.connection_pool
        self._connection = pool.connection_class(**{**pool.connection_kwargs, "protocol": 3})
        self._connection.register_connect_callback(self._begin)
        self._untouched: set[bytes] = set()

    def mget(self, keys: Sequence[bytes]) -> tuple[list[bytes | None], list[bool]]:
        """Read, and say of each key whether nobody wrote it since it was read here before.

        Looks come in pairs: a key that was found untouched is forgotten, so that the memory this takes does not grow
        with the catalogue.
        """
        values: list[bytes | None] = self._connection.retry.call_with_retry(
            lambda: self._ask("MGET", *keys), lambda _error: self._connection.disconnect()
        )
        untouched = [key in self._untouched for key in keys]
        self._untouched.symmetric_difference_update(keys)
        return values, untouched

    def _ask(self, *words: str | bytes) -> Any:  # noqa: ANN401 - whatever Redis answers
        self._connection.send_command(*words)
        # Thousands of writes may be told before the answer. Left to itself, redis-py calls itself once for each of
        # them and runs out of stack; asked for pushes, it returns after each.
        while (answer := self._connection.read_response(push_request=True)) is _TOLD:
            pass
        return answer

    def _begin(self, connection: redis.Connection) -> None:
        """Whatever was written while there was no connection went unnoticed: everything counts as touched."""
        self._untouched.clear()
        connection._parser.set_invalidation_push_handler(self._written)  # noqa: SLF001 - its only door
        self._ask("CLIENT", "TRACKING", "ON")

    def _written(self, message: Sequence[Any]) -> object:
        keys = message[1]
        if keys is None:  # all of them: FLUSHALL
            self._untouched.clear()
        else:
            self._untouched.difference_update(keys)
        return _TOLD
