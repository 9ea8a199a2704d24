"""A ledger in which a product has several rows: which of them is its stock is not for this program to guess."""

import pytest

from stocksync.adapters.postgres_ranges import partition
from stocksync.model.id_range import IdRange
from stocksync.model.stock import Unreadable
from stocksync.reconcile.preconditions import warn_of_several_rows
from tests.kit.ledger_tables import EVERYTHING, Table, ids_of, scanned
from tests.kit.retried_run import QuietShop, once

SEVERAL = Unreadable.SEVERAL_ROWS


@pytest.fixture
def table(database):
    table = Table(database)
    table.sql("CREATE TABLE products (id text, place text, stock int, PRIMARY KEY (id, place))")
    table.sql("INSERT INTO products VALUES ('A', 'seoul', 3), ('A', 'busan', 4), ('B', 'seoul', 5), ('C', 'seoul', 6)")
    return table


def test_a_product_with_a_row_for_each_warehouse_has_no_stock_wherever_it_is_looked_up(table):
    ledger = table.ledger()

    assert scanned(ledger) == [("A", SEVERAL), ("B", b"5"), ("C", b"6")]
    assert ledger.read(["A", "B"]) == {"A": SEVERAL, "B": b"5"}
    assert scanned(ledger, IdRange(0, 1, ids=("A", "C"))) == [("A", SEVERAL), ("C", b"6")]
    assert ledger.spelled(["A"]) == {"A": "A"}


def test_it_counts_as_one_product(table):
    ledger = table.ledger()

    assert ledger.count(EVERYTHING, None) == 3
    assert ledger.several_rows() == (1, "A")


def test_what_is_said_names_setting_example_and_remedy(table):
    ledger = table.ledger()
    source = "STOCK_SYNC_PRODUCTS_TABLE='products'"

    said = warn_of_several_rows(source, *ledger.several_rows(), ledger.count(EVERYTHING, None))

    assert said.startswith(f"{source}: 1 of 3 products have several rows, for example 'A'")
    assert "sum(stock)" in said


def test_the_remedy_works(table):
    table.sql("CREATE VIEW sellable AS SELECT id, sum(stock) AS stock FROM products GROUP BY id")
    ledger = table.ledger("sellable")

    assert scanned(ledger) == [("A", b"7"), ("B", b"5"), ("C", b"6")]
    assert ledger.several_rows() == (0, "")


@pytest.mark.parametrize("rows", [2, 3, 7])
def test_rows_of_one_product_are_never_parted_by_a_batch_or_a_range(table, rows):
    table.sql("TRUNCATE products")
    table.sql(
        "INSERT INTO products SELECT 'P' || lpad((n / %s)::text, 3, '0'), n, n FROM generate_series(0, %s) n",
        rows,
        20 * rows - 1,
    )
    ledger = table.ledger(batch=2)
    ranges = partition(ledger, batch_size=3, max_ranges=64)

    assert [ledger.count(r, None) for r in ranges] == [3] * 6 + [2]
    assert [pair for r in ranges for pair in scanned(ledger, r)] == [(f"P{n:03d}", SEVERAL) for n in range(20)]
    assert ids_of(ledger, after="P004") == [f"P{n:03d}" for n in range(5, 20)]


def test_even_rows_that_agree_are_several(table):
    table.sql("INSERT INTO products VALUES ('B', 'busan', 5)")

    assert table.ledger().read(["B"]) == {"B": SEVERAL}


def test_rows_without_an_id_are_no_product_however_many(table):
    table.sql("CREATE VIEW nameless AS SELECT nullif(id, 'A') AS id, stock FROM products")

    assert ids_of(table.ledger("nameless")) == ["B", "C"]


INDEXES = {
    "no index": "SELECT",
    "an index that is not unique": "CREATE INDEX ON other (id)",
    "of a part of the rows": "CREATE UNIQUE INDEX ON other (id) WHERE place = 'seoul'",
    "of the id and another column": "CREATE UNIQUE INDEX ON other (id, place)",
    "of an expression": "CREATE UNIQUE INDEX ON other ((id || place))",
    "that was never finished": "CREATE UNIQUE INDEX unfinished ON other ((left(id || place, 9))); "
    "UPDATE pg_index SET indkey = '1', indexprs = NULL, indisvalid = false "
    "WHERE indexrelid = 'unfinished'::regclass",
    "of a table that others inherit": "DELETE FROM other WHERE place = 'busan'; "
    "ALTER TABLE other ADD PRIMARY KEY (id); "
    "CREATE TABLE child () INHERITS (other); INSERT INTO child VALUES ('A', 'busan', 4)",
}


@pytest.mark.parametrize("index", INDEXES)
def test_no_index_that_allows_several_rows_is_taken_for_one_that_forbids_them(table, index):
    table.sql("CREATE TABLE other AS TABLE products")
    table.sql(INDEXES[index])
    ledger = table.ledger("other")

    assert scanned(ledger) == [("A", SEVERAL), ("B", b"5"), ("C", b"6")]


UNIQUE = {
    "a primary key": "CREATE TABLE single (id text PRIMARY KEY, stock int)",
    "a unique key with more in its index": "CREATE TABLE single (id text, stock int, UNIQUE (id) INCLUDE (stock))",
    "of a partitioned table": "CREATE TABLE single (id text PRIMARY KEY, stock int) PARTITION BY HASH (id); "
    "CREATE TABLE single_0 PARTITION OF single FOR VALUES WITH (MODULUS 1, REMAINDER 0)",
}


@pytest.mark.parametrize("key", UNIQUE)
def test_a_unique_index_vouches_for_one_row_each_and_the_scan_groups_nothing(table, key):
    table.sql(UNIQUE[key])
    table.sql("INSERT INTO single VALUES ('A', 1), ('B', NULL)")
    ledger = table.ledger("single")

    assert scanned(ledger) == [("A", b"1"), ("B", Unreadable.NO_STOCK)]
    assert ledger._is_unique


@pytest.mark.parametrize("counter", [7, 3, 4, None])
def test_a_run_never_restores_such_a_product_and_counts_it_as_invalid(database, cache, counter):
    shop = QuietShop(database, cache, "", "")
    shop.sql("CREATE TABLE products (id text, place text, stock int)")
    shop.sql("INSERT INTO products VALUES ('A', 'seoul', 3), ('A', 'busan', 4), ('B', 'seoul', 5)")
    if counter is not None:
        cache.set("stock:A", counter)
    cache.set("stock:B", 4)

    summary = shop.run()

    assert cache.get("stock:A") == (None if counter is None else str(counter).encode())
    assert cache.get("stock:B") == b"5"
    assert (summary["total"], summary["invalid"], summary["restored"]) == (2, 1, 1)


def test_a_product_that_gets_a_second_row_between_two_looks_is_not_restored(database, cache):
    shop = QuietShop(database, cache, "", "")
    shop.sql("CREATE TABLE products (id text, place text, stock int)")
    shop.sql("INSERT INTO products VALUES ('A', 'seoul', 5)")
    cache.set("stock:A", 4)

    def second_row():
        shop.sql("INSERT INTO products VALUES ('A', 'busan', 5)")

    [id_range] = shop.ranges()
    outcome = shop.reconcile(shop.plan(), id_range, reached=once("settled", second_row))

    assert cache.get("stock:A") == b"4"
    assert (outcome.tally.invalid, outcome.tally.restored.count) == (1, 0)
