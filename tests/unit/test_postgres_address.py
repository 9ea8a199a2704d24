"""Connection product_db: every part of it reaches libpq or is refused by name."""

import json

import pytest

from stocksync.adapters.postgres_address import PostgresAddress
from stocksync.errors import BadSetting

FIELDS = {"host": "db.example", "port": 6543, "user": "reader", "password": "se cret", "dbname": "shop"}


def arguments(extra=None, conn_type="postgres", **fields):
    text = extra if isinstance(extra, str) else json.dumps(extra or {})
    return PostgresAddress(conn_type, {**FIELDS, **fields}, text).arguments()


def test_every_field_is_honoured():
    assert FIELDS.items() <= arguments().items()


def test_what_is_not_given_is_left_to_libpq():
    assert not {"host", "port", "user"} & set(arguments(host="", port=None, user=None))


def test_options_of_the_extra_are_honoured_and_win_over_our_defaults():
    extra = {"sslmode": "verify-full", "options": "-c search_path=shop", "connect_timeout": 3, "keepalives_idle": "5"}

    assert extra.items() <= arguments(extra).items()


def test_text_is_exchanged_in_utf8_whatever_the_environment_says():
    assert arguments()["client_encoding"] == arguments({"client_encoding": "utf-8"})["client_encoding"] == "UTF8"
    with pytest.raises(BadSetting, match=r"'client_encoding' is 'latin1'; allowed: UTF8"):
        arguments({"client_encoding": "latin1"})


@pytest.mark.parametrize(
    "name",
    ["ssl_mode", "iam", "cursor", "sqlalchemy_query", "dsn", "database", "async", "connection_factory", "a=1 b"],
)
def test_an_extra_that_would_have_no_effect_is_refused_by_name(name):
    with pytest.raises(BadSetting, match=rf"connection product_db: extra '{name}' would have no effect.*sslmode"):
        arguments({name: "1", "sslmode": "prefer"})


def test_a_value_that_is_no_text_or_number_is_refused_by_name():
    with pytest.raises(BadSetting, match="extra 'sslmode' would have no effect"):
        arguments({"sslmode": {"mode": "require"}})


@pytest.mark.parametrize("extra", ["{'sslmode': 'require'}", '{"password": "hunter2",}', "[1]", '"sslmode"'])
def test_an_extra_that_cannot_be_read_is_refused_without_its_content(extra):
    with pytest.raises(BadSetting, match=r"connection product_db: its extra is no[t]? JSON") as refused:
        arguments(extra)
    assert "hunter2" not in str(refused.value)


def test_a_field_said_twice_and_differently_is_refused():
    assert arguments({"dbname": "shop"})["dbname"] == "shop"
    with pytest.raises(BadSetting, match=r"extra 'dbname' contradicts `schema`"):
        arguments({"dbname": "other"})


@pytest.mark.parametrize("conn_type", ["mysql", "redis", ""])
def test_a_connection_of_another_type_is_refused(conn_type):
    with pytest.raises(BadSetting, match=f"connection product_db is of type '{conn_type}'; allowed: postgres"):
        arguments(conn_type=conn_type)


def test_neither_password_nor_extra_is_shown():
    assert "se cret" not in repr(PostgresAddress("postgres", FIELDS, '{"sslpassword": "se cret"}'))
