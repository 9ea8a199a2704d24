"""Noticing every write to a counter of a cluster between two looks at it: a watch on each node.

A slot that was away and is back has a history that this node was not told of. A counter that was there when it left is
told of as deleted. One that was missing is not; but a node that gets a slot, or becomes its master, gets a new epoch.
"""

from collections.abc import Sequence
from typing import Any

import redis

from stocksync.adapters.redis_cluster import MOVING, ClusterClient
from stocksync.adapters.redis_slots import slot_of
from stocksync.adapters.redis_watch import Watch
from stocksync.adapters.redis_wire import packed

_KEYS_A_CALL = 1000


class ClusterWatch:
    """Watches counters on whichever node has them.

    Args:
        client: of the cluster
        prefix: what every key has that is read here
    """

    def __init__(self, client: ClusterClient, prefix: bytes) -> None:
        self._client = client
        self._prefix = prefix
        self._version = client.map.version
        self._watches: dict[str, _NodeWatch] = {}

    def look(self, keys: Sequence[bytes]) -> tuple[list[Any], list[bool]]:
        """Read, watch from now on, and say of each key whether nobody wrote it since it was read here before.

        A value may be the error that its node answered.
        """
        return self._client.patiently(lambda: self._look(keys), self._client.map.reload)

    def forget(self, keys: Sequence[bytes] | None = None) -> None:
        """Watch these keys no longer; without any: none."""
        for watch in self._watches.values():
            watch.forget(keys)

    def listen(self) -> None:
        """Take in what was told meanwhile, without waiting."""
        for watch in self._watches.values():
            watch.listen()

    def _look(self, keys: Sequence[bytes]) -> tuple[list[Any], list[bool]]:
        of = self._client.map
        if of.version != self._version:  # whose slots moved is not asked: everything counts as touched
            self.forget()
            self._watches.clear()
            self._version = of.version
        by_node: dict[int, list[int]] = {}
        for position, key in enumerate(keys):
            by_node.setdefault(of.owners[slot_of(key)], []).append(position)
        values: list[Any] = [None] * len(keys)
        untouched = [False] * len(keys)
        for number, positions in by_node.items():
            name = of.names[number]
            if name not in self._watches:
                self._watches[name] = _NodeWatch(of.nodes[number], self._prefix)
            for start in range(0, len(positions), _KEYS_A_CALL):
                piece = positions[start : start + _KEYS_A_CALL]
                seen, still = self._watches[name].mget([keys[position] for position in piece])
                for position, value, same in zip(piece, seen, still, strict=True):
                    values[position], untouched[position] = value, same and not isinstance(value, BaseException)
        if any(isinstance(value, MOVING) for value in values):
            self._version = -1
        return values, untouched


class _NodeWatch(Watch):
    """A watch on one node; whatever the node's epoch grew with counts as written."""

    _epoch = b""

    def _look(self, keys: Sequence[bytes]) -> tuple[list[Any], list[bool]]:
        self._see_epoch()
        values, untouched = super()._look(keys)
        if self._see_epoch():
            untouched = [False] * len(keys)
        return values, untouched

    def _values(self, keys: Sequence[bytes]) -> list[Any]:
        self._connection.send_packed_command([b"".join(packed(["GET", key]) for key in keys)], check_health=False)
        return [self._answer_or_error() for _ in keys]

    def _answer_or_error(self) -> Any:  # noqa: ANN401 - whatever Redis answers
        try:
            return self._answer()
        except redis.ResponseError as error:
            return error

    def _see_epoch(self) -> bool:
        """Whether the epoch is another than at the look before; then nothing that was read is known any more."""
        facts = dict(line.partition(b":")[::2] for line in bytes(self._ask("CLUSTER", "INFO")).split(b"\r\n"))
        grown = self._epoch != facts[b"cluster_my_epoch"]
        self._epoch = facts[b"cluster_my_epoch"]
        if grown:
            self._untouched.clear()
        return grown
