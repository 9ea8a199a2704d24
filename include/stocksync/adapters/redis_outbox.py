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
from stocksync.model.progress import Progress
from stocksync.reconcile.ports import ListedOutbox, Pending, Proposal

_KEEP_PROGRESS_SECONDS = 7 * 24 * 3600


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
        self, client: redis.Redis, identity: RunIdentity, index: int, key_prefix: str, products_a_call: int
    ) -> None:
        self._identity = identity
        self._index = index
        self._products_a_call = products_a_call
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

    def commit(self, group: int, proposals: Sequence[Proposal]) -> list[bool]:
        """Restore and record, so many products a call."""
        done: list[bool] = []
        for start in range(0, len(proposals), self._products_a_call):
            done += self._commit_some(group, proposals[start : start + self._products_a_call])
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

    def _commit_some(self, group: int, proposals: Sequence[Proposal]) -> list[bool]:
        with translated("restoring counters"):
            answer = self._commit(
                keys=[
                    self._lock,
                    self._progress,
                    self._outbox,
                    keys.OUTBOXES,
                    *(self._prefix + proposal.finding.product_id for proposal in proposals),
                ],
                args=[
                    self._identity.run_id,
                    self._writer_field,
                    self._writer,
                    json.dumps(self._label()),
                    *(argument for proposal in proposals for argument in _arguments(proposal, group)),
                ],
            )
        if answer == [b"lock lost"]:
            raise LockLost(
                f"run {self._identity.run_id} no longer holds {self._lock}: nothing more was written; "
                "a retry takes it again if it is free, else start the run again"
            )
        if answer == [b"superseded"]:
            raise self._superseded()
        return [bool(one) for one in answer]

    def _label(self) -> dict[str, Any]:
        run = self._identity
        return {
            "run_id": run.run_id,
            "run_type": run.run_type,
            "date": run.date,
            "index": self._index,
        }

    def _superseded(self) -> Superseded:
        where = f"range {self._index} of run {self._identity.run_id}"
        return Superseded(f"another attempt took over {where}; this one writes nothing more")


def listed_outboxes(client: redis.Redis, key_prefix: str, products_a_call: int) -> Iterator[ListedOutbox]:
    """Give every outbox that still holds something, of any run.

    Raises:
        CacheUnavailable: Redis did not answer.
    """
    with translated("listing the outboxes"):
        labels = client.hgetall(keys.OUTBOXES)
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
        json.dumps(finding.to_dict() | {"group": group}),
    )


def _read(record: bytes | str) -> Pending:
    raw = json.loads(record)
    group = raw.pop("group")
    return Pending(Finding.from_dict(raw), group)
