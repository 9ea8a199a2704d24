"""Reading the topic: what is new, what is unreadable, and what has to wait."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo

from stocksync.alerting.batch import AlertBatch, Tokens, token
from stocksync.alerting.history import History
from stocksync.alerting.left_behind import LeftBehind
from stocksync.alerting.news import News
from stocksync.alerting.ports import AlertDecoder, AlertEvent, AlertSource, DeliveryLog, Record
from stocksync.alerting.quarantine import Quarantine
from stocksync.alerting.routing import AlertGroup
from stocksync.errors import Permanent, StockSyncError, TopicUnavailable
from stocksync.model.run_scale import ORDINARY, RunScale
from stocksync.model.text import printable

log = logging.getLogger(__name__)


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
        left: messages that stay on the topic because they can neither be read nor put aside now
        lost: why a part of the topic could not be read; None: all of it was
    """

    batches: dict[str, dict[AlertGroup, AlertBatch]]
    offsets: dict[int, int] = field(default_factory=dict)
    events: int = 0
    repeated: int = 0
    waiting: int = 0
    poison: int = 0
    left: LeftBehind = field(default_factory=LeftBehind)
    lost: TopicUnavailable | None = None

    @property
    def groups(self) -> set[AlertGroup]:
        """Those that people are told about."""
        return {group for batches in self.batches.values() for group in batches}

    @property
    def troubles(self) -> list[StockSyncError]:
        """What a person has to hear of after everybody else was told."""
        return [*self.left.errors(), *([self.lost] if self.lost else [])]


