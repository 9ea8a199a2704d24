"""A connection that is set and cannot be read or used says so, in every DAG, without its content."""

import json
import os
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowFailException, ErrorType
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import ErrorResponse
from airflow.sdk.execution_time.secrets import ExecutionAPISecretsBackend
from airflow.secrets.environment_variables import EnvironmentVariablesBackend
from confluent_kafka import Consumer, Producer, TopicPartition

from local.standins.slack import Slack
from stocksync.adapters.kafka_source import CONSUMER
from stocksync.entrypoints import alert_tasks, channels, connection_lookup, connections, report_tasks, sync_tasks
from stocksync.errors import BadSetting, ConnectionsUnavailable
from stocksync.settings import Settings
from tests.kit.fakes.delivery import payload
from tests.kit.findings import event
from tests.kit.one_pass import CODEC
from tests.kit.subscriber import messages

SLACK = '{"conn_type": "slack", "password": "xoxb-S3cret"}'
UNREADABLE = {
    "a trailing comma": '{"conn_type": "slack", "password": "xoxb-S3cret",}',
    "a key nobody knows": '{"conn_type": "slack", "pasword": "xoxb-S3cret"}',
    "half of it": '{"conn_type": "slack", "password": "xoxb-S3cr',
    "a port that is no number": '{"conn_type": "slack", "password": "xoxb-S3cret", "port": "S3cret"}',
    "an extra that is no JSON": '{"conn_type": "slack", "password": "xoxb-S3cret", "extra": "{S3cret"}',
    "an extra that is a list": '{"conn_type": "slack", "password": "xoxb-S3cret", "extra": ["S3cret"]}',
    "a token alone": "xoxb-S3cret",
    "a URI with a bad port": "slack://:xoxb-S3cret@host:S3cret/",
    "a URI with half of an address": "slack://:xoxb-S3cret@[::1",
    "a URI with three schemes": "slack://a://b://S3cret",
    "a URI whose password has a #": "slack://:xoxb#S3cret@",
    "a space": " ",
}


@pytest.fixture(autouse=True)
def nothing_defined(monkeypatch):
    for name in [name for name in os.environ if name.startswith(("AIRFLOW_CONN_", "STOCK_SYNC_"))]:
        monkeypatch.delenv(name)


FIRST_TASKS = {
    "stock_sync": lambda: sync_tasks.acquire_lock(CONTEXT, []),
    "stock_sync_daily_report": lambda: report_tasks.write(CONTEXT, {}, {}),
}
RUN = SimpleNamespace(
    run_id="run",
    run_type="manual",
    logical_date=None,
    run_after=datetime.now(UTC),
    conf={},
    clear_number=0,
    start_date=datetime.now(UTC),
)
PARAMS = {"dry_run": False, "product_ids": None, "batch_size": 1000, "auto_restore_limit": 10, "date": None}
CONTEXT = {"dag_run": RUN, "params": PARAMS, "dag": SimpleNamespace(params=PARAMS), "ti": SimpleNamespace(try_number=1)}


