"""Stand-ins behind stocksync.reconcile.ports: what a PostgreSQL, a Redis, a topic and a task state store would do."""

import json
from collections import Counter
from dataclasses import dataclass, field

from stocksync.adapters.avro import SingleObjectCodec, event_schema
from stocksync.adapters.event_codec import EventEncoder
from stocksync.errors import LockHeld, LockLost, PublishFailed, Superseded
from stocksync.model.expected import Expected
from stocksync.model.finding import Finding, RunIdentity
from stocksync.model.id_range import IdRange
from stocksync.model.progress import Progress
from stocksync.model.stock import Unreadable
from stocksync.reconcile.ports import LedgerBatch, Pending

CODEC = SingleObjectCodec(event_schema())
ENCODER = EventEncoder(CODEC)


class FakeLedger:
    """Stocks by product id. A scan sees the rows as they were when it began, as a COPY does."""

    def __init__(self, stocks, batch=1000, before_batch=lambda: None):
        self.stocks = stocks
        self.batch, self.before_batch = batch, before_batch

    def scan(self, id_range, after):
        rows = self._rows(id_range, after)
        for start in range(0, len(rows), self.batch):
            self.before_batch()
            piece = rows[start : start + self.batch]
            yield LedgerBatch([i.encode() for i, _ in piece], [stock for _, stock in piece])

    def read(self, product_ids):
        return {i: self.stocks[i] for i in product_ids if i in self.stocks}

    def expected(self, product_ids):
        return {i: Expected(stock) for i, stock in self.read(product_ids).items()}

    def held_units(self, _id_range):
        return 0

    def count(self, id_range, after):
        return len(self._rows(id_range, after))

    def _rows(self, id_range, after):
        def within(i):
            return (
                (id_range.ids is None or i in id_range.ids)
                and (id_range.lower is None or i >= id_range.lower)
                and (id_range.upper is None or i < id_range.upper)
                and (after is None or i > after)
            )

        return sorted((i, stock) for i, stock in self.stocks.items() if within(i))


