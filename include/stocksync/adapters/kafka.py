"""The topic: publishing events and waiting for the broker's word."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from stocksync.adapters.event_codec import EventEncoder
from stocksync.adapters.kafka_errors import Complaints
from stocksync.errors import BadSetting, PublishFailed
from stocksync.model.finding import Finding, RunIdentity

DEFAULTS = {
    "enable.idempotence": True,
    "acks": "all",
    "linger.ms": 20,
    "delivery.timeout.ms": 30_000,
    "socket.connection.setup.timeout.ms": 5_000,
    "compression.type": "lz4",
}
"""What a producer is made with unless the connection's extra says otherwise."""
_SHOWN = 3


class IdempotentProducer(Producer):  # type: ignore[misc] # the library is not typed
    """A producer made with DEFAULTS that keeps what its brokers complain of.

    Args:
        config: properties of librdkafka; they win over DEFAULTS

    Attributes:
        complaints: told while it is polled or flushed
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.complaints = Complaints(config.get("error_cb"))
        super().__init__({**DEFAULTS, **config, "error_cb": self.complaints})


class KafkaAlertPublisher:
    """Implements the port AlertPublisher.

    Args:
        producer: what publishes
        topic: where events go
        codec: how findings become events
        patience: seconds to wait for the acknowledgement of a group
    """

    def __init__(self, producer: IdempotentProducer, topic: str, codec: EventEncoder, patience: float = 35.0) -> None:
        self._producer = producer
        self._topic = topic
        self._codec = codec
        self._patience = patience
        self._checked = False

    def publish(self, run: RunIdentity, findings: Sequence[Finding]) -> None:
        """Produce all, then wait; only an acknowledgement counts, not the absence of an error."""
        refused: list[str] = []
        acknowledged = 0

        def on_delivery(error: KafkaError | None, _message: Message) -> None:
            nonlocal acknowledged
            if error is None:
                acknowledged += 1
            else:
                refused.append(str(error))

        if not self._checked:
            # Also brings the connection up: an idempotent producer that has none yet waits half a second for its id.
            self.check()
        give_up = time.monotonic() + self._patience
        for finding in findings:
            self._produce(finding, run, on_delivery, give_up)
        self._producer.poll(0)
        self._producer.flush(max(0.0, give_up - time.monotonic()))
        if acknowledged < len(findings):
            self._producer.purge()
            self._producer.flush(1.0)
            why = "; ".join(dict.fromkeys(refused[:_SHOWN])) or "no answer"
            missing = len(findings) - acknowledged
            raise PublishFailed(
                f"{missing} of {len(findings)} events were not acknowledged on topic {self._topic!r} "
                f"(connection stock_kafka): {why}; they stay in the outbox and are published by the next attempt or run"
            )

    def check(self, timeout: float = 15.0) -> None:
        """Find out whether events can be published at all.

        Raises:
            PublishFailed: no broker answers.
            BadSetting: the topic is not there, or the brokers refuse this client.
        """
        try:
            # Of all topics: many a broker makes a topic it is asked for by name, also a mistyped one.
            topic = self._producer.list_topics(timeout=timeout).topics.get(self._topic)
        except KafkaException as error:
            self._producer.poll(0)  # hands over the complaints
            self._producer.complaints.raise_for_a_person()
            raise PublishFailed(
                f"Kafka (connection stock_kafka) does not answer: {error.args[0].str()}; {self._producer.complaints}. "
                "Check bootstrap.servers, and that security.protocol is that of their listeners"
            ) from error
        if topic is None or topic.error is not None:
            # A broker does not list what the account may not describe.
            why = "there is no such topic that the account may use" if topic is None else topic.error.str()
            raise BadSetting(
                f"STOCK_SYNC_TOPIC={self._topic!r}: {why}; allowed: a topic that exists on the brokers "
                "of connection stock_kafka, and that its account may write to"
            )
        self._checked = True

    def _produce(self, finding: Finding, run: RunIdentity, on_delivery: object, give_up: float) -> None:
        while True:
            try:
                self._producer.produce(
                    self._topic,
                    key=finding.product_id.encode(),
                    value=self._codec.value(finding),
                    headers=self._codec.headers(finding, run),
                    timestamp=finding.detected_at_ms,
                    on_delivery=on_delivery,
                )
            except BufferError as error:  # the local queue is full: let it drain
                if time.monotonic() > give_up:
                    raise PublishFailed(f"topic {self._topic!r}: the broker takes no more events") from error
                self._producer.poll(0.1)
            except KafkaException as error:
                raise PublishFailed(f"topic {self._topic!r}: {error.args[0]}") from error
            else:
                return
