"""Noticing every write to a counter between two looks at it, even one that leaves the same bytes.

A counter that was sold from and restocked by as much looks untouched, though two orders are on their way to the
ledger. Redis tells a connection of every write to a key with a prefix (CLIENT TRACKING in mode BCAST, Redis 6, RESP3).
In that mode it remembers nothing about us: no entry of ours is in its tracking table, so none is evicted with a
message that looks like a write, and none outlives this connection (docs/adr/0009).
"""

from collections.abc import Sequence
from typing import Any

import redis

_TOLD = object()
_TURNS = 2
"""Round trips after a read until every write from before it was told.

Redis tells of a turn's writes at the end of that turn of its event loop, behind the turn's answers. What is asked
only after the answer came is read in a later turn. Valkey's I/O threads may run a command behind the end of a turn,
so that its writes are told in the next: hence one round trip more.
"""


class Watch:
    """A connection of its own that reads counters and is told of writes to them; open only while a key is watched.

    Args:
        client: whose server and credentials to use
        prefix: what every key has that is read here; empty: any
    """

    def __init__(self, client: redis.Redis, prefix: bytes) -> None:
        pool = client.connection_pool
        self._connection = pool.connection_class(**{**pool.connection_kwargs, "protocol": 3})
        self._connection.register_connect_callback(self._begin)
        self._prefix = prefix
        self._untouched: set[bytes] = set()

    def mget(self, keys: Sequence[bytes]) -> tuple[list[bytes | None], list[bool]]:
        """Read, watch from now on, and say of each key whether nobody wrote it since it was read here before.

        True is certain. False is said of a key that was written, was not watched, or of which it is not known: the
        connection broke, everything was flushed, or a write came so close to this read that it may have come after
        it (then the next answer is False, too). A missing key is watched like any other: it may be set and deleted.
        """
        seen: tuple[list[bytes | None], list[bool]] = self._connection.retry.call_with_retry(
            lambda: self._look(keys), lambda _error: self._connection.disconnect()
        )
        return seen

    def forget(self, keys: Sequence[bytes] | None = None) -> None:
        """Watch these keys no longer; without any: none."""
        if keys is None:
            self._untouched.clear()
        else:
            self._untouched.difference_update(keys)
        if not self._untouched:
            self._connection.disconnect()

    def listen(self) -> None:
        """Take in what was told meanwhile, without waiting: unread, it piles up in Redis' memory."""
        try:
            while self._untouched and self._connection.can_read(timeout=0):
                self._connection.read_response(push_request=True)
        except (redis.ConnectionError, redis.TimeoutError):
            self._connection.disconnect()
            self._untouched.clear()

    def _look(self, keys: Sequence[bytes]) -> tuple[list[bytes | None], list[bool]]:
        self._connection.connect()  # else one that sentinels name would go to localhost
        values = self._values(keys)
        before = self._untouched.intersection(keys)
        self._untouched.update(keys)
        for _ in range(_TURNS if before else 0):
            self._ask("PING")
        return values, [key in before and key in self._untouched for key in keys]

    def _values(self, keys: Sequence[bytes]) -> list[bytes | None]:
        values: list[bytes | None] = self._ask("MGET", *keys)
        return values

    def _ask(self, *words: str | bytes) -> Any:  # noqa: ANN401 - whatever Redis answers
        self._connection.send_command(*words, check_health=False)
        return self._answer()

    def _answer(self) -> Any:  # noqa: ANN401 - as above
        # Thousands of writes may be told before the answer. Left to itself, redis-py calls itself once for each of
        # them and runs out of stack; asked for pushes, it returns after each.
        while (answer := self._connection.read_response(push_request=True)) is _TOLD:
            pass
        return answer

    def _begin(self, connection: redis.Connection) -> None:
        """Whatever was written while there was no connection went unnoticed: everything counts as touched."""
        self._untouched.clear()
        connection._parser.set_invalidation_push_handler(self._written)  # noqa: SLF001 - its only door
        self._ask("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", self._prefix)

    def _written(self, message: Sequence[Any]) -> object:
        keys = message[1]
        if keys is None:  # all of them: FLUSHALL
            self._untouched.clear()
        else:
            self._untouched.difference_update(keys)
        return _TOLD
