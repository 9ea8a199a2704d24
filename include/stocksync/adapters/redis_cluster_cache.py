"""The shop's counters in a Redis Cluster, read only: asked for one by one, all of a node's at once."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import redis

from stocksync.adapters.redis_cache import OUTSTANDING
from stocksync.adapters.redis_cluster import MOVING, ClusterClient
from stocksync.adapters.redis_cluster_watch import ClusterWatch
from stocksync.adapters.redis_errors import translated
from stocksync.adapters.redis_slots import crcs_of
from stocksync.adapters.redis_wire import Wire
from stocksync.model.stock import CacheValue, Unreadable
from stocksync.reconcile.ports import LedgerBatch

_KEYS_A_CALL = 1000


@dataclass(frozen=True, slots=True)
class _Asked:
    """Counters that were asked for.

    Attributes:
        ids: the products
        nodes: side by side with them, the position of the node in `parts`
        parts: of each node its connection, and how many answers it owes
    """

    ids: list[bytes]
    nodes: list[int]
    parts: list[tuple[Wire | None, int]]


class ClusterStockCache:
    """Implements the port StockCache.

    Args:
        client: of the cluster, without decode_responses
        key_prefix: what a key has before the product id
    """

    def __init__(self, client: ClusterClient, key_prefix: str) -> None:
        self._client = client
        self._prefix = key_prefix.encode()
        self._gets = _Gets(self._prefix)
        self._watch = ClusterWatch(client, self._prefix)

    def read_along(self, batches: Iterable[LedgerBatch]) -> Iterator[tuple[LedgerBatch, list[CacheValue]]]:
        """Pair each batch with its counters, several batches ahead of the consumer on one connection a node."""
        wires: dict[str, Wire] = {}
        asked: deque[tuple[LedgerBatch, _Asked]] = deque()
        with translated("reading the counters"):
            try:
                for batch in batches:
                    self._watch.listen()
                    asked.append((batch, self._ask(wires, batch.ids)))
                    if len(asked) == OUTSTANDING:
                        yield self._answered(*asked.popleft())
                while asked:
                    yield self._answered(*asked.popleft())
            finally:
                for wire in wires.values():
                    wire.close()

    def read(self, product_ids: Sequence[str]) -> list[CacheValue]:
        """Read some counters."""
        ids = [product_id.encode() for product_id in product_ids]
        with translated("reading counters"):
            return self._client.patiently(lambda: self._read(ids), self._client.map.reload)

    def look(self, product_ids: Sequence[str]) -> list[tuple[CacheValue, bool]]:
        """Read some counters, and notice whether they were written since the look before."""
        ids = [product_id.encode() for product_id in product_ids]
        keys = [self._prefix + product_id for product_id in ids]
        with translated("looking at counters again"):
            values, untouched = self._watch.look(keys)
            return list(zip(self._typed(ids, values), untouched, strict=True))

    def forget(self, product_ids: Sequence[str] | None = None) -> None:
        """Notice writes to these counters no longer; without ids: to none."""
        keys = None if product_ids is None else [self._prefix + product_id.encode() for product_id in product_ids]
        self._watch.forget(keys)

    def _read(self, ids: list[bytes]) -> list[CacheValue]:
        wires: dict[str, Wire] = {}
        found: list[CacheValue] = []
        try:
            for start in range(0, len(ids), _KEYS_A_CALL):
                found += self._values(self._ask(wires, ids[start : start + _KEYS_A_CALL]))
        finally:
            for wire in wires.values():
                wire.close()
        return found

    def _ask(self, wires: dict[str, Wire], ids: list[bytes]) -> _Asked:
        of = self._client.map
        nodes = list(map(of.owners.__getitem__, crcs_of(ids, self._prefix)))
        theirs: list[list[bytes]] = [[] for _ in of.names]
        for product_id, node in zip(ids, nodes, strict=True):
            theirs[node].append(product_id)
        parts: list[tuple[Wire | None, int]] = []
        for name, server, some in zip(of.names, of.nodes, theirs, strict=True):
            wire = None
            if some:
                wire = wires.get(name) or wires.setdefault(name, self._client.wire(server))
                wire.send(self._gets.of(some))
            parts.append((wire, len(some)))
        return _Asked(ids, nodes, parts)

    def _answered(self, batch: LedgerBatch, asked: _Asked) -> tuple[LedgerBatch, list[CacheValue]]:
        return batch, self._values(asked)

    def _values(self, asked: _Asked) -> list[CacheValue]:
        answers: list[Iterator[Any]] = []
        failed = False
        for wire, number in asked.parts:
            some, bad = wire.answers(number) if wire is not None else ([], False)
            failed |= bad
            answers.append(iter(some))
        values = list(map(next, map(answers.__getitem__, asked.nodes)))
        return self._typed(asked.ids, values) if failed else cast("list[CacheValue]", values)

    def _typed(self, ids: Sequence[bytes], values: list[Any]) -> list[CacheValue]:
        """Put facts in the place of errors; a slot that moves is asked again, wherever it is."""
        moved = [position for position, value in enumerate(values) if isinstance(value, MOVING)]
        if moved:
            self._client.map.reload()
        for position in moved:
            try:
                values[position] = self._client.get(self._prefix + ids[position])
            except redis.ResponseError as error:
                values[position] = error
        return [_typed(value) if isinstance(value, BaseException) else value for value in values]


def _typed(error: BaseException) -> CacheValue:
    if isinstance(error, redis.ResponseError) and str(error).startswith("WRONGTYPE"):
        return Unreadable.WRONG_TYPE
    raise error


class _Gets:
    """Writes the commands that ask for counters as RESP has them; the prefix comes with the length of a key."""

    def __init__(self, prefix: bytes) -> None:
        self._prefix = prefix
        self._heads: dict[int, bytes] = {}

    def of(self, ids: Sequence[bytes]) -> bytes:
        """Ask for all of them."""
        for length in set(map(len, ids)).difference(self._heads):
            whole = len(self._prefix) + length
            self._heads[length] = b"\r\n*2\r\n$3\r\nGET\r\n$%d\r\n%b" % (whole, self._prefix)
        words = [b""] * (2 * len(ids))
        words[::2] = map(self._heads.__getitem__, map(len, ids))
        words[1::2] = ids
        return b"".join(words)[2:] + b"\r\n"
