"""Two who want to work at once, and one who slept through the loss of its lock."""

import pytest

from stocksync.errors import LockHeld
from tests.kit.chaos.attempts import AttemptProcess, ChaosShop, Kill
from tests.kit.promises import assert_promises, logical_events
from tests.kit.retried_run import ROWS

STEPS = ["settled", "looked again", "committed", "published", "saved"]


@pytest.fixture
def shop(database, cache):
    shop = ChaosShop(database, cache, "", "").build()
    shop.stock(ROWS)
    return shop


def counters(shop):
    return [shop.counter(product_id) for product_id, _, _ in ROWS]


@pytest.mark.fault(15)
def test_of_two_runs_at_once_the_second_is_told_who_works_and_touches_nothing(shop, redis_server):
    first, second, [id_range] = shop.plan("manual__first"), shop.plan("manual__second"), shop.ranges()
    sleeper = AttemptProcess(
        shop, redis_server.uri, ("reconcile", first, id_range), Kill("looked again", 1, freeze=True)
    )
    assert sleeper.result() is None
    before = counters(shop)

    with pytest.raises(LockHeld, match="manual__first"):
        shop.reconcile(second, id_range)
    assert counters(shop) == before

    said, outcome = sleeper.thaw()
    assert said == "returned"
    assert_promises(shop, ROWS, shop.close(first, [id_range], {0: outcome}))
    assert logical_events(shop, second.run_id) == {}


@pytest.mark.fault(16)
@pytest.mark.parametrize("step", STEPS)
def test_a_run_that_slept_while_its_lock_expired_writes_nothing_more_and_leaves_its_successors_lock(
    shop, redis_server, step
):
    old, new, [id_range] = shop.plan("manual__old"), shop.plan("manual__new"), shop.ranges()
    sleeper = AttemptProcess(shop, redis_server.uri, ("reconcile", old, id_range), Kill(step, 1, freeze=True))
    assert sleeper.result() is None
    shop.cache.delete(f"sync:stock:{old.date}")  # its hour is over
    outcome = shop.reconcile(new, id_range)
    shop.cache.decrby("stock:P001", 3)  # a sale since
    before = counters(shop)

    said, why = sleeper.thaw()
    assert said == "refused"
    assert why in {"LockLost", "Superseded"}  # whichever it meets first: the lock is another's, who shut it out
    shop.close(old, [id_range], {})

    assert counters(shop) == before
    assert shop.cache.get(f"sync:stock:{new.date}") == b"manual__new"
    shop.close(new, [id_range], {0: outcome})
    told = [*logical_events(shop, old.run_id).items(), *logical_events(shop, new.run_id).items()]
    restored = sorted(product_id for product_id, event in told if event["action"] == "REDIS_RESTORED")
    assert restored == sorted(i for i, ledger, cached in ROWS if cached in {99, 108, 95})


@pytest.mark.fault(16)
def test_an_attempt_that_airflow_gave_up_writes_nothing_while_its_own_retry_works(shop, redis_server):
    plan, [id_range] = shop.plan(), shop.ranges()
    sleeper = AttemptProcess(
        shop, redis_server.uri, ("reconcile", plan, id_range), Kill("looked again", 1, freeze=True)
    )
    assert sleeper.result() is None
    retry = AttemptProcess(shop, redis_server.uri, ("reconcile", plan, id_range), Kill("settled", 1, freeze=True))
    assert retry.result() is None

    assert sleeper.thaw() == ("refused", "Superseded")
    assert shop.copies() == []
    said, outcome = retry.thaw()

    assert said == "returned"
    assert_promises(shop, ROWS, shop.close(plan, [id_range], {0: outcome}))


@pytest.mark.fault(16)
@pytest.mark.parametrize("step", STEPS)
def test_an_attempt_that_airflow_gave_up_writes_nothing_beside_its_own_retry(shop, redis_server, step):
    plan, [id_range] = shop.plan(), shop.ranges()
    sleeper = AttemptProcess(shop, redis_server.uri, ("reconcile", plan, id_range), Kill(step, 1, freeze=True))
    assert sleeper.result() is None

    outcome = AttemptProcess(shop, redis_server.uri, ("reconcile", plan, id_range)).result()
    assert sleeper.thaw() == ("refused", "Superseded")

    assert AttemptProcess(shop, redis_server.uri, ("reconcile", plan, id_range)).result() == outcome
    assert_promises(shop, ROWS, shop.close(plan, [id_range], {0: outcome}))
