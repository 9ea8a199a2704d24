"""Decisions of people under deaths and orders: at most once, nothing oversold, and the audit tells what was done."""

import random
from collections import Counter
from datetime import timedelta

import pytest

from stocksync.adapters.clock import SystemClock
from tests.kit.chaos import size
from tests.kit.chaos.attempts import (
    ANSWERED,
    ASKED,
    HALF_PUBLISHED,
    NOTED,
    STEPS,
    TO_BE_NOTED,
    AttemptProcess,
    ChaosShop,
    Kill,
    attempt_decision,
)
from tests.kit.chaos.orders import Market, SettlingClock, Writers

DECISION_STEPS = (*STEPS, TO_BE_NOTED, NOTED, HALF_PUBLISHED)
UNDO_STEPS = ("committed", "published", "cleared", TO_BE_NOTED, NOTED, HALF_PUBLISHED)
PRODUCTS = 40
ROWS = [(f"P{n:03d}", 200, (120, 200, None, 320, "junk")[n % 5]) for n in range(PRODUCTS)]
SEEN = {i: (79 if n % 10 == 0 else 80, 3, 200, -120, 5)[n % 5] for n, (i, _, _) in enumerate(ROWS)}
"""Of every ten products one has less of a difference allowed than it has, and two need or take no decision."""
EXPECTED = {
    i: ("stale" if n % 10 == 0 else "applied", "agrees", "applied", "applied", "invalid")[n % 5]
    for n, (i, _, _) in enumerate(ROWS)
}
APPLIED = sorted(i for i, result in EXPECTED.items() if result == "applied")


@pytest.fixture
def shop(database, cache, ops_store):
    shop = ChaosShop(database, cache, {}, "", operations_dsn=ops_store.worker).build()
    shop.stock(ROWS)
    return shop


def assert_done_once(shop, decision, *, broken_again=()):
    """What must hold after a decision, whatever was killed: stores, topic and audit tell the same."""
    outcomes = shop.audit.outcomes(decision.decision_id)
    assert {i: outcome.result.value for i, outcome in outcomes.items()} == EXPECTED
    events = [copy for copy in shop.copies() if copy.headers["stock-sync-run-id"] == decision.decision_id]
    assert sorted({copy.event["productId"] for copy in events}) == APPLIED
    assert len({copy.event["eventId"] for copy in events}) == len(APPLIED)
    assert {copy.headers["stock-sync-approved-by"] for copy in events} == {"kim"}
    assert {copy.event["action"] for copy in events} == {"REDIS_RESTORED"}
    for product_id, ledger, cached in ROWS:
        left = None if cached is None else str(cached)
        written = EXPECTED[product_id] == "applied" and product_id not in broken_again
        assert shop.counter(product_id) == (str(ledger) if written else left), product_id
    assert shop.cache.keys("sync:stock:*outbox:*") == []


@pytest.mark.fault(1, 2, 3, 4, 5)
@pytest.mark.parametrize("nth", [1, 2], ids=["first", "second"])
@pytest.mark.parametrize("step", DECISION_STEPS)
def test_a_decision_killed_at_any_step_is_done_once_by_its_retry(shop, redis_server, step, nth):
    decision = shop.decide("restore", SEEN)
    attempt_decision(shop, redis_server.uri, decision, Kill(step, nth))

    assert attempt_decision(shop, redis_server.uri, decision) is not None

    shop.over(decision)
    assert_done_once(shop, decision)


@pytest.mark.parametrize("step", [ASKED, ANSWERED])
def test_a_decision_killed_before_and_after_any_command_to_redis_is_done_once(shop, redis_server, step):
    for nth in random.Random(int(size.SEED or 0)).sample(range(1, 40), 4):
        shop.sql("DELETE FROM products")
        shop.cache.flushall()
        shop.stock(ROWS)
        decision = shop.decide("restore", SEEN)
        attempt_decision(shop, redis_server.uri, decision, Kill(step, nth))

        assert attempt_decision(shop, redis_server.uri, decision) is not None

        shop.over(decision)
        assert_done_once(shop, decision)


@pytest.mark.parametrize("step", ["committed", HALF_PUBLISHED, TO_BE_NOTED, NOTED, "published", "saved", "cleared"])
def test_what_broke_again_after_it_was_restored_is_not_restored_by_the_retry_of_the_same_decision(
    shop, redis_server, step
):
    decision = shop.decide("restore", SEEN)
    attempt_decision(shop, redis_server.uri, decision, Kill(step, 1))
    again = [i for i, _, cached in ROWS if EXPECTED[i] == "applied" and cached == 120 and shop.counter(i) == "200"]
    assert again
    for product_id in again:
        shop.cache.set(f"stock:{product_id}", 120)

    assert attempt_decision(shop, redis_server.uri, decision) is not None

    shop.over(decision)
    assert_done_once(shop, decision, broken_again=again)


