"""One pass of the monitoring consumer on real services, as the DAG's task makes it.

It is a program too, so that it can be killed: python -m tests.kit.one_pass SETTINGS.json
"""

import json
import os
import signal
import ssl
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pagerduty
import psycopg2
import redis
from confluent_kafka import Consumer, Producer
from slack_sdk import WebClient

from stocksync.adapters.avro import SingleObjectCodec, load_schema
from stocksync.adapters.kafka_source import CONSUMER, KafkaAlertSource, KafkaDeadLetters
from stocksync.adapters.pagerduty import PagerDutyPager, be_patient
from stocksync.adapters.slack import SlackNotifier, retry_handlers
from stocksync.alerting.deliver import deliver
from stocksync.bootstrap import Bootstrap
from stocksync.settings import Settings
from tests.kit.fakes.clock import StoppedClock
from tests.kit.findings import THAT_NIGHT

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


def one_pass(
    bootstrap,
    topic,
    redis_uri,
    slack,
    pagerduty_connection,
    *,
    ops=None,
    die_before="",
    timeout=5,
    patience=15,
    producer=None,
):
    """Make one pass; return what it did.

    Args:
        ops: the address of the operations store; None: there is none
        producer: what the producer of dead letters is made with; None: the same as the consumer
        die_before: kill this process at a step: `remember slack`, `remember pagerduty`, `tell slack`, `commit`.
    """
    client = redis.Redis.from_url(redis_uri)
    kafka_consumer = Consumer({**bootstrap, **CONSUMER})
    clients = SimpleNamespace(
        redis=lambda: client,
        producer=lambda: Producer(producer or bootstrap),
        registry=lambda: None,
        operations=lambda: None if ops is None else partial(psycopg2.connect, ops, connect_timeout=3),
    )
    parts = HurriedProgram(clients, Settings(topic=topic), patience_s=patience)
    channels = {
        "pagerduty": parts.pager_channel(pager(pagerduty_connection, timeout=timeout)),
        "slack": parts.slack_channel(slack_notifier(slack, timeout=timeout)),
    }
    source = parts.source(kafka_consumer)
    steps = {
        "remember slack": (parts.delivery_log("slack"), "remember"),
        "remember pagerduty": (parts.delivery_log("pagerduty"), "remember"),
        "tell slack": (channels["slack"], "tell"),
        "commit": (source, "commit"),
    }
    if die_before:
        owner, name = steps[die_before]
        setattr(owner, name, lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
    try:
        return deliver(parts.consumer(source, channels, lambda _run_id: False), channels)
    finally:
        kafka_consumer.close()


class HurriedProgram(Bootstrap):
    """The program as the DAG's task puts it together; a broker that does not answer is given up sooner."""

    def __init__(self, clients, settings, patience_s):
        super().__init__(clients, settings, clock=StoppedClock(THAT_NIGHT))
        self._patience_s = patience_s
        self._logs = {}

    def delivery_log(self, channel):
        """One a channel, so that a step of it can be replaced."""
        if channel not in self._logs:
            self._logs[channel] = super().delivery_log(channel)
        return self._logs[channel]

    def source(self, consumer):
        return KafkaAlertSource(consumer, self._settings.topic, patience=self._patience_s)

    def dead_letters(self):
        topic = self._settings.topic
        return KafkaDeadLetters(self._clients.producer, topic, f"{topic}.dlq", patience=self._patience_s)


if __name__ == "__main__":
    one_pass(**json.loads(sys.argv[1]))
