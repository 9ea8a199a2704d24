"""What an operator reads when the ledger is not as the settings say."""

import psycopg2
import pytest
from psycopg2.extensions import make_dsn, parse_dsn

from local.servers.ports import free_port
from stocksync.adapters import postgres_session
from stocksync.adapters.postgres import LedgerTable, PostgresLedger
from stocksync.adapters.postgres_ranges import partition
from stocksync.errors import BadSetting, LedgerUnavailable
from stocksync.model.id_range import IdRange
from tests.kit.ledger_tables import EVERYTHING, Table, ids_of


@pytest.fixture
def table(database):
    table = Table(database)
    table.fill(["a", "b"])
    return table


def addressed(dsn, **changed):
    """A ledger on another address than the one that works."""
    address = make_dsn(**{**parse_dsn(dsn), **changed})
    return PostgresLedger(lambda: psycopg2.connect(address), LedgerTable("products", "id", "stock"))


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("absent", "id", "stock"), r"STOCK_SYNC_PRODUCTS_TABLE='absent': .* no such table or view"),
        (("nowhere.products", "id", "stock"), r"STOCK_SYNC_PRODUCTS_TABLE='nowhere.products'"),
        (("Products", "id", "stock"), r"STOCK_SYNC_PRODUCTS_TABLE='Products': .* as PostgreSQL spells it"),
        (("products; --", "id", "stock"), r"STOCK_SYNC_PRODUCTS_TABLE='products; --'"),
        (("products", "sku", "stock"), r"STOCK_SYNC_ID_COLUMN='sku': 'products' has no such column; it has id, stock"),
        (("products", "id", "qty"), r"STOCK_SYNC_STOCK_COLUMN='qty': 'products' has no such column; it has id, stock"),
    ],
)
def test_a_missing_table_or_column_names_its_setting(table, names, said):
    for ask in (lambda ledger: ledger.check(), lambda ledger: partition(ledger, batch_size=9, max_ranges=9)):
        with pytest.raises(BadSetting, match=said):
            ask(table.ledger(*names))


@pytest.mark.parametrize(
    ("id_type", "stock_type", "said"),
    [
        ("jsonb", "int", r"STOCK_SYNC_ID_COLUMN='i' is of type jsonb; allowed: text, .*uuid, .*int8"),
        ("float8", "int", r"STOCK_SYNC_ID_COLUMN='i' is of type float8"),
        ("text[]", "int", r"STOCK_SYNC_ID_COLUMN='i' is of type _text"),
        ("text", "text", r"STOCK_SYNC_STOCK_COLUMN='s' is of type text; allowed: int2, int4, int8, numeric"),
        ("text", "float4", r"STOCK_SYNC_STOCK_COLUMN='s' is of type float4"),
        ("text", "boolean", r"STOCK_SYNC_STOCK_COLUMN='s' is of type bool"),
    ],
)
def test_a_column_of_a_type_that_cannot_serve_names_its_setting_and_what_is_allowed(table, id_type, stock_type, said):
    table.sql(f"CREATE TABLE odd (i {id_type}, s {stock_type})")

    with pytest.raises(BadSetting, match=said):
        table.ledger("odd", "i", "s").check()


@pytest.fixture
def guest(table):
    """A role of the server that may connect and no more."""
    table.sql("CREATE ROLE guest LOGIN PASSWORD 'guest'")
    yield "guest"
    table.sql("DROP OWNED BY guest; DROP ROLE guest")


def test_a_role_that_may_not_read_the_table_is_told_which(table, guest):
    ledger = addressed(table.dsn, user=guest, password=guest)

    for ask in (
        ledger.check,
        lambda: ledger.count(EVERYTHING, None),
        lambda: ids_of(ledger),
        lambda: ledger.read(["a"]),
    ):
        with pytest.raises(BadSetting, match=r"STOCK_SYNC_PRODUCTS_TABLE='products': .*permission denied.*SELECT"):
            ask()


def test_a_role_that_may_read_the_ids_only_is_told_so_at_the_start(table, guest):
    table.sql("GRANT SELECT (id) ON products TO guest")
    ledger = addressed(table.dsn, user=guest, password=guest)

    for ask in (ledger.check, lambda: ids_of(ledger), lambda: ledger.read(["a"])):
        with pytest.raises(BadSetting, match=r"STOCK_SYNC_PRODUCTS_TABLE='products': .*permission denied"):
            ask()


