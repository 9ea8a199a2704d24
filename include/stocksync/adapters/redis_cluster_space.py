"""The slots of a cluster, each a group that one script may touch."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import redis
from redis.exceptions import NoScriptError

from stocksync.adapters.redis_cluster import MOVING, ClusterClient
from stocksync.adapters.redis_errors import script
from stocksync.adapters.redis_keys import OwnKeys
from stocksync.adapters.redis_slots import slot_of, tags
from stocksync.adapters.redis_space import COPIED, NOT_NOW, WAIT_MS, Call, not_copied
from stocksync.adapters.redis_wire import Wire, packed
from stocksync.errors import CacheUnavailable

_WHERE = "Redis (connection stock_redis)"
_ANYWHERE = {"fence", "clear"}
"""What may be asked of a slot's next master at once: it depends on no clock."""


class ClusterSpace:
    """Implements Space: a script a slot, all slots of a node at once.

    Args:
        client: of the cluster
    """

    single: int | None = None

    def __init__(self, client: ClusterClient) -> None:
        self.keys = OwnKeys("{own}:")
        self.life_s = client.patience.decision_s
        self._client = client
        self._wires: dict[str, Wire] = {}

    def group_of(self, key: str) -> int:
        """Say which slot it is in."""
        return slot_of(key.encode())

    def tag(self, group: int) -> str:
        """Name the slot by a number in it."""
        return f"{tags()[group]}:"

    def script(self, name: str) -> Callable[..., Any]:
        """Make what calls it by its text: its keys are in one slot, and redirects are followed."""
        text = script(name)

        def call(*, keys: Sequence[str], args: Sequence[str | bytes | int]) -> Any:  # noqa: ANN401 - the script's answer
            return self._client.execute_command("EVAL", text, len(keys), *keys, *args)

        return call

    def run(self, name: str, calls: Sequence[Call]) -> list[Any]:
        """Call in all slots. What is moving was not written; a master that fails may have written what it was asked.

        Raises:
            CacheUnavailable: whether something was written is known by the outbox alone, or no replica has it yet.
        """
        round_ = _Round(self._client, self._wire, name, calls)
        self._client.patiently(round_.ask, self._reload)
        if NOT_NOW in round_.answers:
            self._reload()
            if name in _ANYWHERE:
                round_.again()
                self._client.patiently(round_.ask, self._reload)
        return round_.answers

    def deadlines(self, groups: Sequence[int]) -> dict[int, str]:
        """Give each slot its node's time and some: a run that nobody can shut out any more is refused by then.

        Its lock was lost with the master that knew where it announced. Whoever took the lock since waits that long.
        """
        until: dict[int, str] = {}

        def ask() -> None:
            of = self._client.map
            numbers = {group: of.owners[group] for group in groups}
            asked = {number: self._wire(of.names[number], of.nodes[number]) for number in set(numbers.values())}
            for wire in asked.values():
                wire.send(packed(["TIME"]))
            clocks = {}
            for number, wire in asked.items():
                [now], failed = wire.answers(1)
                if failed:
                    raise now
                clocks[number] = int(now[0]) * 1_000_000 + int(now[1])
            life = int(self.life_s * 1_000_000)
            until.update({group: str(clocks[number] + life) for group, number in numbers.items()})

        self._client.patiently(ask, self._reload)
        return until

    def _wire(self, name: str, node: redis.Redis) -> Wire:
        if name not in self._wires:
            self._wires[name] = self._client.wire(node)
        return self._wires[name]

    def _reload(self) -> None:
        """Begin anew: answers may be on their way that nobody waits for."""
        for wire in self._wires.values():
            wire.close()
        self._wires.clear()
        self._client.map.reload()


