"""A shop of reservations sells all through the night: no unit in a basket is put on sale again, and drift is repaired.

The test knows by how much each counter has drifted. A restore that raises a counter by more sells units that an order
holds; one that lowers it by more hides units nobody has. Where an order is in doubt, a restore may do less.
"""

import random
from datetime import timedelta
from uuid import UUID

import pytest

from stocksync.adapters.clock import SystemClock
from stocksync.model.policy import Action
from tests.kit.chaos import size
from tests.kit.chaos.orders import SettlingClock
from tests.kit.chaos.reservations import HOLDS, INDEX, Reservations, write_hold
from tests.kit.recorded_topic import RecordedTopic
from tests.kit.retried_run import QuietShop

SMALL = [-10, -7, -3, -1, 1, 2, 5, 10]
BUSY = [f"H{number:05d}" for number in range(150)]
QUIET = [f"C{number:05d}" for number in range(1500)]


class Night:
    """A catalogue whose counters drift now and then, and runs over it while orders come and go."""

    def __init__(self, shop, redis_uri):
        self.shop, self.redis_uri = shop, redis_uri
        self.rng = random.Random(int(size.SEED or 0))
        self.drift = dict.fromkeys([*BUSY, *QUIET, "OPEN"], 0)
        self.runs = self.drifted = self.repaired = self.in_doubt = self.oversold = self.hidden = 0
        self.left_wrong = set()
        shop.build().stock((product_id, 5000, 5000) for product_id in [*BUSY, *QUIET])
        # Open all night: a shop in which every order has ended and one whose holds are lost look the same.
        shop.stock([("OPEN", 5, 3)])
        write_hold(shop.cache, str(UUID(int=0)), "OPEN", 2)

    def goes_on(self, orders):
        with Reservations(self.shop, self.redis_uri, BUSY, orders=orders) as reservations:
            while reservations.busy:
                wrong = self.let_drift(BUSY, 20) | self.let_drift(QUIET, 20)
                self.run(SettlingClock(SystemClock(), reservations, self.shop.settle))
                self.left_wrong |= {product_id for product_id in wrong.intersection(QUIET) if self.drift[product_id]}
        self.run(SystemClock())
        return (
            f"{orders:,} orders, {self.runs} runs, {self.drifted:,} drifts, {self.repaired:,} restores, "
            f"{self.in_doubt:,} times in doubt; {self.oversold} units oversold, {self.hidden} hidden"
        )

    def let_drift(self, products, count):
        sound = [product_id for product_id in products if not self.drift[product_id]]
        chosen = self.rng.sample(sound, min(count, len(sound)))
        for product_id in chosen:
            self.drift[product_id] = self.rng.choice(SMALL)
            self.shop.cache.decrby(f"stock:{product_id}", self.drift[product_id])
        self.drifted += len(chosen)
        return set(chosen)

    def run(self, clock):
        published = RecordedTopic([])
        summary = self.shop.run(publisher=published, clock=clock)
        self.runs += 1
        self.in_doubt += summary["in_doubt"]
        for event in (copy.event for copy in published.copies()):
            if event["action"] == Action.REDIS_RESTORED:
                self.account(event["productId"], event["discrepancy"])

    def account(self, product_id, added):
        drift = self.drift[product_id]
        self.repaired += 1
        self.oversold += max(0, added - max(0, drift))
        self.hidden += max(0, min(0, drift) - added)
        self.drift[product_id] -= added

    def differing(self):
        """Products that differ though no order is open any more: by how much, and by how much they drifted."""
        stocks = dict(self.shop.sql("SELECT id, stock FROM products"))
        counters = self.shop.cache.mget([f"stock:{product_id}" for product_id in stocks])
        differ = {i: stock - int(counter) for (i, stock), counter in zip(stocks.items(), counters, strict=True)}
        assert differ.pop("OPEN") == 2
        return {i: (found, self.drift[i]) for i, found in differ.items() if found or self.drift[i]}


@pytest.fixture
def night(database, cache, redis_server):
    def begin(holds):
        settle = timedelta(seconds=0.2)
        shop = QuietShop(database, cache, "", "", settle=settle, batch_size=100_000, holds=holds)
        return Night(shop, redis_server.uri)

    return begin


@pytest.mark.fault(17, 18)
@pytest.mark.timeout(1200)
def test_no_unit_in_a_basket_is_sold_again_and_every_drift_is_repaired_when_its_orders_have_ended(night, figures):
    night = night(HOLDS)

    figures("reservations", night.goes_on(size.ORDERS // 2))

    assert night.shop.cache.zcard(INDEX) == 1, "more than the one order is still open"
    assert (night.oversold, night.hidden, night.differing()) == (0, 0, {})
    assert night.left_wrong == set(), "nobody orders these, so their drift is repaired at once"
    assert night.in_doubt > 0


@pytest.mark.timeout(1200)
def test_the_same_shop_without_the_setting_sells_units_in_baskets_again(night, figures):
    night = night({})

    figures("reservations, holds not configured", night.goes_on(size.ORDERS // 6))

    assert night.oversold > 0
