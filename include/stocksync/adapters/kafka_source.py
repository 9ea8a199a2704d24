"""The topic as the monitoring consumer reads it, and the topic of what it cannot read."""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from stocksync.alerting.ports import Record
from stocksync.errors import DeadLetterFailed, TopicUnavailable

log = logging.getLogger(__name__)

GROUP = "stock-sync-monitoring"
CONSUMER = {
    "group.id": GROUP,
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "enable.partition.eof": True,
    "auto.offset.reset": "earliest",
    "fetch.wait.max.ms": 50,  # it reads to the end and goes: at the end the broker has nothing to wait for
}
"""What the consumer is made with, whatever the connection says: delivery depends on it."""

_AT_ONCE = 1000
_POLL_SECONDS = 0.2
# The broker handed out bytes no client can take apart; trying again gives the same bytes.
_UNREADABLE = {KafkaError._BAD_MSG, KafkaError._BAD_COMPRESSION, KafkaError.INVALID_MSG}  # noqa: SLF001 - librdkafka's names
# The group's coordinator is being found, as on a cluster that never had a group: it is there in a moment.
_SETTLING = {
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError._WAIT_COORD,  # noqa: SLF001 - librdkafka's name
}
_ASK_AGAIN_SECONDS = 0.2


class KafkaAlertSource:
    """Implements the port AlertSource.

    It assigns the partitions to itself instead of joining the group: one pass runs at a time (the DAG sees to it),
    so there is nobody to share with, and joining and leaving would cost seconds on each pass. The offsets are the
    group's all the same.

    Args:
        consumer: made with CONSUMER
        topic: what to read
        patience: seconds without any answer after which the brokers are said to be unavailable
    """

    def __init__(self, consumer: Consumer, topic: str, patience: float = 30.0) -> None:
        self._consumer = consumer
        self._topic = topic
        self._patience = patience
        self._next: dict[int, int] = {}

    def read(self) -> Iterator[Record]:
        """Read each partition until the broker says that there is no more.

        An empty poll does not mean that: the broker may only be slow.
        """
        ahead = self._assign()
        give_up = time.monotonic() + self._patience
        while ahead:
            for message in self._consumer.consume(_AT_ONCE, _POLL_SECONDS):
                give_up = time.monotonic() + self._patience
                error = message.error()
                if error is not None and error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's name
                    ahead.discard(message.partition())
                else:
                    record = _record(message, self._topic)
                    self._next[record.partition] = record.offset + 1
                    yield record
            if time.monotonic() > give_up:
                raise TopicUnavailable(
                    f"topic {self._topic!r}: partitions {sorted(ahead)} gave no answer for {self._patience:g} s "
                    "(connection stock_kafka); nothing was committed, the next attempt reads them again"
                )

    def commit(self, offsets: Mapping[int, int]) -> None:
        """Commit and wait for the answer."""
        if not offsets:
            return
        wanted = [TopicPartition(self._topic, partition, offset) for partition, offset in offsets.items()]
        try:
            answers = self._consumer.commit(offsets=wanted, asynchronous=False)
        except KafkaException as error:
            raise TopicUnavailable(f"the offsets of group {GROUP} were not committed: {error.args[0]}") from error
        refused = [f"{answer.partition}: {answer.error}" for answer in answers or [] if answer.error]
        if refused:
            raise TopicUnavailable(f"the offsets of group {GROUP} were not committed: {'; '.join(refused)}")

    def _assign(self) -> set[int]:
        try:
            found = self._consumer.list_topics(self._topic, timeout=self._patience).topics[self._topic]
            if found.error is None:
                self._next = self._committed(set(found.partitions) - set(self._next)) | self._next
                self._consumer.assign([TopicPartition(self._topic, p, self._next[p]) for p in found.partitions])
        except KafkaException as error:
            raise self._unavailable(error.args[0]) from error
        if found.error is None:
            return set(found.partitions)
        if found.error.code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise self._unavailable(found.error)
        log.warning("topic %r does not exist (yet): there is nothing to deliver", self._topic)
        return set()

    def _committed(self, partitions: set[int]) -> dict[int, int]:
        """Where the group is to go on; at the beginning where it has never been.

        Asked for here, because a consumer that finds no coordinator while it looks this up by itself stays silent.
        """
        if not partitions:
            return {}
        wanted = [TopicPartition(self._topic, partition) for partition in partitions]
        give_up = time.monotonic() + self._patience
        while True:
            try:
                found = self._consumer.committed(wanted, timeout=self._patience)
                error = next((each.error for each in found if each.error), None)
            except KafkaException as failure:
                found, error = [], failure.args[0]
            if error is None:
                return {each.partition: OFFSET_BEGINNING if each.offset < 0 else each.offset for each in found}
            if error.code() not in _SETTLING or time.monotonic() > give_up:
                raise KafkaException(error)
            time.sleep(_ASK_AGAIN_SECONDS)

    def _unavailable(self, error: KafkaError) -> TopicUnavailable:
        return TopicUnavailable(
            f"topic {self._topic!r} (connection stock_kafka): {error}; the next attempt tries again"
        )


class KafkaDeadLetters:
    """Implements the port DeadLetters.

    Args:
        producer: an idempotent producer
        topic: the topic the messages come from
        quarantine: where they go
        patience: seconds to wait for the acknowledgements
    """

    def __init__(self, producer: Producer, topic: str, quarantine: str, patience: float = 35.0) -> None:
        self._producer = producer
        self._topic = topic
        self._quarantine = quarantine
        self._patience = patience

    def put(self, poison: Sequence[tuple[Record, str]]) -> None:
        """Produce the bytes as they were, with headers that say where they lay and what is wrong."""
        refused: list[str] = []
        acknowledged = 0

        def on_delivery(error: KafkaError | None, _message: Message) -> None:
            nonlocal acknowledged
            if error is None:
                acknowledged += 1
            else:
                refused.append(str(error))

        try:
            for record, error in poison:
                self._producer.produce(
                    self._quarantine,
                    key=record.key,
                    value=record.value,
                    headers=[*record.headers, *self._story(record, error)],
                    on_delivery=on_delivery,
                )
            self._producer.flush(self._patience)
        except (KafkaException, BufferError) as failure:
            refused.append(str(failure.args[0]))
        if acknowledged < len(poison):
            raise DeadLetterFailed(
                f"{len(poison) - acknowledged} of {len(poison)} unreadable messages could not be put into topic "
                f"{self._quarantine!r}: {'; '.join(dict.fromkeys(refused)) or 'no answer'}; nothing was committed. "
                "Make sure that the topic exists and that the next attempt can write to it"
            )

    def _story(self, record: Record, error: str) -> list[tuple[str, bytes]]:
        story = {"topic": self._topic, "partition": record.partition, "offset": record.offset, "error": error}
        return [(name, str(value).encode()) for name, value in story.items()]


def _record(message: Message, topic: str) -> Record:
    error, partition, offset = message.error(), message.partition(), message.offset()
    placed = partition is not None and offset is not None and offset >= 0
    if not placed or (error is not None and error.code() not in _UNREADABLE):
        raise TopicUnavailable(f"topic {topic!r} (connection stock_kafka): {error}; the next attempt tries again")
    _, timestamp_ms = message.timestamp()
    return Record(
        partition=partition,
        offset=offset,
        timestamp_ms=timestamp_ms,
        key=message.key(),
        value=message.value(),
        headers=message.headers() or [],
        error="" if error is None else f"the broker gave it with an error: {error}",
    )
