"""What is remembered in two places, so that either may be lost or away: Redis, and the operations store.

What one of them knows is known. One that does not answer is made up for by the other; only where neither answers is
there an error, the first one's.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TypeVar

from stocksync.alerting.ports import DeadLetterLog, Delivered, DeliveryLog, FailureLog, OpenIncident, OpenIncidents
from stocksync.errors import StockSyncError

log = logging.getLogger(__name__)

T = TypeVar("T")


def _from_each(*asks: Callable[[], T]) -> list[T]:
    """Ask both; return what answered."""
    answers: list[T] = []
    errors: list[StockSyncError] = []
    for ask in asks:
        try:
            answers.append(ask())
        except StockSyncError as error:
            errors.append(error)
    if not answers:
        raise errors[0]
    for missing in errors:
        log.warning("one of two memories is not there: %s", missing)
    return answers


class TwoDeliveryLogs:
    """Implements the port DeliveryLog."""

    def __init__(self, first: DeliveryLog, second: DeliveryLog) -> None:
        self._both = (first, second)

    def tokens(self, group: str) -> bytes:
        """Put together."""
        return b"".join(_from_each(*(lambda each=each: each.tokens(group) for each in self._both)))

    def delivered(self, group: str) -> Delivered:
        """Take the larger of each number: none is ever counted down."""
        answers = _from_each(*(lambda each=each: asdict(each.delivered(group)) for each in self._both))
        return Delivered(**{name: max(answer[name] for answer in answers) for name in answers[0]})

    def remember(self, group: str, tokens: bytes, delivered: Delivered) -> None:
        """Tell both."""
        _from_each(*(lambda each=each: each.remember(group, tokens, delivered) for each in self._both))


class TwoDeadLetterLogs:
    """Implements the port DeadLetterLog."""

    def __init__(self, first: DeadLetterLog, second: DeadLetterLog) -> None:
        self._both = (first, second)

    def known(self) -> set[bytes]:
        """Put together."""
        return set[bytes]().union(*_from_each(*(each.known for each in self._both)))

    def remember(self, places: Sequence[bytes]) -> None:
        """Tell both."""
        _from_each(*(lambda each=each: each.remember(places) for each in self._both))


class TwoFailureLogs:
    """Implements the port FailureLog."""

    def __init__(self, first: FailureLog, second: FailureLog) -> None:
        self._both = (first, second)

    def told_lately(self, dag_id: str) -> bool:
        """Ask both."""
        return any(_from_each(*(lambda each=each: each.told_lately(dag_id) for each in self._both)))

    def remember(self, dag_id: str, quiet_s: int) -> None:
        """Tell both."""
        _from_each(*(lambda each=each: each.remember(dag_id, quiet_s) for each in self._both))


class TwoOpenIncidents:
    """Implements the port OpenIncidents.

    One that was closed while a memory was away is still open there, and is closed once more: that changes nothing.
    """

    def __init__(self, first: OpenIncidents, second: OpenIncidents) -> None:
        self._both = (first, second)

    def add(self, incident: OpenIncident) -> None:
        """Tell both."""
        _from_each(*(lambda each=each: each.add(incident) for each in self._both))

    def all(self) -> list[OpenIncident]:
        """Put together, of each key the one that was opened last; the oldest first."""
        found: dict[str, OpenIncident] = {}
        for incidents in _from_each(*(each.all for each in self._both)):
            for incident in incidents:
                known = found.get(incident.dedup_key)
                if known is None or known.opened_at < incident.opened_at:
                    found[incident.dedup_key] = incident
        return sorted(found.values(), key=lambda incident: incident.opened_at)

    def remove(self, incident: OpenIncident) -> None:
        """Tell both."""
        _from_each(*(lambda each=each: each.remove(incident) for each in self._both))
