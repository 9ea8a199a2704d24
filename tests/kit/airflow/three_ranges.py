"""A catalogue of three ranges with a bit of everything, and what must be true of it after a night."""

from tests.kit.airflow.driver import await_that, today

TOTAL = 2500
OFF = {0: 3, 7: -6, 14: 30, 21: 80}
"""What is out of order in each 28 products: two to be restored, two for a person."""


def rows(number):
    """(id, ledger, cache) of so many products, every seventh of them out of order."""
    return [(f"P{n:05d}", 200, 200 - OFF.get(n % 28, 0)) for n in range(number)]


IDS = [product_id for product_id, _, _ in rows(TOTAL)]
ROWS = rows(TOTAL)
SMALL = [product_id for n, product_id in enumerate(IDS) if n % 28 in {0, 7}]
LARGE = [product_id for n, product_id in enumerate(IDS) if n % 28 in {14, 21}]
SECOND_RANGE = IDS[1000:2000]
IN_THE_SECOND_RANGE = IDS[1500]
SUMMING = ("matched", "restored", "manual_review", "changed", "invalid", "unprocessed")


def lock(night):
    return night.cache.get(f"sync:stock:{today()}")


def outboxes(night):
    """How many ranges have something that is not acknowledged."""
    return night.cache.hlen("sync:stock:outboxes")


def ranges(night, run_id, what):
    """Something of each reconcile task of a run."""
    return [task[what] for task in night.api.tasks("stock_sync", run_id) if task["task_id"] == "reconcile"]


def begin_and_wait_at(gate, night):
    """Start a run whose first and third range end while its second waits; return its id and the task that waits."""
    run_id = night.api.trigger("stock_sync")
    task = gate.task()
    await_that(lambda: ranges(night, run_id, "state") == ["success", "running", "success"], "two ranges are done")
    return run_id, task


def assert_summary(night, run, products):
    """It adds up, and says what the run's events say: one for each of these products."""
    summary, events = run.summary, night.events_of(run.id)
    assert summary["total"] == TOTAL == sum(summary[name] for name in SUMMING), summary
    assert sorted(events) == sorted(products)
    actions = [event["action"] for event in events.values()]
    restored, large = actions.count("REDIS_RESTORED"), actions.count("MANUAL_REVIEW_REQUIRED")
    assert (restored, large) == tuple(len(set(kind).intersection(products)) for kind in (SMALL, LARGE))
    assert (summary["restored"], summary["manual_review"]) == (restored, large), summary


def assert_complete(night, run, products=(*SMALL, *LARGE)):
    assert (run.state, run.summary["status"]) == ("success", "complete"), run.tasks
    assert_summary(night, run, products)


def assert_repaired(night, writes):
    """Each small difference was restored once, nothing else was ever written, and nothing is left behind."""
    assert list(writes) == [(product_id, 1) for product_id in SMALL]
    assert [night.shop.counter(product_id) for product_id in SMALL] == ["200"] * len(SMALL)
    assert (lock(night), outboxes(night)) == (None, 0)
