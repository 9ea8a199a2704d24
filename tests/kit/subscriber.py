"""Another team that reads the topic: an ordinary consumer, and a copy of the event of its own.

The copy is the version that was agreed on, typed by hand from its documentation.
"""

import io
import itertools
import re
import uuid
from dataclasses import dataclass

import fastavro
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

ACTIONS = ["REDIS_RESTORED", "MANUAL_REVIEW_REQUIRED"]
SEVERITIES = ["LOW", "MEDIUM", "HIGH", "CRITICAL"]
AGREED = {
    "type": "record",
    "name": "StockSyncAlert",
    "namespace": "com.groom.ecommerce.monitoring.event.avro",
    "fields": [
        {"name": "eventId", "type": "string"},
        {"name": "eventTimestamp", "type": "long"},
        {"name": "productId", "type": "string"},
        {"name": "dbStock", "type": "int"},
        {"name": "redisStock", "type": "int"},
        {"name": "discrepancy", "type": "int"},
        {"name": "action", "type": {"type": "enum", "name": "SyncAction", "symbols": ACTIONS}},
        {
            "name": "severity",
            "type": {"type": "enum", "name": "AlertSeverity", "symbols": SEVERITIES},
            "default": "MEDIUM",
        },
        {"name": "detectedAt", "type": "long"},
    ],
}
EVENTS = [
    {
        "eventId": "6fa459ea-ee8a-5ca4-894e-db77e160355e",
        "eventTimestamp": 2**62,
        "productId": "상품-1",
        "dbStock": -(2**31),
        "redisStock": 2**31 - 1,
        "discrepancy": 0,
        "action": action,
        "severity": severity,
        "detectedAt": 0,
    }
    for action, severity in itertools.product(ACTIONS, SEVERITIES)
]
"""An event of each kind, with the largest and smallest values the agreed version has room for."""
_READER = fastavro.parse_schema(AGREED)
# What stands before the Avro bytes: a fingerprint of the schema, or its number in a registry.
SINGLE_OBJECT = re.compile(rb"\xc3\x01.{8}", re.DOTALL)
CONFLUENT = re.compile(rb"\x00.{4}", re.DOTALL)


@dataclass(frozen=True)
class DecodedMessage:
    """One message of the topic."""

    key: bytes
    value: bytes
    headers: dict[str, str]
    event: dict


def messages(servers, topic):
    """Read a topic from its beginning to its end."""
    consumer = Consumer(
        {
            **servers,
            "group.id": f"reader-{uuid.uuid4()}",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 10,
        }
    )
    try:
        metadata = consumer.list_topics(topic, timeout=10).topics[topic]
        partitions = [TopicPartition(topic, number, OFFSET_BEGINNING) for number in metadata.partitions]
        consumer.assign(partitions)
        ended, found = set(), []
        while len(ended) < len(partitions):
            message = consumer.poll(10)
            assert message is not None, "the broker fell silent"
            if message.error() is None:
                found.append(message)
            elif message.error().code() == KafkaError._PARTITION_EOF:
                ended.add(message.partition())
            else:
                raise AssertionError(message.error())
        return found
    finally:
        consumer.close()


def decoded(message, framing=SINGLE_OBJECT):
    value = message.value()
    head = framing.match(value)
    assert head, value[:10]
    body = io.BytesIO(value[head.end() :])
    event = fastavro.schemaless_reader(body, _READER, None)
    assert body.read() == b""
    headers = {name: raw.decode() for name, raw in message.headers() or []}
    return DecodedMessage(message.key(), value, headers, event)
