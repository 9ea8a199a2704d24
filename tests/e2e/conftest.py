"""One real Airflow with its services for all end-to-end tests; each test gets a shop of its own on it."""

from io import StringIO

import pytest
from rich.console import Console

from local.progress import Steps
from local.run_folder import RunFolder
from local.stack import Stack
from tests.e2e.airflow import Scheduler
from tests.e2e.catalogue import ROWS
from tests.e2e.trouble import Person, Writes

# How soon a scheduler takes over the tasks of one that died; a test has less time than a night.
SOON = {
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "3",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "20",
}


@pytest.fixture(scope="session")
def stack():
    with RunFolder("e2e") as run, Steps(Console(file=StringIO())) as steps, Stack(run, steps, {}) as stack:
        stack.airflow = stack.start_airflow(settings=SOON)
        yield stack


@pytest.fixture(scope="session")
def scheduler(stack):
    """The real scheduler, past the run it starts by itself when a DAG is switched on."""
    scheduler = Scheduler(stack)
    scheduler.switch_on("stock_sync")
    return scheduler


@pytest.fixture
def night(scheduler):
    """The scheduler with two empty stores, no lock and no outbox."""
    scheduler.empty_the_shop()
    return scheduler


@pytest.fixture
def person(night):
    """Somebody at Airflow's UI."""
    return Person(night.api)


@pytest.fixture
def writes(night):
    """How often each counter of a catalogue of three ranges is written."""
    night.shop.stock(ROWS)
    with Writes(night.shop) as writes:
        yield writes
