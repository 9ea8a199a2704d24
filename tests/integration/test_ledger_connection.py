"""Connection product_db, as an operator writes it: what is wrong with it is said by name before anything is written."""

import json
import socketserver
import threading
from contextlib import closing, contextmanager
from urllib.parse import urlsplit

import pytest

from local.servers.ports import free_port
from stocksync.errors import BadSetting, LedgerUnavailable
from stocksync.settings import Settings
from tests.kit.ledger_tables import Table


@pytest.fixture
def table(database):
    table = Table(database)
    table.fill(["a", "b"])
    return table


@pytest.fixture
def connect(table, monkeypatch, tmp_path):
    """The ledger on the table's database, with some parts of the connection changed."""
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    at = urlsplit(table.dsn)
    parts = {"conn_type": "postgres", "host": at.hostname, "port": at.port, "schema": at.path[1:]}
    parts |= {"login": at.username, "password": at.password}

    @contextmanager
    def connect(**changed):
        monkeypatch.setenv("AIRFLOW_CONN_PRODUCT_DB", json.dumps({**parts, **changed}))
        from stocksync.entrypoints import connections  # noqa: PLC0415 - Airflow reads the environment when it is imported

        with closing(connections.bootstrap(Settings()).ledger) as ledger:
            yield ledger

    return connect


def test_every_part_of_the_connection_is_honoured(table, connect):
    table.sql("CREATE SCHEMA shop; ALTER TABLE products SET SCHEMA shop")
    extra = {"options": "-c search_path=shop", "application_name": "ours", "sslmode": "prefer"}

    with connect(extra=extra) as ledger:
        assert ledger.read(["a"]) == {"a": b"7"}
        assert table.sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ours'") == [(1,)]


def test_a_uri_with_a_query_is_honoured_too(table, connect, monkeypatch):
    with connect():
        monkeypatch.setenv("AIRFLOW_CONN_PRODUCT_DB", f"{table.dsn}?application_name=ours&options=-c%20work_mem%3D1MB")
        from stocksync.entrypoints import connections  # noqa: PLC0415 - as above

        with closing(connections.bootstrap(Settings()).ledger) as ledger:
            assert ledger.check() == []
            assert table.sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ours'") == [(1,)]


WRONG = {
    "password": ({"password": "hunter2"}, "password authentication failed.*`password`"),
    "no password": ({"password": ""}, "no password supplied.*`password`"),
    "login": ({"login": "nobody"}, "authentication failed.*`login`"),
    "database": ({"schema": "absent"}, 'database "absent" does not exist.*`schema`'),
    "closed database": ({"schema": "template0"}, "not currently accepting connections.*`schema`"),
    "host": ({"host": "256.256.256.256"}, "could not translate host name.*`host`"),
    "address": ({"extra": {"hostaddr": "nowhere"}}, "could not parse network address.*`host`"),
    "port": ({"port": 99999}, "invalid port number"),
    "sslmode": ({"extra": {"sslmode": "on"}}, 'invalid sslmode value: "on".*libpq knows'),
    "TLS that the server has not": ({"extra": {"sslmode": "require"}}, "does not support SSL.*`sslmode`"),
    "sslcert": ({"extra": {"sslmode": "require", "sslcert": "/no/c.pem"}}, "`sslmode`"),
    "timeout": ({"extra": {"connect_timeout": "soon"}}, 'invalid integer value "soon".*connect_timeout'),
    "options": ({"extra": {"options": "-c no_such_thing=1"}}, "unrecognized configuration parameter.*`options`"),
    "options' value": ({"extra": {"options": "-c statement_timeout=x"}}, "invalid value for parameter.*`options`"),
    "service": ({"extra": {"service": "absent"}}, 'definition of service "absent"'),
    "channel binding": ({"extra": {"channel_binding": "require"}}, "[Cc]hannel binding.*`channel_binding`"),
    "require_auth": ({"extra": {"require_auth": "none"}}, "authentication method.*`require_auth`"),
    "unknown option": ({"extra": {"ssl_mode": "require"}}, "extra 'ssl_mode' would have no effect"),
    "type": ({"conn_type": "mysql"}, "is of type 'mysql'; allowed: postgres"),
}


