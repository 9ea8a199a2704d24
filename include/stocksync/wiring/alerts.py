"""What the tasks of stock_sync_alerts do, with everything real plugged in."""

import logging
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

from airflow.providers.apache.kafka.hooks.consume import KafkaConsumerHook, error_callback
from airflow.sdk.exceptions import AirflowSkipException
from confluent_kafka import Consumer

from stocksync.adapters.kafka_source import CONSUMER, KafkaAlertSource, KafkaQuarantine
from stocksync.adapters.redis_cache import RedisStockCache
from stocksync.adapters.redis_delivery import RedisDeliveryMemory, RedisOpenIncidents
from stocksync.adapters.templates import Templates
from stocksync.domain.policy import Rules
from stocksync.domain.summary import RunSummary
from stocksync.services.alert_texts import AlertTexts
from stocksync.services.deliver import Teller
from stocksync.services.deliver import deliver as deliver_all
from stocksync.services.intake import Intake
from stocksync.services.page import PagerTeller
from stocksync.services.resolve import Resolver
from stocksync.services.tell_slack import SlackTeller
from stocksync.settings import Settings
from stocksync.wiring import channels, connections
from stocksync.wiring.assets import ALERTS, SUMMARIES
from stocksync.wiring.retries import final_when_permanent

log = logging.getLogger(__name__)

SYNC_DAG = "stock_sync"
_PUBLISHER = "publish_pending"
_OVER = {"success", "failed", "skipped", "upstream_failed", "removed"}


@final_when_permanent
def deliver(context: Mapping[str, Any]) -> dict[str, Any]:
    """Tell people what is new on the topic; return what the pass did."""
    settings = Settings.load()
    client = connections.redis_client()
    texts = AlertTexts(Templates(settings.locale), settings.zone, settings.slack_mention)
    told: dict[str, RedisDeliveryMemory] = {}
    tellers: dict[str, Teller] = {}
    pager, notifier = channels.pager(), channels.slack(settings)
    if pager is None:
        _say_missing(channels.STOCK_PAGERDUTY, "nobody is called for urgent discrepancies")
    else:
        told["pagerduty"] = memory = RedisDeliveryMemory(client, "pagerduty")
        tellers["pagerduty"] = PagerTeller(pager, memory, RedisOpenIncidents(client), texts)
    if notifier is None:
        _say_missing(channels.STOCK_SLACK, "no message is posted")
    else:
        told["slack"] = memory = RedisDeliveryMemory(client, "slack")
        tellers["slack"] = SlackTeller(notifier, memory, texts)
    hook = _ConsumerHook(topics=[settings.topic], kafka_config_id=connections.STOCK_KAFKA)
    producer = connections.producer()
    with closing(connections.defined(connections.STOCK_KAFKA, lambda: hook.get_conn)) as consumer:
        source = KafkaAlertSource(consumer, settings.topic)
        intake = Intake(
            source=source,
            decode=connections.codec().decode,
            quarantine=KafkaQuarantine(producer, settings.topic, f"{settings.topic}.dlq"),
            quarantined=RedisDeliveryMemory(client, "dlq"),
            told=told,
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
        _say_missing(channels.STOCK_PAGERDUTY, "there are no incidents to close")
        return []
    client = connections.redis_client()
    summaries = [event.source_task_instance.xcom_pull() for event in finished if event.source_task_instance]
    ledger = connections.ledger(settings)
    resolver = Resolver(
        RedisOpenIncidents(client),
        pager,
        ledger,
        RedisStockCache(client, settings.key_prefix),
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


def _say_missing(conn_id: str, consequence: str) -> None:
    log.warning("connection %s is not defined, so %s", conn_id, consequence)
