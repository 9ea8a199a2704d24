import signal

from hypothesis import HealthCheck, settings

from tests.kit.ops_store import ops_store
from tests.kit.services import (
    cache,
    cluster,
    database,
    either,
    kafka,
    one_server,
    postgres,
    redis_cluster,
    redis_server,
    run_folder,
    three_masters,
    topic,
)

__all__ = [
    "cache",
    "cluster",
    "database",
    "either",
    "kafka",
    "one_server",
    "ops_store",
    "postgres",
    "redis_cluster",
    "redis_server",
    "run_folder",
    "three_masters",
    "topic",
]


def pytest_addoption(parser):
    parser.addoption(
        "--cluster",
        action="store_true",
        help="on the servers of a cluster: Apache Kafka, Redis and PostgreSQL with TLS, Celery",
    )


def pytest_configure():
    """Hear Ctrl-C, and let the programs that tests start hear it: a shell's background job is born deaf to it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config, items):
    """Leave what needs a cluster's servers to `make test-cluster`."""
    if config.getoption("--cluster"):
        return
    left_out = [item for item in items if "cluster" in item.fixturenames]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


# A slow machine is no bug: no test is judged by its clock.
settings.register_profile("usual", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", parent=settings.get_profile("usual"), max_examples=1000)
settings.load_profile("usual")
