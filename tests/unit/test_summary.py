"""A run in numbers."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocksync.model.summary import RunStatus, RunSummary, summarize
from stocksync.model.tally import Tally
from stocksync.reconcile.close_run import status_of
from tests.kit.fakes.clock import START
from tests.kit.fakes.shop import PLAN
from tests.kit.findings import findings

FIELDS = [
    "date", "run_id", "run_type", "dry_run", "status", "started_at", "finished_at", "duration_seconds", "total",
    "matched", "restored", "manual_review", "changed", "invalid", "unprocessed", "by_severity", "mean_discrepancy",
    "max_discrepancy", "max_discrepancy_product", "top", "missing_keys",
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
    assert status_of(every_range_returned=returned, published=published, unprocessed=unprocessed).value == status


def test_the_log_line_says_dry_run_where_it_is_one():
    summary = summary_of(Tally(matched=12_345))

    assert "12,345 agree" in RunSummary.from_dict(summary).in_words()
    assert "(dry run)" not in RunSummary.from_dict(summary).in_words()
    assert "(dry run)" in RunSummary.from_dict(summary | {"dry_run": True}).in_words()
