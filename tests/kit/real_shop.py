"""A shop for tests: a ledger in PostgreSQL, counters in Redis, a topic, and runs over them without Airflow."""

import io
import json
import re
import time
import uuid
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import psycopg2
import redis
from confluent_kafka import Producer

from stocksync.adapters.avro import SingleObjectCodec, load_schema
from stocksync.adapters.dry_run import NoLock, NoOutbox, NoPublisher
from stocksync.adapters.kafka import DEFAULTS, KafkaAlertPublisher
from stocksync.adapters.postgres import LedgerTable, PostgresLedger
from stocksync.adapters.postgres_ranges import partition
from stocksync.adapters.redis_cache import RedisStockCache
from stocksync.adapters.redis_lock import RedisRunLock
from stocksync.adapters.redis_outbox import RedisOutbox, unfinished
from stocksync.model.id_range import IdRange
from stocksync.model.plan import RunPlan
from stocksync.model.policy import Rules
from stocksync.model.progress import Progress, RangeOutcome
from stocksync.model.summary import summarize
from stocksync.reconcile.close_run import add_up, status_of
from stocksync.reconcile.drain import drain
from stocksync.reconcile.reconciler import Reconciler, Stores
from tests.kit.database import execute
from tests.kit.paths import SCHEMA
from tests.kit.subscriber import SINGLE_OBJECT, decoded, messages


class SystemClock:
    def now(self):
        return datetime.now(UTC)

    def monotonic(self):
        return time.monotonic()

    def sleep(self, seconds):
        time.sleep(seconds)


class RedisJournal:
    """Stands in for Airflow's task state store, in the same spirit: JSON that survives its process."""

    def __init__(self, client, name):
        self._client, self._name = client, f"test:journal:{name}"

    def load(self):
        raw = self._client.get(self._name)
        return None if raw is None else Progress.from_dict(json.loads(raw))

    def save(self, progress):
        self._client.set(self._name, json.dumps(progress.to_dict()))


