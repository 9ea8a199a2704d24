"""Reading the topic: what is new, what is unreadable, and what has to wait."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo

from stocksync.alerting.batch import AlertBatch, split_tokens, token
from stocksync.alerting.ports import AlertDecoder, AlertSource, DeadLetterLog, DeadLetters, DeliveryLog, Record
from stocksync.alerting.routing import AlertGroup
from stocksync.model.text import printable

log = logging.getLogger(__name__)

_POISON_AT_ONCE = 500


@dataclass(slots=True)
class Poll:
    """What one pass over the topic found.

    Attributes:
        batches: for each channel, what it has to tell about each group
        offsets: for each partition, what is to be read next once everything is told
        events: readable events read
        repeated: events that were read or told before
        waiting: events of runs that are still publishing: they are left for the next pass
        poison: unreadable messages
    """

    batches: dict[str, dict[AlertGroup, AlertBatch]]
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
        decoder: the event's format
        dead_letters: where unreadable messages go
        dead_letter_log: which ones are there already
        delivered: for each channel that is configured, what it has told
        publishing: whether a run, by its id, may still publish
        zone: the operators' clock
    """

    def __init__(  # noqa: PLR0913 - one for each thing it stands between
        self,
        *,
        source: AlertSource,
        decoder: AlertDecoder,
        dead_letters: DeadLetters,
        dead_letter_log: DeadLetterLog,
        delivered: Mapping[str, DeliveryLog],
        publishing: Callable[[str], bool],
        zone: tzinfo,
    ) -> None:
        self._source = source
        self._decoder = decoder
        self._dead_letters = dead_letters
        self._dead_letter_log = dead_letter_log
        self._delivered = delivered
        self._publishing = publishing
        self._zone = zone
        self._is_publishing: dict[str, bool] = {}
        self._known: dict[tuple[str, AlertGroup], set[int]] = {}
        self._seen: dict[AlertGroup, set[int]] = {}
        self._held: set[int] = set()
        self._poison: list[tuple[Record, str]] = []

    def poll(self) -> Poll:
        """Read everything there is.

        A run that was found to have finished may have published its last events after its partition was read to
        the end; so whenever a new run was met, the topic is read to the end once more.
        """
        poll = Poll(batches={channel: {} for channel in self._delivered})
        runs_met = -1
        while runs_met != len(self._is_publishing):
            runs_met = len(self._is_publishing)
            for record in self._source.read():
                self._take(record, poll)
        self._put_aside(poll)
        return poll

    def commit(self, poll: Poll) -> None:
        """Note that everything a poll found was told.

        Raises:
            TopicUnavailable: the brokers did not take the offsets; what was told is remembered.
        """
        self._source.commit(poll.offsets)

    def _take(self, record: Record, poll: Poll) -> None:
        if self._read_one(record, poll) and record.partition not in self._held:
            poll.offsets[record.partition] = record.offset + 1

    def _read_one(self, record: Record, poll: Poll) -> bool:
        """Sort one message in; False if it has to wait, and its partition's offset with it."""
        try:
            event = self._decoder.decode(record)
        except ValueError as error:
            self._poison.append((record, str(error)))
            if len(self._poison) >= _POISON_AT_ONCE:
                self._put_aside(poll)
            return True
        group = AlertGroup.of(event, self._zone)
        if group.run_id is not None and self._must_wait(group.run_id):
            poll.waiting += 1
            self._held.add(record.partition)
            return False
        poll.events += 1
        its_token = token(event.event_id)
        number = int.from_bytes(its_token, "big")
        seen = self._seen.setdefault(group, set())
        if number in seen:
            poll.repeated += 1
            return True
        seen.add(number)
        news = False
        for channel, batches in poll.batches.items():
            if number not in self._known_by(channel, group):
                batches.setdefault(group, AlertBatch()).add(event, its_token)
                news = True
        poll.repeated += bool(self._delivered) and not news
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
            known = self._known[channel, group] = set(split_tokens(self._delivered[channel].tokens(group.key)))
        return known

    def _put_aside(self, poll: Poll) -> None:
        """Put each unreadable message aside once, however often it is read because Slack is down."""
        known = self._dead_letter_log.known()
        fresh = [(record, error) for record, error in self._poison if _place(record) not in known]
        if fresh:
            self._dead_letters.put(fresh)
            self._dead_letter_log.remember([_place(record) for record, _ in fresh])
        for record, error in fresh:
            log.warning(
                "partition %d, offset %d is no readable event and was put aside: %s",
                record.partition,
                record.offset,
                printable(error, 300),
            )
        poll.poison += len(self._poison)
        self._poison.clear()


def _place(record: Record) -> bytes:
    # The timestamp tells a message from the one at the same place of a topic that was made anew.
    return token(f"{record.partition}/{record.offset}/{record.timestamp_ms}")
