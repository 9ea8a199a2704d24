"""What a report needs from the outside, named by role."""

from collections.abc import Sequence
from datetime import date
from typing import Protocol

from stocksync.reporting.day import Figures, RunOfDay


class RunHistory(Protocol):
    """The runs and the reports there have been."""

    def runs_of(self, day: date) -> Sequence[RunOfDay]:
        """Find every run of a local date, in any state."""
        ...

    def earlier_figures(self) -> Sequence[Figures]:
        """Give the figures of the reports written before, the newest report first."""
        ...
