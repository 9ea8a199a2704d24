"""No way of cutting a run makes more mapped tasks than are allowed."""

import pytest

from stocksync.adapters.postgres_ranges import chosen, partition

IDS = [f"P{n:04d}" for n in range(1_500)]


@pytest.mark.parametrize(
    ("batch_size", "pieces", "size"), [(1, 63, 24), (10, 50, 30), (24, 63, 24), (25, 60, 25), (1000, 2, 1000)]
)
def test_fifteen_hundred_chosen_products_make_no_more_ranges_than_allowed(batch_size, pieces, size):
    ranges = chosen(IDS, batch_size=batch_size, max_ranges=64)

    assert [i for r in ranges for i in r.ids] == IDS
    assert len(ranges) == pieces <= 64
    assert {len(r.ids) for r in ranges[:-1]} == {size}
    assert [(r.index, r.of, r.rows) for r in ranges] == [(n, pieces, len(r.ids)) for n, r in enumerate(ranges)]


class GrowingLedger:
    """A ledger in which products are born between the count and the cut."""

    sampled = False

    def count(self, id_range, after):
        return 64

    def bounds(self, name, *, size):
        return IDS[size : 64 + 10 : size]


def test_products_that_are_born_while_the_catalogue_is_cut_make_no_range_more():
    ranges = partition(GrowingLedger(), batch_size=1, max_ranges=64)

    assert len(ranges) == 64
    assert (ranges[-1].lower, ranges[-1].upper) == (IDS[63], None)
