"""A catalogue that is too large for a night, on real stores: what one run leaves, the next begins with."""

from datetime import timedelta

import pytest

from stocksync.adapters.redis_unfinished import RedisUnfinished
from stocksync.reconcile.sizes import Sizes
from tests.kit.real_shop import RealShop
from tests.kit.recorded_topic import RecordedTopic

PRODUCTS = 600


class ShortNights(RealShop):
    """Its topic is a list."""

    def publisher(self):
        return RecordedTopic([])


@pytest.fixture
def shop(database, cache):
    shop = ShortNights(database, cache, {}, "", batch_size=200, sizes=Sizes(batch=50, group=50, together=1)).build()
    shop.settle = timedelta(0)
    shop.stock((f"P{n:04d}", 50, 49) for n in range(PRODUCTS))
    return shop


def cut_short(shop, after):
    """A run whose ranges are killed after so many groups, as a worker is at the time limit; its summary."""
    plan, ranges = shop.plan(), shop.ranges()
    for id_range in ranges[:after]:
        with pytest.raises(Stop):
            shop.reconcile(plan, id_range, reached=stop_after(2))
    return shop.close(plan, ranges, {})


class Stop(BaseException):
    """The worker's end."""


def stop_after(groups):
    left = groups

    def reached(step):
        nonlocal left
        left -= step == "cleared"
        if left == 0:
            raise Stop

    return reached


def test_what_a_run_left_comes_first_in_the_next_one_and_after_a_whole_one_nothing_is_left(shop):
    first = cut_short(shop, after=2)
    assert first["unprocessed"] == PRODUCTS - 200

    ranges = shop.ranges()
    assert [r.index for r in ranges] == [0, 1, 2]
    assert [r.lower for r in ranges] == ["P0400", None, "P0200"]
    assert [r.start for r in ranges] == [None, "P0099", "P0299"]
    assert sum(r.rows for r in ranges) == PRODUCTS

    second = shop.run(ranges=ranges)

    assert (second["status"], second["total"], second["restored"]) == ("complete", PRODUCTS, PRODUCTS - 200)
    assert [r.start for r in shop.ranges()] == [None] * 3
    assert [r.lower for r in shop.ranges()] == [None, "P0200", "P0400"]


def test_a_dry_run_neither_begins_with_what_was_left_nor_leaves_anything(shop):
    cut_short(shop, after=1)

    dry = shop.plan(dry_run=True)
    ranges = shop.parts().ranges(dry)
    shop.close(dry, ranges, {})

    assert [r.lower for r in ranges] == [None, "P0200", "P0400"]
    assert [r.lower for r in shop.ranges()] == ["P0200", "P0400", None]


def test_bounds_of_another_table_are_not_taken_over(cache, shop):
    cut_short(shop, after=0)
    assert RedisUnfinished(cache, shop.ledger().source).ranges()

    assert RedisUnfinished(cache, "public.products.id: bigint").ranges() == []


def test_a_smaller_number_of_ranges_is_kept_to(shop):
    cut_short(shop, after=0)
    shop.max_ranges = 2

    assert len(shop.ranges()) == 2
