"""Apache Kafka with docker-compose.yaml's configuration, made ready by its one-shot init."""

import os
import re
import secrets
import shlex
import subprocess
from collections import Counter
from dataclasses import replace

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic

from deploy.init import PARTITIONS, prepare_kafka, topics
from stocksync.adapters.avro import SingleObjectCodec, load_schema
from stocksync.adapters.event_codec import EventEncoder
from stocksync.adapters.kafka import IdempotentProducer, KafkaAlertPublisher
from stocksync.adapters.kafka_source import CONSUMER, KafkaAlertSource, KafkaDeadLetters
from stocksync.alerting.ports import Record
from stocksync.errors import BadSetting, PublishFailed
from stocksync.model.finding import RunIdentity
from tests.kit.cluster import java
from tests.kit.cluster.apache_kafka import VERSION
from tests.kit.cluster.compose_file import DEPLOY
from tests.kit.findings import finding
from tests.kit.paths import ROOT, SCHEMA

pytestmark = pytest.mark.usefixtures("cluster")
TOPIC = "stock.sync.alert"
WRONG = {"an unknown user": ("nobody", "x"), "a wrong password": ("stock-sync", "x"), "no password": ("stock-sync", "")}


@pytest.fixture(scope="module")
def password():
    return secrets.token_hex(8)


@pytest.fixture(scope="module")
def ready(kafka, password):
    """A broker on which init has run, twice: it may."""
    for _ in range(2):
        prepare_kafka(kafka.admin(), topics({}), password)
    return kafka


@pytest.fixture
def dags(ready, password):
    """What the DAGs' clients are made with."""
    return ready.client_of("stock-sync", password)


CODEC = EventEncoder(SingleObjectCodec(load_schema(SCHEMA)))
RUN = RunIdentity("run", "manual", "2026-03-02")
POISON = Record(0, 0, 0, b"k", b"v", [])


def test_the_topics_have_their_partitions_and_keep_seven_days(ready):
    admin = ready.admin()
    found = admin.list_topics(timeout=10).topics
    for name, partitions in PARTITIONS.items():
        topic = name.format(**topics({}))
        assert len(found[topic].partitions) == partitions
        [configuration] = admin.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, topic)]).values()
        settings = {setting: entry.value for setting, entry in configuration.result(10).items()}
        assert settings["retention.ms"] == str(7 * 24 * 3600 * 1000)


def test_the_dags_user_publishes_reads_commits_and_puts_aside(dags):
    publisher = KafkaAlertPublisher(IdempotentProducer(dags), TOPIC, CODEC)
    publisher.publish(RUN, [finding()])
    consumer = Consumer({**dags, **CONSUMER})
    source = KafkaAlertSource(consumer, TOPIC)
    [record] = source.read()
    source.commit({record.partition: record.offset + 1})
    assert consumer.committed([TopicPartition(TOPIC, record.partition)], timeout=10)[0].offset == record.offset + 1
    consumer.close()
    assert KafkaDeadLetters(lambda: Producer(dags), TOPIC, f"{TOPIC}.dlq").put([(POISON, "why")]) == []


def test_a_dead_letter_topic_that_is_missing_or_forbidden_takes_nothing_and_says_why(ready, dags):
    ready.create_topic("not-for-us.dlq", 1)
    clients = {"nobody-made-it.dlq": [dags, ready.client], "not-for-us.dlq": [dags]}
    for place, client in ((place, client) for place, each in clients.items() for client in each):
        [(record, why)] = KafkaDeadLetters(lambda client=client: Producer(client), TOPIC, place).put([(POISON, "why")])
        assert record is POISON
        assert f"topic {place!r} (connection stock_kafka)" in why
    assert "nobody-made-it.dlq" not in ready.admin().list_topics(timeout=10).topics
    ready.forget_topic("not-for-us.dlq")


