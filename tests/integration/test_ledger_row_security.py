"""Row level security can hide products from our role: then the first task says so."""

import psycopg2
import pytest
from psycopg2.extensions import make_dsn

from stocksync.adapters.postgres import LedgerTable, PostgresLedger
from tests.kit.ledger_tables import Table, ids_of


@pytest.fixture
def table(database):
    """Products of which a guest sees the first three of a thousand."""
    table = Table(database)
    table.fill(f"P{n:03d}" for n in range(1000))
    table.sql("CREATE ROLE guest LOGIN PASSWORD 'guest'; GRANT SELECT ON products TO guest")
    table.sql("CREATE POLICY first ON products USING (id < 'P003'); ALTER TABLE products ENABLE ROW LEVEL SECURITY")
    yield table
    table.sql("DROP OWNED BY guest; DROP ROLE guest")


def of_guest(table, name="products"):
    address = make_dsn(table.dsn, user="guest", password="guest")
    return PostgresLedger(lambda: psycopg2.connect(address), LedgerTable(name, "id", "stock"))


def test_a_role_from_which_products_are_hidden_is_warned(table):
    ledger = of_guest(table)

    [warning] = ledger.check()

    assert "row level security" in warning
    assert "STOCK_SYNC_PRODUCTS_TABLE='products'" in warning
    assert "connection product_db" in warning
    assert "BYPASSRLS" in warning
    assert ids_of(ledger) == ["P000", "P001", "P002"]  # a look of a person at the warning is all it costs


def test_a_role_that_sees_everything_is_not_warned(table):
    assert table.ledger().check() == []
    table.sql("ALTER ROLE guest BYPASSRLS")
    assert of_guest(table).check() == []


def test_an_owner_is_warned_where_the_policies_bind_him_too(table):
    table.sql("ALTER TABLE products OWNER TO guest")
    assert of_guest(table).check() == []
    table.sql("ALTER TABLE products FORCE ROW LEVEL SECURITY")
    assert len(of_guest(table).check()) == 1
    table.sql("ALTER TABLE products OWNER TO postgres")


VIEWS = {
    "that reads as its owner, who sees everything": ("", 0),
    "that reads as whoever asks": (" WITH (security_invoker)", 1),
}


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_is_judged_by_whom_it_reads_its_tables_as(table, view):
    options, warnings = VIEWS[view]
    table.sql(f"CREATE VIEW inner_view{options} AS TABLE products")
    table.sql(f"CREATE VIEW sellable{options} AS SELECT id, sum(stock) AS stock FROM inner_view GROUP BY id")
    table.sql("GRANT SELECT ON inner_view, sellable TO guest")

    assert len(of_guest(table, "sellable").check()) == warnings


def test_a_view_whose_owner_does_not_see_everything_is_warned_of(table):
    table.sql("CREATE VIEW sellable AS TABLE products; ALTER VIEW sellable OWNER TO guest")

    assert len(table.ledger("sellable").check()) == 1
