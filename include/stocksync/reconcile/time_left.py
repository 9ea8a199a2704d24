"""The time a run has left: no wait is longer than it."""

from datetime import datetime

from stocksync.reconcile.ports import Clock


class TimeLeft:
    """Counts down to the instant at which a run ends itself.

    Once over, over for good: a wall clock set back must not make a scan that was cut short look finished.

    Args:
        clock: time
        until: nothing is begun after this
    """

    def __init__(self, clock: Clock, until: datetime) -> None:
        self._clock = clock
        self._until = until
        self._over = False

    def is_over(self) -> bool:
        """Tell whether nothing may be begun any more."""
        return self.seconds() == 0

    def seconds(self) -> float:
        """Seconds that are left, 0 once it is over."""
        left = 0.0 if self._over else max(0.0, (self._until - self._clock.now()).total_seconds())
        self._over = left == 0
        return left

    def wait(self, seconds: float) -> None:
        """Sleep so long (less than 0: not at all), but not beyond the end."""
        self._clock.sleep(max(0.0, min(seconds, self.seconds())))
