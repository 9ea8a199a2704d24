"""The demo's own reader of events."""

from contextlib import closing

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from local.demo.events import MONITORING, AlertReader
from local.demo.shop import Occupied


def test_events_that_somebody_has_yet_to_be_told_are_left_to_them(kafka, topic):
    client = {"bootstrap.servers": kafka.bootstrap_servers}
    AlertReader(client, topic)
    producer = Producer(client)
    producer.produce(topic, b"value", b"key", partition=1)
    assert producer.flush(10) == 0
    with pytest.raises(Occupied, match=f"has 1 events that {MONITORING} has not told people yet"):
        AlertReader(client, topic)
    with closing(Consumer(client | {"group.id": MONITORING})) as consumer:
        consumer.commit(offsets=[TopicPartition(topic, 1, 1)], asynchronous=False)
    AlertReader(client, topic)
