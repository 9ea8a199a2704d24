"""What telling people needs from the outside, named by role, and what it is given."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from stocksync.model.notice import Incident, Message
from stocksync.model.policy import Action, Severity
from stocksync.model.stock import CacheValue, LedgerValue


@dataclass(frozen=True, slots=True)
class Record:
    """A message as it lies on the topic.

    Attributes:
        partition: where
        offset: where in the partition
        timestamp_ms: the broker's, milliseconds since the epoch
        key: as published
        value: as published
        headers: as published
        error: what the client says where the broker could not hand the message out; empty: nothing
    """

    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
    error: str = ""


@dataclass(frozen=True, slots=True)
class AlertEvent:
    """One event of the topic, from this program or from another publisher.

    Attributes:
        event_id: names what happened
        product_id: the product
        db_stock: what the ledger said
        redis_stock: what the cache said
        discrepancy: db_stock - redis_stock
        severity: how large it is
        action: what was done
        detected_at_ms: milliseconds since the epoch
        run_id: the run that published it; empty: it names none
        run_date: the run's local date, YYYY-MM-DD; empty: it names none
        held: units on hold that db_stock is without
        approved_by: the person who decided; empty: the rules did
        decision_id: that person's decision; empty: there is none
        reason: in words, why; empty: it names none
        key_missing: whether the cache had no key; None: it does not say
        product_name: what people call the product; empty: it does not say
        cause: of the difference, in one word; empty: it does not say
        evidence: what speaks for the cause; empty: nothing
    """

    event_id: str
    product_id: str
    db_stock: int
    redis_stock: int
    discrepancy: int
    severity: Severity
    action: Action
    detected_at_ms: int
    run_id: str = ""
    run_date: str = ""
    held: int = 0
    approved_by: str = ""
    decision_id: str = ""
    reason: str = ""
    key_missing: bool | None = None
    product_name: str = ""
    cause: str = ""
    evidence: str = ""


class AlertDecoder(Protocol):
    """The event's format."""

    def decode(self, record: Record) -> AlertEvent:
        """Read a message.

        Raises:
            ValueError: nobody can read it.
            BadSetting: it is an event, and a setting is missing to read it.
        """
        ...


class AlertSource(Protocol):
    """The topic, as one consumer group reads it."""

    def read(self) -> Iterator[Record]:
        """Give what comes after the last `read`, or after the committed offsets, up to the end as it is now.

        Raises:
            TopicUnavailable: the brokers do not answer, or not for some partitions; what they do give was given before.
        """
        ...

    def commit(self, offsets: Mapping[int, int]) -> None:
        """Note for each partition the offset that is to be read next.

        Raises:
            TopicUnavailable: the brokers did not take them.
        """
        ...


class DeadLetters(Protocol):
    """Where messages go that nobody can read."""

    def put(self, poison: Sequence[tuple[Record, str]]) -> Sequence[tuple[Record, str]]:
        """Put aside each message with what is wrong with it; return those the broker did not acknowledge, with why.

        Of a message that is too large for the place, a note of where it lies and what is wrong with it is put aside.

        Raises:
            BadSetting: there is no way to the place until a person changes something.
        """
        ...


class DeadLetterLog(Protocol):
    """Which messages were put aside already; each is kept for seven days after the last time it was of use."""

    def known(self) -> set[bytes]:
        """Return their places, as tokens.

        Raises:
            CacheUnavailable: it cannot be looked up.
        """
        ...

    def remember(self, places: Sequence[bytes]) -> None:
        """Add some.

        Raises:
            CacheUnavailable: it could not be noted.
        """
        ...


@dataclass(frozen=True, slots=True)
class Delivered:
    """How much was told about a group.

    Attributes:
        messages: Slack messages
        urgent: products with a message or an incident of their own
        counted: urgent products that were only counted
        restored: restores that a digest told of
        lost: lost counters that were told in one piece
        many: other discrepancies that were told in one piece
    """

    messages: int = 0
    urgent: int = 0
    counted: int = 0
    restored: int = 0
    lost: int = 0
    many: int = 0


class DeliveryLog(Protocol):
    """What one channel has told already; kept for seven days after the last time it was of use.

    Every method raises CacheUnavailable where it cannot be looked up or noted.
    """

    def tokens(self, group: str) -> bytes:
        """Tokens of the events that were told, end to end."""
        ...

    def delivered(self, group: str) -> Delivered:
        """How much was told."""
        ...

    def remember(self, group: str, tokens: bytes, delivered: Delivered) -> None:
        """Add the tokens and note how much was told by now, in one step."""
        ...


class FindingsLog(Protocol):
    """The history of all events; each is kept once, however often it is added.

    Every method raises OperationsUnavailable or BadSetting where it cannot be written.
    """

    def add(self, event: AlertEvent) -> None:
        """Take an event; it is kept at the latest by `finish`."""
        ...

    def finish(self, runs: Collection[str]) -> None:
        """Keep what was added, and note of some runs that all of their events were."""
        ...


class FailureLog(Protocol):
    """Which DAGs people were told lately to fail."""

    def told_lately(self, dag_id: str) -> bool:
        """Look it up.

        Raises:
            CacheUnavailable, BadSetting: it cannot be looked up.
        """
        ...

    def remember(self, dag_id: str, quiet_s: int) -> None:
        """Note that people were told; it is forgotten after so many seconds.

        Raises:
            CacheUnavailable, BadSetting: it could not be noted.
        """
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
        opened_at: when its last trigger was sent, seconds since the epoch (the name is in the stored records)
        product_id: the product it is about; None: it counts products of a run
        counted: how many products it counts; 0 if it is about one
        products: of those it counts, the largest by name; all of them if they are as many
    """

    dedup_key: str
    opened_at: float
    product_id: str | None = None
    counted: int = 0
    products: tuple[str, ...] = ()


class OpenIncidents(Protocol):
    """The list of open incidents. Every method raises CacheUnavailable where it cannot be read or noted."""

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
