"""A night with retries, as Airflow gives them: attempts until one succeeds, then the tasks at the end of the run."""

from dataclasses import dataclass, field, replace

import redis

from stocksync.adapters.redis_client import Patience, with_patience
from stocksync.errors import StockSyncError
from tests.kit.fakes.stores import FakeJournal
from tests.kit.real_shop import RealShop
from tests.kit.recorded_topic import RecordedTopic

PRODUCTS = 30
ROWS = [(f"P{n:03d}", 100, (99, 100, 20, 108, None, "junk", 50, 95, 89, 100)[n % 10]) for n in range(PRODUCTS)]


def client(uri, port=None, *, retries=0, patience=1.0):
    """Connect to Redis as the program does, in a hurry; through a proxy if a port is given."""
    made = redis.Redis.from_url(uri)
    if port is not None:
        made.connection_pool.connection_kwargs["port"] = port
    made.patience = Patience(patience, patience, retries, first_pause_s=0.01, longest_pause_s=0.05)
    return with_patience(made, made.patience)


def through(dsn, port):
    """The same database by way of a proxy."""
    head, _, tail = dsn.rpartition(":")
    return f"{head}:{port}/{tail.partition('/')[2]}"


@dataclass
class QuietShop(RealShop):
    """Without Kafka servers its topic is a list in memory, out of reach of the faults."""

    published: list = field(default_factory=list)

    def publisher(self):
        return None if self.servers else RecordedTopic(self.published)

    def copies(self):
        return super().copies() if self.servers else RecordedTopic(self.published).copies()


class RetriedRun:
    """One run over a catalogue: `shop` sees the stores as they are, `broken` as the program sees them."""

    def __init__(self, shop, rows=ROWS, **broken):
        self.shop, self.rows = shop, rows
        self.broken = replace(shop, **broken)
        shop.sql("DROP TABLE IF EXISTS products")
        shop.cache.flushall()
        shop.build().stock(rows)
        self.plan = shop.plan()
        [self.range] = shop.ranges()
        self.journal = FakeJournal()  # Airflow's: no fault of a store touches it
        self.errors = []

    def attempt(self, **how):
        """One attempt; its outcome, or None and one error more."""
        try:
            return self.broken.reconcile(self.plan, self.range, journal=self.journal, **how)
        except StockSyncError as error:
            self.errors.append(error)
            return None

    def finish(self, outcome=None, *, attempts=4):
        """Retry until it is done, and close the run; the summary."""
        while outcome is None:
            assert attempts, self.errors
            attempts -= 1
            outcome = self.attempt()
        return self.shop.close(self.plan, [self.range], {0: outcome})


def once(step, happen, nth=1):
    """Let something happen when a step is passed for the nth time."""
    left = nth

    def reached(name):
        nonlocal left
        if name == step:
            left -= 1
            if left == 0:
                happen()

    return reached
