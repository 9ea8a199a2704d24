"""Which failures Airflow tries again."""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from airflow.sdk.exceptions import AirflowFailException

from stocksync.entrypoints import ending
from stocksync.errors import LockHeld, Permanent

P = ParamSpec("P")
R = TypeVar("R")


def final_when_permanent(task: Callable[P, R]) -> Callable[P, R]:
    """Fail without retries where trying again cannot help, and leave the reason where people look for it."""

    @functools.wraps(task)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return task(*args, **kwargs)
        except Exception as error:
            ending.leave_error(error)
            if isinstance(error, Permanent | LockHeld):
                raise AirflowFailException(str(error)) from error
            raise

    return run
