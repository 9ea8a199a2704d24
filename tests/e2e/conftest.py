"""One real Airflow with its services for all end-to-end tests; each test gets a shop of its own on it."""

from functools import partial

import pytest

from tests.kit.airflow.driver import Scheduler
from tests.kit.airflow.place import place
from tests.kit.airflow.three_ranges import ROWS
from tests.kit.airflow.trouble import Person, Writes
from tests.kit.services import java_or_skip


@pytest.fixture(scope="session")
def a_place(request):
    """Opens a place by its name: embedded services, or with --cluster those of docker-compose.yaml."""
    company = request.config.getoption("--cluster")
    if company:
        java_or_skip()
    return partial(place, company=company)


@pytest.fixture(scope="session")
def scheduler(a_place):
    """The real scheduler, past the run it starts by itself when a DAG is switched on."""
    with a_place("e2e") as place, place.airflow():
        scheduler = Scheduler(place)
        scheduler.switch_on("stock_sync")
        yield scheduler


@pytest.fixture
def night(scheduler):
    """The scheduler with two empty stores, no lock and no outbox."""
    scheduler.shop.rebuild()
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
