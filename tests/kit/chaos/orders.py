"""The shop at work: writers sell and restock in Redis, and book the same orders in PostgreSQL a little later.

An order takes its pieces from the counter only if there are enough (else it is refused and never was), and reaches
the ledger between 0 and LAG of the settling time later, not in the order in which the orders were made.
"""

import heapq
import math
import random
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass

import psycopg2
import redis

from tests.kit.chaos.attempts import PROCESSES, warm_up

LAG = 0.9
BATCH = 12
SELL = """
local left = tonumber(redis.call('GET', KEYS[1]) or 0) - tonumber(ARGV[1])
if left < 0 then return 0 end
redis.call('DECRBY', KEYS[1], ARGV[1])
return 1
"""


BOOK = """
UPDATE products SET stock = stock - o.pieces FROM unnest(%s::text[], %s::int[]) AS o (id, pieces)
WHERE products.id = o.id
"""


@dataclass(frozen=True)
class Market:
    """What is bought: each of the hot products far more often than the others; `pieces` an order at most."""

    hot: tuple[str, ...]
    cold: tuple[str, ...] = ()
    hot_share: float = 0.7
    pieces: int = 3


class ShopProcesses:
    """Processes that sell, as a context manager; leaving it by an error stops them.

    Whoever makes them sets `_processes`, `_stop` (an event) and `_oldest` (for each, when its oldest order was made of
    those that only one store has).
    """

    def __enter__(self):
        for process in self._processes:
            process.start()
        return self

    def __exit__(self, *error):
        if error[0]:
            self._stop.set()
        for process in self._processes:
            process.join()
        assert [process.exitcode for process in self._processes] == [0] * len(self._processes)

    @property
    def busy(self):
        return any(process.is_alive() for process in self._processes)

    def landed_before(self, moment):
        """Whether every order from before that moment is whole: no store has it that the other has not."""
        return all(oldest.value >= moment for oldest in self._oldest)


class Writers(ShopProcesses):
    """Processes that make orders until there are enough, as a context manager.

    Each product belongs to one writer, so that they do not wait for each other's row locks.
    """

    def __init__(self, shop, redis_uri, market, *, orders, count=2, seed=0):
        warm_up()
        self._settle = shop.settle.total_seconds()
        self._oldest = [PROCESSES.Value("d", math.inf) for _ in range(count)]
        self._made = [PROCESSES.Value("q", 0) for _ in range(count)]
        self._stop = PROCESSES.Event()
        self._processes = []
        for number in range(count):
            mine = Market(market.hot[number::count], market.cold[number::count], market.hot_share, market.pieces)
            arguments = (shop.dsn, shop.prefix, redis_uri, mine, self._settle * LAG, orders // count)
            shared = (self._oldest[number], self._made[number], self._stop, seed + number)
            self._processes.append(PROCESSES.Process(target=_write, args=(*arguments, *shared)))

    @property
    def orders(self):
        return sum(made.value for made in self._made)


class SettlingClock:
    """A clock on which no order takes longer than the settling time, however busy the machine is."""

    def __init__(self, clock, writers, settle):
        self._writers, self._settle = writers, settle.total_seconds()
        self.now, self.monotonic = clock.now, clock.monotonic

    def sleep(self, seconds):
        time.sleep(seconds)
        settled = time.monotonic() - self._settle
        while not self._writers.landed_before(settled):
            time.sleep(0.001)


def _write(dsn, prefix, redis_uri, market, lag, orders, oldest, made, stop, seed):
    rng = random.Random(seed)
    on_the_way = []  # (due, when it was made, product, pieces taken)
    with redis.Redis.from_url(redis_uri) as client, closing(psycopg2.connect(dsn)) as ledger, ledger.cursor() as cursor:
        ledger.autocommit = True
        sell = client.register_script(SELL)

        def land(until):
            due = Counter()
            while on_the_way and on_the_way[0][0] <= until:
                _, _, product, pieces = heapq.heappop(on_the_way)
                due[product] += pieces
            if due:
                cursor.execute(
                    BOOK,
                    (list(due), list(due.values())),
                )
            oldest.value = min((order[1] for order in on_the_way), default=math.inf)

        while made.value < orders and not stop.is_set():
            asked = [_order(rng, market) for _ in range(BATCH)]
            now = time.monotonic()
            oldest.value = min(oldest.value, now)  # known to be on its way before it is
            pipeline = client.pipeline(transaction=False)
            for product, pieces in asked:
                if pieces > 0:
                    sell(keys=[prefix + product], args=[pieces], client=pipeline)
                else:
                    pipeline.incrby(prefix + product, -pieces)
            for (product, pieces), answer in zip(asked, pipeline.execute(), strict=True):
                if pieces < 0 or answer:
                    heapq.heappush(on_the_way, (now + rng.uniform(0, lag), now, product, pieces))
                    made.value += 1
            land(time.monotonic())
        while on_the_way:
            time.sleep(max(0, on_the_way[0][0] - time.monotonic()))
            land(time.monotonic())


def _order(rng, market):
    """A product and how many pieces of it are taken; below zero: they come back."""
    hot = not market.cold or rng.random() < market.hot_share
    product = rng.choice(market.hot if hot else market.cold)
    return product, rng.choice((-1, 1)) * rng.randint(1, market.pieces)
