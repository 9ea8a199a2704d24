"""Every part of a connection is used, or refused by its name with what is allowed, and no secret is shown."""

import json
from dataclasses import dataclass

import pytest

from stocksync.adapters.kafka_source import CONSUMER
from stocksync.adapters.redis_cluster import ClusterAddress
from stocksync.adapters.redis_sentinel import SentinelAddress
from stocksync.entrypoints.connection_parts import (
    KNOWN,
    is_whole,
    kafka_arguments,
    understood,
    without_secrets,
)
from stocksync.entrypoints.redis_parts import redis_address
from stocksync.errors import BadSetting

PARTS = ("host", "port", "login", "password", "schema")


@dataclass
class Written:
    """A connection as Airflow gives it."""

    conn_id: str
    conn_type: str | None = None
    host: str | None = None
    port: int | None = None
    login: str | None = None
    password: str | None = None
    schema: str | None = None
    extra: str | None = None


def redis_connection(conn_type="redis", extra=None, **parts):
    parts = {"host": "cache", **parts}
    return Written("stock_redis", conn_type, **parts, extra=None if extra is None else json.dumps(extra))


def kafka_connection(**extra):
    return Written("stock_kafka", "kafka", extra=json.dumps({"bootstrap.servers": "a:9092", **extra}))


PLAIN = {"host": "cache", "port": 6379, "db": 0, "username": None, "password": None}


@pytest.mark.parametrize(
    ("connection", "changed"),
    [
        (redis_connection(), {}),
        (
            redis_connection(port=6380, login="dags", password="p w"),
            {"port": 6380, "username": "dags", "password": "p w"},
        ),
        (redis_connection(schema="5"), {"db": 5}),
        (redis_connection(extra={"db": "5"}), {"db": 5}),
        (redis_connection(extra={"db": 5}, schema="5"), {"db": 5}),
        (redis_connection(schema="0"), {}),
        (redis_connection(password="none"), {"password": "none"}),
        (redis_connection("rediss"), {"ssl": True}),
        (
            redis_connection(extra={"ssl": "true", "ssl_cert_reqs": "optional"}),
            {"ssl": True, "ssl_cert_reqs": "optional"},
        ),
        (redis_connection(extra={"ssl": "false"}), {}),
        (redis_connection("rediss", {"ssl_ca_certs": "/ca.pem"}), {"ssl": True, "ssl_ca_certs": "/ca.pem"}),
        (
            redis_connection("rediss", {"ssl_cert_reqs": "none"}),
            {"ssl": True, "ssl_cert_reqs": "none", "ssl_check_hostname": False},
        ),
        # What the form of Airflow's UI stores where nothing was chosen.
        (
            redis_connection(
                extra={
                    "db": 0,
                    "cluster": False,
                    "startup_nodes": None,
                    "ssl": False,
                    "ssl_cert_reqs": "required",
                    "ssl_ca_certs": "",
                    "ssl_check_hostname": False,
                }
            ),
            {},
        ),
    ],
)
def test_every_part_of_a_redis_connection_reaches_the_client(connection, changed):
    assert redis_address(connection) == PLAIN | changed


@pytest.mark.parametrize(
    ("connection", "nodes", "changed"),
    [
        (redis_connection(extra={"cluster": True}), (("cache", 6379),), {}),
        (
            redis_connection("rediss", {"cluster": "true", "startup_nodes": "b:7000, [::1]"}, login="dags", schema="0"),
            (("cache", 6379), ("b", 7000), ("::1", 6379)),
            {"username": "dags", "ssl": True},
        ),
        (redis_connection(host="", extra={"cluster": True, "startup_nodes": "b"}), (("b", 6379),), {}),
    ],
)
def test_every_part_of_a_connection_to_a_cluster_reaches_the_client(connection, nodes, changed):
    assert redis_address(connection) == ClusterAddress(nodes, {"username": None, "password": None} | changed)


def test_every_part_of_a_connection_by_way_of_sentinels_reaches_the_clients():
    extra = {
        "sentinels": "a,b:1",
        "master_name": "shop",
        "sentinel_username": "watcher",
        "sentinel_password": "w",
        "ssl": True,
        "db": 3,
    }

    assert redis_address(redis_connection(host="", login="dags", password="p", extra=extra)) == SentinelAddress(
        (("a", 26379), ("b", 1)),
        "shop",
        {"username": "dags", "password": "p", "ssl": True, "db": 3},
        {"username": "watcher", "password": "w", "ssl": True},
    )


