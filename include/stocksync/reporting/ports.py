"""What a report needs from the outside, named by role."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Protocol

from stocksync.model.stock import CacheValue, LedgerValue
from stocksync.reporting.day import Figures, RunOfDay


class RunHistory(Protocol):
    """The runs and the reports there have been."""

    def runs_of(self, day: date) -> Sequence[RunOfDay]:
        """Find every run of a local date, in any state."""
        ...

    def earlier_figures(self) -> Sequence[Figures]:
        """Give the figures of the reports written before, the newest report first."""
        ...


class CatalogueNow(Protocol):
    """Both stores at this moment.

    Raises:
        LedgerUnavailable, CacheUnavailable: a store does not answer.
        BadSetting: a store cannot be used.
    """

    def read(self, product_ids: Sequence[str]) -> Mapping[str, tuple[LedgerValue, CacheValue]]:
        """Read what both hold of some products; one that is not in the ledger is not in the answer."""
        ...

    def sample(self, most: int) -> Sequence[str]:
        """Name products spread evenly over the catalogue, fewer than `most`."""
        ...

    def close(self) -> None:
        """Let the stores go."""
        ...