class AlertConsumer:
    """Reads to the end of the topic and sorts.

    A run is told in one piece: as long as it publishes, its events wait, and so do the offsets behind the first
    of them. The same holds for a message that can neither be read nor put aside. What lies behind it and is told now
    is remembered, so reading it again does no harm.

    Args:
        source: the topic
        decoder: the event's format
        quarantine: takes what nobody can read
        delivered: for each channel that is configured, what it has told
        history: keeps every event
        publishing: whether a run, by its id, may still publish
        scale: how much a run, by its id, found
        now: the present
        zone: the operators' clock
    """

    def __init__(  # noqa: PLR0913 - one for each thing it stands between
        self,
        *,
        source: AlertSource,
        decoder: AlertDecoder,
        quarantine: Quarantine,
        delivered: Mapping[str, DeliveryLog],
        history: History,
        publishing: Callable[[str], bool],
        scale: Callable[[str], RunScale],
        now: Callable[[], datetime],
        zone: tzinfo,
    ) -> None:
        self._source = source
        self._decoder = decoder
        self._quarantine = quarantine
        self._delivered = delivered
        self._history = history
        self._publishing = publishing
        self._scale = scale
        self._now = now
        self._zone = zone
        self._runs: dict[str, RunScale | Exception | None] = {}
        """Of each run that was met how much it found; None: it still publishes; or why nobody knows."""
        self._known: dict[tuple[str, AlertGroup], Tokens] = {}
        self._seen: dict[AlertGroup, set[int]] = {}
        self._held: set[int] = set()

    def poll(self) -> Poll:
        """Read everything there is.

        A run that was found to have finished may have published its last events after its partition was read to
        the end; so whenever a new run was met, the topic is read to the end once more.
        """
        poll = Poll(batches={channel: {} for channel in self._delivered})
        runs_met = -1
        try:
            while runs_met != len(self._runs):
                runs_met = len(self._runs)
                for record in self._source.read():
                    self._take(record, poll)
        except TopicUnavailable as error:  # what was read so far is told
            poll.lost = error
        return poll

    def news(self, poll: Poll, channel: str) -> News:
        """Give what a poll found for a channel."""
        return News.of(poll.batches[channel], self._now(), self._zone)

    def put_aside(self, poll: Poll) -> None:
        """Put aside what nobody could read; what is not taken stays on the topic."""
        for record, why in self._quarantine.flush():
            self._leave(record, why, poll)

    def keep(self, poll: Poll) -> Exception | None:
        """Keep what a poll found in the history; return why not all of it was, None if it was.

        A run is noted as complete where all of the topic could be read, and so nothing of it can be missing.
        """
        published = [run_id for run_id, found in self._runs.items() if isinstance(found, RunScale)]
        return self._history.finish([] if poll.troubles else published)

    def commit(self, poll: Poll) -> None:
        """Note that everything a poll found was told.

        Raises:
            TopicUnavailable: the brokers did not take the offsets; what was told is remembered.
        """
        self._source.commit(poll.offsets)

    def _take(self, record: Record, poll: Poll) -> None:
        try:
            event = self._decoder.decode(record)
        except ValueError as error:
            self._quarantined(record, printable(str(error), 300), poll)
        except Exception as error:  # noqa: BLE001 - it may well be an event: it stays, and the others are told
            self._not_read(record, error, poll)
        else:
            self._sort(record, event, poll)
        if record.partition not in self._held:
            poll.offsets[record.partition] = record.offset + 1

    def _quarantined(self, record: Record, error: str, poll: Poll) -> None:
        poll.poison += 1
        for refused, why in self._quarantine.add(record, error):
            self._leave(refused, why, poll)

    def _leave(self, record: Record, why: str, poll: Poll) -> None:
        poll.left.not_put_aside(record, why)
        self._stop_before(record, poll)

    def _stop_before(self, record: Record, poll: Poll) -> None:
        """Let the offset of its partition stop before a message, if it does not stop earlier already."""
        self._held.add(record.partition)
        poll.offsets[record.partition] = min(record.offset, poll.offsets.get(record.partition, record.offset))

    def _not_read(self, record: Record, error: Exception, poll: Poll) -> None:
        why = printable(str(error) if isinstance(error, StockSyncError) else repr(error), 500)
        poll.left.not_read(record, why, permanent=isinstance(error, Permanent))
        self._stop_before(record, poll)

    def _sort(self, record: Record, event: AlertEvent, poll: Poll) -> None:
        """Put an event where it is told, unless it has to wait."""
        group = AlertGroup.of(event, self._zone)
        try:
            scale = ORDINARY if group.run_id is None else self._scale_of(group.run_id)
        except Exception as error:  # noqa: BLE001 - nobody knows whether its run is done: it stays, as above
            self._not_read(record, error, poll)
            return
        if scale is None:
            poll.waiting += 1
            self._stop_before(record, poll)
        else:
            self._add(group, event, scale, poll)

    def _add(self, group: AlertGroup, event: AlertEvent, scale: RunScale, poll: Poll) -> None:
        """Add an event to what each channel has to tell that has not told it yet."""
        poll.events += 1
        its_token = token(event.event_id)
        number = int.from_bytes(its_token, "big")
        seen = self._seen.setdefault(group, set())
        if number in seen:
            poll.repeated += 1
            return
        self._history.add(event)
        news_for = [channel for channel in poll.batches if its_token not in self._known_by(channel, group)]
        for channel in news_for:
            poll.batches[channel].setdefault(group, AlertBatch(scale)).add(event, its_token)
        if news_for or not poll.batches:
            seen.add(number)
        else:
            poll.repeated += 1

    def _scale_of(self, run_id: str) -> RunScale | None:
        """Ask about each run once; also what could not be found out is not asked again."""
        if run_id not in self._runs:
            self._runs[run_id] = self._ask(run_id)
        answer = self._runs[run_id]
        if isinstance(answer, Exception):
            raise answer.with_traceback(None)
        return answer

    def _ask(self, run_id: str) -> RunScale | Exception | None:
        try:
            if not self._publishing(run_id):
                return self._scale(run_id)
        except Exception as error:  # noqa: BLE001 - raised for each event of the run
            return error
        log.info("run %s is still publishing: its events wait for the next pass", printable(run_id, 250))
        return None

    def _known_by(self, channel: str, group: AlertGroup) -> Tokens:
        known = self._known.get((channel, group))
        if known is None:
            known = self._known[channel, group] = Tokens(self._delivered[channel].tokens(group.key))
        return known
