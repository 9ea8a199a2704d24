"""A person sees a difference and decides, on a real scheduler: what is done, what is on record, what is waited for."""

import pytest

from local.connections import STOCK_OPS
from tests.kit.airflow.driver import await_that, today
from tests.kit.database import execute

pytestmark = pytest.mark.timeout(600)
REVIEW = "stock_sync_review"
WHY = {"reason": "창고에서 실사함"}


@pytest.fixture
def review(night):
    """The scheduler with the DAG of decisions switched on."""
    await_that(lambda: night.api.dag_exists(REVIEW), "the DAG is read")
    night.api.unpause(REVIEW)
    return night


def audit(night, decision_id):
    """What the operations store says of a decision: who, and what became of each product."""
    store = night.stack.connections[STOCK_OPS]
    [(who, why)] = execute(store, "SELECT decided_by, reason FROM decisions WHERE decision_id = %s", decision_id)
    outcomes = execute(
        store, "SELECT product_id, outcome, before, after FROM outcomes WHERE decision_id = %s ORDER BY 1", decision_id
    )
    return who, why, outcomes


def waits(night, dag, run_id):
    """Whether a task of a run was given back to look again later."""
    return any(task["state"] == "up_for_reschedule" for task in night.api.tasks(dag, run_id))


def test_a_person_restores_what_was_seen_and_takes_it_back(review):
    shop = review.shop
    shop.stock([("P1", 100, 20), ("P2", 100, 90), ("P3", 7, 7)])

    done = review.run(REVIEW, decision="restore", product_ids=["P1", "P2"], seen={"P1": 80, "P2": 5}, **WHY)

    assert (done.state, shop.counter("P1"), shop.counter("P2")) == ("success", "100", "90")
    assert audit(review, done.id) == ("admin", WHY["reason"], [("P1", "applied", 20, 100), ("P2", "stale", 90, None)])
    assert "P1: applied 20 → 100" in done.log("apply", map_index=0)
    assert await_that(lambda: done.note, "the run has a note").startswith("📝 결정: restore: applied 1, stale 1")
    [event] = [copy for copy in shop.copies() if copy.headers["stock-sync-run-id"] == done.id]
    assert (event.event["action"], event.headers["stock-sync-approved-by"]) == ("REDIS_RESTORED", "admin")
    assert event.headers["stock-sync-decision-id"] == done.id

    shop.cache.decrby("stock:P1", 3)
    undone = review.run(REVIEW, decision="undo", decision_id=done.id, **WHY)

    assert (undone.state, shop.counter("P1")) == ("success", "17")
    assert audit(review, undone.id)[2] == [("P1", "undone", 97, 17)]
    assert review.cache.get(f"sync:stock:{today()}") is None


def test_a_decision_waits_while_a_run_is_at_work_and_says_so(review):
    review.shop.stock([("P1", 100, 20)])
    review.cache.set(f"sync:stock:{today()}", "somebody else", ex=3600)
    decision = review.api.trigger(REVIEW, {"decision": "restore", "product_ids": ["P1"], "seen": {"P1": 80}, **WHY})

    await_that(lambda: waits(review, REVIEW, decision), "the decision waits")
    assert review.shop.counter("P1") == "20"
    review.cache.delete(f"sync:stock:{today()}")

    done = review.end_of(REVIEW, decision)

    assert (done.state, review.shop.counter("P1")) == ("success", "100")
    assert "run somebody else holds" in done.log("take_lock")


def test_a_night_waits_while_a_decision_is_at_work_and_says_so(review):
    review.shop.stock([("P1", 100, 97)])
    execute(
        review.stack.connections[STOCK_OPS],
        "INSERT INTO decisions (decision_id, kind, decided_by, decided_at, reason, asked) "
        "VALUES ('manual__decides', 'restore', 'kim', now(), 'counted', 1)",
    )
    review.cache.set(f"sync:stock:{today()}", "manual__decides", ex=3600)
    night = review.api.trigger("stock_sync")

    await_that(lambda: waits(review, "stock_sync", night), "the night waits")
    assert review.shop.counter("P1") == "97"
    review.cache.delete(f"sync:stock:{today()}")

    done = review.end_of("stock_sync", night)
    assert (done.state, review.shop.counter("P1")) == ("success", "100")
    assert "run manual__decides holds" in done.log("acquire_lock")
    assert await_that(lambda: done.note, "the run has a note").startswith("⏳ 대기: it waited ")


@pytest.mark.parametrize(
    "conf",
    [
        {"decision": "restore", "reason": "no"},
        {"decision": "repair", **WHY},
        {"reason": "why not"},
        {"decision": "restore", "product_ids": ["P1"], "seen": {"P1": "80"}, **WHY},
    ],
)
def test_bad_input_is_refused_before_anything_exists(review, conf):
    before = len(review.api.runs(REVIEW))
    with pytest.raises(OSError, match="400"):
        review.api.trigger(REVIEW, conf)
    assert len(review.api.runs(REVIEW)) == before


def test_what_does_not_go_together_is_refused_in_words_by_the_first_task(review):
    review.shop.stock([("P1", 100, 20)])

    refused = review.run(REVIEW, decision="restore", product_ids=["P1"], **WHY)

    assert (refused.state, refused.tasks["accept"], review.shop.counter("P1")) == ("failed", "failed", "20")
    note = await_that(lambda: refused.note, "the run has a note")
    assert note.startswith("⛔ 요청 거절: param 'seen' has no difference of 1 products")
