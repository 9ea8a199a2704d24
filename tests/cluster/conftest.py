import pytest
import trustme

from tests.kit.cluster.deployed import DEBIAN_POSTGRES, DebianPostgres, DeployedRedis


@pytest.fixture(scope="module")
def stock_redis(run_folder):
    """The shop's Redis as docker-compose.yaml has it."""
    with DeployedRedis(run_folder, "stock-redis") as server:
        yield server


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """What a client trusts, and the certificate for 127.0.0.1 with its key."""
    authority, folder = trustme.CA(), tmp_path_factory.mktemp("tls")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    return folder / "ca.pem", folder / "server.pem"


@pytest.fixture(scope="module")
def secure_postgres(run_folder, certificate):
    if not DEBIAN_POSTGRES:
        pytest.skip("needs a PostgreSQL with TLS: apt-get install postgresql")
    with DebianPostgres(run_folder, certificate[1]) as server:
        yield server