@pytest.mark.parametrize("part", WRONG)
def test_a_part_that_a_person_has_to_mend_is_named_with_cause_and_what_is_allowed(connect, part):
    changed, said = WRONG[part]

    with pytest.raises(BadSetting, match=rf"connection product_db.*{said}") as refused, connect(**changed) as ledger:
        ledger.check()
    assert "hunter2" not in str(refused.value)


@pytest.fixture
def mysql():
    """The port of what greets whoever comes, as a MySQL does."""

    class Greeting(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.sendall(b"J\0\0\0\n8.4.0\0")
            self.request.recv(1000)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Greeting) as server:
        threading.Thread(target=server.serve_forever).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.mark.parametrize("sslmode", ["prefer", "disable"])
def test_a_port_on_which_something_else_answers_is_named(connect, mysql, sslmode):
    with (
        pytest.raises(BadSetting, match=r"connection product_db.*`host` and `port` of a PostgreSQL server"),
        connect(port=mysql, extra={"sslmode": sslmode}) as ledger,
    ):
        ledger.check()


@pytest.fixture
def guest(table):
    table.sql("CREATE ROLE guest LOGIN PASSWORD 'guest'")
    yield {"login": "guest", "password": "guest"}
    table.sql("DROP OWNED BY guest; DROP ROLE guest")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("REVOKE CONNECT ON DATABASE {} FROM public", "permission denied for database.*CONNECT"),
        ("ALTER ROLE guest NOLOGIN", "not permitted to log in.*`login`"),
    ],
)
def test_a_role_that_may_not_connect_is_told_what_it_lacks(table, connect, guest, change, said):
    table.sql(change.format(urlsplit(table.dsn).path[1:]))

    with pytest.raises(BadSetting, match=said), connect(**guest) as ledger:
        ledger.check()


def test_a_server_without_room_for_another_connection_may_have_some_later(table, connect, guest):
    table.sql("ALTER ROLE guest CONNECTION LIMIT 0")

    with pytest.raises(LedgerUnavailable, match="too many connections"), connect(**guest) as ledger:
        ledger.check()


def test_a_server_that_is_down_may_come_back(connect):
    with pytest.raises(LedgerUnavailable, match=r"product_db.*refused"), connect(port=free_port()) as ledger:
        ledger.check()


def test_of_several_addresses_the_one_that_tells_is_heard(table, connect):
    at = urlsplit(table.dsn)
    two = {"host": f"{at.hostname},{at.hostname}", "port": None, "extra": {"port": f"{free_port()},{at.port}"}}

    with connect(**two) as ledger:
        assert ledger.read(["a"]) == {"a": b"7"}
    with pytest.raises(BadSetting, match="password authentication failed"), connect(**two, password="no") as ledger:
        ledger.check()


BROKEN = {
    "a view that writes": (
        "CREATE SEQUENCE s; CREATE VIEW v AS SELECT id, nextval('s') AS stock FROM products",
        lambda ledger: ledger.read(["a"]),
        "read-only",
    ),
    "a materialized view without data": (
        "CREATE MATERIALIZED VIEW v AS TABLE products WITH NO DATA",
        lambda ledger: ledger.check(),
        "not been populated",
    ),
    "a view that fails for some row": (
        "CREATE VIEW v AS SELECT id, (7 / (stock - 7))::int AS stock FROM products",
        lambda ledger: ledger.read(["a"]),
        "division by zero",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_ledger_that_cannot_be_read_is_a_setting_to_mend(table, what):
    made, ask, said = BROKEN[what]
    table.sql(made)

    with pytest.raises(BadSetting, match=f"STOCK_SYNC_PRODUCTS_TABLE='v'.*{said}"):
        ask(table.ledger("v"))
