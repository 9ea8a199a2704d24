"""Delivery on a real Kafka and Redis, to a Slack and a PagerDuty over HTTP."""

import json
import signal
import subprocess
import sys
from contextlib import contextmanager

from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

from local import PROJECT
from local.standins.pagerduty import PagerDuty
from local.standins.slack import Slack
from stocksync.adapters.event_codec import REASON, RUN_DATE, RUN_ID, RUN_TYPE
from stocksync.adapters.kafka_source import CONSUMER
from stocksync.model.finding import RunIdentity
from tests.kit.fakes.delivery import payload
from tests.kit.findings import event
from tests.kit.one_pass import CODEC, one_pass

RUN = RunIdentity("scheduled__2024-01-14T17:00:00+00:00", "scheduled", "2024-01-15")
URGENT, DIGEST = "🚨 [긴급] 재고 심각한 불일치 발견", "[재고 동기화] 자동 복원 완료"


class RealDelivery:
    """A topic, a Redis, a Slack and a PagerDuty of its own."""

    def __init__(self, kafka, topic, redis_uri, slack, pagerduty):
        self.slack, self.pagerduty = slack, pagerduty
        self.topic, self.bootstrap = topic, kafka.client
        self.arguments = {
            "bootstrap": kafka.client,
            "topic": topic,
            "redis_uri": redis_uri,
            "slack": slack.connection,
            "pagerduty_connection": pagerduty.connection,
        }

    def publish(self, *findings, values=()):
        producer = Producer(self.bootstrap)
        for found in findings:
            headers = [(RUN_ID, RUN.run_id), (RUN_TYPE, RUN.run_type), (RUN_DATE, RUN.date), (REASON, "because")]
            producer.produce(self.topic, CODEC.encode(payload(found)), found.product_id.encode(), headers=headers)
        for value in values:
            producer.produce(self.topic, value, b"poison", partition=0, headers=[("origin", b"elsewhere")])
        assert producer.flush(15) == 0

    def run(self, **kwargs):
        return one_pass(**self.arguments, **kwargs)

    def run_and_be_killed(self, step):
        arguments = json.dumps({**self.arguments, "die_before": step})
        done = subprocess.run(
            [sys.executable, "-m", "tests.kit.one_pass", arguments],
            cwd=PROJECT,
            env={"PYTHONPATH": "include:.", "PATH": ""},
            check=False,
            timeout=60,
        )
        assert done.returncode == -signal.SIGKILL

    @property
    def committed(self):
        consumer = Consumer({**self.bootstrap, **CONSUMER})
        offsets = consumer.committed([TopicPartition(self.topic, p) for p in range(3)], timeout=10)
        consumer.close()
        return sum(max(0, offset.offset) for offset in offsets)

    @property
    def titles(self):
        return [text.splitlines()[0] for text in self.slack.texts]


@contextmanager
def real_delivery(kafka, topic, redis_uri, folder):
    """Make everything a delivery needs, on a topic that exists."""
    kafka.create_topic(f"{topic}.dlq", partitions=1)
    with Slack() as slack, PagerDuty(folder) as pagerduty:
        yield RealDelivery(kafka, topic, redis_uri, slack, pagerduty)
    kafka.forget_topic(f"{topic}.dlq")


def critical(name="PRD-001"):
    """A finding people are woken by."""
    return event(name, db=100, redis=20)


def low(name="PRD-123"):
    """A finding that was restored."""
    return event(name, db=100, redis=95)


def read_all(office, topic):
    """Every message of a topic's only partition."""
    consumer = Consumer({**office.bootstrap, **CONSUMER, "group.id": "test"})
    consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    found = []
    while (message := consumer.poll(15)) is not None and message.error() is None:
        found.append(message)
    consumer.close()
    return found
