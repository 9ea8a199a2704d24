"""Telling people of a run that failed, or that is late: what the DAGs' callbacks do."""

import logging
from collections.abc import Mapping
from typing import Any

from stocksync.adapters.redis_errors import translated
from stocksync.adapters.templates import Templates
from stocksync.domain import keys
from stocksync.domain.notice import Message
from stocksync.errors import CacheUnavailable, ChannelDown, ChannelRefuses, MessageRefused
from stocksync.settings import Settings
from stocksync.wiring import channels, connections

log = logging.getLogger(__name__)

_QUIET_SECONDS = 6 * 60 * 60


def tell_of_failure(context: Mapping[str, Any], *, once_in_a_while: bool = False) -> None:
    """Post to Slack that a run failed.

    Args:
        context: of the DAG's failure callback
        once_in_a_while: for a DAG that runs every few minutes: after one message it is quiet for six hours
    """
    run = context["dag_run"]
    if str(getattr(run.run_type, "value", run.run_type)) == "backfill":
        log.info("a failed backfill is seen by whoever started it")
        return
    if once_in_a_while and not _first(run.dag_id):
        log.info("people were told lately that %s fails", run.dag_id)
        return
    _post("failed", dag_id=run.dag_id, run_id=run.run_id, reason=context.get("reason") or "")


def tell_of_lateness(dag_id: str, run_id: str, minutes: int) -> None:
    """Post to Slack that a run has not ended in time."""
    _post("late", dag_id=dag_id, run_id=run_id, minutes=minutes)


def _post(template: str, **fields: object) -> None:
    """Post a message, or say in the log why not: the run's own failure must stay the one people see."""
    settings = Settings.load()
    chat = channels.slack(settings)
    if chat is None:
        log.warning("connection %s is not defined, so nobody is told: %s %s", channels.STOCK_SLACK, template, fields)
        return
    wording = Templates(settings.locale)
    footer = wording.render("mention", mention=settings.slack_mention)
    try:
        chat.post(Message(wording.render(template, **fields), footer))
    except (ChannelDown, ChannelRefuses, MessageRefused):
        log.exception("nobody was told: %s %s", template, fields)


def _first(dag_id: str) -> bool:
    """Whether nobody was told lately; without Redis, people are told."""
    client = connections.redis_client()
    try:
        with translated("noting a failure"):
            return bool(client.set(keys.failure(dag_id), "told", nx=True, ex=_QUIET_SECONDS))
    except CacheUnavailable as error:
        log.warning("%s", error)
        return True
