"""The ledger behind pgbouncer in transaction pooling: the next transaction on a connection is the shop's."""

import json
import shutil
from contextlib import closing
from urllib.parse import urlsplit

import psycopg2
import pytest

from local.servers.base import Server
from local.supervisor.account import unprivileged
from local.supervisor.process import Process
from stocksync.adapters.postgres_ranges import chosen, partition
from stocksync.errors import BadSetting
from stocksync.model.id_range import IdRange
from stocksync.settings import Settings
from tests.kit.database import execute

pytestmark = pytest.mark.usefixtures("cluster")
EVERYTHING = IdRange(0, 1)


class PgBouncer(Server):
    """pgbouncer as Debian has it, with its defaults but for the pool: a single connection to the server."""

    name = "pgbouncer"

    def __init__(self, run, postgres):
        super().__init__()
        self._run, self._postgres = run, postgres

    def _prepare(self):
        place = self._run.elsewhere()
        place.chmod(0o755)
        users, configuration = place / "users.txt", place / "pgbouncer.ini"
        users.write_text(f'"{self._postgres.user}" "{self._postgres.password}"\n')
        settings = {
            "listen_addr": self.host,
            "listen_port": self.port,
            "unix_socket_dir": "",
            "auth_type": "scram-sha-256",
            "auth_file": users,
            "pool_mode": "transaction",
            "default_pool_size": 1,
        }
        lines = [f"{name} = {value}\n" for name, value in settings.items()]
        at = f"host={self._postgres.host} port={self._postgres.port}"
        configuration.write_text(f"[databases]\n* = {at}\n[pgbouncer]\n{''.join(lines)}")
        account = unprivileged()
        if account:
            account.own(users)
            account.own(configuration)
        command = [shutil.which("pgbouncer"), configuration]
        return Process(self.name, command, run=self._run, account=account, cwd=place, discard=place)

    def of(self, database):
        """The address of one database of the server behind it."""
        return f"{database.rpartition('@')[0]}@{self.host}:{self.port}{urlsplit(database).path}"

    def _answers(self):
        try:
            with closing(psycopg2.connect(self.of(self._postgres.uri), connect_timeout=3)):
                return True
        except psycopg2.OperationalError:
            return False


@pytest.fixture(scope="module")
def pgbouncer(run_folder, postgres):
    if shutil.which("pgbouncer") is None:
        pytest.skip("needs pgbouncer: apt-get install pgbouncer")
    with PgBouncer(run_folder, postgres) as pool:
        yield pool


@pytest.fixture
def pooled(pgbouncer, database):
    """The pooled address of a database with five thousand products."""
    execute(database, "CREATE TABLE products (id text PRIMARY KEY, stock int)")
    execute(database, "INSERT INTO products SELECT 'P' || n, 7 FROM generate_series(1, 5000) n; ANALYZE products")
    return pgbouncer.of(database)


@pytest.fixture
def ledger(pooled, monkeypatch, tmp_path):
    """The ledger as a task has it."""
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    monkeypatch.setenv("AIRFLOW_CONN_PRODUCT_DB", pooled)
    from stocksync.entrypoints import connections  # noqa: PLC0415 - Airflow reads the environment when it is imported

    with closing(connections.bootstrap(Settings()).ledger) as ledger:
        yield ledger


SESSION = ["statement_timeout", "default_transaction_read_only", "default_transaction_isolation", "row_security"]


@pytest.fixture
def shop(pooled):
    """The shop's session on the same pool, with an encoding and a limit of its own taste."""
    with closing(psycopg2.connect(pooled, client_encoding="LATIN1")) as session:
        session.autocommit = True

        def ask(statement):
            with session.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall()

        yield ask


def state(shop):
    """Which connection to the server the shop was given, and how it finds it."""
    return shop("SELECT pg_backend_pid()"), [shop(f"SHOW {name}") for name in [*SESSION, "client_encoding"]]


def everything(ledger):
    """What a run asks of the ledger."""
    assert ledger.check() == []
    assert len(partition(ledger, batch_size=1000, max_ranges=64)) == 5
    assert chosen(list(ledger.spelled(["P1", "P2"])), batch_size=1, max_ranges=64)
    assert sum(len(batch.ids) for batch in ledger.scan(EVERYTHING, None)) == 5000
    assert ledger.count(EVERYTHING, None) == 5000
    assert ledger.read(["P1"]) == {"P1": b"7"}


def given_up(ledger):
    scan = ledger.scan(EVERYTHING, None)
    next(scan)
    scan.close()


@pytest.mark.parametrize("work", [everything, given_up], ids=["a whole run", "a scan that is given up"])
def test_the_shop_finds_its_pooled_connection_as_it_left_it(ledger, shop, work):
    before = state(shop)

    work(ledger)

    if work is everything:
        assert state(shop) == before
    else:
        assert state(shop)[1] == before[1]
    assert shop("UPDATE products SET stock = 8 WHERE id = 'P1' RETURNING stock") == [(8,)]


def test_the_ledger_goes_on_between_the_shops_statements(ledger, shop):
    for stock in range(3):
        shop(f"UPDATE products SET stock = {stock} WHERE id = 'P1' RETURNING 1")

        assert ledger.read(["P1"]) == {"P1": str(stock).encode()}


def test_a_start_up_parameter_that_pgbouncer_refuses_is_named(pooled, ledger, monkeypatch):
    at = urlsplit(pooled)
    parts = {"conn_type": "postgres", "host": at.hostname, "port": at.port, "schema": at.path[1:]}
    parts |= {"login": at.username, "password": at.password, "extra": {"options": "-c statement_timeout=5s"}}
    monkeypatch.setenv("AIRFLOW_CONN_PRODUCT_DB", json.dumps(parts))
    from stocksync.entrypoints import connections  # noqa: PLC0415 - as above

    with pytest.raises(BadSetting, match=r"connection product_db.*unsupported startup parameter: options.*ALTER ROLE"):
        connections.bootstrap(Settings()).ledger.check()


def test_a_wrong_password_at_the_pool_is_a_setting_to_mend(pooled, ledger, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_PRODUCT_DB", pooled.replace("postgres:", "postgres:wrong"))
    from stocksync.entrypoints import connections  # noqa: PLC0415 - as above

    with pytest.raises(BadSetting, match=r"connection product_db.*authentication failed.*`password`"):
        connections.bootstrap(Settings()).ledger.check()
