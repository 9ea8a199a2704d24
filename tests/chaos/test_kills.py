"""A worker killed with SIGKILL at any named step, any number of times, loses no alert and miscounts nothing."""

import pytest

from tests.kit.chaos.attempts import STEPS, ChaosShop, Kill, attempt
from tests.kit.promises import assert_promises

PRODUCTS = 60
GROUPS = 3  # seven of ten products differ, so fourteen differences are twenty products
ROWS = [(f"P{n:03d}", 100, (99, 100, 20, 108, None, "junk", 50, 95, 89, 100)[n % 10]) for n in range(PRODUCTS)]


@pytest.fixture
def shop(database, cache, kafka, topic):
    return stocked(database, cache, kafka, topic)


@pytest.fixture
def either_shop(database, either, kafka, topic):
    """On each shape of Redis."""
    return stocked(database, either, kafka, topic)


def stocked(database, cache, kafka, topic):
    shop = ChaosShop(database, cache, kafka.client, topic).build()
    shop.stock(ROWS)
    return shop


def run_with(shop, kills):
    """One range, attempted until an attempt survives; each kill is used up by one attempt."""
    plan, [id_range] = shop.plan(), shop.ranges()
    deaths = 0
    for kill in [*kills, None]:
        outcome = attempt(shop, shop.cache.where, plan, id_range, kill)
        if outcome is not None:
            break
        deaths += 1
    return deaths, shop.close(plan, [id_range], {0: outcome})


@pytest.mark.fault(1, 2, 3, 4, 5)
@pytest.mark.parametrize("nth", [1, 2, GROUPS], ids=["first", "middle", "last"])
@pytest.mark.parametrize("step", STEPS)
def test_a_worker_killed_once_is_made_good_by_its_retry(shop, step, nth):
    deaths, summary = run_with(shop, [Kill(step, nth)])

    assert deaths == 1
    assert_promises(shop, ROWS, summary)


@pytest.mark.fault(1, 2, 3, 4, 5)
@pytest.mark.parametrize("again", ["recovered", *STEPS])
@pytest.mark.parametrize("step", ["committed", "published", "saved"])
def test_a_worker_killed_and_its_retry_killed_too_are_made_good(shop, step, again):
    deaths, summary = run_with(shop, [Kill(step, 1), Kill(again, 1)])

    assert deaths == 2
    assert_promises(shop, ROWS, summary)


@pytest.mark.fault(33)
def test_a_worker_killed_ten_times_in_one_run_is_made_good(either_shop):
    early = ("settled", "looked again")
    kills = [Kill(step, 1) for step in (*early, "committed", *early, "published", *early, *early)]

    deaths, summary = run_with(either_shop, kills)

    assert deaths == 10
    assert_promises(either_shop, ROWS, summary)


@pytest.mark.parametrize("step", STEPS)
def test_the_alerts_of_a_worker_that_never_comes_back_are_published_and_counted(either_shop, step):
    plan, [id_range] = either_shop.plan(), either_shop.ranges()
    assert attempt(either_shop, either_shop.cache.where, plan, id_range, Kill(step, 2)) is None

    summary = either_shop.close(plan, [id_range], {})

    events = either_shop.events()
    restored = [i for i, ledger, cached in ROWS if either_shop.counter(i) == str(ledger) and str(cached) != str(ledger)]
    assert sorted(i for i, e in events.items() if e["action"] == "REDIS_RESTORED") == sorted(restored)
    assert summary["restored"] == len(restored)
    assert summary["restored"] + summary["manual_review"] == len(events)
    assert summary["total"] == PRODUCTS
    assert summary["status"] == "failed"
    assert summary["unprocessed"] > 0
    assert either_shop.cache.keys("sync:stock:*outbox*") == []
