"""What the services need from the outside, named by role."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from stocksync.model.expected import Expected
from stocksync.model.finding import Finding, RunIdentity
from stocksync.model.id_range import IdRange
from stocksync.model.progress import Progress
from stocksync.model.stock import CacheValue, LedgerValue


@dataclass(frozen=True, slots=True)
class LedgerBatch:
    """Up to a thousand products in the order of their ids, as the ledger streams them.

    Attributes:
        ids: the products' ids (UTF-8)
        stocks: what their counters should hold, side by side with the ids
    """

    ids: list[bytes]
    stocks: list[LedgerValue]


class Proposal(NamedTuple):
    """A finding together with the bytes it was confirmed with.

    Attributes:
        finding: what to record, and (by its action) whether to restore
        expected: the cache's exact value when the finding was confirmed; None: no key
    """

    finding: Finding
    expected: bytes | None


class StockLedger(Protocol):
    """The truth: of every product the stock that its counter should hold, which is without what is on hold."""

    def scan(self, id_range: IdRange, after: str | None) -> Iterator[LedgerBatch]:
        """Stream a range in the order of its ids, from the first id after `after`.

        Raises:
            LedgerUnavailable: PostgreSQL did not answer.
            BadSetting: the table or its columns cannot be read.
        """
        ...

    def read(self, product_ids: Sequence[str]) -> Mapping[str, LedgerValue]:
        """Look at some products again; one that is gone is not in the answer.

        Raises:
            LedgerUnavailable: PostgreSQL did not answer.
        """
        ...

    def expected(self, product_ids: Sequence[str]) -> Mapping[str, Expected]:
        """As `read`, and say how each number came about.

        Raises:
            LedgerUnavailable: PostgreSQL did not answer.
            CacheUnavailable: Redis did not answer where it has the holds.
            BadSetting: too many of the holds cannot be read.
        """
        ...

    def held_units(self, id_range: IdRange) -> int:
        """Add up the units on hold of a range's products; 0 without holds.

        Raises:
            LedgerUnavailable, CacheUnavailable: a store did not answer.
        """
        ...

    def count(self, id_range: IdRange, after: str | None) -> int:
        """Count what `scan` would stream.

        Raises:
            LedgerUnavailable: PostgreSQL did not answer.
        """
        ...


class StockCache(Protocol):
    """The counters the shop sells from, as this program may see them."""

    def read_along(self, batches: Iterable[LedgerBatch]) -> Iterator[tuple[LedgerBatch, list[CacheValue]]]:
        """Pair each batch with its counters, reading ahead of the consumer.

        Raises:
            CacheUnavailable: Redis did not answer.
        """
        ...

    def read(self, product_ids: Sequence[str]) -> list[CacheValue]:
        """Read some counters.

        Raises:
            CacheUnavailable: Redis did not answer.
        """
        ...

    def look(self, product_ids: Sequence[str]) -> list[tuple[CacheValue, bool]]:
        """Read some counters, and say of each whether nobody wrote it since the look before.

        A write counts even if it left the same bytes, and so does one to a counter without a key. The first look at
        a counter says no; from then on it is watched until it is forgotten.

        Raises:
            CacheUnavailable: Redis did not answer.
        """
        ...

    def forget(self, product_ids: Sequence[str] | None = None) -> None:
        """Watch these counters no longer; without ids: none of all that were looked at."""
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

        Returns:
            the progress that came with the last `clear`, None if there was none

        Raises:
            CacheUnavailable: Redis did not answer.
        """
        ...

    def pending(self) -> list[Pending]:
        """What an earlier attempt recorded and did not clear.

        Raises:
            CacheUnavailable: Redis did not answer.
        """
        ...

    def commit(self, group: int, proposals: Sequence[Proposal]) -> list[bool]:
        """Record each finding, restoring where its action says so, each in one atomic step.

        False: the cache no longer holds the expected bytes, so nothing was written or recorded. Committing the
        same finding again answers True and writes nothing.

        Raises:
            LockLost: the run no longer holds its lock; nothing was written by this call.
            Superseded: another attempt took over; nothing was written by this call.
            CacheUnavailable: Redis did not answer, or takes no writes; what it did is in the outbox.
        """
        ...

    def clear(self, product_ids: Sequence[str], progress: Progress) -> None:
        """Forget published findings, and note in the same step how far the range has come.

        Raises:
            Superseded: another attempt took over; nothing was written.
            CacheUnavailable: Redis did not answer, or takes no writes.
        """
        ...


@dataclass(frozen=True, slots=True)
class ListedOutbox:
    """An outbox that still holds something, and whose it is.

    Attributes:
        run: the run
        index: the range's position in the run
        outbox: opened
    """

    run: RunIdentity
    index: int
    outbox: Outbox


class Unsettled(Protocol):
    """Where it is noted which products a run left alone."""

    def note(self, product_ids: Sequence[str]) -> None:
        """Note products that kept changing; done twice, by a retry, it says nothing new. It raises nothing."""
        ...


class Unfinished(Protocol):
    """What a run over the whole ledger left to the next one."""

    def ranges(self) -> list[IdRange]:
        """Give the ranges in the order in which they are to be worked on; none: nothing was left.

        Raises:
            CacheUnavailable: Redis did not answer.
        """
        ...

    def note(self, ranges: Sequence[IdRange]) -> None:
        """Replace them; without any, nothing is left.

        Raises:
            CacheUnavailable: Redis did not answer, or takes no writes.
        """
        ...


class RunLock(Protocol):
    """Only one run of a local date works."""

    @property
    def key(self) -> str:
        """Its name, for messages."""
        ...

    def hold(self) -> None:
        """Take the lock, or find that this run has it already.

        Raises:
            LockHeld: another run has it.
            CacheUnavailable: Redis did not answer.
        """
        ...

    def is_held(self) -> bool:
        """Whether this run has it now.

        Raises:
            CacheUnavailable: it cannot be looked up.
        """
        ...

    def release(self) -> bool:
        """Give it back; False if it was not this run's (then it is left alone).

        Raises:
            CacheUnavailable: it cannot be given back; it expires by itself.
        """
        ...


class AlertPublisher(Protocol):
    """The topic."""

    def publish(self, run: RunIdentity, findings: Sequence[Finding]) -> None:
        """Tell of each finding of a run; return when the broker has acknowledged every event.

        Raises:
            PublishFailed: at least one was not acknowledged.
        """
        ...

    def check(self) -> None:
        """Find out whether events can be published at all.

        Raises:
            PublishFailed: no broker answers.
            BadSetting: the topic is not there.
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