@pytest.mark.parametrize(
    ("connection", "part", "allowed"),
    [
        (redis_connection("postgres"), "type 'postgres'", "redis or rediss"),
        (redis_connection("unix", host="", schema="run/redis.sock"), "type 'unix'", "redis or rediss"),
        (redis_connection(host=""), "no host", "reached by TCP"),
        (redis_connection(host="/run/redis.sock"), "host '/run/redis.sock'", "reached by TCP"),
        (redis_connection(host="a,b"), "host 'a,b'", "one server"),
        (redis_connection(port=70000), "port '70000'", "a number from 1 to 65535"),
        (redis_connection(schema="five"), "schema 'five'", "the number of a database"),
        (redis_connection(schema="0/1"), "schema '0/1'", "the number of a database"),
        (redis_connection(extra={"db": -1}), "extra 'db'='-1'", "the number of a database"),
        (redis_connection(extra={"db": True}), "extra 'db'", "the number of a database"),
        (redis_connection(schema="1", extra={"db": 2}), "schema (the path of a URI) 1 and extra 'db'=2", "one of them"),
        (redis_connection(extra={"cluster": True, "db": 2}), "database 2 and extra 'cluster'", "0"),
        (redis_connection(host="", extra={"cluster": True}), "no host", "extra 'startup_nodes'"),
        (redis_connection(extra={"startup_nodes": "b:1"}), "'startup_nodes' without 'cluster'", "'cluster'=true"),
        (redis_connection(extra={"cluster": True, "startup_nodes": "b:x"}), "'startup_nodes'='b:x'", "host:port"),
        (redis_connection(extra={"cluster": True, "sentinels": "b"}), "'cluster' and 'sentinels'", "one of them"),
        (redis_connection(extra={"sentinels": "b"}), "'sentinels' without 'master_name'", "call the master"),
        (redis_connection(extra={"master_name": "shop"}), "'master_name' without 'sentinels'", "extra 'sentinels'"),
        (redis_connection(extra={"sentinels": "b", "master_name": "shop"}), "host or port", "the sentinels alone"),
        (redis_connection(extra={"sentinels": "b:0", "master_name": "shop"}), "'sentinels'='b:0'", "host:port"),
        (redis_connection(extra={"ssl": "perhaps"}), "extra 'ssl'='perhaps'", "true or false"),
        (redis_connection(extra={"ssl_cert_req": "none"}), "did you mean ssl_cert_reqs?", "db, cluster, startup_nodes"),
        (redis_connection("rediss", {"ssl_cert_reqs": "require"}), "'ssl_cert_reqs'='require'", "required or optional"),
        (redis_connection("rediss", {"ssl": False}), "type 'rediss' and extra 'ssl'=False", "redis without TLS"),
        (redis_connection(extra={"ssl_ca_certs": "/ca.pem"}), "'ssl_ca_certs' without TLS", "rediss"),
        (redis_connection(extra={"socket_timeout": "5"}), "'socket_timeout' is not known", "db"),
        (redis_connection(login=5), "login", "text"),
    ],
)
def test_a_part_of_a_redis_connection_that_cannot_be_used_is_refused_by_name(connection, part, allowed):
    with pytest.raises(BadSetting) as refused:
        redis_address(connection)
    said, _, may_be = str(refused.value).partition("; allowed: ")
    assert said.startswith("connection stock_redis: ")
    assert part in said
    assert allowed in may_be


@pytest.mark.parametrize(
    ("connection", "part", "allowed"),
    [
        (Written("stock_kafka", "kafka", extra="{}"), "'bootstrap.servers' not set", "host:port"),
        (kafka_connection(**{"bootstrap.servers": ["a:1"]}), "'bootstrap.servers'", "host:port"),
        *[
            (kafka_connection(**{"bootstrap.servers": servers}), "'bootstrap.servers'", "host:port")
            for servers in ("a:b", "a:1,", "a:1;b:1", "a:70000", "a:0", "a b:1", "a:1:2", "u:pw@a:1", ":9092")
        ],
        (Written("stock_kafka", "kafka", host="a", port=9092), "host is set and has no use", "bootstrap.servers"),
        (kafka_connection(acks=1), "'acks'=1", "all"),
        (kafka_connection(acks="0"), "'acks'='0'", "all"),
        (kafka_connection(**{"enable.idempotence": False}), "'enable.idempotence'=False", "true"),
        (kafka_connection(**{"group.id": "mine"}), "'group.id'='mine'", CONSUMER["group.id"]),
        (kafka_connection(**{"enable.auto.commit": "true"}), "'enable.auto.commit'='true'", "false"),
        (kafka_connection(**{"transactional.id": "t"}), "'transactional.id'", "idempotent"),
        (
            kafka_connection(**{"sasl.username": "u"}),
            "'sasl.username' with 'security.protocol'='plaintext'",
            "SASL_SSL",
        ),
        (
            kafka_connection(**{"security.protocol": "SASL_PLAINTEXT", "ssl.ca.location": "/ca.pem"}),
            "'ssl.ca.location' with 'security.protocol'='sasl_plaintext'",
            "SASL_SSL",
        ),
        (
            kafka_connection(**{"security.protocol": "SSL", "sasl.mechanism": "PLAIN"}),
            "'sasl.mechanism' with",
            "SASL_SSL",
        ),
    ],
)
def test_a_part_of_a_kafka_connection_that_would_be_without_effect_is_refused_by_name(connection, part, allowed):
    with pytest.raises(BadSetting) as refused:
        kafka_arguments(connection)
    said, _, may_be = str(refused.value).partition("; allowed: ")
    assert said.startswith("connection stock_kafka: ")
    assert part in said
    assert "pw" not in said
    assert allowed in may_be


