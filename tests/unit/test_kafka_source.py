"""What becomes of the topic's reader when one partition, the group or a client is in trouble."""

from types import SimpleNamespace

import pytest
from confluent_kafka import KafkaError

from stocksync.adapters.kafka_source import KafkaAlertSource, KafkaDeadLetters
from stocksync.alerting.ports import Record
from stocksync.alerting.quarantine import Quarantine
from stocksync.bootstrap import Bootstrap
from stocksync.errors import BadSetting, TopicUnavailable
from stocksync.settings import Settings
from tests.kit.fakes.delivery import FakeDeadLetterLog

TOPIC = "t"
FORBIDDEN = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)
EOF = KafkaError(KafkaError._PARTITION_EOF)


class FakeMessage:
    """A message, or an error in its place."""

    def __init__(self, partition, offset, error=None):
        self._place, self._error = (partition, offset), error

    def partition(self):
        return self._place[0]

    def offset(self):
        return self._place[1]

    def error(self):
        return self._error

    def timestamp(self):
        return (1, 1_700_000_000_000)

    def key(self):
        return b"key"

    def value(self):
        return b"value"

    def headers(self):
        return None


class FakeConsumer:
    """A consumer of a topic whose partitions are told what to say, one answer a poll."""

    def __init__(self, answers, errors=None):
        self._answers = {partition: list(said) for partition, said in answers.items()}
        self._errors = errors or {}
        self._assigned = set()

    def list_topics(self, topic, timeout):
        found = SimpleNamespace(error=None, partitions=dict.fromkeys(self._answers))
        return SimpleNamespace(topics={topic: found})

    def committed(self, wanted, timeout):
        errors = ((place.partition, self._errors.get(place.partition)) for place in wanted)
        return [SimpleNamespace(partition=p, offset=-1001 if error else 0, error=error) for p, error in errors]

    def assign(self, places):
        self._assigned = {place.partition for place in places}

    def consume(self, _count, _timeout):
        return [said.pop(0) for partition, said in self._answers.items() if said and partition in self._assigned]


def read(consumer, patience=0.2):
    """Everything that was given, and what was raised at the end."""
    given, source = [], KafkaAlertSource(consumer, TOPIC, patience=patience)
    try:
        given += (record for record in source.read())
    except TopicUnavailable as error:
        return given, str(error)
    return given, ""


def good(partition, count):
    return [*(FakeMessage(partition, offset) for offset in range(count)), FakeMessage(partition, count, EOF)]


def test_one_partition_with_an_error_is_named_after_the_others_were_given():
    errors = [FakeMessage(1, -1001, FORBIDDEN) for _ in range(5)]
    given, said = read(FakeConsumer({0: good(0, 3), 1: errors, 2: good(2, 2)}))
    assert [(record.partition, record.offset) for record in given] == [(0, 0), (2, 0), (0, 1), (2, 1), (0, 2)]
    assert "partition 1: " in said
    assert "TOPIC_AUTHORIZATION_FAILED" in said
    assert "offset 0" in said
    assert "partition 0" not in said


def test_a_silent_partition_is_named_after_the_others_were_given():
    given, said = read(FakeConsumer({0: good(0, 3), 1: []}))
    assert len(given) == 3
    assert "partition 1: no answer for 0.2 s" in said


def test_an_error_that_passes_is_no_trouble():
    leaderless = FakeMessage(0, -1001, KafkaError(KafkaError.LEADER_NOT_AVAILABLE))
    given, said = read(FakeConsumer({0: [leaderless, *good(0, 2)]}), patience=30)
    assert (len(given), said) == (2, "")


def test_a_partition_whose_committed_offset_is_not_told_is_named_and_the_others_are_read():
    given, said = read(FakeConsumer({0: good(0, 3), 1: good(1, 3)}, errors={1: FORBIDDEN}))
    assert {record.partition for record in given} == {0}
    assert "partition 1: " in said


def test_an_error_about_no_partition_ends_the_reading_and_what_was_given_stays_given():
    given, said = read(FakeConsumer({0: good(0, 3), 1: [FakeMessage(1, 0), FakeMessage(-1, -1001, FORBIDDEN)]}))
    assert [(record.partition, record.offset) for record in given] == [(0, 0), (1, 0), (0, 1)]
    assert "TOPIC_AUTHORIZATION_FAILED" in said


POISON = Record(0, 0, 1, b"k", b"v", [])


def test_a_producer_that_cannot_be_made_is_asked_for_only_where_there_is_poison_and_named_then():
    def unusable():
        raise BadSetting("connection stock_kafka: acks=1; allowed: all")

    quarantine = Quarantine(KafkaDeadLetters(unusable, TOPIC, "t.dlq"), FakeDeadLetterLog())
    assert quarantine.flush() == []
    assert quarantine.add(POISON, "why") == []
    [(record, why)] = quarantine.flush()
    assert record is POISON
    assert "acks=1" in why


def test_a_registry_that_cannot_be_used_hinders_only_what_needs_it():
    def unusable():
        raise BadSetting("connection stock_schema_registry: ca_file cannot be used")

    reader = Bootstrap(SimpleNamespace(registry=unusable), Settings()).reader()
    with pytest.raises(ValueError, match="not an Avro single object"):
        reader.decode(b"garbage")
    with pytest.raises(BadSetting, match="ca_file cannot be used"):
        reader.decode(b"\0\0\0\0\7body")