class Counters(dict):
    """Counters that know how often each was written: Redis tells of every write, even of the same bytes."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.writes = Counter()

    def __setitem__(self, product_id, value):
        self.writes[product_id] += 1
        super().__setitem__(product_id, value)

    def __delitem__(self, product_id):
        self.writes[product_id] += 1
        super().__delitem__(product_id)

    def update(self, *args, **kwargs):
        for product_id, value in dict(*args, **kwargs).items():
            self[product_id] = value

    def setdefault(self, product_id, value):
        if product_id not in self:
            self[product_id] = value
        return self[product_id]


@dataclass
class FakeRedis:
    """What one Redis holds, shared by the fakes below as the real one is shared by the adapters."""

    counters: dict = field(default_factory=dict)
    lock: str | None = None
    records: dict = field(default_factory=dict)
    notes: dict = field(default_factory=dict)
    writers: dict = field(default_factory=dict)
    writes: int = 0
    unfinished: list = field(default_factory=list)

    def __post_init__(self):
        self.counters = Counters(self.counters)


class FakeCache:
    def __init__(self, redis, prefix="stock:"):
        self._redis, self._prefix = redis, prefix
        self._watched = {}

    def read_along(self, batches):
        for batch in batches:
            yield batch, self.read([raw_id.decode() for raw_id in batch.ids])

    def read(self, product_ids):
        return [self._redis.counters.get(i) for i in product_ids]

    def look(self, product_ids):
        return [(self._redis.counters.get(i), self._untouched(i)) for i in product_ids]

    def forget(self, product_ids=None):
        for product_id in list(self._watched) if product_ids is None else product_ids:
            self._watched.pop(product_id, None)

    @property
    def watched(self):
        return set(self._watched)

    def _untouched(self, product_id):
        writes = self._redis.counters.writes[product_id]
        before = self._watched.get(product_id)
        self._watched[product_id] = writes
        return before == writes


class FakeUnfinished:
    """Implements Unfinished beside the counters."""

    def __init__(self, redis):
        self._redis = redis

    def ranges(self):
        return [IdRange.from_dict(each) for each in self._redis.unfinished]

    def note(self, ranges):
        self._redis.unfinished = [each.to_dict() for each in ranges]


class FakeLock:
    def __init__(self, redis, token):
        self._redis, self._token = redis, token

    def hold(self):
        if self._redis.lock not in {None, self._token}:
            raise LockHeld(f"run {self._redis.lock} holds the lock")
        self._redis.lock = self._token

    def is_held(self):
        return self._redis.lock == self._token

    def release(self):
        ours = self._redis.lock == self._token
        if ours:
            self._redis.lock = None
        return ours


class FakeOutbox:
    """One range's outbox: commit is compare-and-set and record in one step, as the Lua script is."""

    def __init__(self, redis, run_id, index):
        self._redis, self._run_id = redis, run_id
        self._name = (run_id, index)
        self._writer = object()

    def take_over(self):
        self._redis.writers[self._name] = self._writer
        noted = self._redis.notes.get(self._name)
        return None if noted is None else Progress.from_dict(json.loads(noted))

    def pending(self):
        records = self._redis.records.get(self._name, {})
        return [records[i] for i in sorted(records)]

    def commit(self, group, proposals):
        if not proposals:
            return []
        if self._redis.lock != self._run_id:
            raise LockLost(f"run {self._run_id} lost the lock")
        self._only_writer()
        return [self._commit_one(group, proposal) for proposal in proposals]

    def clear(self, product_ids, progress):
        self._only_writer()
        self._redis.notes[self._name] = json.dumps(progress.to_dict())
        for i in product_ids:
            self._redis.records.get(self._name, {}).pop(i, None)

    def _commit_one(self, group, proposal):
        finding = proposal.finding
        records = self._redis.records.setdefault(self._name, {})
        if finding.product_id in records:
            return True
        if self._redis.counters.get(finding.product_id) != proposal.expected:
            return False
        records[finding.product_id] = Pending(finding, group)
        if finding.writes is not None:
            self._redis.counters[finding.product_id] = str(finding.writes).encode()
            self._redis.writes += 1
        return True

    def _only_writer(self):
        if self._redis.writers.get(self._name) is not self._writer:
            raise Superseded("another attempt took over")


@dataclass(frozen=True)
class Published:
    """A finding that was published, and of which run."""

    run: RunIdentity
    finding: Finding

    def copy(self):
        """The message as it lies on the topic: value and headers."""
        return ENCODER.value(self.finding), dict(ENCODER.headers(self.finding, self.run))


class FakePublisher:
    """A topic; with `room`, it acknowledges that many events more and refuses the rest."""

    def __init__(self):
        self.delivered = []
        self.room = None

    def publish(self, run, findings):
        taken = findings if self.room is None else findings[: self.room]
        self.delivered += [Published(run, finding) for finding in taken]
        if self.room is not None:
            self.room -= len(taken)
        if len(taken) < len(findings):
            raise PublishFailed(f"{len(findings) - len(taken)} of {len(findings)} events were not acknowledged")

    def events(self):
        """Every logical event by its id; all copies of one must be the same bytes."""
        seen = {}
        for published in self.delivered:
            copy = published.copy()
            assert seen.setdefault(published.finding.event_id, copy) == copy, "two copies of an event differ"
        return {event_id: CODEC.decode(value) for event_id, (value, _) in seen.items()}


class FakeJournal:
    """Keeps JSON, as Airflow's task state store does."""

    def __init__(self):
        self.text = None

    def load(self):
        return None if self.text is None else Progress.from_dict(json.loads(self.text))

    def save(self, progress):
        self.text = json.dumps(progress.to_dict())


def ledger_stock(number):
    """A stock as the ledger port gives it."""
    return Unreadable.NO_STOCK if number is None else str(number).encode()


def counter(value):
    """A counter as the cache port gives it."""
    return str(value).encode() if isinstance(value, int) else value
