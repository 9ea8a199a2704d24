"""One pass of the monitoring consumer: read, tell, commit."""

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from stocksync.alerting.batch import AlertBatch
from stocksync.alerting.consumer import AlertConsumer, Poll
from stocksync.alerting.ports import AlertSource
from stocksync.alerting.routing import AlertGroup
from stocksync.errors import MessageRefused, NotDeliverable, NotDelivered, Permanent

log = logging.getLogger(__name__)


class Channel(Protocol):
    """One channel to people."""

    def tell(self, group: AlertGroup, bundle: AlertBatch) -> list[MessageRefused]:
        """Tell everything in the bundle; return what the channel will not take."""
        ...


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


def deliver(intake: AlertConsumer, source: AlertSource, tellers: Mapping[str, Channel]) -> Delivery:
    """Read what is there, tell it on every channel, then commit.

    One channel's trouble is reported after the other channels have had their turn.

    Args:
        intake: reads and sorts
        source: the topic, to commit to
        tellers: the channels that are configured, by name

    Raises:
        NotDelivered: a channel failed; nothing was committed. What was told is remembered.
        NotDeliverable: as before, and trying again does not help.
    """
    harvest = intake.read()
    if harvest.events and not tellers:
        log.warning("nobody was told of %d events: no channel is configured", harvest.events)
    failures: list[tuple[str, Exception]] = []
    for channel, teller in tellers.items():
        try:
            for group, bundle in sorted(harvest.bundles[channel].items(), key=lambda item: item[0].key):
                failures += [(channel, refused) for refused in teller.tell(group, bundle)]
        except Exception as error:  # noqa: BLE001 - raised below, when the other channels have had their turn
            failures.append((channel, error))
    if failures:
        _raise(failures)
    source.commit(harvest.offsets)
    return _summary(harvest)


def _raise(failures: list[tuple[str, Exception]]) -> None:
    for channel, error in failures:
        log.error("%s: %s", channel, error, exc_info=error)
    told = "; ".join(dict.fromkeys(f"{channel}: {error}" for channel, error in failures))
    kind = NotDeliverable if all(isinstance(error, Permanent) for _, error in failures) else NotDelivered
    raise kind(
        f"people were not told everything, so nothing was committed and the next attempt or run goes on: {told}"
    ) from ExceptionGroup("channels", [error for _, error in failures])


def _summary(harvest: Poll) -> Delivery:
    groups = {group for bundles in harvest.bundles.values() for group in bundles}
    return Delivery(
        events=harvest.events,
        repeated=harvest.repeated,
        waiting=harvest.waiting,
        poison=harvest.poison,
        groups=len(groups),
    )
