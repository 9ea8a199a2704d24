"""The entries in Redis that say what open orders hold, read only."""

from collections.abc import Iterator, Sequence
from typing import Any, cast

from stocksync.adapters.redis_errors import translated
from stocksync.adapters.redis_spaces import Client
from stocksync.errors import BadSetting
from stocksync.model.text import printable

_A_CALL = 1000
"""Entries or keys one call asks for: longer ones hold Redis up for everyone else."""


class RedisHolds:
    """An index of entries: a sorted set's or a set's members, or a hash's fields, each with `:` and its value.

    Args:
        client: a client without decode_responses
        index: its key
    """

    def __init__(self, client: Client, index: str) -> None:
        self._client = client
        self.index = index

    def count(self) -> int:
        """Count the entries; 0 if there is no index.

        Raises:
            BadSetting: the index is of another type
            CacheUnavailable: Redis did not answer
        """
        kind = self._kind()
        with translated("counting the holds"):
            match kind:
                case "zset":
                    return int(self._client.zcard(self.index))
                case "set":
                    return int(self._client.scard(self.index))
                case "hash":
                    return int(self._client.hlen(self.index))
        return 0

    def pieces(self) -> Iterator[list[bytes]]:
        """Give the entries, a thousand or so at a time; one that comes and goes meanwhile may be left out.

        An entry may be given more than once.

        Raises:
            BadSetting: the index is of another type
            CacheUnavailable: Redis did not answer
        """
        kind, cursor = self._kind(), 0
        while kind != "none":
            with translated("reading the holds"):
                cursor, piece = self._scan(kind, cursor)
            yield piece
            if cursor == 0:
                return

    def present(self, entries: Sequence[bytes]) -> list[bool]:
        """Say of each entry whether it is still there.

        Raises:
            BadSetting: the index is of another type
            CacheUnavailable: Redis did not answer
        """
        kind, index = self._kind(), self.index
        if kind == "none":
            return [False] * len(entries)
        found: list[bool] = []
        with translated("reading holds again"):
            for start in range(0, len(entries), _A_CALL):
                pipeline = self._client.pipeline(transaction=False)
                for entry in entries[start : start + _A_CALL]:
                    match kind:
                        case "zset":
                            pipeline.zscore(index, entry)
                        case "set":
                            pipeline.execute_command("SISMEMBER", index, entry)
                        case "hash":
                            pipeline.hget(index, entry.rpartition(b":")[0])
                answers = pipeline.execute()
                for entry, answer in zip(entries[start : start + _A_CALL], answers, strict=True):
                    found.append(_is_there(kind, entry, answer))
        return found

    def exist(self, keys: Sequence[bytes]) -> list[bool]:
        """Say of each key whether it exists.

        Raises:
            CacheUnavailable: Redis did not answer
        """
        found: list[bool] = []
        with translated("looking for the keys of holds"):
            for start in range(0, len(keys), _A_CALL):
                pipeline = self._client.pipeline(transaction=False)
                for key in keys[start : start + _A_CALL]:
                    pipeline.exists(key)
                found += map(bool, pipeline.execute())
        return found

    def _kind(self) -> str:
        with translated("reading the type of the holds"):
            kind = cast("bytes", self._client.type(self.index)).decode()
        if kind not in {"none", "zset", "set", "hash"}:
            raise BadSetting(
                f"STOCK_SYNC_HOLDS_INDEX={printable(self.index)!r} is a {kind}; allowed: a sorted set, a set or a hash"
            )
        return kind

    def _scan(self, kind: str, cursor: int) -> tuple[int, list[bytes]]:
        answer: Any
        match kind:
            case "zset":
                cursor, answer = self._client.zscan(self.index, cursor, count=_A_CALL)
                return cursor, [entry for entry, _ in answer]
            case "set":
                cursor, answer = self._client.sscan(self.index, cursor, count=_A_CALL)
                return cursor, list(answer)
        cursor, answer = self._client.hscan(self.index, cursor, count=_A_CALL)
        return cursor, [b"%b:%b" % pair for pair in answer.items()]


def _is_there(kind: str, entry: bytes, answer: Any) -> bool:  # noqa: ANN401 - a score, a flag or a value
    if kind == "hash":
        return bool(answer == entry.rpartition(b":")[2])
    return bool(answer is not None and answer is not False and (kind == "zset" or answer == 1))
