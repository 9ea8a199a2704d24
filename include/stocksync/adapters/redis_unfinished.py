"""What one run left to the next, beside the counters in Redis."""

import json
from collections.abc import Sequence

from stocksync.adapters.redis_errors import translated
from stocksync.adapters.redis_spaces import Client, space_of
from stocksync.model.id_range import IdRange

_KEEP_SECONDS = 7 * 24 * 3600


class RedisUnfinished:
    """Implements the port Unfinished.

    Args:
        client: a client without decode_responses
        source: names the ledger, its id column and that column's type: bounds of another mean nothing here
    """

    def __init__(self, client: Client, source: str) -> None:
        self._client = client
        self._key = space_of(client).keys.unfinished
        self._source = source

    def ranges(self) -> list[IdRange]:
        """Give the ranges in the order in which they are to be worked on; none: nothing was left."""
        with translated("reading what the run before left"):
            raw = self._client.get(self._key)
        left = {} if raw is None else json.loads(raw)
        if left.get("source") != self._source:
            return []
        return [IdRange.from_dict(each) for each in left["ranges"]]

    def note(self, ranges: Sequence[IdRange]) -> None:
        """Replace them; without any, nothing is left."""
        with translated("noting what is left to the next run"):
            if not ranges:
                self._client.delete(self._key)
                return
            left = {"source": self._source, "ranges": [each.to_dict() for each in ranges]}
            self._client.set(self._key, json.dumps(left), ex=_KEEP_SECONDS)
