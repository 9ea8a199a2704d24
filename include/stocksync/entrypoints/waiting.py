"""Waiting for the day's lock without keeping a worker: the task is given back to Airflow, and looks again later."""

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from airflow.sdk.exceptions import AirflowRescheduleException, AirflowSkipException

from stocksync.entrypoints import ending
from stocksync.entrypoints.ending import Ending, Kind
from stocksync.errors import LockHeld

log = logging.getLogger(__name__)

LOOK_AGAIN = timedelta(seconds=10)
"""After this a waiting task looks whether the other run is done."""


def wait_for(held: LockHeld, who_waits: str, until: datetime) -> NoReturn:
    """Give the task back, and say for whom it waits.

    Args:
        held: who has the lock
        who_waits: as the log says it
        until: when it gives up

    Raises:
        AirflowRescheduleException: always
    """
    says = f"{held}. {who_waits} waits for it, until {until.isoformat()} at the latest"
    log.warning("%s", says)
    ending.leave(Ending(Kind.WAITED, says))
    raise AirflowRescheduleException(datetime.now(UTC) + LOOK_AGAIN) from held


def leave_or_wait(held: LockHeld, is_decision: Callable[[str], bool], until: datetime) -> NoReturn:
    """Leave the day to another run of the night; wait for a decision, which does not do the night's work.

    Args:
        held: who has the lock
        is_decision: whether a run, by its id, carries out a person's decision
        until: when this run begins nothing any more

    Raises:
        AirflowSkipException: another run compares already
        AirflowRescheduleException: a decision is at work
        LockHeld: a decision was at work until the time was up
    """
    if not is_decision(held.holder):
        raise AirflowSkipException(f"{held}; this run leaves the day to it") from held
    if datetime.now(UTC) + LOOK_AGAIN >= until:
        raise LockHeld(
            f"{held}. It is a person's decision, and the time of this run was up before it ended: nothing was compared "
            "or written. Trigger a new run",
            held.holder,
        ) from held
    wait_for(held, "It is a person's decision: this run", until)


def say_how_long(context: Mapping[str, Any]) -> None:
    """Leave for the run's note how long its task waited, if it did."""
    since = context["ti"].get_first_reschedule_date(context)
    if since is None:
        return
    seconds = (datetime.now(UTC) - since).total_seconds()
    ending.leave(Ending(Kind.WAITED, f"it waited {seconds:.0f} s for a person's decision, then it had the day's lock"))
