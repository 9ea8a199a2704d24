"""Add up a run: exact whatever died on the way."""

from collections.abc import Callable, Mapping, Sequence

from stocksync.model.id_range import IdRange
from stocksync.model.progress import Progress, RangeOutcome
from stocksync.model.summary import RunStatus
from stocksync.model.tally import Tally
from stocksync.reconcile.ports import Outbox
from stocksync.reconcile.recovery import unfinished


def add_up(
    ranges: Sequence[IdRange],
    outcomes: Mapping[int, RangeOutcome],
    outbox_of: Callable[[int], Outbox],
    count: Callable[[IdRange], int],
) -> tuple[Tally, int]:
    """Add the ranges that returned, and of each that did not what its progress and its outbox tell.

    A task that did not return may still be alive, if a person ended it: its outbox is taken over first, so that it
    writes nothing after it was counted.

    Args:
        ranges: every range of the run
        outcomes: what the finished tasks returned, by range
        outbox_of: the outbox of a range
        count: how many products a range has

    Returns:
        the run's tally, and how many products were not looked at
    """
    tally, unprocessed = Tally(), 0
    for id_range in ranges:
        outcome = outcomes.get(id_range.index)
        if outcome is None:
            outbox = outbox_of(id_range.index)
            progress = outbox.take_over() or Progress(started_ms=0)
            counted = progress.with_leftovers(unfinished(outbox.pending(), progress))
            done = counted.tally + Tally(changed=len(counted.moving))
            outcome = RangeOutcome(id_range.index, done, max(0, count(id_range) - done.products))
        tally += outcome.tally
        unprocessed += outcome.unprocessed
    return tally, unprocessed


def status_of(*, every_range_returned: bool, published: bool, unprocessed: int) -> RunStatus:
    """Say how the run ended."""
    if not (every_range_returned and published):
        return RunStatus.FAILED
    return RunStatus.PARTIAL if unprocessed else RunStatus.COMPLETE