@pytest.mark.parametrize(
    "extra",
    [
        {"bootstrap.servers": "a:1, b:2"},
        {"bootstrap.servers": "SASL_SSL://[::1]:9093", "security.protocol": "SASL_SSL", "ssl.ca.location": "/ca.pem"},
        {"acks": -1, "enable.idempotence": "true", "group.id": CONSUMER["group.id"], "linger.ms": "5"},
    ],
)
def test_what_a_kafka_connection_may_hold_goes_to_the_client(extra):
    written = kafka_connection(**extra)
    assert kafka_arguments(written) == json.loads(written.extra)


@pytest.mark.parametrize("conn_id", KNOWN)
@pytest.mark.parametrize("part", PARTS)
def test_a_part_without_a_use_is_refused_and_not_shown(conn_id, part):
    if part in KNOWN[conn_id].parts:
        return
    written = Written(conn_id, **{part: 6543 if part == "port" else "S3cret"})
    with pytest.raises(BadSetting, match=f"connection {conn_id}: {part} is set and has no use; allowed: ") as refused:
        understood(written)
    assert "S3cret" not in str(refused.value)


@pytest.mark.parametrize("conn_id", [name for name in KNOWN if KNOWN[name].extras is not None])
def test_an_extra_nobody_knows_is_refused_with_the_known_ones_and_without_its_value(conn_id):
    with pytest.raises(BadSetting, match=r"extra 'wrong' is not known") as refused:
        understood(Written(conn_id, extra=json.dumps({"wrong": "S3cret"})))
    assert all(name in str(refused.value) for name in KNOWN[conn_id].extras)
    assert "S3cret" not in str(refused.value)


@pytest.mark.parametrize("conn_id", KNOWN)
@pytest.mark.parametrize("extra", ["{bad", "[1]", '"text"', "5"])
def test_an_extra_that_is_no_object_is_said_to_be_unreadable(conn_id, extra):
    with pytest.raises(BadSetting, match=f"connection {conn_id} is set and cannot be read") as refused:
        understood(Written(conn_id, extra=extra))
    assert "bad" not in str(refused.value)


@pytest.mark.parametrize("conn_id", KNOWN)
def test_a_text_without_a_scheme_may_be_a_password_and_is_not_shown(conn_id):
    with pytest.raises(BadSetting, match="cannot be read") as refused:
        understood(Written(conn_id, conn_type="", schema="oxb-S3cret"))
    assert "S3cret" not in str(refused.value)


@pytest.mark.parametrize("token", ["xoxb S3cret", "xoxb-S3cret\n", "xoxb-S3cret\r\nX: y", "토큰S3cret", ["S3cret"]])
@pytest.mark.parametrize("conn_id", ["stock_slack", "stock_pagerduty"])
def test_a_token_with_a_line_break_is_refused_before_a_driver_shows_it(conn_id, token):
    with pytest.raises(BadSetting, match=f"connection {conn_id}: password; allowed: ") as refused:
        understood(Written(conn_id, password=token))
    assert "S3cret" not in str(refused.value)


def test_a_password_in_the_wrong_place_is_not_shown_with_the_place():
    with pytest.raises(BadSetting) as refused:
        redis_address(redis_connection(host="user:S3cret@cache"))
    assert "S3cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ('{"conn_type": "redis", "host": "h#1"}', True),
        ("redis://:p%23w@h:6379/0?ssl=true", True),
        ("redis://:pw@h:6379/0#rest", False),
        ("redis://:p#w@h:6379/0", False),
        ("redis://h/0?db=1&db=2", False),
        ("redis://h/0?__extra__=%7B%7D&db=2", False),
    ],
)
def test_a_uri_of_which_airflow_drops_a_part_is_not_whole(text, whole):
    assert is_whole(text) is whole


def test_a_drivers_text_is_told_without_secret_values():
    values = {"sasl.password": "S3cret", "client.id": "me"}
    assert without_secrets('invalid "S3cret" of me', values) == 'invalid "…" of me'
