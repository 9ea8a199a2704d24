"""Products whose ids the database takes for one though their letters differ: case and accents, by type or collation."""

from contextlib import closing
from urllib.parse import urlsplit

import psycopg2
import pytest

from stocksync.model.stock import Unreadable
from stocksync.reconcile.preconditions import chosen_products
from tests.kit.database import execute
from tests.kit.ledger_tables import EVERYTHING, Table, scanned

pytestmark = pytest.mark.usefixtures("cluster")
LOOSE = {
    "citext": "CREATE EXTENSION citext",
    "text COLLATE loose": "CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
}


@pytest.fixture(params=LOOSE)
def id_type(request):
    return request.param


@pytest.fixture
def table(secure_postgres, id_type):
    """A database of Debian's PostgreSQL, which has what the embedded one lacks: ICU's collations and citext."""
    at = secure_postgres.uri()
    with closing(psycopg2.connect(at)) as session, session.cursor() as cursor:
        session.autocommit = True
        cursor.execute("CREATE DATABASE loosely ENCODING 'UTF8' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")
        database = urlsplit(at)._replace(path="/loosely").geturl()
        execute(database, LOOSE[id_type])
        yield Table(database)
        cursor.execute("DROP DATABASE loosely WITH (FORCE)")


def test_ids_that_the_column_takes_for_one_are_one_product_of_several_rows(table, id_type):
    table.sql(f"CREATE TABLE products (id {id_type}, stock int)")
    table.sql("INSERT INTO products VALUES ('chair', 3), ('CHAIR', 4), ('lamp', 5)")
    ledger = table.ledger()

    assert [stock for _, stock in scanned(ledger)] == [Unreadable.SEVERAL_ROWS, b"5"]
    assert ledger.count(EVERYTHING, None) == 2
    for spelling in ("chair", "CHAIR", "Chair"):
        assert list(ledger.read([spelling]).values()) == [Unreadable.SEVERAL_ROWS]


def test_a_chosen_product_goes_on_as_the_ledger_spells_it(table, id_type):
    ledger = table.fill(["Chair", "lamp"], id_type)
    asked = ["CHAIR", "Lamp", "chair"]

    assert chosen_products(asked, ledger.spelled(asked)) == ["Chair", "lamp"]


def test_an_index_that_tells_more_ids_apart_than_the_column_vouches_for_nothing(table, id_type):
    table.sql(f"CREATE TABLE products (id {id_type}, stock int)")
    table.sql('CREATE UNIQUE INDEX ON products ((id::text) COLLATE "C")')
    if id_type != "citext":
        table.sql('CREATE UNIQUE INDEX ON products (id COLLATE "C")')
    table.sql("INSERT INTO products VALUES ('chair', 3), ('CHAIR', 4)")

    assert [stock for _, stock in scanned(table.ledger())] == [Unreadable.SEVERAL_ROWS]
