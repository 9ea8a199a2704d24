"""Views, schemas, names and types a ledger can have, on a real PostgreSQL."""

import pytest

from stocksync.adapters import postgres_ranges
from stocksync.adapters.postgres_ranges import partition
from stocksync.model.stock import Unreadable
from tests.kit.ledger_tables import EVERYTHING, Table, ids_of, scanned


@pytest.fixture
def table(database):
    return Table(database)


def test_a_view_has_no_pages_to_sample_and_is_cut_exactly(table, monkeypatch):
    monkeypatch.setattr(postgres_ranges, "EXACT_UP_TO", 10)
    table.fill(f"P{n:03d}" for n in range(95))
    table.sql("CREATE VIEW sellable AS SELECT nullif(id, 'P007') AS id, stock FROM products")
    ledger = table.ledger("sellable")

    ranges = partition(ledger, batch_size=10, max_ranges=64)

    assert [ledger.count(r, None) for r in ranges] == [10] * 9 + [4]  # a row without an id is no product
    assert ("P007", b"7") not in scanned(ledger)


@pytest.mark.parametrize(
    "kind", ["MATERIALIZED VIEW sellable AS SELECT * FROM products", "TABLE sellable (id, stock) AS TABLE products"]
)
def test_what_has_pages_is_sampled_whatever_it_is(table, monkeypatch, kind):
    monkeypatch.setattr(postgres_ranges, "EXACT_UP_TO", 10)
    table.fill(f"P{n:03d}" for n in range(95))
    table.sql(f"CREATE {kind}")
    ledger = table.ledger("sellable")

    assert ledger.sampled
    assert sum(ledger.count(r, None) for r in partition(ledger, batch_size=10, max_ranges=64)) == 95


def test_names_may_hold_a_schema_capitals_spaces_quotes_and_percent_signs(table):
    table.sql('CREATE SCHEMA "Shop 1"')
    table.sql('CREATE TABLE "Shop 1"."my ""products" ("the %s id" text, "100%" int)')
    table.sql("""INSERT INTO "Shop 1"."my ""products" SELECT 'P' || n, n FROM generate_series(1, 5) n""")
    ledger = table.ledger('Shop 1.my "products', "the %s id", "100%")

    assert ledger.read(["P1"]) == {"P1": b"1"}
    assert [r.upper for r in partition(ledger, batch_size=2, max_ranges=9)] == ["P3", "P5", None]
    [batch] = ledger.scan(EVERYTHING, "P4")
    assert (batch.ids, batch.stocks) == ([b"P5"], [b"5"])


def test_only_the_named_schema_is_read(table):
    table.fill(["here"])
    table.sql("CREATE SCHEMA other")
    table.sql("CREATE TABLE other.products AS SELECT 'there'::text AS id, 1 AS stock")

    assert ids_of(table.ledger()) == ["here"]
    assert ids_of(table.ledger("other.products")) == ["there"]


NO = Unreadable.NO_STOCK


@pytest.mark.fault(30)
@pytest.mark.parametrize(
    ("stock_type", "stocks"),
    [
        ("smallint", {"0": b"0", "32767": b"32767", "-1": NO, "null": NO}),
        ("integer", {"0": b"0", "2147483647": b"2147483647", "-2147483648": NO, "null": NO}),
        ("bigint", {"2147483647": b"2147483647", "2147483648": NO, "-9223372036854775808": NO}),
        ("numeric", {"5": b"5", "5.0": b"5", "5.5": NO, "1e3": b"1000", "1e30": NO, "'NaN'": NO, "'Infinity'": NO}),
        ("numeric(12,2)", {"5": b"5", "5.01": NO, "2147483647.99": NO, "-0.5": NO}),
    ],
)
def test_a_stock_is_a_whole_number_a_counter_can_hold_or_no_stock_at_all(table, stock_type, stocks):
    table.sql(f"CREATE TABLE products (id text, stock {stock_type})")
    for stock in stocks:
        table.sql(f"INSERT INTO products VALUES ($id${stock}$id$, {stock})")
    ledger = table.ledger()

    assert dict(scanned(ledger)) == stocks
    assert ledger.read(list(stocks)) == stocks


def test_a_domain_counts_as_what_it_is_made_of(table):
    table.sql("CREATE DOMAIN sku AS text CHECK (value <> '')")
    table.sql("CREATE DOMAIN pieces AS int")
    table.sql("CREATE TABLE products (id sku, stock pieces)")
    table.sql("INSERT INTO products VALUES ('a', 1), ('b', 2), ('c', NULL)")
    ledger = table.ledger()

    assert scanned(ledger) == [("a", b"1"), ("b", b"2"), ("c", NO)]
    assert [r.lower for r in partition(ledger, batch_size=1, max_ranges=9)] == [None, "b", "c"]