class _Round:
    """One script in many slots, until each has answered.

    Attributes:
        answers: of each call; None: not yet
    """

    def __init__(
        self, client: ClusterClient, wire: Callable[[str, redis.Redis], Wire], name: str, calls: Sequence[Call]
    ) -> None:
        self._client = client
        self._wire = wire
        self._name = name
        self._text = script(name).encode()
        self._sha = hashlib.sha1(self._text, usedforsecurity=False).hexdigest()
        self._calls = calls
        self._asked: dict[int, str] = {}
        self.answers: list[Any] = [None] * len(calls)

    def again(self) -> None:
        """Forget the answers of those that were moving."""
        for position, answer in enumerate(self.answers):
            if answer is NOT_NOW:
                self.answers[position] = None

    def ask(self) -> None:
        """Ask all that have not answered."""
        of = self._client.map
        by_node: dict[int, list[int]] = {}
        for position, call in enumerate(self._calls):
            if self.answers[position] is None:
                by_node.setdefault(of.owners[call.group], []).append(position)
        before = dict(self._asked)
        for number, positions in by_node.items():
            for position in positions:
                if self._name not in _ANYWHERE and before.get(position, of.names[number]) != of.names[number]:
                    raise self._unknown("it has another master now")
        unknown = self._send(by_node, [b"EVALSHA", self._sha], before)
        if unknown:  # the call that brought the script was of a slot that is moving
            self._send(unknown, [b"EVAL", self._text], before)

    def _send(
        self, by_node: dict[int, list[int]], how: Sequence[str | bytes], before: dict[int, str]
    ) -> dict[int, list[int]]:
        """Ask every node; return which calls of which node it does not know the script of."""
        of = self._client.map
        failures: list[Exception] = []
        sent: dict[int, Wire] = {}
        for number, positions in by_node.items():
            commands = [self._packed(how, self._calls[position]) for position in positions[1:]]
            commands.insert(0, self._packed([b"EVAL", self._text], self._calls[positions[0]]))
            if self._copied(number):
                commands.append(packed(["WAIT", 1, WAIT_MS]))
            wire = self._wire(of.names[number], of.nodes[number])
            self._asked.update(dict.fromkeys(positions, of.names[number]))
            try:
                wire.send(b"".join(commands))
                sent[number] = wire
            except redis.RedisError as error:
                failures.append(error)
        unknown: dict[int, list[int]] = {}
        for number, wire in sent.items():
            try:
                answers, _ = wire.answers(len(by_node[number]) + self._copied(number))
            except redis.RedisError as error:
                failures.append(error)
                continue
            some, failed = self._take(by_node[number], answers, before)
            failures += failed
            if some:
                unknown[number] = some
            elif self._copied(number) and not (isinstance(answers[-1], int) and answers[-1] > 0):
                failures.append(not_copied(of.names[number], answers[-1]))
        if failures:
            raise next((each for each in failures if isinstance(each, CacheUnavailable)), failures[0])
        return unknown

    def _take(
        self, positions: Sequence[int], answers: Sequence[Any], before: dict[int, str]
    ) -> tuple[list[int], list[Exception]]:
        """Note a node's answers; return the calls whose script it does not know, and what failed."""
        unknown: list[int] = []
        failures: list[Exception] = []
        for position, answer in zip(positions, answers, strict=False):
            if isinstance(answer, NoScriptError):
                unknown.append(position)
            elif isinstance(answer, MOVING):
                if position in before and self._name not in _ANYWHERE:
                    failures.append(self._unknown(str(answer)))
                self.answers[position] = NOT_NOW
            elif isinstance(answer, Exception):
                failures.append(answer)
            else:
                self.answers[position] = answer
        return unknown, failures

    def _copied(self, number: int) -> bool:
        return self._name in COPIED and self._client.map.replicas[number]

    @staticmethod
    def _packed(how: Sequence[str | bytes], call: Call) -> bytes:
        return packed([*how, len(call.keys), *call.keys, *call.args])

    def _unknown(self, why: str) -> CacheUnavailable:
        return CacheUnavailable(
            f"{_WHERE}: a node was asked to restore counters and did not answer ({why}); a retry reads in the outbox "
            "what was written"
        )
