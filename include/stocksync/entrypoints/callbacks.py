"""What Airflow calls when a run failed or is late. DAG files import this while they are parsed: it must stay light."""

import logging
from collections.abc import Mapping, MutableMapping
from typing import Any

from asgiref.sync import sync_to_async

log = logging.getLogger(__name__)

TIMED_OUT = "timed_out"
"""Airflow's word for a run that it ended at its time limit."""
CAME_TO = "stock_sync_came_to"
"""In a callback's context: what a run that Airflow ended came to, in words."""


def tell_of_failure(context: Mapping[str, Any], *, once_in_a_while: bool = False) -> None:
    """Tell people of a red run.

    Args:
        context: of the DAG's failure callback
        once_in_a_while: for a DAG that runs every few minutes: after one message it is quiet for some hours
    """
    from stocksync.entrypoints import connections, ending  # noqa: PLC0415 - with the drivers it takes a second

    run = context["dag_run"]
    if str(getattr(run.run_type, "value", run.run_type)) == "backfill":
        log.info("a failed backfill is seen by whoever started it")
        return
    ends = ending.of_run(context)
    if any(end.kind is ending.Kind.LOST for end in ends) and all(end.kind is not ending.Kind.FAILED for end in ends):
        log.info("that every counter is gone is told with the run's events")
        return
    notifier = connections.failure_notifier()
    says = [end.says for end in ends if end.kind in {ending.Kind.REFUSED, ending.Kind.FAILED}]
    if any(end.kind is ending.Kind.REFUSED for end in ends):
        notifier.refused(run.dag_id, run.run_id, says)
        return
    notifier.failed(
        run.dag_id,
        run.run_id,
        says,
        ended_by=context.get("reason") or "",
        came_to=context.get(CAME_TO, ""),
        dry_run=(getattr(run, "conf", None) or {}).get("dry_run") is True,
        once_in_a_while=once_in_a_while,
    )


def say_why(context: Mapping[str, Any]) -> None:
    """Log why a task failed, is tried again, was skipped or only looked, as its last words."""
    from stocksync.entrypoints import ending  # noqa: PLC0415 - as above

    ending.say(context)


SAY_WHY = {f"on_{end}_callback": say_why for end in ("success", "skipped", "retry", "failure")}
"""The default arguments by which every task does so."""


async def tell_of_lateness(context: Mapping[str, Any], minutes: int) -> None:
    """Tell people of a run that missed its deadline; it runs in the triggerer, which needs no free worker."""
    run = context["dag_run"]
    await sync_to_async(_tell_of_lateness)(run["dag_id"], run["dag_run_id"], minutes)


def _tell_of_lateness(dag_id: str, run_id: str, minutes: int) -> None:
    from stocksync.entrypoints import connections  # noqa: PLC0415 - as above

    connections.failure_notifier().late(dag_id, run_id, minutes)


def release_after_failure(context: MutableMapping[str, Any]) -> None:
    """Free the lock of a run that was ended from outside, and add it up: at its time limit Airflow skips its teardowns.

    What it came to is left in the context, for the message.
    """
    from stocksync.entrypoints import sync_tasks  # noqa: PLC0415 - as above

    sync_tasks.release_after_failure(context["dag_run"])
    if context.get("reason") == TIMED_OUT:
        summary = sync_tasks.sum_up_after_the_end(context)
        context[CAME_TO] = "" if summary is None else summary.in_words()
