"""What the services need from the outside, named by role."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from stocksync.model.finding import Alert, Finding
from stocksync.model.id_range import IdRange
from stocksync.model.progress import Progress
from stocksync.model.stock import CacheValue, LedgerValue


@dataclass(frozen=True, slots=True)
class LedgerBatch:
    """Up to a thousand products in the order of their ids, as the ledger streams them.

    Attributes:
        keys: the products' keys in the cache (prefix and id, UTF-8)
        stocks: their stocks, side by side with the keys
    """

    keys: list[bytes]
    stocks: list[LedgerValue]


@dataclass(frozen=True, slots=True)
class Proposal:
    """A finding together with the bytes it was confirmed with.

    Attributes:
        finding: what to record, and (by its action) whether to restore
        expected: the cache's exact value when the finding was confirmed; None: no key
    """

    finding: Finding
    expected: bytes | None


class StockLedger(Protocol):
    """The truth: every product's stock."""

    def scan(self, id_range: IdRange, after: str | None) -> Iterator[LedgerBatch]:
        """Stream a range in the order of its ids, from the first id after `after`."""
        ...

    def read(self, product_ids: Sequence[str]) -> Mapping[str, LedgerValue]:
        """Look at some products again; one that is gone is not in the answer."""
        ...

    def count(self, id_range: IdRange, after: str | None) -> int:
        """Count what `scan` would stream."""
        ...


class StockCache(Protocol):
    """The counters the shop sells from, as this program may see them."""

    def read_along(self, batches: Iterable[LedgerBatch]) -> Iterator[tuple[LedgerBatch, list[CacheValue]]]:
        """Pair each batch with its counters, reading ahead of the consumer."""
        ...

    def read(self, product_ids: Sequence[str]) -> list[CacheValue]:
        """Read some counters."""
        ...

    def look(self, product_ids: Sequence[str]) -> list[tuple[CacheValue, bool]]:
        """Read some counters, and say of each whether nobody wrote it since the look before.

        A write counts even if it left the same bytes. Looks come in pairs: the first look at a counter, and the one
        after a pair, has nothing before it and says no.
        """
        ...


@dataclass(frozen=True, slots=True)
class Pending:
    """A finding in the outbox, and the number of the group it was committed with."""

    finding: Finding
    group: int


class Outbox(Protocol):
    """Findings that are recorded and acted upon, and not yet known to be on Kafka.

    One outbox belongs to one range of one run, and one attempt at a time writes to it.
    """

    def take_over(self) -> Progress | None:
        """Become the one writer; an older attempt that is still alive is refused from now on.

        Returns the progress that came with the last `clear`, None if there was none.
        """
        ...

    def pending(self) -> list[Pending]:
        """What an earlier attempt recorded and did not clear."""
        ...

    def commit(self, group: int, decisions: Sequence[Proposal]) -> list[bool]:
        """Record each finding, restoring where its action says so, each in one atomic step.

        False: the cache no longer holds the expected bytes, so nothing was written or recorded. Committing the
        same finding again answers True and writes nothing.

        Raises:
            LockLost: the run no longer holds its lock; nothing was written by this call.
            Superseded: another attempt took over; nothing was written by this call.
        """
        ...

    def clear(self, product_ids: Sequence[str], progress: Progress) -> None:
        """Forget published findings, and note in the same step how far the range has come."""
        ...


class RunLock(Protocol):
    """Only one run of a local date works."""

    def hold(self) -> None:
        """Take the lock, or find that this run has it already.

        Raises:
            LockHeld: another run has it.
        """
        ...

    def release(self) -> bool:
        """Give it back; False if it was not this run's (then it is left alone)."""
        ...


class AlertPublisher(Protocol):
    """The topic."""

    def publish(self, alerts: Sequence[Alert]) -> None:
        """Return when the broker has acknowledged every event.

        Raises:
            PublishFailed: at least one was not acknowledged.
        """
        ...


class Journal(Protocol):
    """Where a range's progress survives its worker."""

    def load(self) -> Progress | None:
        """Return the last saved progress, None for a range never begun."""
        ...

    def save(self, progress: Progress) -> None:
        """Replace it."""
        ...


class Clock(Protocol):
    """Time, so that tests can hold it."""

    def now(self) -> datetime:
        """Return the present, with its offset."""
        ...

    def monotonic(self) -> float:
        """Seconds that never jump."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...
