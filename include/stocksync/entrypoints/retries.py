"""Which failures Airflow tries again."""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from airflow.sdk.exceptions import AirflowFailException

from stocksync.errors import LockHeld, Permanent

P = ParamSpec("P")
R = TypeVar("R")


def final_when_permanent(task: Callable[P, R]) -> Callable[P, R]:
    """Fail without retries where trying again cannot help."""

    @functools.wraps(task)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return task(*args, **kwargs)
        except (Permanent, LockHeld) as error:
            raise AirflowFailException(str(error)) from error

    return run
