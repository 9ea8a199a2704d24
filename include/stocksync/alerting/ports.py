"""What delivering alerts and reports needs from the outside, named by role."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from stocksync.model.notice import Incident, Message
from stocksync.model.stock import CacheValue, LedgerValue


@dataclass(frozen=True, slots=True)
class Record:
    """A message as it lies on the topic.

    Attributes:
        partition: where
        offset: where in the partition
        timestamp: the broker's, milliseconds since the epoch
        key: as published
        value: as published
        headers: as published
        error: what the client says where the broker could not hand the message out; empty: nothing
    """

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
    error: str = ""


class AlertSource(Protocol):
    """The topic, as one consumer group reads it."""

    def read(self) -> Iterator[Record]:
        """Give what comes after the last `read`, or after the committed offsets, up to the end as it is now."""
        ...

    def commit(self, offsets: Mapping[int, int]) -> None:
        """Note for each partition the offset that is to be read next."""
        ...


class DeadLetters(Protocol):
    """Where messages go that nobody can read."""

    def put(self, poison: Sequence[tuple[Record, str]]) -> None:
        """Return when the broker has acknowledged each, with what is wrong with it."""
        ...


@dataclass(frozen=True, slots=True)
class Delivered:
    """How much was told about a group.

    Attributes:
        messages: Slack messages
        urgent: products with a message or an incident of their own
        counted: urgent products that were only counted
        restored: restores that a digest told of
    """

    messages: int = 0
    urgent: int = 0
    counted: int = 0
    restored: int = 0


class DeliveryLog(Protocol):
    """What one channel has told already; kept for seven days after the last time it was of use."""

    def tokens(self, group: str) -> bytes:
        """Tokens of the events that were told, end to end."""
        ...

    def sent(self, group: str) -> Delivered:
        """How much was told."""
        ...

    def remember(self, group: str, tokens: bytes, sent: Delivered) -> None:
        """Add the tokens and note how much was told by now, in one step."""
        ...


class Notifier(Protocol):
    """The chat."""

    def post(self, message: Message) -> None:
        """Return when it was accepted.

        Raises:
            ChannelDown: it was not, and may be later.
            ChannelRefuses: it will not be until a person changes something.
            MessageRefused: this message will not be; others may.
        """
        ...


class Pager(Protocol):
    """The one that wakes people. Raises as Notifier does."""

    def trigger(self, incident: Incident) -> None:
        """Open an incident, or join the open one of the same key."""
        ...

    def resolve(self, dedup_key: str) -> None:
        """Close an incident; closing it again changes nothing."""
        ...


@dataclass(frozen=True, slots=True)
class OpenIncident:
    """An incident that was opened and is not known to be closed.

    Attributes:
        dedup_key: its name
        opened_at: when its last trigger was sent, seconds since the epoch
        product_id: the product it is about; None: it counts products of a run
        counted: how many products it counts; 0 if it is about one
    """

    dedup_key: str
    opened_at: float
    product_id: str | None = None
    counted: int = 0


class OpenIncidents(Protocol):
    """The list of open incidents."""

    def add(self, incident: OpenIncident) -> None:
        """Note an incident, replacing what was noted under its key."""
        ...

    def all(self) -> list[OpenIncident]:
        """Every open incident."""
        ...

    def remove(self, incident: OpenIncident) -> None:
        """Forget it, unless it was noted anew since."""
        ...


class PresentStock(Protocol):
    """Both stores as they are now, read only."""

    def read(self, product_ids: Sequence[str]) -> Mapping[str, tuple[LedgerValue, CacheValue]]:
        """Look at some products; one that the ledger does not have is not in the answer.

        Raises:
            LedgerUnavailable, CacheUnavailable: a store did not answer.
        """
        ...
