"""One Airflow with its services, and one browser, for all tests of the page: a package, so that both end with them."""

import pytest
from playwright.sync_api import sync_playwright

from local.stack import OPERATIONS_DATABASE
from tests.kit.airflow.place import place
from tests.kit.airflow.second_door import second_door
from tests.kit.browser import CHROMIUM, FLAGS, USERS, PersonAtPage, chromium_or_skip
from tests.kit.ops_history import OpsHistory


@pytest.fixture(scope="package")
def at_work():
    """The embedded services with Airflow, three users in it, and nobody told."""
    chromium_or_skip()
    users = ",".join(f"{name}:{role}" for name, role in USERS.items())
    with place("browser", company=False) as at:
        at.shop.build()
        at.stack.airflow = at.stack.start_airflow(settings={"AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": users})
        yield at


@pytest.fixture(scope="package")
def below_a_path(at_work):
    """The same Airflow once more, where people reach it below a path."""
    with second_door(at_work.stack.airflow, "/team/airflow") as door:
        yield door


@pytest.fixture(scope="package")
def chromium(at_work):
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def shop(at_work):
    """Two empty stores."""
    return at_work.shop.rebuild()


@pytest.fixture
def history(at_work):
    """An operations store without any history."""
    history = OpsHistory(at_work.stack._postgres.uri_of(OPERATIONS_DATABASE))
    history.forget()
    return history


@pytest.fixture
def person(at_work, chromium):
    """Makes people who come to the page; in the end nobody's browser has complained."""
    people = []

    def comes(name="op", path="", *, airflow=at_work.stack.airflow, **how):
        people.append(PersonAtPage(chromium, airflow, name, **how))
        return people[-1].comes_by(path)

    yield comes
    complaints = [complaint for each in people for complaint in each.complaints]
    for each in people:
        each.leaves()
    assert complaints == []
