"""Who hears of an event, and how much people are told at most."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import Enum
from typing import Self

from stocksync.alerting.ports import AlertEvent
from stocksync.model.policy import Action, Severity
from stocksync.model.run_scale import ORDINARY, RunScale

MESSAGES_A_RUN = 20
"""Slack messages about one run, and in one pass about all runs together, whatever happens."""
URGENT_A_RUN = 10
"""Products of one run, and of one pass, with an urgent message and an incident of their own; the rest is counted."""
LISTED = 20
"""Lines of a list; the rest is counted."""
STILL_NEWS = timedelta(hours=2)
"""What was detected so lately is news though its day is over: a run may cross midnight."""
_LONGEST_RUN_ID = 250  # Airflow's own limit; what else it cannot have made is no run of it either


class Route(Enum):
    """The kind of message an event ends up in."""

    APPROVED = "approved"
    """A person decided it: told with the person's name and reason."""
    DIGEST = "digest"
    """Restored: counted in one message."""
    REVIEW = "review"
    """A person must look: one line of one list."""
    URGENT = "urgent"
    """A person must look at once: a message and an incident of its own."""
    LOST = "lost"
    """One of so many counters that are gone that they are told in one piece."""
    MANY = "many"
    """One of so many other discrepancies that they are told in one piece."""


def route(event: AlertEvent, scale: RunScale = ORDINARY) -> Route:
    """Decide by who did what first, then by how much the run found, then by size.

    Nobody is woken for what is repaired or was decided.
    """
    if event.approved_by:
        return Route.APPROVED
    if scale.lost and event.key_missing:
        return Route.LOST
    if scale.many:
        return Route.MANY
    if event.action is Action.REDIS_RESTORED:
        return Route.DIGEST
    return Route.URGENT if event.severity is Severity.CRITICAL else Route.REVIEW


@dataclass(frozen=True, slots=True)
class AlertGroup:
    """The events that are told together: those of one run, or those of other publishers on one day.

    Attributes:
        run_id: Airflow's run id; None: the events name no run
        date: local date: of the run, or of the detection where there is no run
    """

    run_id: str | None
    date: str

    @classmethod
    def of(cls, event: AlertEvent, zone: tzinfo) -> Self:
        """Find the group of an event."""
        detected = local_time(event.detected_at_ms, zone).date().isoformat()
        if not event.run_id or len(event.run_id) > _LONGEST_RUN_ID or not event.run_id.isprintable():
            return cls(None, detected)
        return cls(event.run_id, event.run_date or detected)

    @property
    def key(self) -> str:
        """The name under which it is remembered what people were told."""
        return f"no-run:{self.date}" if self.run_id is None else f"run:{self.run_id}"


def is_over(latest_ms: int, now: datetime, zone: tzinfo) -> bool:
    """Tell whether what was detected at `latest_ms` at the latest is of a day that is over: nobody is called for it."""
    today, latest = now.astimezone(zone), local_time(latest_ms, zone)
    return latest.date() < today.date() and latest < today - STILL_NEWS


def local_time(time_ms: int, zone: tzinfo) -> datetime:
    """Give an event's time as the operators' clock shows it; a time beyond the calendar becomes its end."""
    try:
        return datetime.fromtimestamp(time_ms / 1000, UTC).astimezone(zone)
    except (OverflowError, ValueError, OSError):
        return datetime.max.replace(tzinfo=zone) if time_ms > 0 else datetime.min.replace(tzinfo=zone)
