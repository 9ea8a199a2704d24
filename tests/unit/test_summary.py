"""A run in numbers."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocksync.model.id_range import IdRange
from stocksync.model.specimen import Specimen
from stocksync.model.summary import RunStatus, RunSummary, summarize
from stocksync.model.tally import Tally
from stocksync.reconcile.close_run import status_of, what_is_missing
from tests.kit.fakes.clock import START
from tests.kit.fakes.shop import EVERYTHING, PLAN, FakeShop
from tests.kit.findings import findings

FIELDS = [
    "date", "run_id", "run_type", "dry_run", "status", "started_at", "finished_at", "duration_seconds", "total",
    "matched", "restored", "manual_review", "changed", "invalid", "unprocessed", "by_severity", "mean_discrepancy",
    "max_discrepancy", "max_discrepancy_product", "top", "missing_keys", "missing_ignored", "held_units", "in_doubt",
    "invalid_examples", "empty_cache", "mass_loss",
]  # fmt: skip


def summary_of(tally, unprocessed=0):
    return summarize(
        PLAN,
        tally,
        unprocessed=unprocessed,
        status=RunStatus.COMPLETE,
        finished=START + timedelta(minutes=1, milliseconds=1500),
    ).to_dict()


@given(findings(), st.integers(0, 99), st.integers(0, 99), st.integers(0, 99), st.integers(0, 99))
def test_a_summary_adds_up(found, matched, changed, invalid, unprocessed):
    summary = summary_of(Tally.of(found) + Tally(matched=matched, changed=changed, invalid=invalid), unprocessed)

    parts = ("matched", "restored", "manual_review", "changed", "invalid", "unprocessed")
    assert summary["total"] == sum(summary[part] for part in parts)
    assert summary["restored"] + summary["manual_review"] == sum(summary["by_severity"].values()) == len(found)
    assert list(summary["by_severity"]) == ["LOW", "MEDIUM", "HIGH", "CRITICAL"]
    sizes = [abs(f.difference.discrepancy) for f in found]
    assert summary["mean_discrepancy"] == (round(sum(sizes) / len(sizes), 2) if sizes else 0)
    assert summary["max_discrepancy"] == max(sizes, default=0)
    assert (summary["max_discrepancy_product"] is None) == (not sizes)
    assert summary["missing_keys"] == sum(f.difference.key_missing for f in found)


def test_a_summary_has_the_agreed_fields():
    summary = summary_of(Tally())

    assert list(summary) == FIELDS
    assert RunSummary.from_dict(summary).to_dict() == summary


@given(findings().filter(bool))
def test_the_top_names_product_both_stocks_difference_severity_and_action(found):
    entry = summary_of(Tally.of(found))["top"][0]

    assert list(entry) == ["product_id", "db", "redis", "discrepancy", "severity", "action"]
    assert entry["discrepancy"] == entry["db"] - entry["redis"]


def test_times_carry_the_offset_of_the_runs_zone():
    plan = replace(PLAN, started_at="2026-03-02T02:00:00+09:00")
    finished = START + timedelta(minutes=1, milliseconds=1500)

    summary = summarize(plan, Tally(), unprocessed=0, status=RunStatus.COMPLETE, finished=finished)

    assert summary.started_at == "2026-03-02T02:00:00+09:00"
    assert summary.finished_at == "2026-03-02T02:01:01+09:00"
    assert summary.duration_seconds == 61.5


@pytest.mark.parametrize(
    ("returned", "published", "unprocessed", "status"),
    [
        (True, True, 0, "complete"),
        (True, True, 1, "partial"),
        (False, True, 0, "failed"),
        (False, True, 1, "failed"),
        (True, False, 0, "failed"),
    ],
)
def test_a_run_is_complete_only_if_everything_was_looked_at_and_published(returned, published, unprocessed, status):
    how = status_of(every_range_returned=returned, published=published, tally=Tally(matched=9), unprocessed=unprocessed)
    assert how.value == status


@pytest.mark.parametrize(
    ("changed", "total", "status"),
    [
        (99, 99, "complete"),
        (100, 100, "partial"),
        (100, 9_999, "partial"),
        (100, 10_000, "complete"),
        (101, 10_000, "partial"),
        (19_980, 1_998_000, "complete"),
        (796_825, 1_998_000, "partial"),
    ],
)
def test_a_run_in_which_more_than_1_percent_and_100_products_kept_changing_is_not_complete(changed, total, status):
    tally = Tally(matched=total - changed, changed=changed)

    assert status_of(every_range_returned=True, published=True, tally=tally, unprocessed=0).value == status
    assert status_of(every_range_returned=False, published=True, tally=tally, unprocessed=0).value == "failed"


def test_a_run_that_is_not_complete_says_what_is_missing():
    def missing(tally, unprocessed=0, **how):
        summary = RunSummary.from_dict(summary_of(tally, unprocessed))
        return what_is_missing(summary, **{"ranges": 2, "returned": 2, "published": True} | how)

    assert missing(Tally(matched=9), 1_000) == "1,000 products were not looked at"
    assert missing(Tally(matched=9), 3, returned=1) == (
        "1 of 2 ranges failed, see the red tasks; 3 products were not looked at"
    )
    assert missing(Tally(), ranges=0, returned=0) == "nothing was compared, see the red tasks"
    assert missing(Tally(matched=9), published=False) == (
        "publish_pending did not succeed, so events may still wait in Redis"
    )
    assert missing(Tally(matched=1_201_175, changed=796_825)) == (
        "796,825 of 1,998,000 products were written between one look and the next, again and again, and were left "
        "alone: they may be wrong"
    )
    assert "again and again" not in missing(Tally(matched=9_990, changed=10), 5)


def test_the_log_line_says_dry_run_where_it_is_one():
    summary = summary_of(Tally(matched=12_345))

    assert "12,345 agree" in RunSummary.from_dict(summary).in_words()
    assert "(dry run)" not in RunSummary.from_dict(summary).in_words()
    assert "(dry run)" in RunSummary.from_dict(summary | {"dry_run": True}).in_words()


def test_products_without_a_key_are_said_and_those_that_are_ignored_do_not_agree():
    said = RunSummary.from_dict(summary_of(Tally(matched=203, missing_keys=203, ignored=203))).in_words()

    assert "203 products, 0 agree" in said
    assert "203 without a key (left alone)" in said


def test_a_summary_of_an_older_version_is_read():
    older = summary_of(Tally(matched=5, missing_keys=2))
    del older["missing_ignored"]

    assert RunSummary.from_dict(older).agreeing == 5


@pytest.mark.parametrize(
    ("invalid", "total", "status"),
    [(0, 0, "complete"), (1, 1, "failed"), (5, 10, "complete"), (6, 10, "failed"), (1000, 1000, "failed")],
)
def test_a_run_of_which_less_than_half_could_be_compared_is_no_success(invalid, total, status):
    tally = Tally(matched=total - invalid, invalid=invalid)

    assert status_of(every_range_returned=True, published=True, tally=tally, unprocessed=0).value == status


def test_a_run_that_could_compare_nothing_says_what_it_found_first_of_all():
    specimens = tuple(Specimen.of(f"P{n}", b"1", b'"9"') for n in range(3))
    summary = RunSummary.from_dict(summary_of(Tally(invalid=1000, specimens=specimens)))

    said = what_is_missing(summary, ranges=2, returned=2, published=True)

    assert said == (
        "1,000 of 1,000 products could not be compared, because their values are no stock numbers, for example "
        'P0 "9" (quoted, as JSON text), P1 "9" (quoted, as JSON text), P2 "9" (quoted, as JSON text)'
    )


@pytest.mark.parametrize(
    ("policy", "has_key", "whole", "status"),
    [
        ("zero", False, True, "failed"),
        ("ignore", False, True, "failed"),
        ("restore", False, True, "complete"),
        ("zero", True, True, "complete"),
        ("zero", False, False, "complete"),
    ],
)
def test_a_cache_without_a_single_key_is_no_success_unless_the_run_is_there_to_fill_it(policy, has_key, whole, status):
    products = {f"P{n}": (40 * n, None) for n in range(9)} | ({"P9": (5, 5)} if has_key else {})
    world = FakeShop(products, policy=policy)
    id_range = EVERYTHING if whole else IdRange(0, 1, ids=tuple(products))

    outcome = world.attempt(id_range=id_range)
    summary = world.parts().closer(world.plan).close([id_range], {0: outcome}, published=True)

    assert (summary.status, summary.empty_cache) == (status, whole and not has_key)
    said = what_is_missing(summary, ranges=1, returned=1, published=True)
    assert ("NO PRODUCT HAS A KEY" in said) == (whole and not has_key)
