"""What one group of events comes to: counts and the few that are shown, in flat memory."""

from bisect import insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NamedTuple

from stocksync.alerting.routing import LISTED, URGENT_A_RUN, Route, route
from stocksync.model.finding import Finding

TOKEN_BYTES = 8


def token(event_id: str) -> bytes:
    """Shorten an event id to what is remembered of it: a million of them take 8 MB.

    Two of a million ids share a token with a chance of three in a hundred million.
    """
    return blake2b(event_id.encode(errors="surrogatepass"), digest_size=TOKEN_BYTES).digest()


class ListedFinding(NamedTuple):
    """A finding that is shown by itself."""

    rank: tuple[int, str, bytes]
    finding: Finding

    @property
    def token(self) -> bytes:
        """What is remembered once it was told."""
        return self.rank[2]


@dataclass(frozen=True, slots=True)
class Overflow:
    """Findings that are only counted.

    Attributes:
        count: how many
        largest: the largest of them; None if there are none
        tokens: what is remembered once they were told, end to end
    """

    count: int
    largest: Finding | None
    tokens: bytes


@dataclass(slots=True)
class TopFindings:
    """The largest findings of a stream, and the count of those that are not shown.

    Attributes:
        keep: how many are shown
        latest: when the last of all was detected, milliseconds since the epoch
    """

    keep: int
    latest: int = 0
    _shown: list[ListedFinding] = field(default_factory=list)
    _first_hidden: ListedFinding | None = None
    _hidden: bytearray = field(default_factory=bytearray)

    def add(self, finding: Finding, its_token: bytes) -> None:
        """Take one finding in; equal sizes are ordered by id, so the result depends on no order of reading."""
        entry = ListedFinding((-abs(finding.discrepancy), finding.product_id, its_token), finding)
        self.latest = max(self.latest, finding.detected_at)
        if len(self._shown) < self.keep or entry.rank < self._shown[-1].rank:
            insort(self._shown, entry, key=lambda shown: shown.rank)
            if len(self._shown) <= self.keep:
                return
            entry = self._shown.pop()
        self._hidden += entry.token
        if self._first_hidden is None or entry.rank < self._first_hidden.rank:
            self._first_hidden = entry

    @property
    def count(self) -> int:
        """How many were taken in."""
        return len(self._shown) + len(self._hidden) // TOKEN_BYTES

    @property
    def largest(self) -> Finding | None:
        """The largest of all."""
        return self._shown[0].finding if self._shown else None

    @property
    def tokens(self) -> bytes:
        """What is remembered of all of them, end to end."""
        return b"".join(shown.token for shown in self._shown) + bytes(self._hidden)

    def split(self, allowed: int) -> tuple[list[ListedFinding], Overflow]:
        """Separate those that may be shown, `allowed` at most, from the rest."""
        allowed = max(0, allowed)
        shown, more = self._shown[:allowed], self._shown[allowed:]
        first = more[0] if more else self._first_hidden
        return shown, Overflow(
            count=self.count - len(shown),
            largest=first.finding if first else None,
            tokens=b"".join(entry.token for entry in more) + bytes(self._hidden),
        )


@dataclass(slots=True)
class AlertBatch:
    """What one channel has to tell about one group.

    Attributes:
        restored: what was repaired
        review: what a person must look at
        urgent: what a person must look at at once
    """

    restored: TopFindings = field(default_factory=lambda: TopFindings(1))
    review: TopFindings = field(default_factory=lambda: TopFindings(LISTED))
    urgent: TopFindings = field(default_factory=lambda: TopFindings(URGENT_A_RUN))

    def add(self, finding: Finding, its_token: bytes) -> None:
        """Put one finding where it belongs."""
        match route(finding):
            case Route.DIGEST:
                self.restored.add(finding, its_token)
            case Route.REVIEW:
                self.review.add(finding, its_token)
            case Route.URGENT:
                self.urgent.add(finding, its_token)


def split_tokens(joined: bytes) -> Iterator[int]:
    """Read tokens that were written end to end, as numbers (they are compact in a set)."""
    for start in range(0, len(joined) - TOKEN_BYTES + 1, TOKEN_BYTES):
        yield int.from_bytes(joined[start : start + TOKEN_BYTES], "big")