def test_a_wrong_password_says_so_and_shows_no_password(table):
    with pytest.raises(BadSetting, match=r"connection product_db.*password authentication failed") as refused:
        addressed(table.dsn, password="hunter2").check()
    assert "hunter2" not in str(refused.value)


def test_a_server_that_does_not_answer_is_worth_another_attempt(table):
    for ask in (lambda ledger: ledger.check(), ids_of):
        with pytest.raises(LedgerUnavailable, match=r"connection product_db.*Connection refused"):
            ask(addressed(table.dsn, port=str(free_port())))


def test_a_server_that_is_too_old_is_refused_with_both_versions(table, monkeypatch):
    monkeypatch.setattr(postgres_session, "OLDEST", 99_00_00)

    with pytest.raises(BadSetting, match=r"connection product_db: the server is version 18.*allowed: PostgreSQL 99"):
        table.ledger().check()


def test_a_connection_in_another_encoding_is_refused(table):
    dsn = make_dsn(table.dsn, client_encoding="LATIN1")
    ledger = PostgresLedger(lambda: psycopg2.connect(dsn), LedgerTable("products", "id", "stock"))

    with pytest.raises(BadSetting, match=r"connection product_db: client_encoding is LATIN1; allowed: UTF8"):
        ledger.check()


def test_a_table_dropped_after_the_start_is_named(table):
    ledger = table.ledger()
    assert ids_of(ledger) == ["a", "b"]
    table.sql("DROP TABLE products")

    for ask in (ids_of, lambda ledger: ledger.count(EVERYTHING, None), lambda ledger: ledger.read(["a"])):
        with pytest.raises(BadSetting, match="STOCK_SYNC_PRODUCTS_TABLE='products'"):
            ask(ledger)


def test_a_statement_that_takes_too_long_is_worth_another_attempt(table):
    table.sql("CREATE VIEW slow AS SELECT id, stock FROM products, pg_sleep(30)")
    dsn = make_dsn(table.dsn, options="-c statement_timeout=50")
    ledger = PostgresLedger(lambda: psycopg2.connect(dsn), LedgerTable("slow", "id", "stock"))

    for ask in (ids_of, lambda ledger: ledger.count(EVERYTHING, None)):
        with pytest.raises(LedgerUnavailable, match="statement timeout"):
            ask(ledger)


@pytest.mark.parametrize(("id_type", "stranger"), [("bigint", "P-1"), ("uuid", "7"), ("bigint", str(2**64))])
def test_an_id_that_cannot_be_one_of_the_column_is_told_with_the_table(table, id_type, stranger):
    table.sql(f"CREATE TABLE other (id {id_type}, stock int)")
    ledger = table.ledger("other")

    for ask in (lambda: ledger.read([stranger]), lambda: ids_of(ledger, IdRange(0, 1, ids=(stranger,)))):
        with pytest.raises(BadSetting, match=f"'other'.*{stranger}"):
            ask()


@pytest.mark.parametrize("stranger", ["nul\0", "half a pair \ud800"])
def test_an_id_that_is_no_text_postgresql_can_hold_is_an_error_and_never_a_scan_without_end(table, stranger):
    ledger = table.ledger()

    for ask in (lambda: ledger.read([stranger]), lambda: ids_of(ledger, IdRange(0, 1, ids=(stranger,)))):
        with pytest.raises(BadSetting, match="product id"):
            ask()


@pytest.mark.parametrize("end", ["the server restarted", "the session was ended"])
def test_a_connection_that_died_while_it_was_idle_costs_a_reconnect_and_no_attempt(table, postgres, caplog, end):
    caplog.set_level("INFO")
    ledger = table.ledger()
    assert ledger.read(["a"]) == {"a": b"7"}
    postgres.restart() if end == "the server restarted" else table.end_sessions()

    assert ledger.read(["a"]) == {"a": b"7"}
    assert "connection product_db was dead when it was used again" in caplog.text


def test_a_server_that_is_gone_for_good_is_said_after_one_reconnect(table, postgres):
    ledger = table.ledger()
    assert ledger.read(["a"]) == {"a": b"7"}
    postgres.stop()

    with pytest.raises(LedgerUnavailable, match="Connection refused"):
        ledger.read(["a"])
