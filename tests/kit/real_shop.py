"""A shop for tests: a ledger in PostgreSQL, counters in Redis, a topic, and runs over them without Airflow."""

import io
import json
import re
import uuid
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial

import psycopg2
import redis
from confluent_kafka import Consumer

from stocksync.adapters.kafka import IdempotentProducer
from stocksync.adapters.kafka_source import CONSUMER
from stocksync.adapters.redis_client import Patience
from stocksync.bootstrap import Bootstrap
from stocksync.model.id_range import IdRange
from stocksync.model.plan import RunPlan
from stocksync.model.policy import Rules
from stocksync.model.progress import Progress, RangeOutcome
from stocksync.reconcile.sizes import STANDARD, Sizes
from stocksync.review.decision import HOLDS_FOR, Decision, DecisionKind
from stocksync.settings import Settings
from tests.kit.database import execute
from tests.kit.subscriber import SINGLE_OBJECT, decoded, messages


class RedisJournal:
    """Stands in for Airflow's task state store, in the same spirit: JSON that survives its process."""

    def __init__(self, client, name):
        self._client, self._name = client, f"test:journal:{name}"

    def load(self):
        raw = self._client.get(self._name)
        return None if raw is None else Progress.from_dict(json.loads(raw))

    def save(self, progress):
        self._client.set(self._name, json.dumps(progress.to_dict()))


class ShopParts(Bootstrap):
    """The program on a shop's services; `instead` replaces stores of a reconciliation by name."""

    def __init__(self, shop, instead):
        clock = instead.get("clock")
        patience = getattr(shop.cache, "patience", Patience())  # a client in a hurry says so
        super().__init__(shop, shop.settings, clock=clock, sizes=shop.sizes, patience=patience)
        self._shop, self._instead = shop, instead

    def stores(self, plan, index, journal):
        return replace(super().stores(plan, index, journal), **self._instead)

    def topic(self, schema_id):
        return self._shop.publisher() or super().topic(schema_id)


@dataclass
class RealShop:
    """Where the stores are, and how runs over them are set. Implements the port Clients of bootstrap."""

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
    sizes: Sizes = STANDARD
    framing: re.Pattern[bytes] = SINGLE_OBJECT
    holds: dict = field(default_factory=dict)
    held_before: int = 0
    operations_dsn: str = ""

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

    # --- native clients ----------------------------------------------------------------------------------------

    def postgres(self):
        return psycopg2.connect(self.dsn, connect_timeout=3)

    def redis(self):
        return self.cache

    def producer(self):
        return IdempotentProducer({"linger.ms": 1, **self.servers})

    def consumer(self):
        return Consumer({**self.servers, **CONSUMER})

    def operations(self):
        return partial(psycopg2.connect, self.operations_dsn, connect_timeout=3) if self.operations_dsn else None

    def registry(self):
        return None

    # --- the program -------------------------------------------------------------------------------------------

    @property
    def settings(self):
        return Settings(
            products_table=self.table,
            key_prefix=self.prefix,
            topic=self.topic or "no.topic",
            max_mapped_tasks=self.max_ranges,
            settle_seconds=self.settle.total_seconds(),
            missing_key_policy=self.rules.missing_key_policy,
            **self.holds,
        )

    def parts(self, **instead):
        return ShopParts(self, instead)

    def publisher(self):
        """What takes the events instead of Kafka; None: Kafka does."""
        return

    def ledger(self):
        return self.parts().ledger

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
            had_holds=self.parts().check_holds(self.held_before),
        )

    def whole(self):
        """The whole ledger as one range."""
        return [IdRange(0, 1, rows=0)]

    def ranges(self):
        return self.parts().ranges(self.plan())

    def reconcile(
        self,
        plan: RunPlan,
        id_range: IdRange,
        *,
        reached: Callable[[str], None] = lambda _step: None,
        journal=None,
        **instead,
    ) -> RangeOutcome:
        """Reconcile one range; `instead` replaces stores by name."""
        journal = journal or RedisJournal(self.cache, f"{plan.run_id}:{id_range.index}")
        return self.parts(**instead).reconciler(plan, id_range, journal, reached).run(id_range)

    # --- decisions -------------------------------------------------------------------------------------------

    @property
    def audit(self):
        """The record of decisions."""
        return self.parts().decision_log()

    def decide(self, kind, seen, *, by="kim", **how):
        """Note a decision that is made now."""
        name = f"manual__{uuid.uuid4()}"
        decision = Decision(name, DecisionKind(kind), by, datetime.now(UTC), "counted by hand", **how)
        self.audit.record(decision, seen)
        return decision

    def carry_out(self, decision, *, reached: Callable[[str], None] = lambda _step: None, **instead):
        """Do what the mapped task does, in one piece; return what became of each product."""
        parts = self.parts(**instead)
        plan = self.plan_of(decision)
        parts.lock(plan).hold()
        piece = IdRange(0, 1, ids=tuple(self.audit.asked(decision.decision_id)))
        journal = RedisJournal(self.cache, f"{plan.run_id}:0")
        outcomes = parts.reviewer(parts.decision_log()).apply(
            decision, piece, parts.decision_engine(plan, journal, reached)
        )
        return {outcome.product_id: outcome for outcome in outcomes}

    def plan_of(self, decision):
        """The plan by which a decision is carried out."""
        at = decision.decided_at
        times = {"date": at.date().isoformat(), "started_at": at.isoformat(), "stop_at": (at + HOLDS_FOR).isoformat()}
        return replace(self.plan(decision.decision_id), **times)

    def over(self, decision):
        """The decision's run ends: what dead tasks left is published, and the lock is given back."""
        plan = self.plan_of(decision)
        self.parts().drain(plan)
        self.parts().lock(plan).release()

    # --- runs --------------------------------------------------------------------------------------------------

    def run(self, plan=None, ranges=None, **how):
        """Do what the DAG does, in one process; return the summary as JSON."""
        plan = plan or self.plan()
        ranges = ranges if ranges is not None else self.ranges()
        outcomes = {r.index: self.reconcile(plan, r, **how) for r in ranges}
        return self.close(plan, ranges, outcomes)

    def close(self, plan, ranges, outcomes):
        """Drain, add up, release: the tasks after the mapped ones."""
        parts = self.parts()
        if not plan.dry_run:
            parts.drain(plan)
        summary = parts.closer(plan).close(ranges, outcomes, published=True)
        parts.lock(plan).release()
        return summary.to_dict()

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
