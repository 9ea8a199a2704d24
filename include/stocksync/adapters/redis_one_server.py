"""A Redis server that is no node of a cluster, or whichever is the master behind a failover address."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import redis

from stocksync.adapters.redis_errors import script
from stocksync.adapters.redis_keys import OwnKeys
from stocksync.adapters.redis_space import COPIED, WAIT_MS, Call, not_copied


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
        if name in COPIED and self._replicas:
            return [self._copied(name, call) for call in calls]
        return [self.script(name)(keys=call.keys, args=call.args) for call in calls]

    @cached_property
    def _replicas(self) -> int:
        try:
            return int(self._client.info("replication").get("connected_slaves", 0))
        except redis.ResponseError:  # who may not ask for it is told in the first task
            return 0

    def _copied(self, name: str, call: Call) -> Any:  # noqa: ANN401 - the script's answer
        """Call, and wait on the same connection for a replica."""
        pipeline = self._client.pipeline(transaction=False)
        self.script(name)(keys=call.keys, args=call.args, client=pipeline)
        pipeline.execute_command("WAIT", 1, WAIT_MS)
        answer, copies = pipeline.execute()
        if copies < 1:
            raise not_copied("the master", copies)
        return answer

    def deadlines(self, groups: Sequence[int]) -> dict[int, str]:
        """Set none: where a counter is, the lock is, and what was decided under a lost one is refused."""
        return dict.fromkeys(groups, "")
