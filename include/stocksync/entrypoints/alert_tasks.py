"""What the tasks of stock_sync_alerts do, with everything real plugged in."""

import logging
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

from airflow.providers.apache.kafka.hooks.consume import KafkaConsumerHook, error_callback
from airflow.sdk.exceptions import AirflowSkipException
from confluent_kafka import Consumer

from stocksync.adapters.kafka_source import CONSUMER, KafkaAlertSource, KafkaDeadLetters
from stocksync.adapters.present_stock import LedgerAndCache
from stocksync.adapters.redis_cache import RedisStockCache
from stocksync.adapters.redis_delivery import RedisDeliveryLog, RedisOpenIncidents
from stocksync.alerting.batch import AlertBatch
from stocksync.alerting.consumer import AlertConsumer
from stocksync.alerting.deliver import Channel
from stocksync.alerting.deliver import deliver as deliver_all
from stocksync.alerting.pager_channel import PagerChannel
from stocksync.alerting.resolver import Resolver
from stocksync.alerting.routing import AlertGroup
from stocksync.alerting.slack_channel import SlackChannel
from stocksync.alerting.texts import AlertTexts
from stocksync.entrypoints import channels, connections, event_formats
from stocksync.entrypoints.assets import ALERTS, SUMMARIES
from stocksync.entrypoints.retries import final_when_permanent
from stocksync.errors import BadSetting, ChannelRefuses, MessageRefused
from stocksync.model.policy import Rules
from stocksync.model.summary import RunSummary
from stocksync.settings import Settings
from stocksync.wording import Wording

log = logging.getLogger(__name__)

SYNC_DAG = "stock_sync"
_PUBLISHER = "publish_pending"
_OVER = {"success", "failed", "skipped", "upstream_failed", "removed"}


@final_when_permanent
def deliver(context: Mapping[str, Any]) -> dict[str, Any]:
    """Tell people what is new on the topic; return what the pass did."""
    settings = Settings.load()
    client = connections.redis_client()
    texts = AlertTexts(Wording(settings.locale), settings.zone, settings.slack_mention)
    told = {channel: RedisDeliveryLog(client, channel) for channel in ("pagerduty", "slack")}

    def pager_teller() -> Channel | None:
        pager = channels.pager()
        return None if pager is None else PagerChannel(pager, told["pagerduty"], RedisOpenIncidents(client), texts)

    def slack_teller() -> Channel | None:
        notifier = channels.slack(settings)
        return None if notifier is None else SlackChannel(notifier, told["slack"], texts)

    tellers = _tellers({"pagerduty": pager_teller, "slack": slack_teller})
    hook = _ConsumerHook(topics=[settings.topic], kafka_config_id=connections.STOCK_KAFKA)
    producer = connections.producer()
    with closing(connections.defined(connections.STOCK_KAFKA, lambda: hook.get_conn)) as consumer:
        source = KafkaAlertSource(consumer, settings.topic)
        intake = AlertConsumer(
            source=source,
            decode=event_formats.reader(settings).decode,
            quarantine=KafkaDeadLetters(producer, settings.topic, f"{settings.topic}.dlq"),
            quarantined=RedisDeliveryLog(client, "dlq"),
            told={channel: told[channel] for channel in tellers},
            publishing=_publishing(context["ti"]),
            zone=settings.zone,
        )
        delivery = deliver_all(intake, source, tellers)
    log.info("%s", delivery)
    return delivery.to_dict()


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
        log.warning("connection %s is not defined, so there are no incidents to close", channels.STOCK_PAGERDUTY)
        return []
    client = connections.redis_client()
    summaries = [event.source_task_instance.xcom_pull() for event in finished if event.source_task_instance]
    ledger = connections.ledger(settings)
    resolver = Resolver(
        RedisOpenIncidents(client),
        pager,
        LedgerAndCache(ledger, RedisStockCache(client, settings.key_prefix)),
        Rules(settings.auto_restore_limit, settings.missing_key_policy),
    )
    with closing(ledger):
        return resolver.resolve(max(times), [RunSummary.from_dict(raw) for raw in summaries if raw])


class _ConsumerHook(KafkaConsumerHook):
    """The connection's consumer, with the settings that delivery depends on."""

    def _get_client(self, config: dict[str, Any]) -> Consumer:
        return Consumer({"error_cb": error_callback, **config, **CONSUMER})


def _publishing(ti: Any) -> Callable[[str], bool]:  # noqa: ANN401 - Airflow's task instance
    """Tell of a run whether it may still publish; a run that died, or that this Airflow never saw, may not."""

    def publishing(run_id: str) -> bool:
        states = ti.get_task_states(dag_id=SYNC_DAG, task_ids=[_PUBLISHER], run_ids=[run_id])
        if states.get(run_id, {}).get(_PUBLISHER) in _OVER:
            return False
        return bool(ti.get_dr_count(dag_id=SYNC_DAG, run_ids=[run_id], states=["queued", "running"]))

    return publishing


class _Broken:
    """A channel whose connection cannot be used: it tells nobody anything, and the other one works."""

    def __init__(self, error: BadSetting) -> None:
        self._error = error

    def tell(self, _group: AlertGroup, _bundle: AlertBatch) -> list[MessageRefused]:
        raise ChannelRefuses(str(self._error)) from self._error


def _tellers(make: Mapping[str, Callable[[], Channel | None]]) -> dict[str, Channel]:
    """Make the channels that have a connection; say which have none."""
    tellers: dict[str, Channel] = {}
    for channel, make_one in make.items():
        try:
            teller = make_one()
        except BadSetting as error:
            teller = _Broken(error)
        if teller is None:
            log.warning("connection stock_%s is not defined, so nobody is told anything there", channel)
        else:
            tellers[channel] = teller
    return tellers