@dataclass
class RealShop:
    """Where the stores are, and how runs over them are set."""

    dsn: str
    cache: redis.Redis
    servers: dict
    topic: str
    id_type: str = "text"
    table: str = "products"
    prefix: str = "stock:"
    rules: Rules = field(default_factory=Rules)
    settle: timedelta = timedelta(milliseconds=1)
    batch_size: int = 1000
    max_ranges: int = 64
    time_limit: timedelta = timedelta(minutes=10)
    framing: re.Pattern[bytes] = SINGLE_OBJECT

    def build(self):
        self.sql(f"CREATE TABLE {self.table} (id {self.id_type} PRIMARY KEY, stock bigint)")
        return self

    def rebuild(self):
        """Begin again with two empty stores."""
        self.sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        self.cache.flushall()
        return self.build()

    def sql(self, statement, *values):
        return execute(self.dsn, statement, *values)

    def stock(self, rows: Iterable[tuple]):
        """Put (id, ledger, cache) rows into both stores; a cache of None sets no key."""
        rows = list(rows)
        copy = io.StringIO()
        for product_id, ledger, _ in rows:
            copy.write(_escaped(product_id) + "\t" + ("\\N" if ledger is None else str(ledger)) + "\n")
        copy.seek(0)
        with closing(psycopg2.connect(self.dsn)) as connection, connection, connection.cursor() as cursor:
            cursor.copy_expert(f"COPY {self.table} (id, stock) FROM STDIN", copy)
        pipeline = self.cache.pipeline(transaction=False)
        for product_id, _, cached in rows:
            if cached is not None:
                pipeline.set(f"{self.prefix}{product_id}", cached)
        pipeline.execute()

    def counter(self, product_id):
        value = self.cache.get(f"{self.prefix}{product_id}")
        return None if value is None else value.decode()

    # --- the program's parts, real ---------------------------------------------------------------------------

    def ledger(self):
        return PostgresLedger(
            lambda: psycopg2.connect(self.dsn, connect_timeout=3), LedgerTable(self.table, "id", "stock"), self.prefix
        )

    def publisher(self):
        producer = Producer({**DEFAULTS, "linger.ms": 1, **self.servers})
        return KafkaAlertPublisher(producer, self.topic, SingleObjectCodec(load_schema(SCHEMA)))

    def plan(self, run_id=None, *, dry_run=False, pass_number=0):
        now = datetime.now(UTC)
        return RunPlan(
            run_id=run_id or f"manual__{uuid.uuid4()}",
            run_type="manual",
            date=now.date().isoformat(),
            dry_run=dry_run,
            dry_run_reason="asked" if dry_run else "",
            pass_number=pass_number,
            batch_size=self.batch_size,
            auto_restore_limit=self.rules.auto_restore_limit,
            started_at=now.isoformat(),
            stop_at=(now + self.time_limit).isoformat(),
        )

    def stores(self, plan, index):
        writing = not plan.dry_run
        return Stores(
            ledger=self.ledger(),
            cache=RedisStockCache(self.cache, self.prefix),
            outbox=self.outbox(plan, index),
            lock=RedisRunLock(self.cache, plan.date, plan.run_id) if writing else NoLock(),
            publisher=self.publisher() if writing else NoPublisher(),
            journal=RedisJournal(self.cache, f"{plan.run_id}:{index}"),
            clock=SystemClock(),
        )

    def outbox(self, plan, index):
        if plan.dry_run:
            return NoOutbox()
        return RedisOutbox(self.cache, plan.identity, plan.auto_restore_limit, index, self.prefix)

    def whole(self):
        """The whole ledger as one range."""
        return [IdRange(0, 1, rows=0)]

    def ranges(self):
        return partition(self.ledger(), batch_size=self.batch_size, max_ranges=self.max_ranges)

    def reconcile(
        self,
        plan: RunPlan,
        id_range: IdRange,
        *,
        reached: Callable[[str], None] = lambda _step: None,
        **instead,
    ) -> RangeOutcome:
        """Reconcile one range; `instead` replaces stores by name."""
        stores = replace(self.stores(plan, id_range.index), **instead)
        return Reconciler(stores, plan, self.rules, key_prefix=self.prefix, settle=self.settle, reached=reached).run(
            id_range
        )

    def run(self, plan=None, ranges=None, **how):
        """Do what the DAG does, in one process; return the summary as JSON."""
        plan = plan or self.plan()
        ranges = ranges if ranges is not None else self.ranges()
        outcomes = {r.index: self.reconcile(plan, r, **how) for r in ranges}
        return self.close(plan, ranges, outcomes)

    def close(self, plan, ranges, outcomes):
        """Drain, add up, release: the tasks after the mapped ones."""
        if not plan.dry_run:
            for outbox in unfinished(self.cache, self.prefix):
                drain(outbox, self.publisher(), outbox.identity, outbox.index, outbox.auto_restore_limit)

        tally, unprocessed = add_up(
            ranges, outcomes, lambda index: self.outbox(plan, index), lambda r: self.ledger().count(r, None)
        )
        status = status_of(every_range_returned=len(outcomes) == len(ranges), published=True, unprocessed=unprocessed)
        if not plan.dry_run:
            RedisRunLock(self.cache, plan.date, plan.run_id).release()
        return summarize(plan, tally, unprocessed=unprocessed, status=status, finished=datetime.now(UTC)).to_dict()

    # --- what the outside sees -------------------------------------------------------------------------------

    def copies(self):
        """Every message of the topic, decoded by an independent reader."""
        return [decoded(message, self.framing) for message in messages(self.servers, self.topic)]

    def events(self, run_id=None):
        """Every logical event (of one run, if it is named) by product id: all copies must be byte-equal."""
        by_id = {}
        for copy in self.copies():
            if run_id not in {None, copy.headers["stock-sync-run-id"]}:
                continue
            assert by_id.setdefault(copy.event["eventId"], copy).value == copy.value, "two copies differ"
        return {copy.event["productId"]: copy.event for copy in by_id.values()}


def _escaped(text):
    return str(text).replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
