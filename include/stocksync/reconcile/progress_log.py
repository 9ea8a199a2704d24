"""What a reconciliation says in the task log: progress every few seconds, never a line a product."""

import logging
from collections.abc import Sequence

from stocksync.model.progress import RangeOutcome
from stocksync.model.tally import Tally
from stocksync.model.text import printable
from stocksync.reconcile.ports import Clock

log = logging.getLogger(__name__)

_EVERY_SECONDS = 5.0
_NAMED_AT_MOST = 20


class ScanProgress:
    """How many products of a range have been compared, and how fast.

    Args:
        clock: time
        pace: the limit that the range is read with, in products a second; None: there is none
        total: products in the range, as far as is known
        before: how many of them an earlier attempt has compared
    """

    def __init__(self, clock: Clock, pace: float | None, *, total: int, before: int) -> None:
        self._clock = clock
        self._pace = pace
        self._total = total
        self._before = before
        self._begun = self._told = clock.monotonic()
        self._compared = 0

    def compared(self, products: int, counted: Tally) -> None:
        """Note a batch; tell of it now and then."""
        self._compared += products
        now = self._clock.monotonic()
        if now - self._told >= _EVERY_SECONDS:
            self._told = now
            log.info(
                "%s products compared, %s a second%s, %s differences confirmed so far",
                self._how_far(),
                f"{self._compared / (now - self._begun):,.0f}",
                "" if self._pace is None else f" (limit {self._pace:,.0f})",
                f"{counted.restored.count + counted.review.count:,}",
            )

    def _how_far(self) -> str:
        done = self._before + self._compared
        if done > self._total or not self._total:  # it was cut with an estimate, or products were born since
            return f"{done:,}"
        return f"{done:,} of {self._total:,} ({100 * done // self._total} %)"


def name(what: str, product_ids: Sequence[str]) -> None:
    """Name products in the log: a few of them, made safe to print."""
    if product_ids:
        shown = ", ".join(printable(product_id) for product_id in product_ids[:_NAMED_AT_MOST])
        more = f" and {len(product_ids) - _NAMED_AT_MOST:,} more" if len(product_ids) > _NAMED_AT_MOST else ""
        log.warning("%s: %s%s", what, shown, more)


def in_words(outcome: RangeOutcome) -> str:
    """Put what became of a range into one line."""
    tally = outcome.tally
    return (
        f"{tally.products:,} products: {tally.agreeing - tally.ignored:,} agree, {tally.restored.count:,} restored, "
        f"{tally.review.count:,} for manual review, {tally.changed:,} still changing, "
        f"{tally.invalid:,} no stock number, {outcome.unprocessed:,} left"
        f"{f', {tally.ignored:,} without a key, left alone' if tally.ignored else ''}"
        + (f"; {outcome.held_units:,} units on hold" if outcome.held_units else "")
    )
