"""What one group of events comes to: counts and the few that are shown, in flat memory."""

from array import array
from bisect import bisect_left, insort
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NamedTuple

from stocksync.alerting.ports import AlertEvent
from stocksync.alerting.routing import LISTED, URGENT_A_RUN, Route, route
from stocksync.model.run_scale import ORDINARY, RunScale

TOKEN_BYTES = 8
WATCHED = 1000
"""Products of a group that are known by name though they are only counted: the resolver looks at them."""


def token(event_id: str) -> bytes:
    """Shorten an event id to what is remembered of it: a million of them take 8 MB.

    Two of a million ids share a token with a chance of three in a hundred million.
    """
    return blake2b(event_id.encode(errors="surrogatepass"), digest_size=TOKEN_BYTES).digest()


class ListedEvent(NamedTuple):
    """An event that is shown by itself."""

    rank: tuple[int, str, bytes]
    event: AlertEvent

    @property
    def token(self) -> bytes:
        """What is remembered once it was told."""
        return self.rank[2]


@dataclass(frozen=True, slots=True)
class Overflow:
    """Events that are only counted.

    Attributes:
        count: how many
        largest: the largest of them; None if there are none
        tokens: what is remembered once they were told, end to end
        products: the products of the largest of them
    """

    count: int
    largest: AlertEvent | None
    tokens: bytes
    products: tuple[str, ...] = ()


@dataclass(slots=True)
class TopEvents:
    """The largest discrepancies of a stream of events, and the count of those that are not shown.

    Attributes:
        keep: how many are shown
        latest_ms: when the last of all was detected, milliseconds since the epoch
    """

    keep: int
    latest_ms: int = 0
    _shown: list[ListedEvent] = field(default_factory=list)
    _first_hidden: ListedEvent | None = None
    _hidden: bytearray = field(default_factory=bytearray)

    def add(self, event: AlertEvent, its_token: bytes) -> None:
        """Take one event in; equal sizes are ordered by id, so the result depends on no order of reading."""
        entry = ListedEvent((-abs(event.discrepancy), event.product_id, its_token), event)
        self.latest_ms = max(self.latest_ms, event.detected_at_ms)
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
    def largest(self) -> AlertEvent | None:
        """The largest of all."""
        return self._shown[0].event if self._shown else None

    @property
    def tokens(self) -> bytes:
        """What is remembered of all of them, end to end."""
        return b"".join(shown.token for shown in self._shown) + bytes(self._hidden)

    def split(self, allowed: int) -> tuple[list[ListedEvent], Overflow]:
        """Separate those that may be shown, `allowed` at most, from the rest."""
        allowed = max(0, allowed)
        shown, more = self._shown[:allowed], self._shown[allowed:]
        first = more[0] if more else self._first_hidden
        return shown, Overflow(
            count=self.count - len(shown),
            largest=first.event if first else None,
            tokens=b"".join(entry.token for entry in more) + bytes(self._hidden),
            products=tuple(entry.event.product_id for entry in more[:WATCHED]),
        )


@dataclass(slots=True)
class Bulk:
    """Events that are told in one piece.

    Attributes:
        top: the largest of them
        restored: how many were repaired
        urgent: how many a person would be called for, each by itself
    """

    top: TopEvents = field(default_factory=lambda: TopEvents(WATCHED))
    restored: int = 0
    urgent: int = 0

    def add(self, event: AlertEvent, its_token: bytes) -> None:
        """Take one event in."""
        by_itself = route(event)
        self.restored += by_itself is Route.DIGEST
        self.urgent += by_itself is Route.URGENT
        self.top.add(event, its_token)

    @property
    def review(self) -> int:
        """How many a person must look at, urgent or not."""
        return self.top.count - self.restored


@dataclass(slots=True)
class AlertBatch:
    """What one channel has to tell about one group.

    Attributes:
        scale: how much the group's run found
        approved: what a person decided
        restored: what was repaired
        review: what a person must look at
        urgent: what a person must look at at once
        lost: counters that are gone, if they are told in one piece
        many: the other discrepancies, if they are told in one piece
    """

    scale: RunScale = ORDINARY
    approved: TopEvents = field(default_factory=lambda: TopEvents(LISTED))
    restored: TopEvents = field(default_factory=lambda: TopEvents(1))
    review: TopEvents = field(default_factory=lambda: TopEvents(LISTED))
    urgent: TopEvents = field(default_factory=lambda: TopEvents(URGENT_A_RUN + WATCHED))
    lost: Bulk = field(default_factory=Bulk)
    many: Bulk = field(default_factory=Bulk)

    def add(self, event: AlertEvent, its_token: bytes) -> None:
        """Put one event where it belongs."""
        match route(event, self.scale):
            case Route.APPROVED:
                self.approved.add(event, its_token)
            case Route.DIGEST:
                self.restored.add(event, its_token)
            case Route.REVIEW:
                self.review.add(event, its_token)
            case Route.URGENT:
                self.urgent.add(event, its_token)
            case Route.LOST:
                self.lost.add(event, its_token)
            case Route.MANY:
                self.many.add(event, its_token)

    @property
    def calls(self) -> bool:
        """Whether there is anything that a person must look at at once."""
        return bool(self.urgent.count or self.lost.review or self.many.urgent)

    @property
    def figures(self) -> tuple[int, int, int]:
        """How many were repaired or decided, how many a person must look at, and how many of them at once besides."""
        bulks = (self.lost, self.many)
        urgent = sum(bulk.urgent for bulk in bulks)
        return (
            self.restored.count + self.approved.count + sum(bulk.restored for bulk in bulks),
            self.review.count + sum(bulk.review for bulk in bulks) - urgent,
            self.urgent.count + urgent,
        )

    @property
    def latest_ms(self) -> int:
        """When the last of all was detected, milliseconds since the epoch."""
        return max(top.latest_ms for top in self._every)

    @property
    def largest(self) -> AlertEvent | None:
        """The largest of all."""
        each = (top.largest for top in self._every)
        return max(filter(None, each), key=lambda event: abs(event.discrepancy), default=None)

    @property
    def tokens(self) -> bytes:
        """What is remembered of all of them, end to end."""
        return b"".join(top.tokens for top in self._every)

    @property
    def calling(self) -> bytes:
        """What is remembered of those that PagerDuty hears of, end to end."""
        return b"".join(top.tokens for top in (self.urgent, self.lost.top, self.many.top))

    @property
    def _every(self) -> tuple[TopEvents, ...]:
        return self.urgent, self.lost.top, self.many.top, self.review, self.restored, self.approved


class Tokens:
    """Tokens that were written end to end, to be looked up: eight bytes each, however many there are."""

    def __init__(self, joined: bytes) -> None:
        whole = joined[: len(joined) - len(joined) % TOKEN_BYTES]
        self._sorted = array("Q", sorted(array("Q", whole)))

    def __contains__(self, its_token: bytes) -> bool:
        [number] = array("Q", its_token)
        place = bisect_left(self._sorted, number)
        return place < len(self._sorted) and self._sorted[place] == number
