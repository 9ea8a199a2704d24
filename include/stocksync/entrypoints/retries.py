"""Which failures Airflow tries again."""

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, ParamSpec, TypeVar

from airflow.sdk.exceptions import AirflowFailException, AirflowRescheduleException

from stocksync.entrypoints import ending
from stocksync.errors import LockHeld, Permanent, StockSyncError

P = ParamSpec("P")
R = TypeVar("R")
_DOUBLINGS = 16
"""After so many attempts a pause has long been as long as it gets; a timedelta has an end."""


def final_when_permanent(task: Callable[P, R]) -> Callable[P, R]:
    """Fail without retries where trying again cannot help, and leave the reason where people look for it."""

    @functools.wraps(task)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return task(*args, **kwargs)
        except AirflowRescheduleException:
            raise  # it has not ended
        except Exception as error:
            ending.leave_error(error)
            if isinstance(error, Permanent | LockHeld):
                raise AirflowFailException(str(error)) from error
            raise

    return run


@contextmanager
def tried_again_before(until: datetime, context: Mapping[str, Any]) -> Iterator[None]:
    """Fail without retries where Airflow's pause would last beyond an instant: the run must end itself before.

    Args:
        until: after this another attempt would have no time to work
        context: the task's
    """
    try:
        yield
    except StockSyncError as error:
        ti = context["ti"]
        if isinstance(error, Permanent | LockHeld) or datetime.now(UTC) + longest_pause(ti.task, ti.try_number) < until:
            raise
        raise AirflowFailException(f"{error}. It is not tried again: the run's time is up at {until}") from error


def longest_pause(task: Any, try_number: int) -> timedelta:  # noqa: ANN401 - Airflow's operator
    """Say how long Airflow may wait after an attempt: it spreads a growing pause over up to twice its length."""
    pause: timedelta = task.retry_delay
    factor = float(task.retry_exponential_backoff)
    if factor > 1:
        pause *= 2 * factor ** min(try_number - 1, _DOUBLINGS)
    most: timedelta | None = task.max_retry_delay
    return pause if most is None else min(pause, most)
