"""Stores behind TLS, through the wiring and Airflow's own connections, as an operator writes them."""

import json
import secrets
from contextlib import closing

import pytest
import trustme

from stocksync.errors import BadSetting
from stocksync.settings import Settings
from tests.kit.cluster.deployed import DEBIAN_POSTGRES, DeployedRedis, debian_redis, run_script
from tests.kit.database import execute

pytestmark = pytest.mark.usefixtures("cluster")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    """An authority that signed nothing here."""
    ca_file = tmp_path_factory.mktemp("stranger") / "ca.pem"
    trustme.CA().cert_pem.write_to_path(ca_file)
    return ca_file


@pytest.fixture(scope="module")
def secure_redis(run_folder, certificate):
    if debian_redis() is None:
        pytest.skip("needs a Redis with TLS: apt-get install redis-tools")
    ca_file, server_file = certificate
    words = ["--port", "0", "--tls-cert-file", str(server_file), "--tls-key-file", str(server_file)]
    words += ["--tls-ca-cert-file", str(ca_file), "--tls-auth-clients", "no"]
    with DeployedRedis(
        run_folder, "stock-redis", words=words, program=debian_redis(), port_word="--tls-port"
    ) as server:
        yield server


@pytest.fixture
def connections(monkeypatch, tmp_path):
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    from stocksync.entrypoints import connections  # noqa: PLC0415 - Airflow reads the environment when it is imported

    return connections


def redis_connection(server, ca_file):
    return json.dumps(
        {
            "conn_type": "redis",
            "host": "127.0.0.1",
            "port": server.port,
            "login": "dags",
            "password": server.env["STOCK_REDIS_DAGS_PASSWORD"],
            "extra": {"db": 0, "ssl": True, "ssl_cert_reqs": "required", "ssl_ca_certs": str(ca_file)},
        }
    )


def test_redis_behind_password_and_tls(secure_redis, certificate, connections, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_STOCK_REDIS", redis_connection(secure_redis, certificate[0]))
    client = connections.AirflowClients(Settings()).redis()
    client.set("stock:P1", 5)
    from stocksync.adapters.redis_cache import RedisStockCache  # noqa: PLC0415 - beside its connection

    assert RedisStockCache(client, "stock:").read(["P1", "P2"])[0] is not None


def test_a_redis_with_a_strangers_certificate_is_refused(secure_redis, stranger, connections, monkeypatch):
    from stocksync.adapters.redis_errors import translated  # noqa: PLC0415 - beside its connection

    monkeypatch.setenv("AIRFLOW_CONN_STOCK_REDIS", redis_connection(secure_redis, stranger))
    client = connections.AirflowClients(Settings()).redis()
    client.set_retry(None)
    with pytest.raises(BadSetting, match=r"certificate verify failed.*ssl_ca_certs"), translated("starting"):
        client.ping()


@pytest.fixture
def ledger_role(secure_postgres):
    """The deployed role in the PostgreSQL with TLS."""
    password = secrets.token_hex(8)
    run_script(DEBIAN_POSTGRES[-1], secure_postgres.uri(), "product-db.sql", PRODUCT_DB_DAGS_PASSWORD=password)
    execute(secure_postgres.uri(), "INSERT INTO products VALUES ('P1', 7)")
    yield {"login": "stock_sync", "password": password}
    execute(secure_postgres.uri(), "DROP OWNED BY stock_sync; DROP ROLE stock_sync; DROP TABLE products")


def ledger_connection(server, role, **extra):
    address = {"conn_type": "postgres", "host": "127.0.0.1", "port": server.port, "schema": "postgres"}
    return json.dumps({**address, **role, "extra": extra})


def test_postgresql_with_tls(secure_postgres, ledger_role, certificate, connections, monkeypatch):
    tls = {"sslmode": "verify-full", "sslrootcert": str(certificate[0])}
    monkeypatch.setenv("AIRFLOW_CONN_PRODUCT_DB", ledger_connection(secure_postgres, ledger_role, **tls))
    with closing(connections.bootstrap(Settings()).ledger) as ledger:
        assert dict(ledger.read(["P1"])) == {"P1": b"7"}


@pytest.mark.parametrize("wrong", ["a stranger's certificate", "no such certificate", "no TLS"])
def test_a_postgresql_that_cannot_prove_itself_is_refused(
    secure_postgres, ledger_role, stranger, connections, monkeypatch, wrong
):
    trusted = "/no/such.pem" if wrong == "no such certificate" else str(stranger)
    tls = {"sslmode": "disable"} if wrong == "no TLS" else {"sslmode": "verify-full", "sslrootcert": trusted}
    monkeypatch.setenv("AIRFLOW_CONN_PRODUCT_DB", ledger_connection(secure_postgres, ledger_role, **tls))
    said = r"connection product_db: .*allowed: .*`sslmode`"
    with pytest.raises(BadSetting, match=said), closing(connections.bootstrap(Settings()).ledger) as ledger:
        ledger.read(["P1"])
