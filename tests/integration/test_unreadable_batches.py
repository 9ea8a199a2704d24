"""Messages that no client can take from the broker: the good ones beside them are told all the same."""

import pytest

from local.servers.kafka import Kafka
from tests.kit import raw_kafka
from tests.kit.real_delivery import DIGEST, URGENT, critical, low, read_all, real_delivery


@pytest.fixture(scope="module")
def kafka(kafka, run_folder):
    """A broker that anybody may write to: such batches are sent by hand, without a log-in."""
    if isinstance(kafka, Kafka):
        yield kafka
        return
    with Kafka(run_folder) as broker:
        yield broker


@pytest.fixture
def office(kafka, topic, cache, redis_server, tmp_path):
    with real_delivery(kafka, topic, redis_server.uri, tmp_path) as office:
        yield office


def test_a_header_whose_name_is_no_text_is_poison_and_no_trap(office, kafka):
    for _ in range(20):  # the client's way to fail changes with practice
        raw_kafka.produce(kafka, office.topic, raw_kafka.header_name_that_is_no_text(b"value"))
    office.publish(low(), critical())
    assert office.run().poison == 20
    assert office.titles == [URGENT, DIGEST]
    assert office.committed == 22
    assert {message.value() for message in read_all(office, f"{office.topic}.dlq")} == {b"value"}


def test_a_batch_nobody_can_decompress_is_stepped_over(office, kafka):
    raw_kafka.produce(kafka, office.topic, raw_kafka.compressed_nonsense(3))
    office.publish(values=[b"not Avro"])
    raw_kafka.produce(kafka, office.topic, raw_kafka.compressed_nonsense(1))
    office.publish(low(), critical())
    assert office.run().poison == 5
    assert office.titles == [URGENT, DIGEST]
    assert office.committed == 7
    places = {dict(message.headers())["offset"] for message in read_all(office, f"{office.topic}.dlq")}
    assert places == {b"0", b"1", b"2", b"3", b"4"}
    assert office.run().poison == 0
