"""Real PostgreSQL, Redis and Kafka for tests: each started when a test first asks for it, ended with the session.

Always embedded ones, whatever the environment says: tests empty them. A test may stop, restart or pause a service;
the next test that asks for a fresh place on it finds it running again.
"""

import secrets

import pytest

from local.servers.kafka import Kafka
from local.servers.postgres import Postgres
from local.servers.redis import Redis
from local.servers.redis_cluster import RedisCluster
from local.supervisor.run_folder import RunFolder
from tests.kit.cluster import java
from tests.kit.cluster.apache_kafka import ApacheKafka
from tests.kit.whole_cluster import client_of


@pytest.fixture(scope="session")
def cluster():
    """For tests that take minutes, or servers a laptop may not have: they run in `make test-cluster` only."""


@pytest.fixture(scope="session")
def run_folder():
    """The folder of this test session's services; their logs stay in build/local/logs/tests."""
    with RunFolder("tests") as folder:
        yield folder


@pytest.fixture(scope="session")
def postgres(run_folder):
    """A PostgreSQL server: uri, uri_of(database), connect(database), stop(), start(), restart(), process.pause()."""
    with Postgres(run_folder) as server:
        yield server


@pytest.fixture(scope="session")
def redis_server(run_folder):
    """A Redis server: uri, client(), stop(), start(), restart(keep_data=...), process.pause()."""
    with Redis(run_folder) as server:
        yield server


@pytest.fixture(scope="session")
def kafka(request, run_folder):
    """A broker: client (what clients are made with), create_topic(name, partitions), stop(), start(), restart().

    It has a process too, to pause. With `pytest --cluster` it is Apache Kafka itself, with log-in and rights.
    """
    if request.config.getoption("--cluster"):
        java_or_skip()
    with (ApacheKafka if request.config.getoption("--cluster") else Kafka)(run_folder) as broker:
        yield broker


def java_or_skip():
    """Skip a test that needs a program from Maven Central where there is no Java."""
    if absent := java.missing():
        pytest.skip(f"needs Java 17 and Maven: {absent}")


@pytest.fixture
def database(postgres):
    """The address of a fresh, empty database."""
    _revive(postgres)
    name = f"test_{secrets.token_hex(4)}"
    yield postgres.create_database(name)
    _revive(postgres)
    postgres.drop_database(name)


@pytest.fixture(scope="session")
def redis_cluster(run_folder):
    """Three Redis masters that are one cluster: uri of each, masters, client()."""
    with RedisCluster(run_folder) as servers:
        yield servers


@pytest.fixture
def one_server(redis_server):
    """A client of a Redis server that holds nothing."""
    _revive(redis_server)
    with redis_server.client() as client:
        client.where = redis_server.uri
        client.flushall()
        yield client


@pytest.fixture
def cache(one_server):
    """A client of a Redis that holds nothing: one server, where a test does not ask for `either`."""
    return one_server


@pytest.fixture
def three_masters(redis_cluster):
    """A client of a Redis Cluster that holds nothing."""
    for node in redis_cluster.nodes:
        _revive(node)
    with client_of(redis_cluster) as client:
        client.flushall()
        yield client


@pytest.fixture(params=["one_server", "three_masters"])
def either(request):
    """A client of a Redis that holds nothing, of each shape in turn."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def topic(kafka):
    """The name of a fresh, empty topic."""
    _revive(kafka)
    name = f"test.{secrets.token_hex(4)}"
    kafka.create_topic(name)
    yield name
    kafka.forget_topic(name)


def _revive(service):
    if service.running:
        service.process.resume()
    else:
        service.start()