def test_of_poison_the_dead_letter_topic_finds_too_large_a_note_is_put_there(ready):
    name = "small.dlq"
    admin = ready.admin()
    admin.create_topics([NewTopic(name, 1, 1, config={"max.message.bytes": "1000"})])[name].result(30)
    poison = [(POISON, "why"), (replace(POISON, offset=1, value=b"x" * 5_000), "why"), (POISON, "why")]
    assert KafkaDeadLetters(lambda: Producer(ready.client), TOPIC, name).put(poison) == []
    consumer = Consumer({**ready.client, **CONSUMER, "group.id": "test"})
    consumer.assign([TopicPartition(name, 0, 0)])
    found = [message for message in consumer.consume(3, 15) if message.error() is None]
    consumer.close()
    assert Counter(message.value() for message in found) == {b"v": 2, None: 1}
    [note] = [dict(message.headers()) for message in found if message.value() is None]
    assert (note["offset"], note["left-out"][:10]) == (b"1", b"5000 bytes")


def test_the_dags_user_can_use_no_other_topic_and_make_none(ready, dags):
    ready.create_topic("orders", 1)
    with pytest.raises(BadSetting, match=r"orders.*no such topic that the account may use"):
        KafkaAlertPublisher(IdempotentProducer(dags), "orders", CODEC).check()
    admin = AdminClient(dags)
    with pytest.raises(KafkaException, match=r"(?i)authoriz"):
        [created.result(10) for created in admin.create_topics([NewTopic("mine", 1, 1)]).values()]
    ready.forget_topic("orders")


@pytest.mark.parametrize(("user", "its_password"), list(WRONG.values())[:2], ids=list(WRONG)[:2])
def test_an_account_that_is_not_let_in_is_told_as_such(ready, user, its_password):
    producer = IdempotentProducer(ready.client_of(user, its_password))
    with pytest.raises(BadSetting, match=r"stock_kafka.*Authentication failed.*allowed: sasl.username"):
        KafkaAlertPublisher(producer, TOPIC, CODEC).check(timeout=5)


def test_a_client_that_does_not_log_in_is_told_where_to_look(ready):
    producer = IdempotentProducer({"bootstrap.servers": ready.bootstrap_servers})
    with pytest.raises((BadSetting, PublishFailed), match=r"stock_kafka.*security\.protocol"):
        KafkaAlertPublisher(producer, TOPIC, CODEC).check(timeout=5)


@pytest.mark.parametrize(("user", "its_password"), WRONG.values(), ids=WRONG)
def test_nobody_else_gets_in(ready, user, its_password):
    client = {**ready.client_of(user, its_password), "socket.connection.setup.timeout.ms": 2000}
    with pytest.raises((KafkaException, ValueError)):
        AdminClient(client).list_topics(timeout=5)


def test_nobody_gets_in_without_logging_in(ready):
    with pytest.raises(KafkaException):
        AdminClient({"bootstrap.servers": ready.bootstrap_servers}).list_topics(timeout=5)


def test_a_topic_is_not_made_by_a_spelling_mistake(ready):
    producer = Producer({**ready.client, "delivery.timeout.ms": 3000, "message.timeout.ms": 3000})
    producer.produce("stock.sync.alrt", b"x")
    producer.flush(10)
    assert "stock.sync.alrt" not in ready.admin().list_topics(timeout=10).topics


def test_the_runbooks_command_changes_the_administrators_password(ready):
    page = (ROOT / "docs" / "operations.md").read_text()
    [command] = re.findall(r"`docker compose exec kafka /opt/kafka/bin/kafka-configs.sh (.*?)` \|", page)
    command = command.replace("kafka:9092", ready.bootstrap_servers).replace("/deploy/", f"{DEPLOY}/")
    words = ["java", "-cp", java.classpath("org.apache.kafka", "kafka_2.13", VERSION), "kafka.admin.ConfigCommand"]
    words += shlex.split(command)
    old = ready.password
    for before, after in ((old, "another"), ("another", old)):
        environment = {"PATH": os.environ["PATH"], "KAFKA_ADMIN_PASSWORD": before}
        subprocess.run([word.replace("NEW", after) for word in words], check=True, env=environment)
        AdminClient(ready.client_of("admin", after)).list_topics(timeout=10)
