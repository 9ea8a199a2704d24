"""What the tasks of stock_sync_alerts do."""

import logging
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

from airflow.sdk.exceptions import AirflowSkipException

from stocksync.alerting import deliver as delivery
from stocksync.alerting.channel import Channel, UnusableChannel
from stocksync.bootstrap import Bootstrap
from stocksync.entrypoints import channels
from stocksync.entrypoints.assets import ALERTS, SUMMARIES
from stocksync.entrypoints.connection_parts import STOCK_PAGERDUTY
from stocksync.entrypoints.connections import AirflowClients
from stocksync.entrypoints.retries import final_when_permanent
from stocksync.entrypoints.run_history import is_publishing, scale
from stocksync.errors import BadSetting
from stocksync.model.summary import RunSummary
from stocksync.settings import Settings

log = logging.getLogger(__name__)


@final_when_permanent
def deliver(context: Mapping[str, Any]) -> dict[str, Any]:
    """Tell people what is new on the topic; return what the pass did."""
    settings = Settings.load()
    clients = AirflowClients(settings)
    parts = Bootstrap(clients, settings)
    for warning in settings.advice_on_mention():
        log.warning(warning)
    parts.check_memory()
    broken: list[BadSetting] = []
    usable = usable_channels(
        {
            "pagerduty": lambda: _made(channels.pager(), parts.pager_channel),
            "slack": lambda: _made(channels.slack(settings), parts.slack_channel),
        },
        broken,
    )
    with closing(clients.consumer()) as kafka_consumer:
        ti = context["ti"]
        found = scale(ti, settings.alarm_limits)
        consumer = parts.consumer(parts.source(kafka_consumer), usable, is_publishing(ti), found)
        delivered = delivery.deliver(consumer, usable)
    log.info("%s", delivered.in_words())
    if broken:  # and there was nothing to tell on that channel: it is red all the same, before there is
        raise broken[0]
    return delivered.to_dict()


@final_when_permanent
def resolve_incidents(context: Mapping[str, Any]) -> list[str]:
    """Close the incidents whose trouble a later run found to be over; return their keys."""
    settings = Settings.load()
    events = context["triggering_asset_events"]
    finished = [event for event in events.get(SUMMARIES, []) if not event.extra.get("dry_run")]
    times = [event.timestamp.timestamp() for event in [*events.get(ALERTS, []), *finished]]
    if not times:
        raise AirflowSkipException("no run published or ended since the last pass, so there is nothing to close")
    pager = channels.pager()
    if pager is None:
        log.warning("connection %s is not defined, so there are no incidents to close", STOCK_PAGERDUTY)
        return []
    summaries = [event.source_task_instance.xcom_pull() for event in finished if event.source_task_instance]
    parts = Bootstrap(AirflowClients(settings), settings)
    with closing(parts.ledger):
        return parts.resolver(pager).resolve(max(times), [RunSummary.from_dict(raw) for raw in summaries if raw])


def usable_channels(make: Mapping[str, Callable[[], Channel | None]], broken: list[BadSetting]) -> dict[str, Channel]:
    """Make the channels that have a connection; say which have none.

    Args:
        make: how, by name
        broken: gets what is wrong with a connection that is defined and cannot be used
    """
    made: dict[str, Channel] = {}
    for name, make_one in make.items():
        try:
            channel = make_one()
        except BadSetting as error:
            channel = UnusableChannel(error)
            broken.append(error)
        if channel is None:
            log.warning("connection stock_%s is not defined, so nobody is told anything there", name)
        else:
            made[name] = channel
    return made


def _made(client: Any | None, channel_of: Callable[[Any], Channel]) -> Channel | None:  # noqa: ANN401 - Notifier or Pager
    return None if client is None else channel_of(client)
