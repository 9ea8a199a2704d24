"""The writing side of a dry run: it agrees to everything and does nothing."""

from collections.abc import Sequence

from stocksync.model.finding import Finding, RunIdentity
from stocksync.model.id_range import IdRange
from stocksync.model.progress import Progress
from stocksync.reconcile.ports import Pending, Proposal


class NoOutbox:
    """Implements the port Outbox: what would have been committed counts, nothing is recorded."""

    def take_over(self) -> Progress | None:
        """Nothing was ever noted."""
        return None

    def pending(self) -> list[Pending]:
        """Nothing is ever left."""
        return []

    def commit(self, group: int, proposals: Sequence[Proposal]) -> list[bool]:  # noqa: ARG002 - the port's words
        """Say that each would have been written."""
        return [True] * len(proposals)

    def clear(self, product_ids: Sequence[str], progress: Progress) -> None:
        """Nothing to forget."""


class NoUnfinished:
    """Implements the port Unfinished: a look begins at the beginning, and leaves nothing to anybody."""

    def ranges(self) -> list[IdRange]:
        """Nothing was left."""
        return []

    def note(self, ranges: Sequence[IdRange]) -> None:
        """Leave nothing."""


class NoLock:
    """Implements the port RunLock: a run that writes nothing keeps nobody out."""

    key = "no lock"

    def hold(self) -> None:
        """Hold nothing."""

    def is_held(self) -> bool:
        """Say that it is held, as far as it matters."""
        return True

    def release(self) -> bool:
        """Give nothing back."""
        return True


class NoPublisher:
    """Implements the port AlertPublisher: a dry run alerts nobody."""

    def publish(self, run: RunIdentity, findings: Sequence[Finding]) -> None:
        """Publish nothing."""

    def check(self) -> None:
        """Nothing is published, so anything will do."""
