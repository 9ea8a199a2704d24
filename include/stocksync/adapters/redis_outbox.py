"""The outbox beside the counters in Redis: what was restored is recorded in the very script that restores it.

A script touches one slot group, the lock and the progress may be in another. So an attempt announces, beside the lock,
which slot groups it is going to write to. Its successor reads that in the step that makes a further announcement
impossible, and shuts each of those groups in the step that reads what was written there (docs/adr/0013).
"""

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from stocksync.adapters import redis_keys
from stocksync.adapters.redis_errors import translated
from stocksync.adapters.redis_space import NOT_NOW, Call
from stocksync.adapters.redis_spaces import Client, space_of
from stocksync.errors import CacheUnavailable, LockLost, Superseded
from stocksync.model.finding import Finding, RunIdentity
from stocksync.model.progress import Progress
from stocksync.reconcile.ports import ListedOutbox, Pending, Proposal

_KEEP_SECONDS = 7 * 24 * 3600
_RECORDS = msgspec.json.Encoder()
"""Writes records in a fifth of the time of `json`: one for each difference, a million on a bad night."""


class RedisOutbox:
    """Implements the port Outbox for one range of one run.

    Args:
        client: a client without decode_responses
        identity: the run the findings belong to
        index: the range's position in the run
        key_prefix: what a counter's key has before the product id
        products_a_call: most products one script restores; it holds Redis up for everyone
    """

    def __init__(
        self, client: Client, identity: RunIdentity, index: int, key_prefix: str, products_a_call: int
    ) -> None:
        self._space = space = space_of(client)
        self._identity = identity
        self._index = index
        self._products_a_call = products_a_call
        self._prefix = key_prefix
        self._lock = space.keys.lock(identity.date)
        self._name = redis_keys.outbox(identity.run_id, index)
        self._progress = space.keys.progress(identity.run_id)
        self._field = str(index)
        self._known: dict[int, tuple[str, str]] = {}
        self._epoch = ""
        self._writes_from = 0.0
        self._announced: list[int] = []
        self._listed = False
        self._uncleared: dict[int, list[str]] = {}

    def take_over(self) -> Progress | None:
        """Become the one writer, shut older attempts out, and read the last noted progress."""
        with translated("taking over the outbox"):
            take_over = self._space.script("take_over")
            epoch, announced, noted = take_over(keys=[self._progress], args=[self._field, _KEEP_SECONDS])
        self._epoch = epoch.decode()
        self._writes_from = time.monotonic() + self._space.life_s
        if self._space.single is not None:  # an attempt of an earlier version announced nothing
            self._announced = [self._space.single]
        else:
            self._announced = [] if announced is None else json.loads(announced)
        left = self._fence()
        self._listed = bool(left) or announced is not None
        if self._listed and not left:
            self._done()  # it announced, and wrote nothing
        return None if noted is None else Progress.from_dict(json.loads(noted))

    def pending(self) -> list[Pending]:
        """What an earlier attempt recorded and did not clear, in the order of product ids."""
        return [_read(record) for _, record in sorted(self._fence())]

    def commit(self, group: int, proposals: Sequence[Proposal]) -> list[bool]:
        """Announce, then restore and record, so many products a call."""
        by_slots: dict[int, list[int]] = {}
        for position, proposal in enumerate(proposals):
            by_slots.setdefault(self._slots_of(proposal.finding.product_id), []).append(position)
        if not by_slots:
            return []
        self._let_lapse()
        with translated("restoring counters"):
            deadlines = self._space.deadlines(list(by_slots))
            self._begin(list(by_slots))
            asked = [
                (slots, positions[start : start + self._products_a_call])
                for slots, positions in by_slots.items()
                for start in range(0, len(positions), self._products_a_call)
            ]
            answers = self._space.run(
                "commit",
                [
                    self._commit(group, slots, deadlines[slots], [proposals[position] for position in some])
                    for slots, some in asked
                ],
            )
        return self._written(len(proposals), [some for _, some in asked], answers)

    def clear(self, product_ids: Sequence[str], progress: Progress) -> None:
        """Note the progress, then forget published findings: a finding of a group that is counted is only cleared."""
        with translated("clearing the outbox"):
            note = self._space.script("note")
            noted = json.dumps(progress.to_dict())
            if not note(keys=[self._progress], args=[self._field, self._epoch, noted, _KEEP_SECONDS]):
                raise self._superseded()
            for product_id in product_ids:
                self._uncleared.setdefault(self._slots_of(product_id), []).append(product_id)
            self._forget()
            if self._listed and not self._uncleared:
                self._done()

    def _let_lapse(self) -> None:
        """Wait until what others decided is too old: announcements may be lost with a master, and nobody shut out."""
        if (early := self._writes_from - time.monotonic()) > 0:
            time.sleep(early)

    def _begin(self, slots: Sequence[int]) -> None:
        announced = sorted({*slots, *self._announced})  # until all of them are cleared
        answer = self._space.script("begin")(
            keys=[self._lock, self._progress, self._space.keys.outboxes],
            args=[
                self._identity.run_id,
                self._field,
                self._epoch,
                json.dumps(announced),
                self._name,
                json.dumps(self._label()),
                _KEEP_SECONDS,
            ],
        )
        if answer == b"lock lost":
            raise self._lock_lost()
        if answer == b"superseded":
            raise self._superseded()
        self._announced, self._listed = announced, True

    def _commit(self, group: int, slots: int, deadline: str, proposals: Iterable[Proposal]) -> Call:
        keys: list[str] = [*self._names(slots)]
        arguments: list[str | bytes | int] = [self._epoch, "", deadline]
        if self._space.single is not None:  # the lock is in reach
            keys.append(self._lock)
            arguments[1] = self._identity.run_id
        for proposal in proposals:
            keys.append(self._prefix + proposal.finding.product_id)
            arguments += _arguments(proposal, group)
        return Call(slots, keys, arguments)

    def _written(self, number: int, asked: Sequence[Sequence[int]], answers: Sequence[Any]) -> list[bool]:
        done = [False] * number
        for some, answer in zip(asked, answers, strict=True):
            if answer is NOT_NOW:
                continue
            if answer == [b"lock lost"]:
                raise self._lock_lost()
            if answer == [b"superseded"]:
                raise self._superseded()
            for position, one in zip(some, answer, strict=True):
                done[position] = bool(one)
        return done

    def _fence(self) -> list[tuple[bytes, bytes]]:
        """Shut older attempts out of every slot group that was announced; what is recorded there."""
        calls = [Call(slots, self._names(slots), (self._epoch, _KEEP_SECONDS)) for slots in self._announced]
        with translated("reading the outbox"):
            answers = self._space.run("fence", calls)
        found: list[tuple[bytes, bytes]] = []
        for answer in answers:
            if answer is NOT_NOW:
                raise CacheUnavailable(
                    "Redis (connection stock_redis) while reading the outbox: a slot of the cluster is moving"
                )
            if answer == [b"superseded"]:
                raise self._superseded()
            found += zip(answer[::2], answer[1::2], strict=True)
        return found

    def _forget(self) -> None:
        """Clear what is published; a slot group that is moving keeps its records until the next time."""
        uncleared = list(self._uncleared.items())
        calls = [Call(slots, self._names(slots), (self._epoch, *ids)) for slots, ids in uncleared]
        for (slots, _), answer in zip(uncleared, self._space.run("clear", calls), strict=True):
            if answer is NOT_NOW:
                continue
            if not answer:
                raise self._superseded()
            del self._uncleared[slots]

    def _done(self) -> None:
        done = self._space.script("done")
        with translated("taking the outbox off the list"):
            known = done(keys=[self._progress, self._space.keys.outboxes], args=[self._field, self._epoch, self._name])
        if not known:
            raise self._superseded()
        self._announced, self._listed = [], False

    def _slots_of(self, product_id: str) -> int:
        return self._space.group_of(self._prefix + product_id)

    def _names(self, slots: int) -> tuple[str, str]:
        if slots not in self._known:
            tag, run_id = self._space.tag(slots), self._identity.run_id
            self._known[slots] = redis_keys.fence(run_id, self._index, tag), redis_keys.outbox(run_id, self._index, tag)
        return self._known[slots]

    def _label(self) -> dict[str, Any]:
        run = self._identity
        return {
            "run_id": run.run_id,
            "run_type": run.run_type,
            "date": run.date,
            "index": self._index,
        }

    def _lock_lost(self) -> LockLost:
        return LockLost(
            f"run {self._identity.run_id} no longer holds {self._lock}: nothing more was written; "
            "a retry takes it again if it is free, else start the run again"
        )

    def _superseded(self) -> Superseded:
        where = f"range {self._index} of run {self._identity.run_id}"
        return Superseded(f"another attempt took over {where}; this one writes nothing more")


def listed_outboxes(client: Client, key_prefix: str, products_a_call: int) -> Iterator[ListedOutbox]:
    """Give every outbox that may hold something, of any run.

    Raises:
        CacheUnavailable: Redis did not answer.
    """
    with translated("listing the outboxes"):
        labels = client.hgetall(space_of(client).keys.outboxes)
    for _, label in sorted(labels.items()):
        of = json.loads(label)
        identity = RunIdentity(of["run_id"], of["run_type"], of["date"])
        outbox = RedisOutbox(client, identity, of["index"], key_prefix, products_a_call)
        yield ListedOutbox(identity, of["index"], outbox)


def _arguments(proposal: Proposal, group: int) -> tuple[str | bytes, ...]:
    finding = proposal.finding
    return (
        finding.product_id,
        "-" if proposal.expected is None else b"=" + proposal.expected,
        "" if finding.writes is None else str(finding.writes),
        _RECORDS.encode(finding.to_dict() | {"group": group}),
    )


def _read(record: bytes | str) -> Pending:
    raw = json.loads(record)
    group = raw.pop("group")
    return Pending(Finding.from_dict(raw), group)
