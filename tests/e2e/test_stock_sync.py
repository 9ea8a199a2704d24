"""stock_sync through a real scheduler, as an operator sees it."""

import signal
from datetime import date, timedelta

import pytest

from tests.kit.airflow.driver import await_that, today

ALL_GREEN = dict.fromkeys(
    ["acquire_lock", "partition_products", "reconcile", "publish_pending", "summarize", "release_lock"], "success"
)


def rows(number):
    """A catalogue with a bit of everything, every seventh product out of order."""
    off = {0: 3, 7: -6, 14: 30, 21: 80}
    return [(f"P{n:05d}", 200, 200 - off.get(n % 28, 0)) for n in range(number)]


def test_a_manual_run_restores_the_small_reports_the_large_and_adds_up(night):
    night.shop.stock(rows(2500))

    run = night.run()

    assert (run.state, run.tasks) == ("success", ALL_GREEN)
    summary = run.summary
    assert (summary["run_type"], summary["status"], summary["date"]) == ("manual", "complete", today())
    events = night.events_of(run.id)
    assert len(events) == summary["restored"] + summary["manual_review"] == sum(summary["by_severity"].values())
    assert night.shop.counter("P00000") == "200"
    assert night.shop.counter("P00014") == "170"
    assert run.names("reconcile") == [
        "1/3 · first … P01000 (834)",
        "2/3 · P01000 … P02000 (834)",
        "3/3 · P02000 … last (834)",
    ]
    assert night.cache.keys("sync:stock:outbox*") == []
    assert night.cache.get(f"sync:stock:{summary['date']}") is None


@pytest.mark.fault(15)
def test_a_run_skips_and_says_why_while_another_holds_the_lock(night):
    night.shop.stock(rows(10))
    night.cache.set(f"sync:stock:{today()}", "somebody else", ex=3600)

    run = night.run()

    assert run.state == "success"
    assert set(run.tasks.values()) == {"skipped"}
    assert "somebody else holds sync:stock:" in run.log("acquire_lock")
    assert night.shop.counter("P00000") == "197"
    assert night.cache.get(f"sync:stock:{today()}") == b"somebody else"


def test_a_dry_run_looks_and_touches_nothing(night):
    night.shop.stock(rows(100))
    before = {key: night.cache.get(key) for key in night.cache.scan_iter()}

    run = night.run(dry_run=True)

    assert (run.state, run.summary["dry_run"], run.summary["restored"] > 0) == ("success", True, True)
    assert {key: night.cache.get(key) for key in night.cache.scan_iter()} == before
    assert night.events_of(run.id) == {}


def test_chosen_products_only(night):
    night.shop.stock(rows(100))

    run = night.run(product_ids=["P00000", "P00001"], auto_restore_limit=0)

    assert (run.summary["total"], run.summary["manual_review"], run.summary["matched"]) == (2, 1, 1)
    assert night.shop.counter("P00007") == "206"


def test_a_misspelt_param_is_refused_by_name(night):
    night.shop.stock(rows(1))

    run = night.run(dryrun=True)

    assert run.state == "failed"
    assert "param 'dryrun' is not known; did you mean 'dry_run'?" in run.log("acquire_lock")
    assert night.shop.counter("P00000") == "197"


@pytest.mark.fault(25)
def test_a_backfill_of_three_days_looks_and_touches_nothing(night):
    night.shop.stock(rows(100))
    before = {key: night.cache.get(key) for key in night.cache.scan_iter()}
    last = date.fromisoformat(today()) - timedelta(days=2)
    first = last - timedelta(days=2)

    night.api.backfill("stock_sync", f"{first}T00:00:00+09:00", f"{last}T23:00:00+09:00")
    await_that(lambda: len(_backfilled(night)) == 3, "three runs are there")
    runs = [night.end_of("stock_sync", run["dag_run_id"]) for run in _backfilled(night)]

    assert [run.state for run in runs] == ["success"] * 3
    assert sorted(run.summary["date"] for run in runs) == [str(first + timedelta(days=n)) for n in range(3)]
    assert all(run.summary["dry_run"] and run.summary["restored"] > 0 for run in runs)
    assert {key: night.cache.get(key) for key in night.cache.scan_iter()} == before
    assert [night.events_of(run.id) for run in runs] == [{}] * 3


@pytest.mark.fault(32)
def test_an_empty_ledger_is_red_where_the_run_before_saw_products(night):
    night.shop.stock(rows(10))
    assert night.run().summary["total"] == 10
    night.shop.sql("TRUNCATE products")

    run = night.run()

    assert (run.state, run.tasks["partition_products"]) == ("failed", "failed")
    assert "STOCK_SYNC_PRODUCTS_TABLE='products' is EMPTY, and the run before saw 10 products" in run.log(
        "partition_products"
    )
    assert night.cache.get(f"sync:stock:{today()}") is None


def test_a_failing_range_turns_the_run_red_and_the_others_do_their_work(night):
    night.shop.stock(rows(2500))
    night.shop.sql(
        "ALTER TABLE products RENAME TO ledger;"
        "CREATE VIEW products AS SELECT id, CASE id WHEN 'P01500' THEN 1 / (stock-200) ELSE stock END stock FROM ledger"
    )

    run = night.run()

    assert run.state == "failed"
    assert run.tasks == ALL_GREEN | {"reconcile": "failed success", "summarize": "failed"}
    summary = run.summary
    assert (summary["status"], summary["total"], summary["unprocessed"]) == ("failed", 2500, 1000)
    assert summary["restored"] + summary["manual_review"] == len(night.events_of(run.id)) > 0
    assert night.shop.counter("P00000") == "200"
    assert night.cache.get(f"sync:stock:{summary['date']}") is None


def test_a_worker_killed_in_the_middle_is_made_good_by_its_retry(night):
    catalogue = rows(1000)
    night.shop.stock(catalogue)

    run_id = night.api.trigger("stock_sync")
    await_that(lambda: night.cache.exists(f"sync:stock:progress:{run_id}"), "reconcile has begun")
    victim = await_that(night.task_at_work, "a task reads the ledger")
    victim.send_signal(signal.SIGKILL)
    run = night.end_of("stock_sync", run_id)

    assert run.state == "success"
    assert [t["try_number"] for t in night.api.tasks("stock_sync", run_id) if t["task_id"] == "reconcile"] == [2]
    summary = run.summary
    assert (summary["status"], summary["unprocessed"]) == ("complete", 0)
    assert len(night.events_of(run_id)) == summary["restored"] + summary["manual_review"] == 143
    assert summary["total"] == 1000 == summary["matched"] + 143
    assert night.cache.get(f"sync:stock:{summary['date']}") is None
    assert night.cache.keys("sync:stock:outbox*") == []


def _backfilled(night):
    return [run for run in night.api.runs("stock_sync") if run["run_type"] == "backfill"]
