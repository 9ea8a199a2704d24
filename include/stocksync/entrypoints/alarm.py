"""Telling people of a run that failed, or that is late: what the DAGs' callbacks do."""

import logging
from collections.abc import Mapping
from typing import Any

from stocksync.adapters import redis_keys as keys
from stocksync.adapters.redis_errors import translated
from stocksync.entrypoints import channels, connections
from stocksync.errors import CacheUnavailable, ChannelDown, ChannelRefuses, MessageRefused
from stocksync.model.notice import Message
from stocksync.settings import Settings
from stocksync.wording import Wording

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
    if once_in_a_while and _told_lately(run.dag_id):
        log.info("people were told lately that %s fails", run.dag_id)
        return
    told = _post("failed", dag_id=run.dag_id, run_id=run.run_id, reason=context.get("reason") or "")
    if once_in_a_while and told:
        _remember(run.dag_id)


def tell_of_lateness(dag_id: str, run_id: str, minutes: int) -> None:
    """Post to Slack that a run has not ended in time."""
    _post("late", dag_id=dag_id, run_id=run_id, minutes=minutes)


def _post(template: str, **fields: object) -> bool:
    """Post a message, or say in the log why not: the run's own failure must stay the one people see."""
    settings = Settings.load()
    chat = channels.slack(settings)
    if chat is None:
        log.warning("connection %s is not defined, so nobody is told: %s %s", channels.STOCK_SLACK, template, fields)
        return False
    wording = Wording(settings.locale)
    footer = wording.render("mention", mention=settings.slack_mention)
    try:
        chat.post(Message(wording.render(template, **fields), footer))
    except (ChannelDown, ChannelRefuses, MessageRefused):
        log.exception("nobody was told: %s %s", template, fields)
        return False
    return True


def _told_lately(dag_id: str) -> bool:
    """Look it up; without Redis, people are told."""
    try:
        with translated("looking up what was told"):
            return bool(connections.redis_client().exists(keys.failure(dag_id)))
    except CacheUnavailable as error:
        log.warning("%s", error)
        return False


def _remember(dag_id: str) -> None:
    try:
        with translated("noting what was told"):
            connections.redis_client().set(keys.failure(dag_id), "told", ex=_QUIET_SECONDS)
    except CacheUnavailable as error:
        log.warning("%s; people are told again the next time", error)
