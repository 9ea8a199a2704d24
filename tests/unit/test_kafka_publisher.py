"""Only an acknowledgement counts."""

from dataclasses import replace

import pytest
from confluent_kafka import KafkaError, KafkaException

from stocksync.adapters.kafka import KafkaAlertPublisher
from stocksync.adapters.kafka_errors import Complaints
from stocksync.errors import BadSetting, PublishFailed
from stocksync.model.finding import RunIdentity
from tests.kit.fakes.stores import CODEC, ENCODER
from tests.kit.findings import finding

TIMED_OUT = KafkaError(KafkaError._MSG_TIMED_OUT)
UNKNOWN = KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)
FINDING = finding("P-1")
FINDINGS = [replace(FINDING, reason=f"{n}") for n in range(1000)]
RUN = RunIdentity("manual__1", "manual", "2026-03-02")


class FakeProducer:
    """A producer whose broker acknowledges `room` messages, refuses or swallows the others."""

    def __init__(self, room=1000, *, refusal=None, topic_error=None, queue_full=0):
        self.room, self.refusal, self.topic_error, self.queue_full = room, refusal, topic_error, queue_full
        self.complaints = Complaints()
        self.produced, self.reports, self.purged = [], [], False

    def list_topics(self, timeout):
        if self.topic_error is KafkaError._TRANSPORT:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))
        return type("Metadata", (), {"topics": {"stock.sync.alert": type("Topic", (), {"error": self.topic_error})}})

    def produce(self, topic, **message):
        if self.queue_full:
            self.queue_full -= 1
            raise BufferError("queue full")
        self.produced.append((topic, message))
        self.reports.append(message["on_delivery"])

    def poll(self, _timeout):
        return 0

    def flush(self, _timeout):
        for number, report in enumerate(self.reports):
            if number < self.room:
                report(None, None)
            elif self.refusal is not None:
                report(self.refusal, None)
        self.reports = []

    def purge(self):
        self.purged = True


def publisher(broker):
    return KafkaAlertPublisher(broker, "stock.sync.alert", ENCODER)


def test_every_event_goes_out_under_its_products_key_with_its_headers():
    broker = FakeProducer()

    publisher(broker).publish(RUN, FINDINGS[:1])

    [(topic, message)] = broker.produced
    assert (topic, message["key"]) == ("stock.sync.alert", b"P-1")
    assert dict(message["headers"])["stock-sync-reason"] == b"0"
    assert message["timestamp"] == FINDING.detected_at_ms
    assert CODEC.decode(message["value"])["eventId"] == FINDING.event_id


@pytest.mark.fault(14)
def test_four_hundred_of_a_thousand_acknowledged_is_a_failure_that_says_so():
    broker = FakeProducer(400, refusal=TIMED_OUT)

    with pytest.raises(
        PublishFailed, match=r"600 of 1000 events were not acknowledged on topic 'stock.sync.alert'.*Local"
    ):
        publisher(broker).publish(RUN, FINDINGS)
    assert broker.purged


@pytest.mark.fault(14)
def test_a_broker_that_says_nothing_at_all_is_a_failure():
    with pytest.raises(PublishFailed, match=r"1000 of 1000 events .* no answer"):
        publisher(FakeProducer(0)).publish(RUN, FINDINGS)


@pytest.mark.fault(14)
def test_an_unknown_topic_names_the_setting_before_anything_is_sent():
    broker = FakeProducer(topic_error=UNKNOWN)

    with pytest.raises(BadSetting, match=r"STOCK_SYNC_TOPIC='stock.sync.alert'"):
        publisher(broker).publish(RUN, FINDINGS)
    assert broker.produced == []


@pytest.mark.fault(14)
def test_an_unreachable_broker_names_the_connection():
    with pytest.raises(PublishFailed, match=r"connection stock_kafka.* does not answer"):
        publisher(FakeProducer(topic_error=KafkaError._TRANSPORT)).check()


def test_a_full_local_queue_is_waited_for():
    broker = FakeProducer(queue_full=3)

    publisher(broker).publish(RUN, FINDINGS[:5])

    assert len(broker.produced) == 5
