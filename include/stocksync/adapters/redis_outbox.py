"""The outbox beside the counters in Redis: what was restored is recorded in the very script that restores it."""

import json
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import redis

from stocksync.adapters import redis_keys as keys
from stocksync.adapters.redis_errors import script, translated
from stocksync.errors import LockLost, Superseded
from stocksync.model.finding import Finding, RunIdentity
from stocksync.model.policy import Action
from stocksync.model.progress import Progress
from stocksync.reconcile.ports import Pending, Proposal

_PRODUCTS_A_CALL = 200
"""A script holds Redis up for everyone: 200 products are about half a millisecond."""
_KEEP_PROGRESS_SECONDS = 7 * 24 * 3600


class RedisOutbox:
    """Implements the port Outbox for one range of one run.

    Args:
        client: a client without decode_responses
        identity: the run the findings belong to
        auto_restore_limit: the run's, for whoever publishes what a dead attempt left
        index: the range
        key_prefix: what a counter's key has before the product id
    """

    def __init__(
        self, client: redis.Redis, identity: RunIdentity, auto_restore_limit: int, index: int, key_prefix: str
    ) -> None:
        self.identity = identity
        self.auto_restore_limit = auto_restore_limit
        self.index = index
        self._client = client
        self._prefix = key_prefix
        self._lock = keys.lock(identity.date)
        self._outbox = keys.outbox(identity.run_id, index)
        self._progress = keys.progress(identity.run_id)
        self._field = str(index)
        self._writer_field = f"{index}:writer"
        self._writer = uuid.uuid4().hex
        self._commit = client.register_script(script("commit"))
        self._clear = client.register_script(script("clear"))

    def take_over(self) -> Progress | None:
        """Become the one writer, and read the last noted progress."""
        with translated("taking over the outbox"):
            pipeline = self._client.pipeline(transaction=True)
            pipeline.hset(self._progress, self._writer_field, self._writer)
            pipeline.expire(self._progress, _KEEP_PROGRESS_SECONDS)
            pipeline.hget(self._progress, self._field)
            noted = pipeline.execute()[-1]
        return None if noted is None else Progress.from_dict(json.loads(noted))

    def pending(self) -> list[Pending]:
        """What an earlier attempt recorded and did not clear, in the order of product ids."""
        with translated("reading the outbox"):
            records = self._client.hgetall(self._outbox)
        return [_read(record) for _, record in sorted(records.items())]

    def commit(self, group: int, decisions: Sequence[Proposal]) -> list[bool]:
        """Restore and record, 200 products a call."""
        done: list[bool] = []
        for start in range(0, len(decisions), _PRODUCTS_A_CALL):
            done += self._commit_some(group, decisions[start : start + _PRODUCTS_A_CALL])
        return done

    def clear(self, product_ids: Sequence[str], progress: Progress) -> None:
        """Forget published findings and note the progress."""
        with translated("clearing the outbox"):
            cleared = self._clear(
                keys=[self._progress, self._outbox, keys.OUTBOXES],
                args=[
                    self._writer_field,
                    self._writer,
                    self._field,
                    json.dumps(progress.to_dict()),
                    _KEEP_PROGRESS_SECONDS,
                    *product_ids,
                ],
            )
        if not cleared:
            raise self._superseded()

    def _commit_some(self, group: int, decisions: Sequence[Proposal]) -> list[bool]:
        with translated("restoring counters"):
            answer = self._commit(
                keys=[
                    self._lock,
                    self._progress,
                    self._outbox,
                    keys.OUTBOXES,
                    *(self._prefix + decision.finding.product_id for decision in decisions),
                ],
                args=[
                    self.identity.run_id,
                    self._writer_field,
                    self._writer,
                    json.dumps(self._label()),
                    *(argument for decision in decisions for argument in _arguments(decision, group)),
                ],
            )
        if answer == [b"lock lost"]:
            raise LockLost(
                f"run {self.identity.run_id} no longer holds {self._lock}: nothing more was written; "
                "a retry takes it again if it is free, else start the run again"
            )
        if answer == [b"superseded"]:
            raise self._superseded()
        return [bool(one) for one in answer]

    def _label(self) -> dict[str, Any]:
        run = self.identity
        return {
            "run_id": run.run_id,
            "run_type": run.run_type,
            "date": run.date,
            "auto_restore_limit": self.auto_restore_limit,
            "index": self.index,
        }

    def _superseded(self) -> Superseded:
        return Superseded(
            f"another attempt took over range {self.index} of run {self.identity.run_id}; this one writes nothing more"
        )


def unfinished(client: redis.Redis, key_prefix: str) -> Iterator[RedisOutbox]:
    """Every outbox that still holds something, of any run."""
    with translated("listing the outboxes"):
        labels = client.hgetall(keys.OUTBOXES)
    for _, label in sorted(labels.items()):
        of = json.loads(label)
        identity = RunIdentity(of["run_id"], of["run_type"], of["date"])
        yield RedisOutbox(client, identity, of["auto_restore_limit"], of["index"], key_prefix)


def _arguments(decision: Proposal, group: int) -> tuple[str | bytes, ...]:
    finding = decision.finding
    restores = finding.action is Action.REDIS_RESTORED
    return (
        finding.product_id,
        "-" if decision.expected is None else b"=" + decision.expected,
        str(finding.db_stock) if restores else "",
        json.dumps(finding.to_dict() | {"group": group}),
    )


def _read(record: bytes | str) -> Pending:
    raw = json.loads(record)
    group = raw.pop("group")
    return Pending(Finding.from_dict(raw), group)
