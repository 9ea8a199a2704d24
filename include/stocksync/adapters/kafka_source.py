"""The topic as the monitoring consumer reads it, and the topic of what it cannot read."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from stocksync.alerting.ports import Record
from stocksync.errors import TopicUnavailable

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
_NO_SUCH_TOPIC = {
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.TOPIC_EXCEPTION,
    KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001 - librdkafka's name
}
# What is said of one message, and not of the topic; several that were sent together are refused together.
_ABOUT_THE_MESSAGE = {
    KafkaError.MSG_SIZE_TOO_LARGE,
    KafkaError.RECORD_LIST_TOO_LARGE,
    KafkaError.INVALID_RECORD,
    KafkaError.INVALID_MSG,
}
_ANY = [0]
_LONGEST_KEY = 250  # bytes; a longer one may be what the topic does not take


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
        self._lost: Mapping[int, KafkaError] = {}

    def read(self) -> Iterator[Record]:
        """Read each partition until the broker says that there is no more.

        An empty poll does not mean that: the broker may only be slow. A partition with an error may heal; while it
        does not, the others are read.
        """
        ahead = self._assign()
        lost: dict[int, object] = dict(self._lost)
        said: dict[int, KafkaError] = {}
        give_up = time.monotonic() + self._patience
        while ahead and time.monotonic() < give_up:
            outdated: set[int] = set()  # partitions whose messages are fetched again
            for message in self._consume():
                error, partition, offset = message.error(), message.partition(), message.offset()
                if partition is None or partition < 0:
                    raise self._unavailable(error)
                if partition in outdated:
                    continue
                if error is None and offset is not None:
                    self._next[partition] = offset + 1
                    yield _record(message, partition, offset)
                elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's name
                    ahead.discard(partition)
                elif error.code() in _UNREADABLE and offset is not None and offset >= 0:
                    outdated.add(partition)
                    yield self._step_over(message, partition, offset)
                else:
                    said[partition] = error
                    continue  # it is no answer
                give_up = time.monotonic() + self._patience
        silence = f"no answer for {self._patience:g} s"
        lost |= {p: f"{said.get(p, silence)} (to be read next: offset {self._next[p]})" for p in ahead}
        if lost:
            raise self._unavailable("; ".join(f"partition {each}: {why}" for each, why in sorted(lost.items())))

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

    def _consume(self) -> list[Message]:
        try:
            messages: list[Message] = self._consumer.consume(_AT_ONCE, _POLL_SECONDS)
        except KafkaException as error:
            raise self._unavailable(error.args[0]) from error
        return messages

    def _step_over(self, message: Message, partition: int, offset: int) -> Record:
        """Go on behind what cannot be read, where the client would ask for it for ever.

        The broker hands out whole batches, and the error has the place of the first message of the batch.
        """
        offset = max(offset, self._next[partition])
        self._next[partition] = offset + 1
        try:
            self._consumer.seek(TopicPartition(self._topic, partition, offset + 1))
        except KafkaException as error:
            raise self._unavailable(f"partition {partition}, offset {offset}: {error.args[0]}") from error
        return _record(message, partition, offset)

    def _assign(self) -> set[int]:
        """Go on where the group is, or where the last `read` ended; return the partitions that can be read."""
        try:
            found = self._consumer.list_topics(self._topic, timeout=self._patience).topics[self._topic]
            if found.error is None:
                self._next = self._committed(set(found.partitions) - set(self._next)) | self._next
                places = [TopicPartition(self._topic, p, self._next[p]) for p in found.partitions if p in self._next]
                self._consumer.assign(places)
                return {place.partition for place in places}
        except KafkaException as error:
            self._consumer.poll(0)  # its error_cb raises what a person has to mend
            raise self._unavailable(error.args[0]) from error
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
            over = time.monotonic() > give_up
            try:
                found = self._consumer.committed(wanted, timeout=self._patience)
            except KafkaException as failure:
                if failure.args[0].code() not in _SETTLING or over:
                    raise
            else:
                if over or not any(each.error and each.error.code() in _SETTLING for each in found):
                    self._lost = {each.partition: each.error for each in found if each.error}
                    good = [each for each in found if not each.error]
                    return {each.partition: OFFSET_BEGINNING if each.offset < 0 else each.offset for each in good}
            time.sleep(_ASK_AGAIN_SECONDS)

    def _unavailable(self, why: object) -> TopicUnavailable:
        return TopicUnavailable(f"topic {self._topic!r} (connection stock_kafka): {why}; the next attempt tries again")


class KafkaDeadLetters:
    """Implements the port DeadLetters.

    Args:
        producer: makes an idempotent producer; asked for when there is something to put aside
        topic: the topic the messages come from
        quarantine: where they go
        patience: seconds to wait for the acknowledgements
    """

    def __init__(self, producer: Callable[[], Producer], topic: str, quarantine: str, patience: float = 35.0) -> None:
        self._make_producer = producer
        self._topic = topic
        self._quarantine = quarantine
        self._patience = patience

    def put(self, poison: Sequence[tuple[Record, str]]) -> list[tuple[Record, str]]:
        """Produce the bytes as they were, with headers that say where they lay and what is wrong."""
        producer = self._producer
        if absent := self._absent(producer):
            return [(record, absent) for record, _ in poison]
        refused = self._produce(producer, [self._letter(record, error) for record, error in poison])
        left: list[tuple[Record, str]] = []
        for index, why in sorted(refused.items()):
            record, error = poison[index]
            still = self._by_itself(producer, record, error, why) if why.code() in _ABOUT_THE_MESSAGE else why
            if still is not None:
                left.append((record, f"topic {self._quarantine!r} (connection stock_kafka): {still}"))
        return left

    @cached_property
    def _producer(self) -> Producer:
        return self._make_producer()

    def _by_itself(self, producer: Producer, record: Record, error: str, why: KafkaError) -> KafkaError | None:
        """Put aside one message that was refused, or a note of it; return what was said to the note.

        A broker refuses several messages together, so it is tried alone before it is left out.
        """
        if not self._produce(producer, [self._letter(record, error)]):
            return None
        size = len(record.value or b"")
        log.warning(
            "partition %d, offset %d (%d bytes) is not taken by topic %r (%s): a note with its place is put there",
            record.partition,
            record.offset,
            size,
            self._quarantine,
            why,
        )
        headers = [*self._story(record, error), ("left-out", f"{size} bytes: {why}".encode())]
        key = record.key if len(record.key or b"") <= _LONGEST_KEY else None
        return self._produce(producer, [{"key": key, "value": None, "headers": headers}]).get(0)

    def _produce(self, producer: Producer, letters: Sequence[Mapping[str, Any]]) -> dict[int, KafkaError]:
        """Produce and wait; return what was said to those that were not acknowledged, by their index."""
        answers: dict[int, KafkaError | None] = {}

        def noting(index: int) -> Callable[[KafkaError | None, Message], None]:
            return lambda error, _message: answers.__setitem__(index, error)

        for index, letter in enumerate(letters):
            try:
                producer.produce(self._quarantine, **letter, on_delivery=noting(index))
            except KafkaException as error:
                answers[index] = error.args[0]
            except BufferError:
                answers[index] = KafkaError(KafkaError._QUEUE_FULL)  # noqa: SLF001 - librdkafka's name
            except (ValueError, TypeError) as error:  # a name of a header that a client cannot write
                answers[index] = KafkaError(KafkaError.INVALID_RECORD, str(error))
            producer.poll(0)
        producer.flush(self._patience)
        if len(answers) < len(letters):
            producer.purge()
            producer.flush(1.0)
        silence = KafkaError(KafkaError._TIMED_OUT, "no answer")  # noqa: SLF001 - librdkafka's name
        found = {index: answers.get(index, silence) for index in range(len(letters))}
        return {index: error for index, error in found.items() if error is not None}

    def _absent(self, producer: Producer) -> str:
        """Say at once what would take half a minute to learn by producing: that there is no such topic.

        Asked for by name, it is made where the brokers make topics.
        """
        try:
            found = producer.list_topics(self._quarantine, timeout=self._patience).topics[self._quarantine]
        except KafkaException as error:
            return f"Kafka (connection stock_kafka) does not answer: {error.args[0]}"
        if found.error is None or found.error.code() not in _NO_SUCH_TOPIC:
            return ""
        return (
            f"topic {self._quarantine!r} (connection stock_kafka): {found.error.str()}; make it, and let the account "
            "write to it"
        )

    def _letter(self, record: Record, error: str) -> dict[str, Any]:
        return {"key": record.key, "value": record.value, "headers": [*record.headers, *self._story(record, error)]}

    def _story(self, record: Record, error: str) -> list[tuple[str, bytes]]:
        story = {"topic": self._topic, "partition": record.partition, "offset": record.offset, "error": error}
        return [(name, str(value).encode(errors="backslashreplace")) for name, value in story.items()]


def _record(message: Message, partition: int, offset: int) -> Record:
    error = message.error()
    _, timestamp_ms = message.timestamp()
    headers: Sequence[tuple[str, bytes | None]] = []
    trouble = "" if error is None else f"the broker gave it with an error: {error}"
    if error is None:
        try:
            headers = _headers(message)
        except (UnicodeDecodeError, SystemError):
            trouble = "a name of its headers is no UTF-8, so they are left out"
    return Record(
        partition=partition,
        offset=offset,
        timestamp_ms=timestamp_ms,
        key=message.key(),
        value=message.value() if error is None else None,
        headers=headers,
        error=trouble,
    )


def _headers(message: Message) -> Sequence[tuple[str, bytes | None]]:
    """Read the headers, or raise for a name that is no UTF-8.

    The client returns a broken list then and leaves its error to whatever Python does next: a negative index asks
    whether there is one (confluent-kafka 2.16.0).
    """
    headers = message.headers()
    _ = _ANY[-1]
    return headers or []
