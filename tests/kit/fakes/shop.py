"""A shop in memory: both stores, a topic and a clock, and attempts to reconcile it."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from stocksync.bootstrap import Bootstrap
from stocksync.errors import StockSyncError
from stocksync.model.id_range import IdRange
from stocksync.model.plan import RunPlan
from stocksync.model.policy import Action
from stocksync.model.tally import Tally
from stocksync.reconcile.ports import ListedOutbox
from stocksync.reconcile.sizes import STANDARD
from stocksync.settings import Settings
from tests.kit.fakes.clock import START, FakeClock
from tests.kit.fakes.stores import (
    FakeCache,
    FakeJournal,
    FakeLedger,
    FakeLock,
    FakeOutbox,
    FakePublisher,
    FakeRedis,
    FakeUnfinished,
    counter,
    ledger_stock,
)

EVERYTHING = IdRange(0, 1)
SETTLE = 2.0

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


class ProgramOnFakes(Bootstrap):
    """The program as it is put together for a night, on stores in memory."""

    def __init__(self, world, settings):
        super().__init__(None, settings, clock=world.clock, sizes=world.sizes)
        self.ledger = world.ledger
        self._world = world

    def cache(self):
        self._world.cache = FakeCache(self._world.redis)
        return self._world.cache

    def lock_of(self, run):
        return FakeLock(self._world.redis, run.run_id)

    def outbox_of(self, run, index):
        return FakeOutbox(self._world.redis, run.run_id, index)

    def listed_outboxes(self):
        run, records = self._world.plan.identity, self._world.redis.records
        return [ListedOutbox(run, i, self.outbox_of(run, i)) for (_, i), held in list(records.items()) if held]

    def unsettled(self, plan):
        return None

    def left_to_the_next(self):
        return FakeUnfinished(self._world.redis)

    def topic(self, schema_id):
        return self._world.publisher

    def decision_log(self):
        return getattr(self._world, "log", None)


class FakeShop:
    """`FakeShop({"a": (100, 97)})`: product a has 100 in the ledger and 97 in the cache.

    `group` is how many suspects are handed on together, `together` how many full groups are closed at once, `limit`
    the largest difference that is restored, `policy` what a missing key means.
    """

    def __init__(self, products, *, limit=10, policy="zero", batch=1000, group=STANDARD.group, together=1):
        self.clock = FakeClock()
        self.redis = FakeRedis({i: counter(cached) for i, (_, cached) in products.items() if cached is not None})
        self.ledger = FakeLedger({i: ledger_stock(stock) for i, (stock, _) in products.items()}, batch=batch)
        self.publisher = FakePublisher()
        self.journal = FakeJournal()
        self.policy = policy
        self.sizes = replace(STANDARD, group=group, together=together)
        self.plan = replace(PLAN, auto_restore_limit=limit)
        self.cache = None

    # --- what the program does -------------------------------------------------------------------------------

    def parts(self, pace=0):
        """The program; `pace` is the most products a second."""
        settings = Settings(settle_seconds=SETTLE, missing_key_policy=self.policy, max_products_per_second=pace)
        return ProgramOnFakes(self, settings)

    def attempt(self, *, reached=lambda _step: None, id_range=EVERYTHING, pace=0, permission=None):
        """Reconcile in a fresh process, on what earlier attempts left behind."""
        return self.parts(pace).reconciler(self.plan, id_range, self.journal, reached, permission).run(id_range)

    @property
    def outbox(self):
        """The outbox of the whole catalogue, as a fresh process opens it."""
        return FakeOutbox(self.redis, self.plan.run_id, EVERYTHING.index)

    def die_after(self, steps):
        """Begin an attempt that is killed when it has passed so many steps, or is refused before."""
        with suppress(Killed, StockSyncError):
            self.attempt(reached=killed_after(steps))

    def cleared(self):
        """A person clears the run in the UI: its next attempts are another pass."""
        self.plan = replace(self.plan, pass_number=self.plan.pass_number + 1)

    def drain(self):
        """What publish_pending does with this run's outbox."""
        return self.parts().drain(self.plan)

    def added_up(self, ranges=(EVERYTHING,), outcomes=None):
        """What summarize makes of a range whose task never returned."""
        every = self.parts().closer(self.plan).every_outcome(ranges, outcomes or {}).values()
        return sum((each.tally for each in every), Tally()), sum(each.unprocessed for each in every)

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
        return self.publisher.events()

    def restored(self):
        """Product ids of the restore events, one for each."""
        return sorted(e["productId"] for e in self.events().values() if e["action"] == Action.REDIS_RESTORED)

    def reviewed(self):
        """Product ids of the events that ask for a person."""
        return sorted(e["productId"] for e in self.events().values() if e["action"] != Action.REDIS_RESTORED)

    def recorded(self):
        """What the outbox still holds."""
        return sorted(i for records in self.redis.records.values() for i in records)


def killed_after(steps):
    """A `reached` that kills its process when so many steps were passed, whichever they are."""
    left = steps

    def reached(_step):
        nonlocal left
        left -= 1
        if left == 0:
            raise Killed

    return reached


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
