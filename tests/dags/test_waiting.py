"""What a run does that finds the day's lock taken: it leaves the day to a run, and waits for a decision."""

import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowRescheduleException, AirflowSkipException

from stocksync.entrypoints import ending, waiting
from stocksync.errors import LockHeld

HELD = LockHeld("run manual__1 holds sync:stock:2026-01-01 (for 3600 s more at most)", "manual__1")
LATER = timedelta(minutes=20)


@pytest.fixture
def left(monkeypatch):
    """The endings that a task leaves."""
    found = []
    monkeypatch.setattr(ending, "leave", found.append)
    return found


def find_the_lock_taken(left, *, decisions=(), time_left=LATER):
    waiting.leave_or_wait(HELD, decisions.__contains__, datetime.now(UTC) + time_left)


def test_the_day_is_left_to_another_run(left):
    with pytest.raises(AirflowSkipException, match=r"manual__1 holds .*; this run leaves the day to it"):
        find_the_lock_taken(left)


def test_a_decision_is_waited_for_and_named(left, caplog):
    before = datetime.now(UTC)
    with pytest.raises(AirflowRescheduleException) as again:
        find_the_lock_taken(left, decisions=["manual__1"])
    assert before + waiting.LOOK_AGAIN <= again.value.reschedule_date <= datetime.now(UTC) + waiting.LOOK_AGAIN
    assert [each.kind for each in left] == [ending.Kind.WAITED]
    assert caplog.messages == [left[0].says]
    assert left[0].says.startswith("run manual__1 holds ")
    assert "It is a person's decision: this run waits for it, until " in left[0].says


def test_a_decision_is_not_waited_for_beyond_the_runs_own_time(left):
    with pytest.raises(LockHeld, match="the time of this run was up before it ended: nothing was compared"):
        find_the_lock_taken(left, decisions=["manual__1"], time_left=timedelta(seconds=9))


def test_a_run_that_waited_says_how_long(left):
    began = datetime.now(UTC) - timedelta(hours=2)
    waiting.say_how_long({"ti": SimpleNamespace(get_first_reschedule_date=lambda _context: began)})
    [note] = left
    assert note.kind is ending.Kind.WAITED
    assert re.match(r"it waited 7[2-9]\d\d s for a person's decision", note.says)


def test_a_run_that_did_not_wait_says_nothing_of_it(left):
    waiting.say_how_long({"ti": SimpleNamespace(get_first_reschedule_date=lambda _context: None)})
    assert left == []
