"""A Redis server that is no node of a cluster, or whichever is the master behind a failover address."""

from collections.abc import Callable, Sequence
from typing import Any

import redis

from stocksync.adapters.redis_errors import script
from stocksync.adapters.redis_keys import OwnKeys
from stocksync.adapters.redis_space import Call


class OneServer:
    """Implements Space: there is one slot group."""

    single: int | None = 0
    life_s = 0.0

    def __init__(self, client: redis.Redis) -> None:
        self.keys = OwnKeys()
        self._client = client
        self._scripts: dict[str, Callable[..., Any]] = {}

    def group_of(self, _key: str) -> int:
        """Say that it is the one."""
        return 0

    def tag(self, _group: int) -> str:
        """Leave names as they are."""
        return ""

    def script(self, name: str) -> Callable[..., Any]:
        """Register it."""
        if name not in self._scripts:
            self._scripts[name] = self._client.register_script(script(name))
        return self._scripts[name]

    def run(self, name: str, calls: Sequence[Call]) -> list[Any]:
        """Call one after the other: the server serves others in between."""
        return [self.script(name)(keys=call.keys, args=call.args) for call in calls]

    def deadlines(self, groups: Sequence[int]) -> dict[int, str]:
        """Set none: where a counter is, the lock is, and what was decided under a lost one is refused."""
        return dict.fromkeys(groups, "")
