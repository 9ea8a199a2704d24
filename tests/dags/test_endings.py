"""Why a task ended as it did, and what is made of it."""

import logging

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowRescheduleException, AirflowSkipException

from stocksync.entrypoints import ending, retries
from stocksync.entrypoints.ending import Ending, Kind
from stocksync.errors import BadSetting, CacheUnavailable, LockHeld, NotBegun, RefusedRequest


@pytest.fixture
def context(monkeypatch):
    """A task's context, whose task instance keeps what is pushed."""

    class TaskInstance:
        def __init__(self):
            self.pushed = {}

        def xcom_push(self, key, value):
            self.pushed[key] = value

    made = {"ti": TaskInstance()}
    monkeypatch.setattr(ending, "get_current_context", lambda: made)
    return made


def ended_by(error):
    """Run a task that ends by an error, and return what Airflow sees."""

    @retries.final_when_permanent
    def task():
        raise error

    with pytest.raises(Exception) as seen:  # noqa: PT011 - whatever it is
        task()
    return seen.value


@pytest.mark.parametrize(
    ("error", "kind", "final"),
    [
        (RefusedRequest("no such product"), "refused", True),
        (BadSetting("no such table"), "failed", True),
        (LockHeld("somebody works"), "failed", True),
        (CacheUnavailable("Redis is gone"), "failed", False),
        (AirflowFailException("partial"), "failed", True),
        (AirflowSkipException("another run works"), "skipped", False),
        (RuntimeError("a bug"), "failed", False),
    ],
)
def test_a_task_leaves_why_it_ended_and_is_tried_again_where_that_can_help(context, error, kind, final):
    seen = ended_by(error)

    assert context["ti"].pushed == {"ending": {"kind": kind, "says": str(error)}}
    assert isinstance(seen, AirflowFailException) is final


def test_a_task_that_looks_again_later_has_not_ended(context):
    assert isinstance(ended_by(AirflowRescheduleException(None)), AirflowRescheduleException)
    assert context["ti"].pushed == {}


def test_a_task_that_only_follows_anothers_failure_leaves_nothing(context):
    assert isinstance(ended_by(NotBegun("acquire_lock failed")), AirflowFailException)
    assert context["ti"].pushed == {}


def test_a_reason_that_cannot_be_kept_does_not_hide_the_tasks_own_error(context, caplog):
    def refuses(key, value):
        raise RuntimeError("the API server is gone")

    context["ti"].xcom_push = refuses

    assert str(ended_by(BadSetting("no such table"))) == "no such table"
    assert "why this task ended is in its log only" in caplog.messages


def test_an_error_without_words_is_named(context):
    ended_by(RuntimeError())
    assert context["ti"].pushed["ending"]["says"] == "RuntimeError"


def test_the_last_line_of_the_log_is_the_reason_outside_of_what_the_ui_folds(context, caplog):
    caplog.set_level(logging.INFO)
    error = ended_by(BadSetting("no such table"))

    ending.say({**context, "exception": error})

    assert [(r.levelname, r.getMessage()) for r in caplog.records] == [
        ("INFO", "::endgroup::"),
        ("ERROR", "no such table"),
    ]


def test_the_reason_of_a_skip_is_the_last_line_too_and_no_error(context, caplog):
    caplog.set_level(logging.INFO)
    ended_by(AirflowSkipException("another run works"))

    ending.say(context)

    assert [(r.levelname, r.getMessage()) for r in caplog.records][1:] == [("WARNING", "another run works")]


def test_a_task_that_was_ended_before_it_could_leave_a_reason_says_what_airflow_knows(caplog):
    ending.say({"exception": RuntimeError("Dag not found")})
    assert caplog.messages[-1] == "Dag not found"


def test_a_task_that_ended_well_says_nothing_more(caplog):
    ending.say({})
    assert caplog.messages == []


def test_endings_of_mapped_tasks_are_read_each_once_in_their_order():
    gone = {"kind": "failed", "says": "Redis is gone"}
    assert ending.read([None, [gone, gone], {"kind": "skipped", "says": "x"}]) == [
        Ending(Kind.FAILED, "Redis is gone"),
        Ending(Kind.SKIPPED, "x"),
    ]
