"""Closing a run: totals from what its tasks returned and, where one never returned, from checkpoint and outbox."""

import logging
from collections.abc import Callable, Mapping, Sequence

from stocksync.errors import LedgerUnavailable, StockSyncError
from stocksync.model.id_range import IdRange
from stocksync.model.plan import RunPlan
from stocksync.model.progress import Progress, RangeOutcome, left_first
from stocksync.model.run_scale import AlarmLimits, scale_of
from stocksync.model.specimen import Specimen
from stocksync.model.summary import RunStatus, RunSummary, changed_too_much, hardly_comparable, summarize
from stocksync.model.tally import Tally
from stocksync.reconcile.ports import Clock, Outbox, StockLedger, Unfinished
from stocksync.reconcile.recovery import take_over

log = logging.getLogger(__name__)


class RunCloser:
    """Adds a run up.

    Args:
        plan: the run
        outbox_of: the outbox of a range, by its index
        ledger: counts what was not looked at
        unfinished: where the next run finds what this one leaves
        clock: when the run finished
        limits: when so many counters are gone that the cache lost them
        refills: whether a missing key is restored whatever its size: then an empty cache is what a run is there for
    """

    def __init__(  # noqa: PLR0913 - its collaborators
        self,
        plan: RunPlan,
        outbox_of: Callable[[int], Outbox],
        ledger: StockLedger,
        unfinished: Unfinished,
        clock: Clock,
        *,
        limits: AlarmLimits = AlarmLimits(),  # noqa: B008 - frozen
        refills: bool = False,
    ) -> None:
        self._plan = plan
        self._outbox_of = outbox_of
        self._ledger = ledger
        self._unfinished = unfinished
        self._limits = limits
        self._refills = refills
        self._clock = clock

    def close(self, ranges: Sequence[IdRange], outcomes: Mapping[int, RangeOutcome], *, published: bool) -> RunSummary:
        """Put the run into numbers, and leave to the next one what it did not look at.

        Args:
            ranges: every range of the run
            outcomes: what the finished tasks returned, by range
            published: whether every event is known to be on the topic

        Raises:
            CacheUnavailable: what a task left that did not return cannot be read, or nothing can be noted.
        """
        every = self.every_outcome(ranges, outcomes)
        whole_ledger = bool(ranges) and all(id_range.ids is None for id_range in ranges)
        if whole_ledger:
            self._unfinished.note(left_first(ranges, every))
        tally = sum((outcome.tally for outcome in every.values()), Tally())
        unprocessed = sum(outcome.unprocessed for outcome in every.values())
        empty_cache = whole_ledger and 0 < tally.products == tally.without_key
        status = status_of(
            every_range_returned=bool(ranges) and len(outcomes) == len(ranges),
            published=published,
            tally=tally,
            unprocessed=unprocessed,
            lost=empty_cache and not self._refills,
        )
        return summarize(
            self._plan,
            tally,
            unprocessed=unprocessed,
            status=status,
            finished=self._clock.now(),
            held_units=sum(self._held_units(id_range, outcomes.get(id_range.index)) for id_range in ranges),
            empty_cache=empty_cache,
            mass_loss=scale_of(tally, self._limits).lost > 0,
        )

    def every_outcome(self, ranges: Sequence[IdRange], outcomes: Mapping[int, RangeOutcome]) -> dict[int, RangeOutcome]:
        """Complete what the tasks returned by what the progress and the outbox of the others tell.

        A task that did not return may still be alive, if a person ended it: its outbox is taken over first, so that
        it writes nothing after it was counted.
        """
        every = dict(outcomes)
        for id_range in ranges:
            if id_range.index not in every:
                left = take_over(self._outbox_of(id_range.index))
                counted = left.counted_in(left.noted or Progress(started_ms=0))
                every[id_range.index] = RangeOutcome.of(id_range, counted, self._count(id_range))
        return every

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


def status_of(
    *, every_range_returned: bool, published: bool, tally: Tally, unprocessed: int, lost: bool = False
) -> RunStatus:
    """Say how the run ended.

    Args:
        every_range_returned: whether no range's task failed
        published: whether every event is on the topic
        tally: what the ranges counted
        unprocessed: how many products were not looked at
        lost: whether no product had a key, and the run was not there to give them back
    """
    if not (every_range_returned and published) or lost or hardly_comparable(tally.invalid, tally.products):
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
    if summary.compared_hardly_any:
        examples = ", ".join(Specimen.from_list(list(each.values())).in_words() for each in summary.invalid_examples)
        facts.append(
            f"{summary.invalid:,} of {summary.total:,} products could not be compared, because their values are no "
            f"stock numbers, for example {examples}"
        )
    if summary.empty_cache:
        facts.append("NO PRODUCT HAS A KEY IN REDIS: it was flushed, or it is not the one that the shop writes")
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