@pytest.mark.parametrize("text", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize("task", FIRST_TASKS.values(), ids=FIRST_TASKS)
def test_an_unreadable_connection_fails_the_first_task_and_is_not_shown(task, text, monkeypatch, caplog):
    monkeypatch.setenv("AIRFLOW_CONN_STOCK_SLACK", text)
    with pytest.raises(AirflowFailException) as failed:
        task()
    said = str(failed.value)
    assert "connection stock_slack is set" in said
    assert "cannot be read; allowed: JSON" in said
    assert "S3cret" not in said + caplog.text


@pytest.mark.parametrize("name", ["stock_slack", "stock_pagerduty", "stock_schema_registry", "stock_kafka"])
def test_every_optional_connection_is_read_in_the_first_task_though_only_a_later_one_may_use_it(name, monkeypatch):
    monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", '{"conn_type": ')
    with pytest.raises(BadSetting, match=f"connection {name} is set"):
        connections.check_optional(Settings.load())


@pytest.mark.parametrize("name", ["product_db", "stock_redis", "stock_kafka"])
def test_a_connection_a_run_needs_is_unreadable_or_not_defined_and_these_are_two_messages(name, monkeypatch):
    clients = connections.AirflowClients(Settings.load())
    make = {"product_db": clients.postgres, "stock_redis": clients.redis, "stock_kafka": clients.producer}[name]
    with pytest.raises(BadSetting, match=f"connection {name} is not defined"):
        make()
    monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", "{")
    with pytest.raises(BadSetting, match=f"connection {name} is set"):
        make()


def test_nothing_is_defined_and_nothing_is_wrong_with_the_optional_ones():
    connections.check_optional(Settings.load())


def test_an_empty_variable_counts_as_none(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_STOCK_SLACK", "")
    assert channels.slack(Settings.load()) is None


class Vault:
    """A place for connections: it has these texts, or fails."""

    def __init__(self, texts=(), error=None):
        self._texts, self._error = dict(texts), error

    def get_conn_value(self, conn_id):
        if self._error is not None:
            raise self._error
        return self._texts.get(conn_id)

    def get_connection(self, conn_id):
        return Connection.from_json(self._texts[conn_id], conn_id)

    def deserialize_connection(self, conn_id, value):
        return Connection.from_json(value, conn_id)


class WholeVault(Vault):
    """As some do: it knows connections, and has no texts of them."""

    def get_conn_value(self, conn_id):
        raise NotImplementedError

    def get_connection(self, conn_id):
        if self._error is not None:
            raise self._error
        return Connection.from_json(self._texts[conn_id], conn_id) if conn_id in self._texts else None


@pytest.fixture
def places(monkeypatch):
    """Set where Airflow looks for connections."""

    def use(*these):
        monkeypatch.setattr(connection_lookup, "ensure_secrets_backend_loaded", lambda: list(these))
        monkeypatch.setattr("airflow.sdk.execution_time.supervisor.ensure_secrets_backend_loaded", lambda: list(these))

    return use


@pytest.mark.parametrize("vault", [Vault, WholeVault])
def test_a_vault_that_has_the_connection_is_used(vault, places):
    places(vault({"stock_slack": SLACK}), EnvironmentVariablesBackend())
    assert channels.slack(Settings.load()) is not None
    assert channels.pager() is None


@pytest.mark.parametrize("vault", [Vault, WholeVault])
@pytest.mark.parametrize("elsewhere", [True, False])
def test_a_vault_that_fails_leaves_it_open_whether_there_is_a_connection(vault, elsewhere, places, monkeypatch):
    if elsewhere:
        monkeypatch.setenv("AIRFLOW_CONN_STOCK_SLACK", SLACK)
    places(vault(error=ConnectionError("xoxb-S3cret")), EnvironmentVariablesBackend())
    with pytest.raises(ConnectionsUnavailable, match="stock_slack") as failed:
        channels.slack(Settings.load())
    assert failed.value.__cause__ is None
    assert "S3cret" not in str(failed.value)


def test_an_unreadable_text_in_a_vault_is_no_outage(places):
    places(Vault({"stock_slack": UNREADABLE["a trailing comma"]}))
    with pytest.raises(BadSetting, match=r"stock_slack is set \(in Vault\)"):
        channels.slack(Settings.load())


class Supervisor:
    """What a task's supervisor says of every connection."""

    def __init__(self, answer):
        self._answer = answer

    def send(self, _question):
        return self._answer


@pytest.mark.parametrize("error", [ErrorType.API_SERVER_ERROR, ErrorType.GENERIC_ERROR, ErrorType.PERMISSION_DENIED])
def test_an_api_server_that_fails_has_not_said_no(error, places, monkeypatch):
    places(EnvironmentVariablesBackend(), ExecutionAPISecretsBackend())
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", Supervisor(ErrorResponse(error=error)), raising=False)
    with pytest.raises(ConnectionsUnavailable, match=rf"{error.value}.*stock_slack"):
        channels.slack(Settings.load())


def test_an_api_server_that_knows_no_such_connection_has(places, monkeypatch):
    places(EnvironmentVariablesBackend(), ExecutionAPISecretsBackend())
    answer = ErrorResponse(error=ErrorType.CONNECTION_NOT_FOUND)
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", Supervisor(answer), raising=False)
    assert channels.slack(Settings.load()) is None


# --- each part reaches the service ---------------------------------------------------------------------------


def test_the_database_in_the_path_of_a_uri_is_the_one_that_is_used(redis_server, cache, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_STOCK_REDIS", redis_server.uri.replace("/0", "/5"))
    with connections.AirflowClients(Settings.load()).redis() as client:
        client.set("stock:P1", 1)
    assert cache.dbsize() == 0
    assert cache.info("keyspace")["db5"]["keys"] == 1


def test_an_account_of_its_own_is_the_one_that_is_used(redis_server, cache, monkeypatch):
    cache.execute_command("ACL SETUSER sync on >p%w ~* +@all")
    monkeypatch.setenv("AIRFLOW_CONN_STOCK_REDIS", f"redis://sync:p%25w@{redis_server.host}:{redis_server.port}/0")
    with connections.AirflowClients(Settings.load()).redis() as client:
        assert client.acl_whoami() in {"sync", b"sync"}
    cache.execute_command("ACL DELUSER sync")


@pytest.mark.parametrize("option", ["ssl_ca_certs", "ssl_certfile", "ssl_keyfile"])
def test_a_tls_file_that_is_not_there_is_told_before_it_looks_like_the_network(option, monkeypatch, tmp_path):
    extra = {option: str(tmp_path / "none.pem")}
    if option == "ssl_keyfile":
        extra["ssl_certfile"] = str(tmp_path / "none.pem")
    written = json.dumps({"conn_type": "rediss", "host": "cache", "extra": extra})
    monkeypatch.setenv("AIRFLOW_CONN_STOCK_REDIS", written)
    with pytest.raises(BadSetting, match=rf"stock_redis.*{option}.*cannot be used"):
        connections.AirflowClients(Settings.load()).redis()


@pytest.mark.parametrize(
    ("extra", "says"),
    [
        ({"acks": "1"}, "'acks'='1'"),
        ({"nope": "1"}, "nope"),
        ({"security.protocol": "tls"}, "tls"),
        ({"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "SCRAM"}, "Unsupported SASL mechanism"),
        ({"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN"}, "sasl.username"),
        ({"security.protocol": "SSL", "ssl.ca.location": "/nowhere"}, "ssl.ca.location"),
        ({"security.protocol": "SSL", "ssl.key.pem": "S3cret"}, "ssl.key.pem"),
        ({"retries": 0}, "retries"),
        ({"linger.ms": "soon"}, "queue.buffering.max.ms"),
        ({"client.id": ["S3cret"]}, "client.id"),
        ({"error_cb": "os.abort"}, "error_cb"),
    ],
)
def test_what_kafkas_client_will_not_be_made_with_is_told_in_words(extra, says, monkeypatch):
    written = {"conn_type": "kafka", "extra": {"bootstrap.servers": "127.0.0.1:9", **extra}}
    monkeypatch.setenv("AIRFLOW_CONN_STOCK_KAFKA", json.dumps(written))
    with pytest.raises(BadSetting, match=r"connection stock_kafka: .*; allowed: ") as refused:
        connections.AirflowClients(Settings.load()).producer()
    assert says in str(refused.value)
    assert "S3cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "connection", "says"),
    [
        ("http://u:p@registry:1", {"login": "x", "password": "y"}, "one of them"),
        ("http://registry:1", {"password": "y"}, "a password and no login"),
        ("http://registry:1", {"extra": {"ca_file": "/ca.pem"}}, "'ca_file' has no effect"),
        ("http://registry:1", {"host": "registry"}, "host is set and has no use"),
        ("https://registry:1", {"extra": {"ca_file": "/nowhere"}}, "cannot be used"),
    ],
)
def test_a_registry_connection_that_would_be_half_used_is_refused(url, connection, says, monkeypatch):
    monkeypatch.setenv("STOCK_SYNC_SCHEMA_REGISTRY_URL", url)
    monkeypatch.setenv("AIRFLOW_CONN_STOCK_SCHEMA_REGISTRY", json.dumps({"conn_type": "http", **connection}))
    with pytest.raises(BadSetting, match="stock_schema_registry") as refused:
        connections.check_optional(Settings.load())
    assert says in str(refused.value)


# --- nothing is committed ------------------------------------------------------------------------------------


@pytest.fixture
def deployed(kafka, topic, redis_server, cache, monkeypatch):
    """The alerts' connections, but those of people."""
    kafka.create_topic(f"{topic}.dlq", partitions=1)
    monkeypatch.setenv("STOCK_SYNC_TOPIC", topic)
    monkeypatch.setenv("AIRFLOW_CONN_STOCK_REDIS", redis_server.uri)
    monkeypatch.setenv("AIRFLOW_CONN_STOCK_KAFKA", json.dumps({"conn_type": "kafka", "extra": kafka.client}))
    yield kafka
    kafka.forget_topic(f"{topic}.dlq")


def publish(kafka, topic, value):
    producer = Producer(kafka.client)
    producer.produce(topic, value, b"PRD-1", partition=0)
    assert producer.flush(10) == 0


def committed(kafka, topic):
    consumer = Consumer({**kafka.client, **CONSUMER})
    [offset] = consumer.committed([TopicPartition(topic, 0)], timeout=10)
    consumer.close()
    return offset.offset


@pytest.mark.parametrize(
    "text", [UNREADABLE["a trailing comma"], '{"conn_type": "slack", "password": "a", "host": "x"}']
)
def test_with_a_broken_slack_the_pass_is_red_and_commits_nothing_and_mended_it_tells(
    text, deployed, topic, monkeypatch
):
    publish(deployed, topic, CODEC.encode(payload(event("PRD-1", db=100, redis=20))))
    monkeypatch.setenv("AIRFLOW_CONN_STOCK_SLACK", text)
    with pytest.raises(AirflowFailException, match="connection stock_slack"):
        alert_tasks.deliver({"ti": None})
    assert committed(deployed, topic) < 0

    with Slack() as slack:
        monkeypatch.setenv("AIRFLOW_CONN_STOCK_SLACK", slack.connection)
        alert_tasks.deliver({"ti": None})
        assert len(slack.texts) == 1
    assert committed(deployed, topic) == 1


@pytest.mark.usefixtures("deployed")
def test_a_broken_slack_is_red_before_there_is_anything_to_tell(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_STOCK_SLACK", UNREADABLE["a trailing comma"])
    with pytest.raises(AirflowFailException, match="connection stock_slack is set"):
        alert_tasks.deliver({"ti": None})


def test_what_nobody_can_read_goes_where_the_setting_says(deployed, topic, monkeypatch):
    elsewhere = f"{topic}.elsewhere"
    deployed.create_topic(elsewhere, partitions=1)
    monkeypatch.setenv("STOCK_SYNC_DLQ_TOPIC", elsewhere)
    publish(deployed, topic, b"unreadable")
    alert_tasks.deliver({"ti": None})
    [message] = messages(deployed.client, elsewhere)
    assert message.value() == b"unreadable"
    deployed.forget_topic(elsewhere)


@pytest.mark.usefixtures("deployed")
def test_an_account_that_cannot_remember_what_was_told_fails_before_anybody_is_told(
    cache, redis_server, topic, kafka, monkeypatch
):
    cache.execute_command("ACL SETUSER forgetful on >x ~* +@all -append")
    monkeypatch.setenv("AIRFLOW_CONN_STOCK_REDIS", f"redis://forgetful:x@{redis_server.host}:{redis_server.port}/0")
    publish(kafka, topic, CODEC.encode(payload(event("PRD-1", db=100, redis=20))))
    with Slack() as slack:
        monkeypatch.setenv("AIRFLOW_CONN_STOCK_SLACK", slack.connection)
        with pytest.raises(AirflowFailException, match="APPEND"):
            alert_tasks.deliver({"ti": None})
        assert slack.requests == 0
    cache.execute_command("ACL DELUSER forgetful")


def test_the_first_task_of_a_night_fails_for_a_broken_pager_before_anything_is_asked(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_STOCK_PAGERDUTY", "{")
    with pytest.raises(AirflowFailException, match="connection stock_pagerduty is set"):
        sync_tasks.acquire_lock(CONTEXT, [])
