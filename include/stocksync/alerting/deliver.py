"""One pass of the monitoring consumer: read, tell, commit."""

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from stocksync.alerting.channel import Channel
from stocksync.alerting.consumer import AlertConsumer, Poll
from stocksync.errors import NotDeliverable, NotDelivered, Permanent

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one pass did.

    Attributes:
        events: readable events read
        repeated: of them, those people were told before
        waiting: events left for the next pass because their run still publishes
        poison: unreadable messages
        groups: runs, and days of other publishers, that people were told about
    """

    events: int
    repeated: int
    waiting: int
    poison: int
    groups: int

    def to_dict(self) -> dict[str, Any]:
        """As JSON for XCom."""
        return asdict(self)

    def in_words(self) -> str:
        """One line for the log."""
        return (
            f"{_counted(self.events, 'event')} read, {self.repeated:,} of them told before, "
            f"{self.waiting:,} left until their run has published, "
            f"{_counted(self.poison, 'unreadable message')} put aside; "
            f"people were told about {_counted(self.groups, 'run')}"
        )


def deliver(consumer: AlertConsumer, channels: Mapping[str, Channel]) -> Delivery:
    """Read what is there, tell it on every channel, put aside what nobody can read, then commit.

    One channel's trouble is reported after the other channels have had their turn; a message's, and a partition's,
    after everything else was told and committed.

    Args:
        consumer: reads and sorts
        channels: the channels that are configured, by name

    Raises:
        NotDelivered: a channel or the history failed, and nothing was committed; or a part of the topic could neither
            be read nor put aside, and the offsets stop before it. What was told is remembered.
        NotDeliverable: as before, and trying again does not help.
    """
    poll = consumer.poll()
    if poll.events and not channels:
        log.warning("nobody was told of %s: no channel is configured", _counted(poll.events, "event"))
    failures: list[tuple[str, Exception]] = []
    for name, channel in channels.items():
        try:
            if news := consumer.news(poll, name):
                failures += [(name, refused) for refused in channel.tell(news)]
        except Exception as error:  # noqa: BLE001 - raised below, when the other channels have had their turn
            failures.append((name, error))
    consumer.put_aside(poll)
    troubles: list[tuple[str, Exception]] = [("topic", trouble) for trouble in poll.troubles]
    not_kept = consumer.keep(poll)
    kept: list[tuple[str, Exception]] = [] if not_kept is None else [("operations store", not_kept)]
    if failures or kept:
        told = "people were not told everything" if failures else "people were told, and not all of it was kept"
        again = "so nothing was committed and the next attempt or run goes on"
        _raise(f"{told}, {again}", failures + kept + troubles)
    consumer.commit(poll)
    if troubles:
        _raise("what can be read was told and committed, and not all of the topic can be read", troubles)
    return _summary(poll)


def _raise(what: str, failures: list[tuple[str, Exception]]) -> None:
    for where, error in failures:
        log.error("%s: %s", where, error, exc_info=error)
    why = "; ".join(dict.fromkeys(f"{where}: {error}" for where, error in failures))
    kind = NotDeliverable if all(isinstance(error, Permanent) for _, error in failures) else NotDelivered
    raise kind(f"{what}: {why}") from ExceptionGroup("failures", [error for _, error in failures])


def _summary(poll: Poll) -> Delivery:
    return Delivery(
        events=poll.events,
        repeated=poll.repeated,
        waiting=poll.waiting,
        poison=poll.poison,
        groups=len(poll.groups),
    )


def _counted(number: int, one: str) -> str:
    return f"{number:,} {one if number == 1 else one + 's'}"
