"""The product database with the role docker-compose.yaml gives the DAGs: it reads the products and nothing else."""

import secrets
from contextlib import closing

import psycopg2
import pytest

from stocksync.adapters.postgres import LedgerTable, PostgresLedger
from stocksync.adapters.postgres_ranges import partition
from tests.kit.cluster.deployed import run_script
from tests.kit.database import execute


@pytest.fixture
def reader(postgres, database):
    """The address of the deployed role, in a database made by the deployed script."""
    password = secrets.token_hex(8)
    run_script(postgres.programs, database, "product-db.sql", PRODUCT_DB_DAGS_PASSWORD=password)
    execute(database, "INSERT INTO products SELECT 'P' || n, n FROM generate_series(1, 3000) n; ANALYZE products")
    execute(database, "CREATE TABLE customers (id text)")
    yield f"postgresql://stock_sync:{password}@{database.rpartition('@')[2]}"
    execute(database, "DROP OWNED BY stock_sync; DROP ROLE stock_sync")


def test_the_role_can_be_cut_into_ranges_scanned_and_counted(reader):
    ledger = PostgresLedger(lambda: psycopg2.connect(reader), LedgerTable("products", "id", "stock"))
    with closing(ledger):
        ranges = partition(ledger, batch_size=1000, max_ranges=64)
        seen = [raw_id for piece in ranges for batch in ledger.scan(piece, None) for raw_id in batch.ids]
        assert (len(ranges), len(seen), len(set(seen))) == (3, 3000, 3000)
        assert ledger.read(["P7"])


def test_the_role_reads_a_sample_of_a_large_table(reader):
    ledger = PostgresLedger(lambda: psycopg2.connect(reader), LedgerTable("products", "id", "stock"))
    with closing(ledger):
        assert execute(reader, "SELECT count(*) FROM products TABLESAMPLE SYSTEM (100)") == [(3000,)]
        assert ledger.check() == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE products SET stock = 0",
        "SET default_transaction_read_only = off; UPDATE products SET stock = 0",
        "SET default_transaction_read_only = off; DELETE FROM products",
        "SELECT * FROM customers",
        "SET default_transaction_read_only = off; CREATE TABLE public.mine (id text)",
        "COPY products TO PROGRAM 'cat'",
    ],
)
def test_the_role_can_do_nothing_else(reader, statement):
    with pytest.raises((psycopg2.errors.InsufficientPrivilege, psycopg2.errors.ReadOnlySqlTransaction)):
        execute(reader, statement)


def test_the_registry_has_its_own_database_and_not_airflows(postgres):
    owner = postgres.create_database("airflow")
    password = secrets.token_hex(8)
    run_script(postgres.programs, owner, "airflow-db.sql", REGISTRY_DB_PASSWORD=password)
    at = owner.rpartition("@")[2].rpartition("/")[0]
    try:
        execute(f"postgresql://registry:{password}@{at}/registry", "CREATE TABLE artifacts (id int)")
        with pytest.raises(psycopg2.OperationalError, match="permission denied"):
            execute(f"postgresql://registry:{password}@{at}/airflow", "SELECT 1")
    finally:
        postgres.drop_database("registry")
        postgres.drop_database("airflow")
        execute(postgres.uri, "DROP ROLE registry")
