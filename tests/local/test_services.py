"""What the tests of the whole project stand on."""

from contextlib import closing

import psycopg2
import pytest
import redis
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition


def test_a_database_survives_a_restart_of_its_server(postgres, database):
    with closing(psycopg2.connect(database)) as session, session, session.cursor() as cursor:
        cursor.execute("CREATE TABLE kept AS SELECT 1 AS one")
    postgres.restart()
    with closing(psycopg2.connect(database)) as session, session.cursor() as cursor:
        cursor.execute("SELECT one FROM kept")
        assert cursor.fetchone() == (1,)


def test_a_stopped_server_runs_again_for_the_next_test(postgres, request):
    postgres.stop()
    with pytest.raises(psycopg2.OperationalError, match="refused"):
        postgres.connect()
    psycopg2.connect(request.getfixturevalue("database")).close()


def test_redis_starts_empty_unless_told_to_keep_its_data(redis_server, cache):
    cache.set("stock:PRD-001", 100)
    redis_server.restart(keep_data=True)
    assert cache.get("stock:PRD-001") == b"100"
    redis_server.restart()
    assert cache.get("stock:PRD-001") is None


def test_a_paused_server_is_silent_and_comes_back(redis_server, cache):
    impatient = redis.Redis.from_url(redis_server.uri, socket_timeout=0.2, retry=None)
    redis_server.process.pause()
    with pytest.raises(redis.TimeoutError):
        impatient.ping()
    redis_server.process.resume()
    assert cache.ping()


def test_a_message_comes_back_from_the_broker(kafka, topic):
    producer = Producer({**kafka.client, "enable.idempotence": True})
    producer.produce(topic, b"value", b"key")
    assert producer.flush(10) == 0
    consumer = Consumer({**kafka.client, "group.id": topic})
    with closing(consumer):
        consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in range(3)])
        assert consumer.poll(20).value() == b"value"
