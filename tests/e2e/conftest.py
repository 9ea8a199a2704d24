"""One real Airflow with its services for all end-to-end tests; each test gets a shop of its own on it."""

from io import StringIO

import pytest
from rich.console import Console

from local.progress import Steps
from local.run_folder import RunFolder
from local.stack import Stack
from tests.e2e.airflow import Scheduler


@pytest.fixture(scope="session")
def stack():
    with RunFolder("e2e") as run, Steps(Console(file=StringIO())) as steps, Stack(run, steps, {}) as stack:
        stack.airflow = stack.start_airflow()
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
