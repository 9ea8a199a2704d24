"""A small shop whose clock, orders and attempts move only when a test says so; counters, lock and outbox are on Redis.

An attempt is a coroutine that stops at every named step, at every wait, and before and after each command to Redis.
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import SimpleNamespace

import redis
from greenlet import GreenletExit, getcurrent, greenlet

from stocksync.bootstrap import Bootstrap
from stocksync.errors import StockSyncError
from stocksync.model.id_range import IdRange
from stocksync.reconcile.sizes import Sizes
from stocksync.settings import Settings
from tests.kit.fakes.clock import START, FakeClock
from tests.kit.fakes.shop import PLAN
from tests.kit.fakes.stores import FakeJournal, FakeLedger, FakePublisher

SETTLE = 2.0
EVERYTHING = IdRange(0, 1)
SETTINGS = Settings(settle_seconds=SETTLE)
SMALLEST = Sizes(group=2, commit=1, together=2)


class SteppingRedis(redis.Redis):
    """Stops before and after each command, if an attempt gives it; the next reply may get lost."""

    loses = 0

    def execute_command(self, *args, **options):
        _stop("asked")
        answer = super().execute_command(*args, **options)
        if _in_attempt():
            SteppingRedis.loses -= 1
            if SteppingRedis.loses == 0:
                raise redis.ConnectionError("the reply was lost")
        _stop("answered")
        return answer


class SteppedClock(FakeClock):
    """Whoever waits stops first; when it goes on, the time has passed and what was due has happened."""

    def sleep(self, seconds):
        if not _in_attempt():
            super().sleep(seconds)
            return
        until = self.monotonic() + seconds
        _stop("asleep")
        if self.monotonic() < until:
            super().sleep(until - self.monotonic())


class SteppedAttempt:
    """One attempt at a run; `at` is the step where it stopped, `result` its outcome or the error that ended it."""

    def __init__(self, world, plan):
        self.plan, self.result, self._world = plan, None, world
        self._coroutine = greenlet(lambda: self._work(world))
        self._coroutine.in_attempt = True
        self.step()

    @property
    def alive(self):
        return not self._coroutine.dead

    def step(self):
        """Go on to the next stop."""
        self._coroutine.parent = getcurrent()
        self.at = self._coroutine.switch()
        if self.at == "looked again":
            self._world.last_looks[self] = LastLook(dict(self._world.values))
        elif self.at == "committed" or not self.alive:
            self._world.last_looks.pop(self, None)

    def kill(self):
        self._coroutine.parent = getcurrent()
        self._coroutine.throw(GreenletExit)
        self._world.last_looks.pop(self, None)

    def _work(self, world):
        try:
            self.result = world.reconciler(self.plan).run(EVERYTHING)
        except StockSyncError as error:
            self.result = error


class ProgramInSteps(Bootstrap):
    """The program as it is put together for a night, on a real Redis; ledger and topic are in memory."""

    def __init__(self, world, client):
        clients = SimpleNamespace(redis=lambda: client, operations=lambda: None)
        super().__init__(clients, SETTINGS, clock=world.clock, sizes=SMALLEST)
        self.ledger = world.ledger
        self._world = world

    def topic(self, schema_id):
        return self._world.publisher


@dataclass
class LastLook:
    """What an attempt saw last before it writes, and which counters were changed since then that no order changed."""

    values: dict[str, bytes | None]
    corrupted: set[str] = field(default_factory=set)


class SteppedShop:
    """The shop: `drift` is what it knows of each counter that no program should have to guess.

    Attributes:
        values: the bytes each counter must hold, by what was done to it
        on_the_way: pieces that orders took from a counter and not yet from the ledger
        restores: what the program was seen to write: (run that was at work, product, pieces added)
        last_looks: of the attempts that are about to write
    """

    def __init__(self, uri, stocks):
        self.redis = redis.Redis.from_url(uri)
        self._program = SteppingRedis.from_url(uri)
        SteppingRedis.loses = 0
        self.redis.flushall()
        self.clock, self.publisher = SteppedClock(), FakePublisher()
        self.ledger = FakeLedger({i: str(stock).encode() for i, (stock, _) in stocks.items()}, batch=2)
        self.values = {i: str(stock - drift).encode() for i, (stock, drift) in stocks.items()}
        self.redis.mset({f"stock:{i}": value for i, value in self.values.items()})
        self.on_the_way = Counter()
        self.journals, self.restores, self.last_looks = {}, [], {}

    def close(self):
        self.redis.close()
        self._program.close()

    def plan(self, run_id):
        return replace(PLAN, run_id=run_id, stop_at=(START + timedelta(days=9)).isoformat())

    def reconciler(self, plan):
        journal = self.journals.setdefault(plan.run_id, FakeJournal())
        return ProgramInSteps(self, self._program).reconciler(plan, EVERYTHING, journal, _stop)

    def drain(self):
        """What a run's publish_pending does: it leaves the outboxes of runs at work alone."""
        ProgramInSteps(self, self.redis).drain(self.plan("nobody's run"))

    # --- the shop and its accidents ---------------------------------------------------------------------------

    def order(self, product_id, pieces, lag):
        """Somebody buys (or returns, below zero): the counter at once, the ledger after the lag."""
        held = self.number(product_id)
        if held is None or held < pieces:
            return
        left = str(held - pieces).encode()
        if any(product_id in look.corrupted and left == look.values[product_id] for look in self.last_looks.values()):
            return  # as below
        self.redis.decrby(f"stock:{product_id}", pieces)
        self.values[product_id] = left
        self.on_the_way[product_id] += pieces
        self.clock.after(lag, lambda: self._land(product_id, pieces))

    def corrupt(self, product_id, value):
        """A counter changes that no order changed; None: it is gone.

        Not back to what an attempt saw in its last look before it writes: if an order came in between, the untouched
        bytes hide it from any compare-and-set (docs/reliability.md).
        """
        changes = value != self.values[product_id]
        if changes and any(value == look.values[product_id] for look in self.last_looks.values()):
            return
        for look in self.last_looks.values():
            look.corrupted.add(product_id)
        key = f"stock:{product_id}"
        self.redis.delete(key) if value is None else self.redis.set(key, value)
        self.values[product_id] = value

    def expire_lock(self):
        self.redis.delete(f"sync:stock:{PLAN.date}")

    def flush(self):
        self.redis.flushall()
        self.values = dict.fromkeys(self.values)
        for look in self.last_looks.values():
            look.corrupted.update(self.values)

    def number(self, product_id):
        value = self.values[product_id]
        return int(value) if value is not None and value.lstrip(b"-").isdigit() else None

    def right(self, product_id):
        """What the counter should be for the shop to sell exactly what it has."""
        return int(self.ledger.stocks[product_id]) - self.on_the_way[product_id]

    def notice(self, run_id):
        """See what the program wrote since the last look. It may only have put small differences right, exactly."""
        for product_id, before in self.values.items():
            now = self.redis.get(f"stock:{product_id}")
            if now != before:
                held = 0 if before is None else self.number(product_id)
                assert held is not None, f"{product_id}: {before} is no number and was overwritten with {now}"
                assert now == str(self.right(product_id)).encode(), (
                    f"{product_id} was set from {before} to {now}, right is {self.right(product_id)}"
                )
                assert abs(int(now) - held) <= 10, f"{product_id}: {held} to {now} is for a person to decide"
                assert self.redis.get(f"sync:stock:{PLAN.date}") == run_id.encode(), f"{run_id} wrote without the lock"
                self.restores.append((run_id, product_id, int(now) - held))
                self.values[product_id] = now

    def _land(self, product_id, pieces):
        self.ledger.stocks[product_id] = str(int(self.ledger.stocks[product_id]) - pieces).encode()
        self.on_the_way[product_id] -= pieces


def _in_attempt():
    return getattr(getcurrent(), "in_attempt", False)


def _stop(step):
    if _in_attempt():
        getcurrent().parent.switch(step)
