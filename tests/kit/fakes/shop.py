"""A shop in memory: both stores, a topic and a clock, and attempts to reconcile it."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from stocksync.adapters.avro import SingleObjectCodec, load_schema
from stocksync.errors import StockSyncError
from stocksync.model.id_range import IdRange
from stocksync.model.plan import RunPlan
from stocksync.model.policy import Action, Rules
from stocksync.reconcile.close_run import add_up
from stocksync.reconcile.drain import drain
from stocksync.reconcile.reconciler import Reconciler, Stores
from tests.kit.fakes.clock import START, FakeClock
from tests.kit.fakes.stores import (
    FakeCache,
    FakeJournal,
    FakeLedger,
    FakeLock,
    FakeOutbox,
    FakePublisher,
    FakeRedis,
    counter,
    ledger_stock,
)
from tests.kit.paths import SCHEMA

EVERYTHING = IdRange(0, 1)
SETTLE = 2.0
CODEC = SingleObjectCodec(load_schema(SCHEMA))

PLAN = RunPlan(
    run_id="manual__one",
    run_type="manual",
    date="2026-03-02",
    dry_run=False,
    dry_run_reason="",
    pass_number=0,
    batch_size=1000,
    auto_restore_limit=10,
    started_at=START.isoformat(),
    stop_at=(START + timedelta(minutes=30)).isoformat(),
)


class Killed(BaseException):
    """SIGKILL, as far as Python can tell: no `except Exception` sees it."""


class FakeShop:
    """`FakeShop({"a": (100, 97)})`: product a has 100 in the ledger and 97 in the cache."""

    def __init__(self, products, *, rules=None, batch=1000):
        self.clock = FakeClock()
        self.redis = FakeRedis({i: counter(cached) for i, (_, cached) in products.items() if cached is not None})
        self.ledger = FakeLedger({i: ledger_stock(stock) for i, (stock, _) in products.items()}, batch=batch)
        self.publisher = FakePublisher()
        self.journal = FakeJournal()
        self.rules = rules or Rules()
        self.plan = PLAN
        self.outbox = None

    # --- what the program does -------------------------------------------------------------------------------

    def attempt(self, *, reached=lambda _step: None, id_range=EVERYTHING, pace=None):
        """Reconcile in a fresh process, on what earlier attempts left behind."""
        self.outbox = FakeOutbox(self.redis, self.plan.run_id, id_range.index)
        stores = Stores(
            ledger=self.ledger,
            cache=FakeCache(self.redis),
            outbox=self.outbox,
            lock=FakeLock(self.redis, self.plan.run_id),
            publisher=self.publisher,
            journal=self.journal,
            clock=self.clock,
        )
        settle = timedelta(seconds=SETTLE)
        reconciler = Reconciler(
            stores, self.plan, self.rules, key_prefix="stock:", settle=settle, pace=pace, reached=reached
        )
        return reconciler.run(id_range)

    def die_after(self, steps):
        """Begin an attempt that is killed when it has passed so many steps, or is refused before."""
        left = steps

        def reached(_step):
            nonlocal left
            left -= 1
            if left == 0:
                raise Killed

        with suppress(Killed, StockSyncError):
            self.attempt(reached=reached)

    def cleared(self):
        """A person clears the run in the UI: its next attempts are another pass."""
        self.plan = replace(self.plan, pass_number=self.plan.pass_number + 1)

    def drain(self):
        """What publish_pending does with this run's outbox."""
        outbox = FakeOutbox(self.redis, self.plan.run_id, 0)
        return drain(outbox, self.publisher, self.plan.identity, 0, self.plan.auto_restore_limit)

    def added_up(self):
        """What summarize makes of a range whose task never returned."""
        return add_up(
            [EVERYTHING],
            {},
            lambda index: FakeOutbox(self.redis, self.plan.run_id, index),
            lambda id_range: self.ledger.count(id_range, None),
        )

    # --- what the shop does ----------------------------------------------------------------------------------

    def sell(self, product_id, pieces=1):
        """An order takes its pieces from the counter; the ledger hears of it later."""
        self.redis.counters[product_id] = str(int(self.redis.counters[product_id]) - pieces).encode()

    def book(self, product_id, pieces=1):
        """The order arrives in the ledger."""
        self.ledger.stocks[product_id] = str(int(self.ledger.stocks[product_id]) - pieces).encode()

    def corrupt(self, product_id, value):
        """A bug writes something else into the counter; None: it deletes it."""
        self.redis.counters.pop(product_id, None)
        if value is not None:
            self.redis.counters[product_id] = counter(value)

    # --- what can be seen ------------------------------------------------------------------------------------

    def counter(self, product_id):
        value = self.redis.counters.get(product_id)
        return value.decode() if isinstance(value, bytes) else value

    def events(self):
        """Every logical event by its id; all copies of one must be the same bytes."""
        seen = {}
        for alert in self.publisher.delivered:
            copy = (CODEC.encode(alert.payload()), dict(alert.headers))
            assert seen.setdefault(alert.finding.event_id, copy) == copy, "two copies of an event differ"
        return {event_id: CODEC.decode(value) for event_id, (value, _) in seen.items()}

    def restored(self):
        """Product ids of the restore events, one for each."""
        return sorted(e["productId"] for e in self.events().values() if e["action"] == Action.REDIS_RESTORED)

    def reviewed(self):
        """Product ids of the events that ask for a person."""
        return sorted(e["productId"] for e in self.events().values() if e["action"] != Action.REDIS_RESTORED)

    def recorded(self):
        """What the outbox still holds."""
        return sorted(i for records in self.redis.records.values() for i in records)


def killed_at(step, times=1):
    """A `reached` that kills its process the n-th time a step is passed."""
    left = times

    def reached(name):
        nonlocal left
        if name == step:
            left -= 1
            if left == 0:
                raise Killed(step)

    return reached
