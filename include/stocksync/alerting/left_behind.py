"""Messages that stay on the topic: named one by one as far as anybody reads, and counted."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field

from stocksync.alerting.ports import Record
from stocksync.errors import DeadLetterFailed, NotRead, NotReadable, StockSyncError

log = logging.getLogger(__name__)

_NAMED = 10
_LOGGED = 100
_STAY = "the offsets stop before them; everything else was read, and what people were told of it is remembered"


@dataclass(slots=True)
class _Kind:
    """Messages that stay for the same kind of reason."""

    count: int = 0
    named: list[str] = field(default_factory=list)

    def add(self, record: Record, why: str, what: str) -> None:
        self.count += 1
        place = f"partition {record.partition}, offset {record.offset}: {why}"
        if len(self.named) < _NAMED:
            self.named.append(place)
        if self.count <= _LOGGED:
            log.error("%s: %s", what, place)

    def __str__(self) -> str:
        more = f"; and {self.count - len(self.named):,} more" if self.count > len(self.named) else ""
        return "; ".join(self.named) + more


@dataclass(slots=True)
class LeftBehind:
    """What one pass could neither read nor put aside."""

    _not_put_aside: _Kind = field(default_factory=_Kind)
    _not_read: _Kind = field(default_factory=_Kind)
    _permanent: bool = True

    @property
    def count(self) -> int:
        """How many."""
        return self._not_put_aside.count + self._not_read.count

    def not_put_aside(self, record: Record, why: str) -> None:
        """Note one that nobody can read and that the dead-letter topic did not take."""
        self._not_put_aside.add(record, why, "not put aside")

    def not_read(self, record: Record, why: str, *, permanent: bool) -> None:
        """Note one that may be an event and cannot be read now.

        Args:
            record: the message
            why: what is missing to read it
            permanent: whether a person has to change something first
        """
        self._not_read.add(record, why, "not read")
        self._permanent = self._permanent and permanent

    def errors(self) -> Iterator[StockSyncError]:
        """Say what stays, and why."""
        if count := self._not_put_aside.count:
            yield DeadLetterFailed(
                f"{count:,} unreadable {'message' if count == 1 else 'messages'} could not be put aside "
                f"({self._not_put_aside}); {_STAY}"
            )
        if count := self._not_read.count:
            kind = NotReadable if self._permanent else NotRead
            yield kind(
                f"{count:,} {'message' if count == 1 else 'messages'} cannot be read now ({self._not_read}); {_STAY}"
            )
