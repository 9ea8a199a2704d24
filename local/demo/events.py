"""Events as any team's consumer would read them: a Kafka client, an Avro library, the published schema.

It shares no code with the product.
"""

import io
import json
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import fastavro
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition
from fastavro.schema import fingerprint, to_parsing_canonical_form

from local import PROJECT
from local.demo.shop import Occupied

MONITORING = "stock-sync-monitoring"
SCHEMA = PROJECT / "schemas" / "StockSyncAlert.avsc"
SINGLE_OBJECT = b"\xc3\x01"
CONFLUENT = b"\x00"


@dataclass(frozen=True)
class Received:
    """One message of the topic.

    Attributes:
        key: the message key.
        value: the bytes as they came.
        event: what they say.
    """

    key: str
    value: bytes
    event: dict[str, Any]


class AlertReader:
    """Reads what is published from the moment it is made.

    Args:
        client: what a Kafka client is made with.
        topic: where the events go.

    Raises:
        Occupied: there are events that the monitoring consumer has yet to tell people.
    """

    def __init__(self, client: Mapping[str, Any], topic: str) -> None:
        self._settings = dict(client) | {"group.id": "stock-sync-demo", "enable.auto.commit": False}
        self._schema = fastavro.parse_schema(json.loads(SCHEMA.read_text()))
        with closing(Consumer(self._settings | {"group.id": MONITORING})) as consumer:
            numbers = consumer.list_topics(topic, timeout=10).topics[topic].partitions
            committed = consumer.committed([TopicPartition(topic, number) for number in numbers], timeout=10)
            ends = [consumer.get_watermark_offsets(partition, 10) for partition in committed]
        backlog = sum(high - max(low, last.offset) for last, (low, high) in zip(committed, ends, strict=True))
        if backlog:
            raise Occupied(
                f"topic {topic} in AIRFLOW_CONN_STOCK_KAFKA has {backlog} events that {MONITORING} has not told "
                "people yet, and would tell here: unset the connection, or name another topic in STOCK_SYNC_TOPIC"
            )
        self._begin = [
            TopicPartition(topic, last.partition, high) for last, (_, high) in zip(committed, ends, strict=True)
        ]

    def read(self, at_least: int, patience: float = 10, quiet: float = 1) -> list[Received]:
        """Return what has come: until nothing more does for a while, longer if fewer than `at_least` are there."""
        received: list[Received] = []
        with closing(Consumer(self._settings)) as consumer:
            consumer.assign(self._begin)
            last = time.monotonic()
            while time.monotonic() - last < (quiet if len(received) >= at_least else patience):
                message = consumer.poll(0.2)
                if message is not None:
                    received.append(self._receive(message))
                    last = time.monotonic()
        return received

    def _receive(self, message: Message) -> Received:
        error, value = message.error(), message.value()
        if error is not None:
            raise KafkaException(error)
        where = f"{message.topic()} partition {message.partition()} offset {message.offset()}"
        if not value:
            raise ValueError(f"{where} holds no event")
        event = fastavro.schemaless_reader(io.BytesIO(self._body(value, where)), self._schema, None)
        return Received((message.key() or b"").decode(), value, dict(event))

    def _body(self, value: bytes, where: str) -> bytes:
        if value.startswith(CONFLUENT):
            return value[5:]
        head = SINGLE_OBJECT + bytes.fromhex(fingerprint(to_parsing_canonical_form(self._schema), "CRC-64-AVRO"))
        if not value.startswith(head):
            raise ValueError(f"{where} begins with {value[:10].hex()}, an event of {SCHEMA.name} with {head.hex()}")
        return value[len(head) :]
