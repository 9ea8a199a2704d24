import pytest

from tests.cluster.deployed import Redis


@pytest.fixture(scope="session")
def cluster():
    """For tests that take minutes, or servers a laptop may not have: they run in `make test-cluster` only."""


@pytest.fixture(scope="module")
def stock_redis(run_folder):
    """The shop's Redis as docker-compose.yaml has it."""
    with Redis(run_folder, "stock-redis") as server:
        yield server
