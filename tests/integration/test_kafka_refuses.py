"""What brokers refuse a client for good is told in words, with the property; what may pass is tried again."""

import contextlib
import json
import socket
import ssl
import threading

import pytest
import trustme

from local.servers.ports import free_port
from stocksync.adapters.kafka import IdempotentProducer, KafkaAlertPublisher
from stocksync.adapters.kafka_source import KafkaAlertSource
from stocksync.entrypoints import connections
from stocksync.errors import BadSetting, PublishFailed, TopicUnavailable
from stocksync.settings import Settings
from tests.kit.fakes.stores import ENCODER

SASL = {"security.protocol": "SASL_PLAINTEXT", "sasl.username": "u", "sasl.password": "S3cret"}


@pytest.fixture
def connect(monkeypatch):
    """Set connection stock_kafka, and give its clients."""

    def clients(**extra):
        monkeypatch.setenv("AIRFLOW_CONN_STOCK_KAFKA", json.dumps({"conn_type": "kafka", "extra": extra}))
        return connections.AirflowClients(Settings())

    return clients


def check(producer):
    KafkaAlertPublisher(producer, "stock.sync.alert", ENCODER).check(timeout=3)


@pytest.fixture
def tls_broker():
    """The address of something that expects TLS, with a certificate of an authority nobody knows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        with contextlib.suppress(OSError):  # the listener is closed
            while True:
                client, _ = listener.accept()
                with contextlib.suppress(OSError), client:
                    context.wrap_socket(client, server_side=True).recv(1)

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"127.0.0.1:{listener.getsockname()[1]}"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
def test_an_account_the_brokers_do_not_let_in_is_told(kafka, connect, mechanism):
    clients = connect(**{**SASL, "sasl.mechanism": mechanism, "bootstrap.servers": kafka.bootstrap_servers})
    with pytest.raises(BadSetting, match=r"stock_kafka.*SASL.*allowed: sasl.username") as refused:
        check(clients.producer())
    assert "S3cret" not in str(refused.value)


def test_a_reader_the_brokers_do_not_let_in_is_told(kafka, connect):
    clients = connect(**{**SASL, "sasl.mechanism": "PLAIN", "bootstrap.servers": kafka.bootstrap_servers})
    with (
        pytest.raises(BadSetting, match=r"stock_kafka.*allowed: sasl.username"),
        contextlib.closing(clients.consumer()) as consumer,
    ):
        next(KafkaAlertSource(consumer, "stock.sync.alert", patience=3).read(), None)


def test_a_broker_whose_certificate_cannot_be_checked_is_told(tls_broker, connect):
    clients = connect(**{"bootstrap.servers": tls_broker, "security.protocol": "SSL"})
    with pytest.raises(BadSetting, match=r"certificate verify failed.*allowed: .*ssl.ca.location"):
        check(clients.producer())


def test_a_client_without_tls_is_told_where_to_look(tls_broker, connect):
    with pytest.raises(PublishFailed, match=r"security\.protocol is that of their listeners"):
        check(connect(**{"bootstrap.servers": tls_broker}).producer())


@pytest.mark.parametrize(("host", "says"), [("127.0.0.1", "Connection refused"), ("nohost.invalid", "resolve")])
def test_a_broker_that_is_not_there_may_come_and_the_reason_is_told_once(host, says, connect):
    clients = connect(**{"bootstrap.servers": f"{host}:{free_port()}"})
    with pytest.raises(PublishFailed, match="stock_kafka") as failed:
        check(clients.producer())
    assert str(failed.value).count(says) == 1
    with pytest.raises(TopicUnavailable):
        next(KafkaAlertSource(clients.consumer(), "stock.sync.alert", patience=1).read(), None)


def test_a_callback_of_the_connection_hears_of_errors_too():
    heard = []
    producer = IdempotentProducer({"bootstrap.servers": f"127.0.0.1:{free_port()}", "error_cb": heard.append})
    with pytest.raises(PublishFailed):
        check(producer)
    assert heard
