"""Reading the topic: what is new, what is unreadable, and what has to wait."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any

from stocksync.alerting.batch import AlertBatch, split_tokens, token
from stocksync.alerting.ports import AlertSource, DeadLetters, Delivered, DeliveryLog, Record
from stocksync.alerting.routing import AlertGroup, finding_from
from stocksync.model.text import printable

log = logging.getLogger(__name__)

_POISON_AT_ONCE = 500
_QUARANTINED = "quarantined"


@dataclass(slots=True)
class Poll:
    """What one pass over the topic found.

    Attributes:
        bundles: for each channel, what it has to tell about each group
        offsets: for each partition, what is to be read next once everything is told
        events: readable events read
        repeated: events that were read or told before
        waiting: events of runs that are still publishing: they are left for the next pass
        poison: unreadable messages
    """

    bundles: dict[str, dict[AlertGroup, AlertBatch]]
    offsets: dict[int, int] = field(default_factory=dict)
    events: int = 0
    repeated: int = 0
    waiting: int = 0
    poison: int = 0


class AlertConsumer:
    """Reads to the end of the topic and sorts.

    A run is told in one piece: as long as it publishes, its events wait, and so do the offsets behind the first
    of them. What lies behind it and is told now is remembered, so reading it again does no harm.

    Args:
        source: the topic
        decode: bytes to the event's fields; raises ValueError for bytes that are no event
        quarantine: where unreadable messages go
        quarantined: which ones are there already
        told: for each channel that is configured, what it has told
        publishing: whether a run, by its id, may still publish
        zone: the operators' clock
    """

    def __init__(  # noqa: PLR0913 - one for each thing it stands between
        self,
        *,
        source: AlertSource,
        decode: Callable[[bytes], Mapping[str, Any]],
        quarantine: DeadLetters,
        quarantined: DeliveryLog,
        told: Mapping[str, DeliveryLog],
        publishing: Callable[[str], bool],
        zone: tzinfo,
    ) -> None:
        self._source = source
        self._decode = decode
        self._quarantine = quarantine
        self._quarantined = quarantined
        self._told = told
        self._publishing = publishing
        self._zone = zone
        self._is_publishing: dict[str, bool] = {}
        self._known: dict[tuple[str, AlertGroup], set[int]] = {}
        self._seen: dict[AlertGroup, set[int]] = {}
        self._held: set[int] = set()
        self._poison: list[tuple[Record, str]] = []

    def read(self) -> Poll:
        """Read everything there is.

        A run that was found to have finished may have published its last events after its partition was read to
        the end; so whenever a new run was met, the topic is read to the end once more.
        """
        harvest = Poll(bundles={channel: {} for channel in self._told})
        runs_met = -1
        while runs_met != len(self._is_publishing):
            runs_met = len(self._is_publishing)
            for record in self._source.read():
                self._take(record, harvest)
        self._put_aside(harvest)
        return harvest

    def _take(self, record: Record, harvest: Poll) -> None:
        if self._read_one(record, harvest) and record.partition not in self._held:
            harvest.offsets[record.partition] = record.offset + 1

    def _read_one(self, record: Record, harvest: Poll) -> bool:
        """Sort one message in; False if it has to wait, and its partition's offset with it."""
        try:
            finding = finding_from(self._decode(_value(record)))
        except ValueError as error:
            self._poison.append((record, str(error)))
            if len(self._poison) >= _POISON_AT_ONCE:
                self._put_aside(harvest)
            return True
        group = AlertGroup.of(finding, _text_headers(record), self._zone)
        if group.run_id is not None and self._must_wait(group.run_id):
            harvest.waiting += 1
            self._held.add(record.partition)
            return False
        harvest.events += 1
        its_token = token(finding.event_id)
        number = int.from_bytes(its_token, "big")
        seen = self._seen.setdefault(group, set())
        if number in seen:
            harvest.repeated += 1
            return True
        seen.add(number)
        news = False
        for channel, bundles in harvest.bundles.items():
            if number not in self._known_by(channel, group):
                bundles.setdefault(group, AlertBatch()).add(finding, its_token)
                news = True
        harvest.repeated += bool(self._told) and not news
        return True

    def _must_wait(self, run_id: str) -> bool:
        if run_id not in self._is_publishing:
            self._is_publishing[run_id] = self._publishing(run_id)
            if self._is_publishing[run_id]:
                log.info("run %s is still publishing: its events wait for the next pass", printable(run_id, 250))
        return self._is_publishing[run_id]

    def _known_by(self, channel: str, group: AlertGroup) -> set[int]:
        known = self._known.get((channel, group))
        if known is None:
            known = self._known[channel, group] = set(split_tokens(self._told[channel].tokens(group.key)))
        return known

    def _put_aside(self, harvest: Poll) -> None:
        """Quarantine each unreadable message once, however often it is read because Slack is down."""
        known = set(split_tokens(self._quarantined.tokens(_QUARANTINED)))
        fresh = [(record, error) for record, error in self._poison if _number(_place(record)) not in known]
        if fresh:
            self._quarantine.put(fresh)
            self._quarantined.remember(_QUARANTINED, b"".join(_place(record) for record, _ in fresh), Delivered())
        for record, error in fresh:
            log.warning(
                "partition %d, offset %d is no readable event and was put aside: %s",
                record.partition,
                record.offset,
                printable(error, 300),
            )
        harvest.poison += len(self._poison)
        self._poison.clear()


def _value(record: Record) -> bytes:
    if record.error:
        raise ValueError(record.error)
    if record.value is None:
        raise ValueError("the message has no value")
    return record.value


def _text_headers(record: Record) -> dict[str, str]:
    return {name: (value or b"").decode(errors="replace") for name, value in record.headers}


def _place(record: Record) -> bytes:
    # The timestamp tells a message from the one at the same place of a topic that was made anew.
    return token(f"{record.partition}/{record.offset}/{record.timestamp}")


def _number(its_token: bytes) -> int:
    return int.from_bytes(its_token, "big")
