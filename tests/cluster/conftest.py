import pytest

from tests.kit.cluster.deployed import DeployedRedis


@pytest.fixture(scope="module")
def stock_redis(run_folder):
    """The shop's Redis as docker-compose.yaml has it."""
    with DeployedRedis(run_folder, "stock-redis") as server:
        yield server
