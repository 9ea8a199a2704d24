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


def deliver(consumer: AlertConsumer, channels: Mapping[str, Channel]) -> Delivery:
    """Read what is there, tell it on every channel, then commit.

    One channel's trouble is reported after the other channels have had their turn.

    Args:
        consumer: reads and sorts
        channels: the channels that are configured, by name

    Raises:
        NotDelivered: a channel failed; nothing was committed. What was told is remembered.
        NotDeliverable: as before, and trying again does not help.
    """
    poll = consumer.poll()
    if poll.events and not channels:
        log.warning("nobody was told of %d events: no channel is configured", poll.events)
    failures: list[tuple[str, Exception]] = []
    for name, channel in channels.items():
        try:
            for group, batch in sorted(poll.batches[name].items(), key=lambda item: item[0].key):
                failures += [(name, refused) for refused in channel.tell(group, batch)]
        except Exception as error:  # noqa: BLE001 - raised below, when the other channels have had their turn
            failures.append((name, error))
    if failures:
        _raise(failures)
    consumer.commit(poll)
    return _summary(poll)


def _raise(failures: list[tuple[str, Exception]]) -> None:
    for channel, error in failures:
        log.error("%s: %s", channel, error, exc_info=error)
    told = "; ".join(dict.fromkeys(f"{channel}: {error}" for channel, error in failures))
    kind = NotDeliverable if all(isinstance(error, Permanent) for _, error in failures) else NotDelivered
    raise kind(
        f"people were not told everything, so nothing was committed and the next attempt or run goes on: {told}"
    ) from ExceptionGroup("channels", [error for _, error in failures])


def _summary(poll: Poll) -> Delivery:
    groups = {group for batches in poll.batches.values() for group in batches}
    return Delivery(
        events=poll.events,
        repeated=poll.repeated,
        waiting=poll.waiting,
        poison=poll.poison,
        groups=len(groups),
    )