@pytest.mark.parametrize("step", ["committed", "published", "saved"])
def test_the_next_run_puts_on_record_what_a_decision_wrote_that_nobody_tries_again(shop, redis_server, step):
    decision = shop.decide("restore", SEEN)
    attempt_decision(shop, redis_server.uri, decision, Kill(step, 1))
    written = {i for i in APPLIED if shop.counter(i) == "200"}
    shop.parts().lock(shop.plan_of(decision)).release()

    shop.parts().drain(shop.plan())

    outcomes = shop.audit.outcomes(decision.decision_id)
    assert {i for i, outcome in outcomes.items() if outcome.result == "applied"} == written
    assert attempt_decision(shop, redis_server.uri, decision) is not None
    shop.over(decision)
    assert_done_once(shop, decision)


def test_two_people_at_once_are_one_after_the_other(shop, redis_server):
    decisions = [shop.decide("restore", SEEN, by=name) for name in ("kim", "kim")]
    at_work = [AttemptProcess(shop, redis_server.uri, ("decide", decision), Kill("", 0)) for decision in decisions]
    results = [process.result() for process in at_work]
    for decision, result in zip(decisions, results, strict=True):
        if result is not None:
            shop.over(decision)
    late = [decision for decision, result in zip(decisions, results, strict=True) if result is None]
    for decision in late:
        assert attempt_decision(shop, redis_server.uri, decision) is not None
        shop.over(decision)

    became = [Counter(o.result.value for o in shop.audit.outcomes(d.decision_id).values()) for d in decisions]
    assert sorted(each["applied"] for each in became) == [0, len(APPLIED)]
    assert len({copy.event["eventId"] for copy in shop.copies()}) == len(APPLIED)


@pytest.mark.parametrize("step", UNDO_STEPS)
def test_an_undo_killed_at_any_step_is_done_once_by_its_retry(shop, redis_server, step):
    decision = shop.decide("restore", SEEN)
    shop.carry_out(decision)
    shop.over(decision)
    for product_id in APPLIED:
        shop.cache.decrby(f"stock:{product_id}", 7)
    undo = shop.decide("undo", dict.fromkeys(APPLIED), undoes=decision.decision_id)
    attempt_decision(shop, redis_server.uri, undo, Kill(step, 1))

    assert attempt_decision(shop, redis_server.uri, undo) is not None

    shop.over(undo)
    outcomes = shop.audit.outcomes(undo.decision_id)
    assert {i: outcome.result.value for i, outcome in outcomes.items()} == dict.fromkeys(APPLIED, "undone")
    for product_id, _, cached in ROWS:
        if product_id in APPLIED:
            assert shop.counter(product_id) == str(max(0, (cached or 0) - 7))
    events = {
        copy.event["eventId"]: copy for copy in shop.copies() if copy.headers["stock-sync-run-id"] == undo.decision_id
    }
    assert sorted(copy.event["productId"] for copy in events.values()) == APPLIED


def test_while_orders_go_on_nothing_is_oversold_by_decisions_and_undos_and_no_order_is_lost(
    database, cache, redis_server, ops_store, figures
):
    names = tuple(f"H{n:03d}" for n in range(30))
    shop = ChaosShop(
        database, cache, {}, "", operations_dsn=ops_store.worker, settle=timedelta(seconds=0.3), batch_size=1000
    ).build()
    shop.stock((i, 5000, 5000) for i in names)
    owed = dict.fromkeys(names, 0)
    done, oversold = Counter(), 0
    with Writers(shop, redis_server.uri, Market(hot=names), orders=size.ORDERS // 3) as writers:
        clock = SettlingClock(SystemClock(), writers, shop.settle)
        while writers.busy:
            for product_id in names[::2]:
                if not owed[product_id]:
                    owed[product_id] = 60
                    shop.cache.decrby(f"stock:{product_id}", 60)
            decision = shop.decide("restore", {i: drift or 60 for i, drift in owed.items()})
            outcomes = shop.carry_out(decision, clock=clock)
            shop.over(decision)
            applied = [i for i, outcome in outcomes.items() if outcome.result == "applied"]
            undo = shop.decide("undo", dict.fromkeys(applied[::3]), undoes=decision.decision_id)
            undone = shop.carry_out(undo, clock=clock) if applied else {}
            shop.over(undo)
            for outcome in [*(outcomes[i] for i in applied), *undone.values()]:
                if outcome.after is None:
                    continue
                added = outcome.after - outcome.before
                oversold += max(0, added - max(0, owed[outcome.product_id])) if added > 0 else 0
                owed[outcome.product_id] -= added
                done[outcome.result.value] += 1
    stocks = dict(shop.sql("SELECT id, stock FROM products"))
    differ = {i: stock - int(shop.counter(i)) for i, stock in stocks.items()}
    figures("decisions under live orders", f"{writers.orders:,} orders, {dict(done)}; {oversold} units oversold")
    assert (oversold, differ) == (0, owed)
    assert done["applied"] > 0
    assert done["undone"] > 0
