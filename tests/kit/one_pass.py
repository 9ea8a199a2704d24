"""One pass of the monitoring consumer on real services, as the DAG's task makes it.

It is a program too, so that it can be killed: python -m tests.kit.one_pass SETTINGS.json
"""

import json
import os
import signal
import ssl
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

import pagerduty
import redis
from confluent_kafka import Consumer, Producer
from slack_sdk import WebClient

from stocksync.adapters.avro import SingleObjectCodec, load_schema
from stocksync.adapters.kafka_source import CONSUMER, KafkaAlertSource, KafkaDeadLetters
from stocksync.adapters.pagerduty import PagerDutyPager, be_patient
from stocksync.adapters.redis_delivery import RedisDeliveryLog, RedisOpenIncidents
from stocksync.adapters.slack import SlackNotifier, retry_handlers
from stocksync.alerting.consumer import AlertConsumer
from stocksync.alerting.deliver import deliver
from stocksync.alerting.pager_channel import PagerChannel
from stocksync.alerting.slack_channel import SlackChannel
from stocksync.alerting.texts import AlertTexts
from stocksync.wording import Wording

SEOUL = ZoneInfo("Asia/Seoul")
CODEC = SingleObjectCodec(load_schema(Path(__file__).parents[2] / "schemas" / "StockSyncAlert.avsc"))
BACKOFF = 0.01


def slack_notifier(connection, *, timeout=5):
    described = json.loads(connection)
    client = WebClient(
        described["password"],
        base_url=described["extra"]["base_url"],
        timeout=timeout,
        retry_handlers=retry_handlers(BACKOFF),
    )
    return SlackNotifier(client, "#stock-alerts")


def pager(connection, *, timeout=5):
    described = json.loads(connection)
    extra = described["extra"]
    trust = ssl.create_default_context(cafile=extra["ca_file"])
    client = be_patient(
        pagerduty.EventsApiV2Client(described["password"], base_url=extra["base_url"], verify=trust), BACKOFF
    )
    client.timeout = timeout
    return PagerDutyPager(client)


def one_pass(bootstrap, topic, redis_uri, slack, pagerduty_connection, *, die_before="", timeout=5, patience=15):
    """Make one pass; return what it did.

    Args:
        die_before: kill this process at a step: `remember slack`, `remember pagerduty`, `tell slack`, `commit`.
    """
    client = redis.Redis.from_url(redis_uri)
    texts = AlertTexts(Wording("ko"), SEOUL, "@backend-team")
    memories = {channel: RedisDeliveryLog(client, channel) for channel in ("pagerduty", "slack")}
    tellers = {
        "pagerduty": PagerChannel(
            pager(pagerduty_connection, timeout=timeout), memories["pagerduty"], RedisOpenIncidents(client), texts
        ),
        "slack": SlackChannel(slack_notifier(slack, timeout=timeout), memories["slack"], texts),
    }
    consumer = Consumer({**bootstrap, **CONSUMER})
    source = KafkaAlertSource(consumer, topic, patience=patience)
    steps = {
        "remember slack": (memories["slack"], "remember"),
        "remember pagerduty": (memories["pagerduty"], "remember"),
        "tell slack": (tellers["slack"], "tell"),
        "commit": (source, "commit"),
    }
    if die_before:
        owner, name = steps[die_before]
        setattr(owner, name, lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
    try:
        intake = AlertConsumer(
            source=source,
            decode=CODEC.decode,
            quarantine=KafkaDeadLetters(Producer(bootstrap), topic, f"{topic}.dlq"),
            quarantined=RedisDeliveryLog(client, "dlq"),
            told=memories,
            publishing=lambda _run_id: False,
            zone=SEOUL,
        )
        return deliver(intake, source, tellers)
    finally:
        consumer.close()


if __name__ == "__main__":
    one_pass(**json.loads(sys.argv[1]))
