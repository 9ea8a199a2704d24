"""What somebody asks for that is not allowed, or that nothing comes of, as Airflow's UI shows it."""

import json

import pytest

from tests.kit.airflow.driver import await_that, today

pytestmark = pytest.mark.timeout(600)
REPORT = "stock_sync_daily_report"
ROWS = [(f"P{n:05d}", 200, 100) for n in range(99)]


def note(run):
    """The note of a run, as the grid shows it, once it is there."""
    return await_that(lambda: run.note, "the run has a note")


def last_line(run, task, **kwargs):
    """What the UI shows last of a task's log, and whether it stands in no folded group."""
    open_groups, last = 0, None
    for line in json.loads(run.log(task, **kwargs))["content"]:
        event = line["event"]
        if "::group::" in event:
            open_groups += 1
        elif "::endgroup::" in event:
            open_groups = max(0, open_groups - 1)
        else:
            last = event, open_groups
    return last


@pytest.mark.parametrize(
    ("conf", "reason"),
    [
        ({"product_ids": []}, "param 'product_ids': [] names no product; allowed: at least one product id, or null"),
        ({"product_ids": ["", " "]}, "param 'product_ids': ['', ' '] names no product"),
        ({"auto_restore_limit": 5000}, "param 'auto_restore_limit': 5,000 is above STOCK_SYNC_AUTO_RESTORE_LIMIT=10"),
        ({"product_ids": ["P00001", "P-typo"]}, "param 'product_ids': 1 of them are not in the ledger: 'P-typo'"),
        ({"dryrun": True}, "param 'dryrun' is not known; did you mean 'dry_run'?"),
    ],
    ids=["empty list", "blank lines", "limit", "typo", "unknown"],
)
def test_a_refused_request_writes_nothing_says_why_where_one_looks_and_is_no_failed_night(night, conf, reason):
    night.shop.stock(ROWS)

    run = night.run(**conf)

    assert run.state == "failed"
    assert {night.shop.counter(product_id) for product_id, _, _ in ROWS} == {"100"}
    task = "partition_products" if "P-typo" in str(conf) else "acquire_lock"
    said, folded = last_line(run, task)
    assert (" ".join(said.split()).startswith(reason), folded) == (True, 0), said
    assert note(run).replace("\\", "").startswith(f"⛔ 요청 거절: {reason}")
    night.switch_on(REPORT)
    assert run.id not in night.api.result(REPORT, night.run(REPORT).id, "write")


def test_a_blank_line_among_the_products_is_no_product(night):
    night.shop.stock(ROWS)

    run = night.run(product_ids=["P00001", "", "P00002", ""], auto_restore_limit=5000)

    assert (run.state, run.summary["total"], run.summary["restored"]) == ("success", 2, 2)
    assert night.shop.counter("P00003") == "100"


def test_a_limit_below_0_is_refused_before_there_is_a_run(night):
    before = len(night.api.runs("stock_sync"))
    with pytest.raises(OSError, match="400"):
        night.run(auto_restore_limit=-5)
    assert len(night.api.runs("stock_sync")) == before


def test_a_skipped_run_says_in_its_note_and_in_the_open_who_is_at_work(night):
    night.shop.stock(ROWS)
    night.cache.set(f"sync:stock:{today()}", "somebody else", ex=3600)

    run = night.run()

    assert note(run).startswith(f"⏭️ 건너뜀: run somebody else holds sync:stock:{today()}")
    said, folded = last_line(run, "acquire_lock")
    assert ("somebody else" in said, folded) == (True, 0)


def test_a_dry_run_is_called_one_in_its_note_its_tasks_names_and_its_log(night):
    night.shop.stock(ROWS)

    run = night.run(dry_run=True)

    assert note(run).startswith("ℹ️ 모의 실행(dry run): dry run, because dry_run was asked for")  # noqa: RUF001
    assert ": complete; 99 products, " in note(run)
    assert run.names("reconcile") == ["dry run · 1/1 · first … last (99)"]
    assert last_line(run, "acquire_lock")[0].startswith("dry run, because dry_run was asked for")
    assert "(dry run): complete;" in last_line(run, "summarize")[0]


def test_a_failed_run_has_its_cause_in_its_note_and_as_the_last_line(night):
    night.shop.stock(ROWS)
    night.shop.sql("ALTER TABLE products RENAME COLUMN stock TO amount")

    run = night.run()

    assert run.state == "failed"
    assert "실패: STOCK_SYNC_STOCK_COLUMN='stock'" in note(run).replace("\\", "")
    said, folded = last_line(run, "acquire_lock")
    assert (said.startswith("STOCK_SYNC_STOCK_COLUMN='stock'"), folded) == (True, 0)
