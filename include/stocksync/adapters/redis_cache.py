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
        self._heads = _Heads(self._prefix)
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
                    connection.send_packed_command([_mget(batch.ids, self._heads)], check_health=False)
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
        ids = [product_id.encode() for product_id in product_ids]
        with translated("reading counters"):
            return self._typed(ids, cast("list[bytes | None]", self._client.mget(self._keys(ids))))

    def look(self, product_ids: Sequence[str]) -> list[tuple[CacheValue, bool]]:
        """Read some counters, and notice whether they were written since the look before."""
        ids = [product_id.encode() for product_id in product_ids]
        seen: list[tuple[CacheValue, bool]] = []
        with translated("looking at counters again"):
            for start in range(0, len(ids), _KEYS_A_CALL):
                piece = ids[start : start + _KEYS_A_CALL]
                values, untouched = self._watch.mget(self._keys(piece))
                seen += zip(self._typed(piece, values), untouched, strict=True)
        return seen

    def forget(self, product_ids: Sequence[str] | None = None) -> None:
        """Notice writes to these counters no longer; without ids: to none."""
        keys = None if product_ids is None else [self._prefix + product_id.encode() for product_id in product_ids]
        self._watch.forget(keys)

    def _keys(self, ids: Sequence[bytes]) -> list[bytes]:
        return [self._prefix + product_id for product_id in ids]

    def _answer(self, connection: redis.Connection, batch: LedgerBatch) -> tuple[LedgerBatch, list[CacheValue]]:
        return batch, self._typed(batch.ids, cast("list[bytes | None]", connection.read_response()))

    def _typed(self, ids: Sequence[bytes], values: list[bytes | None]) -> list[CacheValue]:
        """Tell a missing key from one of another type: MGET answers nil for both."""
        if None not in values:
            return values  # type: ignore[return-value] # a list[bytes] is one of CacheValue
        silent = [position for position, value in enumerate(values) if value is None]
        # After a flush, all are missing: to ask how many are there takes a fourteenth of asking each for its type.
        if not self._client.exists(*(self._prefix + ids[position] for position in silent)):
            return cast("list[CacheValue]", values)
        pipeline = self._client.pipeline(transaction=False)
        for position in silent:
            pipeline.type(self._prefix + ids[position])
        typed: list[CacheValue] = list(values)
        for position, kind in zip(silent, pipeline.execute(), strict=True):
            if kind not in {b"none", b"string"}:  # string: it came back between the two calls
                typed[position] = Unreadable.WRONG_TYPE
        return typed


class _Heads(dict[int, bytes]):
    """What RESP has before an id of a length: the end of the argument before, the key's length, the key's prefix."""

    def __init__(self, prefix: bytes) -> None:
        super().__init__()
        self._prefix = prefix

    def __missing__(self, length: int) -> bytes:
        self[length] = spelled = b"\r\n$%d\r\n%b" % (len(self._prefix) + length, self._prefix)
        return spelled


def _mget(ids: Sequence[bytes], heads: _Heads) -> bytes:
    """Write the command as RESP has it: an array of byte strings, each behind its length.

    redis-py looks at each argument's type before it lets hiredis write it. That is a third of the time of a whole
    comparison, and hiredis' own writing takes twice as long as this (docs/performance.md). The prefix comes with the
    length, so that no key is ever put together.
    """
    words = [b""] * (2 * len(ids))
    words[::2] = map(heads.__getitem__, map(len, ids))
    words[1::2] = ids
    return b"*%d\r\n$4\r\nMGET%b\r\n" % (len(ids) + 1, b"".join(words))
