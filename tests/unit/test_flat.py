"""Neither memory nor what a task returns grows with the catalogue."""

import json
import tracemalloc
from dataclasses import replace

import pytest

from stocksync.bootstrap import Bootstrap
from stocksync.model.expected import Expected
from stocksync.model.id_range import IdRange
from stocksync.reconcile.ports import LedgerBatch
from stocksync.reconcile.sizes import Sizes
from stocksync.settings import Settings
from tests.kit.fakes.clock import FakeClock
from tests.kit.fakes.shop import PLAN
from tests.kit.fakes.stores import FakeJournal


class Streamed:
    """A ledger and a cache of any size that hold nothing: every number is made when it is asked for."""

    def __init__(self, products, counter):
        self._products, self._counter = products, counter

    def scan(self, id_range, after):
        for first in range(0, self._products, 1000):
            numbers = range(first, first + 1000)
            yield LedgerBatch([b"%09d" % n for n in numbers], [b"100"] * 1000)

    def read_along(self, batches):
        for batch in batches:
            yield batch, [self._counter] * len(batch.ids)

    def expected(self, product_ids):
        return dict.fromkeys(product_ids, Expected(b"100"))

    def held_units(self, _id_range):
        return 0

    def look(self, product_ids):
        return [(self._counter, True)] * len(product_ids)

    def forget(self, product_ids=None):
        pass


class ProgramOnStreams(Bootstrap):
    """A dry run as it is put together for a night; a small catalogue fills its queue."""

    def __init__(self, streamed):
        super().__init__(None, Settings(), clock=FakeClock(), sizes=Sizes(settling=3, together=2))
        self.ledger, self._streamed = streamed, streamed

    def cache(self):
        return self._streamed


def reconciled(products, counter):
    """Return the outcome and the peak of what Python allocated on the way, in MB."""
    everything = IdRange(0, 1)
    plan = replace(PLAN, dry_run=True)
    reconciler = ProgramOnStreams(Streamed(products, counter)).reconciler(plan, everything, FakeJournal())

    tracemalloc.start()
    try:
        outcome = reconciler.run(everything)
        return outcome, tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("counter", "fate"),
    [(b"100", "matched"), (b"97", "restored"), (b"5.5", "invalid")],
    ids=["none differs", "all differ", "none is a number"],
)
def test_four_times_the_products_take_no_more_memory_and_return_no_more(counter, fate):
    small, small_peak = reconciled(6_000, counter)
    large, large_peak = reconciled(24_000, counter)

    assert (small.tally.products, large.tally.products) == (6_000, 24_000)
    assert (large.tally.restored.count if fate == "restored" else getattr(large.tally, fate)) == 24_000
    assert large_peak < small_peak + 0.5
    assert len(json.dumps(large.to_dict())) < len(json.dumps(small.to_dict())) + 100 < 2000
