"""The shop's counters in Redis, read only."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import cast

import redis

from stocksync.adapters.redis_errors import translated
from stocksync.adapters.redis_watch import Watch
from stocksync.model.stock import CacheValue, Unreadable
from stocksync.reconcile.ports import LedgerBatch

OUTSTANDING = 8
"""MGETs sent and not yet answered; more gains nothing, Redis' one thread is the bound (docs/performance.md)."""
_KEYS_A_CALL = 1000


class RedisStockCache:
    """Implements the port StockCache.

    Args:
        client: a client without decode_responses: values are compared as bytes
        key_prefix: what a key has before the product id
    """

    def __init__(self, client: redis.Redis, key_prefix: str) -> None:
        self._client = client
        self._prefix = key_prefix.encode()
        self._watch = Watch(client, self._prefix)

    def read_along(self, batches: Iterable[LedgerBatch]) -> Iterator[tuple[LedgerBatch, list[CacheValue]]]:
        """Pair each batch with its counters, several MGETs ahead of the consumer on one connection."""
        pool = self._client.connection_pool
        with translated("reading the counters"):
            connection = pool.get_connection()
            asked: deque[LedgerBatch] = deque()
            try:
                for batch in batches:
                    self._watch.listen()
                    connection.send_packed_command([_mget(batch.keys)], check_health=False)
                    asked.append(batch)
                    if len(asked) == OUTSTANDING:
                        yield self._answer(connection, asked.popleft())
                while asked:
                    yield self._answer(connection, asked.popleft())
            except BaseException:
                # Replies may be on their way that nobody waits for: whoever got this connection next would read them.
                connection.disconnect()
                raise
            finally:
                pool.release(connection)

    def read(self, product_ids: Sequence[str]) -> list[CacheValue]:
        """Read some counters."""
        keys = [self._prefix + product_id.encode() for product_id in product_ids]
        with translated("reading counters"):
            return self._typed(keys, cast("list[bytes | None]", self._client.mget(keys)))

    def look(self, product_ids: Sequence[str]) -> list[tuple[CacheValue, bool]]:
        """Read some counters, and notice whether they were written since the look before."""
        keys = [self._prefix + product_id.encode() for product_id in product_ids]
        seen: list[tuple[CacheValue, bool]] = []
        with translated("looking at counters again"):
            for start in range(0, len(keys), _KEYS_A_CALL):
                piece = keys[start : start + _KEYS_A_CALL]
                values, untouched = self._watch.mget(piece)
                seen += zip(self._typed(piece, values), untouched, strict=True)
        return seen

    def forget(self, product_ids: Sequence[str] | None = None) -> None:
        """Notice writes to these counters no longer; without ids: to none."""
        keys = None if product_ids is None else [self._prefix + product_id.encode() for product_id in product_ids]
        self._watch.forget(keys)

    def _answer(self, connection: redis.Connection, batch: LedgerBatch) -> tuple[LedgerBatch, list[CacheValue]]:
        return batch, self._typed(batch.keys, cast("list[bytes | None]", connection.read_response()))

    def _typed(self, keys: Sequence[bytes], values: list[bytes | None]) -> list[CacheValue]:
        """Tell a missing key from one of another type: MGET answers nil for both."""
        if None not in values:
            return values  # type: ignore[return-value] # a list[bytes] is one of CacheValue
        silent = [position for position, value in enumerate(values) if value is None]
        pipeline = self._client.pipeline(transaction=False)
        for position in silent:
            pipeline.type(keys[position])
        typed: list[CacheValue] = list(values)
        for position, kind in zip(silent, pipeline.execute(), strict=True):
            if kind not in {b"none", b"string"}:  # string: it came back between the two calls
                typed[position] = Unreadable.WRONG_TYPE
        return typed


class _Lengths(dict[int, bytes]):
    """How RESP announces an argument of a length, spelled once for each length."""

    def __missing__(self, length: int) -> bytes:
        self[length] = spelled = b"$%d" % length
        return spelled


_LENGTHS = _Lengths()


def _mget(keys: Sequence[bytes]) -> bytes:
    """Write the command as RESP has it: an array of byte strings, each behind its length.

    redis-py looks at each argument's type before it lets hiredis write it. That is a third of the time of a whole
    comparison, and hiredis' own writing takes twice as long as this (docs/performance.md).
    """
    words = [b""] * (2 * len(keys))
    words[::2] = map(_LENGTHS.__getitem__, map(len, keys))
    words[1::2] = keys
    return b"*%d\r\n$4\r\nMGET\r\n%b\r\n" % (len(keys) + 1, b"\r\n".join(words))
