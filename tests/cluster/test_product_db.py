"""The product database with the role docker-compose.yaml gives the DAGs: it reads the products and nothing else."""

import secrets
from contextlib import closing

import psycopg2
import pytest

from stocksync import migrations
from stocksync.adapters.ops_database import OpsDatabase
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


DATABASES, LOG_INS = (
    ("registry", "operations", "airflow"),
    ("registry", "stock_ops_owner", "stock_ops_worker", "stock_ops_page"),
)
PASSWORDS = ("REGISTRY_DB", "STOCK_OPS_OWNER", "STOCK_OPS_WORKER", "STOCK_OPS_PAGE")


@pytest.fixture
def log_in(postgres):
    """The address of a database beside Airflow's for a deployed role, as init leaves them."""
    owner = postgres.create_database("airflow")
    password = secrets.token_hex(8)
    run_script(postgres.programs, owner, "airflow-db.sql", **{f"{name}_PASSWORD": password for name in PASSWORDS})
    at = owner.rpartition("@")[2].rpartition("/")[0]
    yield lambda role, database: f"postgresql://{role}:{password}@{at}/{database}"
    for database in DATABASES:
        postgres.drop_database(database)
    for role in LOG_INS:
        execute(postgres.uri, f"DROP ROLE {role}")


def test_the_registry_has_its_own_database_and_not_airflows(log_in):
    execute(log_in("registry", "registry"), "CREATE TABLE artifacts (id int)")
    for other in ("airflow", "operations"):
        with pytest.raises(psycopg2.OperationalError, match="permission denied"):
            execute(log_in("registry", other), "SELECT 1")


def test_the_operations_store_is_made_by_its_owner_and_has_a_worker_and_a_page(log_in):
    owner = migrations.connect_to(log_in("stock_ops_owner", "operations"))
    migrations.upgrade(owner, worker="stock_ops_worker", page="stock_ops_page")
    OpsDatabase(lambda: psycopg2.connect(log_in("stock_ops_worker", "operations"))).check()
    OpsDatabase(lambda: psycopg2.connect(log_in("stock_ops_page", "operations"))).check(writes=False)
    for role in ("stock_ops_owner", "stock_ops_worker", "stock_ops_page"):
        with pytest.raises(psycopg2.OperationalError, match="permission denied"):
            execute(log_in(role, "airflow"), "SELECT 1")
