"""Closing a run: totals from what its tasks returned and, where one never returned, from checkpoint and outbox."""

import logging
from collections.abc import Callable, Mapping, Sequence

from stocksync.errors import LedgerUnavailable, StockSyncError
from stocksync.model.id_range import IdRange
from stocksync.model.plan import RunPlan
from stocksync.model.progress import Progress, RangeOutcome
from stocksync.model.summary import RunStatus, RunSummary, changed_too_much, summarize
from stocksync.model.tally import Tally
from stocksync.reconcile.ports import Clock, Outbox, StockLedger
from stocksync.reconcile.recovery import take_over

log = logging.getLogger(__name__)


class RunCloser:
    """Adds a run up.

    Args:
        plan: the run
        outbox_of: the outbox of a range, by its index
        ledger: counts what was not looked at
        clock: when the run finished
    """

    def __init__(self, plan: RunPlan, outbox_of: Callable[[int], Outbox], ledger: StockLedger, clock: Clock) -> None:
        self._plan = plan
        self._outbox_of = outbox_of
        self._ledger = ledger
        self._clock = clock

    def close(self, ranges: Sequence[IdRange], outcomes: Mapping[int, RangeOutcome], *, published: bool) -> RunSummary:
        """Put the run into numbers.

        Args:
            ranges: every range of the run
            outcomes: what the finished tasks returned, by range
            published: whether every event is known to be on the topic

        Raises:
            CacheUnavailable: what a task left that did not return cannot be read.
        """
        tally, unprocessed = self.add_up(ranges, outcomes)
        status = status_of(
            every_range_returned=bool(ranges) and len(outcomes) == len(ranges),
            published=published,
            tally=tally,
            unprocessed=unprocessed,
        )
        return summarize(
            self._plan,
            tally,
            unprocessed=unprocessed,
            status=status,
            finished=self._clock.now(),
            held_units=sum(self._held_units(id_range, outcomes.get(id_range.index)) for id_range in ranges),
        )

    def add_up(self, ranges: Sequence[IdRange], outcomes: Mapping[int, RangeOutcome]) -> tuple[Tally, int]:
        """Add the ranges that returned, and of each that did not what its progress and its outbox tell.

        A task that did not return may still be alive, if a person ended it: its outbox is taken over first, so that
        it writes nothing after it was counted.

        Returns:
            the run's tally, and how many products were not looked at
        """
        tally, unprocessed = Tally(), 0
        for id_range in ranges:
            outcome = outcomes.get(id_range.index)
            if outcome is None:
                left = take_over(self._outbox_of(id_range.index))
                counted = left.counted_in(left.noted or Progress(started_ms=0))
                done = counted.tally + Tally(changed=len(counted.moving))
                outcome = RangeOutcome(id_range.index, done, max(0, self._count(id_range) - done.products))
            tally += outcome.tally
            unprocessed += outcome.unprocessed
        return tally, unprocessed

    def _count(self, id_range: IdRange) -> int:
        try:
            return self._ledger.count(id_range, None)
        except LedgerUnavailable as error:
            log.warning("%s; the range counts as the %d products it was cut with", error, id_range.rows)
            return id_range.rows

    def _held_units(self, id_range: IdRange, outcome: RangeOutcome | None) -> int:
        if outcome is not None:
            return outcome.held_units
        try:
            return self._ledger.held_units(id_range)
        except StockSyncError as error:
            log.warning("%s; what is on hold in range %s is not counted", error, id_range.label)
            return 0


def status_of(*, every_range_returned: bool, published: bool, tally: Tally, unprocessed: int) -> RunStatus:
    """Say how the run ended.

    Args:
        every_range_returned: whether no range's task failed
        published: whether every event is on the topic
        tally: what the ranges counted
        unprocessed: how many products were not looked at
    """
    if not (every_range_returned and published):
        return RunStatus.FAILED
    if unprocessed or tally.disbelieved or changed_too_much(tally.changed, tally.products):
        return RunStatus.PARTIAL
    return RunStatus.COMPLETE


def what_is_missing(summary: RunSummary, *, ranges: int, returned: int, published: bool, disbelieved: int = 0) -> str:
    """Say in words why a run is not complete.

    Args:
        summary: its numbers
        ranges: how many ranges it had
        returned: of how many the task succeeded
        published: whether every event is on the topic
        disbelieved: products left alone because the holds cannot be believed
    """
    facts = []
    if not ranges:
        facts.append("nothing was compared, see the red tasks")
    if returned < ranges:
        facts.append(f"{ranges - returned} of {ranges} ranges failed, see the red tasks")
    if not published:
        facts.append("publish_pending did not succeed, so events may still wait in Redis")
    if summary.unprocessed:
        facts.append(f"{summary.unprocessed:,} products were not looked at")
    if disbelieved:
        facts.append(
            f"the holds cannot be believed, so {disbelieved:,} counters that look too small were left alone; the logs "
            "of acquire_lock and reconcile say why"
        )
    if changed_too_much(summary.changed - disbelieved, summary.total):
        facts.append(
            f"{summary.changed:,} of {summary.total:,} products were written between one look and the next, again and "
            "again, and were left alone: they may be wrong"
        )
    return "; ".join(facts)
