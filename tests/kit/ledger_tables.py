"""A table of a fresh database, and ledgers on it."""

import psycopg2

from stocksync.adapters.postgres import LedgerTable, PostgresLedger
from stocksync.model.id_range import IdRange
from tests.kit.database import execute

EVERYTHING = IdRange(0, 1)
STRANGE = [
    "", " ", " lead", "trail ", "%",
    "%s", "%(ids)s", "100%", "back\\slash", "\\N", "\\.", "\\", "tab\t", "cr\r", "lf\n",
    "'", "''", "'; DROP TABLE products; --", '"', "$1", "{id}", "é", "e\u0301", "한국어", "🎈", "k" * 1000, "\x01\x7f",
]  # fmt: skip


class Table:
    """A table of a fresh database, and ledgers on it."""

    def __init__(self, dsn):
        self.dsn = dsn

    def sql(self, statement, *values):
        return execute(self.dsn, statement, *values)

    def fill(self, ids, id_type="text", stock_type="bigint"):
        self.sql(f"CREATE TABLE products (id {id_type} PRIMARY KEY, stock {stock_type})")
        self.sql(f"INSERT INTO products SELECT unnest(%s::text[])::{id_type}, 7", list(ids))
        return self.ledger()

    def generate(self, products, digits=7):
        self.sql("CREATE TABLE products (id text, stock int)")
        generated = "INSERT INTO products SELECT 'P' || lpad(n::text, %s, '0'), 7 FROM generate_series(1, %s) n"
        self.sql(generated, digits, products)
        self.sql("CREATE INDEX ON products (id)")

    def ledger(self, table="products", id_column="id", stock_column="stock", batch=1000):
        source = LedgerTable(table, id_column, stock_column)
        return PostgresLedger(lambda: psycopg2.connect(self.dsn, application_name="under-test"), source, batch=batch)

    def end_sessions(self):
        self.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'under-test'")

    def sessions(self):
        [(number,)] = self.sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'under-test'")
        return number


def scanned(ledger, id_range=EVERYTHING, after=None):
    """Ids and stocks of a range as the program streams them."""
    return [
        (raw_id.decode(), stock)
        for batch in ledger.scan(id_range, after)
        for raw_id, stock in zip(batch.ids, batch.stocks, strict=True)
    ]


def ids_of(ledger, id_range=EVERYTHING, after=None):
    return [product_id for product_id, _ in scanned(ledger, id_range, after)]
