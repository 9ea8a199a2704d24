"""A connection that is set already is understood in both of Airflow's forms."""

import json

import pytest

from local.connections import Connection


def test_a_uri_is_read_with_its_escapes():
    read = Connection.parse(
        "AIRFLOW_CONN_PRODUCT_DB", "postgres://us%40er:p%2Fw@db.example:6543/sh%20op?sslmode=require"
    )
    assert read == Connection("db.example", 6543, "us@er", "p/w", "sh op", {"sslmode": "require"})


@pytest.mark.parametrize("extra", [{"bootstrap.servers": "a:1,b:2"}, json.dumps({"bootstrap.servers": "a:1,b:2"})])
def test_json_is_read_with_extra_as_object_or_text(extra):
    read = Connection.parse("AIRFLOW_CONN_STOCK_KAFKA", json.dumps({"conn_type": "kafka", "extra": extra}))
    assert read.kafka() == {"bootstrap.servers": "a:1,b:2"}


@pytest.mark.parametrize("text", ["nonsense", '{"host":', "postgres://host:port/x", '["list"]'])
def test_what_cannot_be_read_is_named_and_not_shown(text):
    with pytest.raises(ValueError, match="AIRFLOW_CONN_PRODUCT_DB") as refusal:
        Connection.parse("AIRFLOW_CONN_PRODUCT_DB", text)
    assert text not in str(refusal.value)


@pytest.mark.parametrize("text", ["rediss://:pw@cache:6380/5", json.dumps({"conn_type": "rediss", "schema": "5"})])
def test_redis_is_opened_in_its_database_and_with_tls(text):
    opened = Connection.parse("AIRFLOW_CONN_STOCK_REDIS", text).redis().connection_pool
    assert opened.connection_kwargs["db"] == 5
    assert opened.connection_class.__name__ == "SSLConnection"
