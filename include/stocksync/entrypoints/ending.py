"""Why a task ended as it did: left where its log, the run's note, the report and Slack find it.

Airflow logs the reason of a failure in the middle of its own stack, the reason of a skip inside a folded group, and
tells a DAG's callback only that some task failed. So the sentence is kept in an XCom of its own, beside the task.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from textwrap import fill
from typing import Any

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowSkipException

from stocksync.errors import CountersLost, NotBegun, RefusedRequest

log = logging.getLogger(__name__)

KEY = "ending"
"""Of the XCom, and in a task's context."""
_LINE = 100
"""Characters of a line: Airflow's UI wraps none unless it is told to."""
_UNFOLD = "::endgroup::"
"""Airflow's UI folds what it logs after a task; it takes this for the end of that."""


class Kind(StrEnum):
    """How a task ended."""

    FAILED = "failed"
    LOST = "lost"
    """Its run found every counter gone, and people are told of that by its events."""
    REFUSED = "refused"
    """What somebody asked for is not allowed: nothing failed."""
    SKIPPED = "skipped"
    DRY_RUN = "dry_run"
    """It ended well, and nothing came of it."""
    DECIDED = "decided"
    """What became of a person's decision."""
    WAITED = "waited"
    """Another run was at work first."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a task ended, and why in words."""

    kind: Kind
    says: str

    @classmethod
    def of(cls, error: BaseException) -> "Ending":
        """Tell a refusal and a skip from a failure."""
        kind = Kind.FAILED
        if isinstance(error, RefusedRequest):
            kind = Kind.REFUSED
        elif isinstance(error, CountersLost):
            kind = Kind.LOST
        elif isinstance(error, AirflowSkipException):
            kind = Kind.SKIPPED
        return cls(kind, str(error) or type(error).__name__)


def leave(ending: Ending) -> None:
    """Keep it for whoever asks: in an XCom, and for this task's callbacks in its context."""
    context: Any = get_current_context()
    context[KEY] = ending
    context["ti"].xcom_push(key=KEY, value={"kind": ending.kind.value, "says": ending.says})


def leave_error(error: BaseException) -> None:
    """Keep why a task fails or is skipped; not where it only follows from another task's failure.

    Where it cannot be kept, the task's own error must stay the one that people see.
    """
    if isinstance(error, NotBegun):
        return
    try:
        leave(Ending.of(error))
    except Exception:
        log.exception("why this task ended is in its log only")


def read(raw: Iterable[Any]) -> list[Ending]:
    """Read what XComs hold: each ending once, tasks that left none and mapped tasks' lists included."""
    found: dict[Ending, None] = {}
    for value in raw:
        if isinstance(value, Mapping):
            found[Ending(Kind(value["kind"]), value["says"])] = None
        elif value is not None:
            found |= dict.fromkeys(read(value))
    return list(found)


def of_run(context: Mapping[str, Any]) -> list[Ending]:
    """Read what the tasks of a run left, in the order in which they are wired, from a callback of its DAG.

    Where Airflow ended a run before any task, there is nobody to ask. Where they cannot be read, as from a callback of
    `airflow dags test`, people are told of the run all the same.
    """
    ti, tasks = context.get("ti"), [task.task_id for task in getattr(context.get("dag"), "tasks", ())]
    if ti is None or not tasks:
        return []
    try:
        return read(ti.xcom_pull(task_ids=tasks, key=KEY))
    except Exception:
        log.warning("why the tasks of this run ended cannot be read", exc_info=True)
        return []


def say(context: Mapping[str, Any]) -> None:
    """Log the decisive sentence last, where the UI folds nothing."""
    ending, error = context.get(KEY), context.get("exception")
    if ending is None and error is None:
        return
    sentence = ending.says if ending is not None else str(error) or type(error).__name__
    log.info(_UNFOLD)
    level = logging.WARNING if ending is not None and ending.kind in _MILD else logging.ERROR
    log.log(level, "%s", fill(sentence, _LINE, break_long_words=False, break_on_hyphens=False))


_MILD = (Kind.SKIPPED, Kind.DRY_RUN, Kind.DECIDED, Kind.WAITED)
