"""Waiting for the second look: groups settle in a short queue while the scan goes on."""

from collections import deque
from collections.abc import Iterator

from stocksync.reconcile.first_look import SuspectGroup
from stocksync.reconcile.ports import Clock, StockCache
from stocksync.reconcile.second_look import first_look
from stocksync.reconcile.time_left import TimeLeft


def settled(  # noqa: PLR0913 - what it waits for
    found: Iterator[SuspectGroup],
    cache: StockCache,
    clock: Clock,
    *,
    settle: float,
    time: TimeLeft,
    most: int,
) -> Iterator[SuspectGroup]:
    """Hand on each group when it is due for its second look, in order, scanning on meanwhile.

    Args:
        found: the scan
        cache: where the suspects' counters are watched from now on
        clock: what dates the first look
        settle: seconds a difference must stand unchanged
        time: the run's; when it is over, no further group is handed on
        most: groups that wait at once
    """
    waiting: deque[tuple[float, SuspectGroup]] = deque()

    def first_when_due() -> Iterator[SuspectGroup]:
        due, group = waiting.popleft()
        time.wait(due - clock.monotonic())
        if not time.is_over():
            yield group

    for group in found:
        group.suspects = first_look(group.suspects, cache)
        wait = settle if group.suspects else 0.0
        waiting.append((clock.monotonic() + wait, group))
        while waiting and (waiting[0][0] <= clock.monotonic() or len(waiting) > most):
            yield from first_when_due()
    while waiting:
        yield from first_when_due()
