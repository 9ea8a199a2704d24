"""Red and late runs reach Slack, and nothing gets worse where they cannot."""

import asyncio
from types import SimpleNamespace

import pytest

from local.standins.slack import Slack
from local.standins.stand_in import Refusal
from stocksync.adapters.redis_ended_runs import RedisEndedRuns
from stocksync.model.id_range import IdRange
from stocksync.model.progress import RangeOutcome
from stocksync.model.tally import Tally
from tests.kit.fakes.clock import START
from tests.kit.fakes.shop import PLAN
from tests.kit.ledger_tables import Table


@pytest.fixture
def slack(monkeypatch, tmp_path):
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    with Slack() as stand_in:
        monkeypatch.setenv("AIRFLOW_CONN_STOCK_SLACK", stand_in.connection)
        yield stand_in


@pytest.fixture
def callbacks(slack, cache, redis_server, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_STOCK_REDIS", redis_server.uri.replace("/0", "?db=0"))
    from stocksync.entrypoints import callbacks  # noqa: PLC0415 - Airflow reads the environment when it is imported

    return callbacks


class Left:
    """What a run's tasks left: `[("refused", "…")]`, the first task first, as a callback's task instance reads it."""

    def __init__(self, *endings):
        self._endings = endings

    def xcom_pull(self, *, task_ids, key):
        assert (task_ids, key) == (["acquire_lock", "reconcile"], "ending")
        return [{"kind": kind, "says": says} for kind, says in self._endings] + [None]


def failed(run_type="scheduled", dag_id="stock_sync", left=None, reason="task_failure", **conf):
    tasks = [SimpleNamespace(task_id=task_id) for task_id in ("acquire_lock", "reconcile")]
    return {
        "dag_run": SimpleNamespace(dag_id=dag_id, run_id="run<1>", run_type=run_type, conf=conf),
        "dag": SimpleNamespace(tasks=tasks),
        "reason": reason,
    } | ({} if left is None else {"ti": left})


def test_a_red_run_is_told_with_its_name_and_the_next_step(callbacks, slack):
    callbacks.tell_of_failure(failed())
    [text] = slack.texts
    assert text.splitlines()[:4] == [
        "❌ [재고 동기화] 실행 실패",
        "- DAG: stock_sync",
        "- 실행: run<1>",
        (
            "- 사유: 태스크가 이유를 남기지 못하고 끝났습니다. "
            "워커가 종료되었거나 사람이 실패로 표시했습니다. (task_failure)"
        ),
    ]
    assert text.endswith("@backend-team")


def test_the_reason_is_what_the_tasks_said_the_cause_first_and_not_airflows_word(callbacks, slack):
    callbacks.tell_of_failure(failed(left=Left(("failed", "Redis is gone"), ("failed", "2 of 3 ranges failed"))))
    assert slack.texts[0].splitlines()[3:5] == ["- 사유: Redis is gone", "- 사유: 2 of 3 ranges failed"]
    assert "task_failure" not in slack.texts[0]


def test_a_run_that_airflow_ended_for_its_time_says_so_in_words(callbacks, slack):
    callbacks.tell_of_failure(failed(reason="timed_out"))
    assert "- 사유: 시간 제한을 넘겨 Airflow가 실행을 종료했습니다. (timed_out)" in slack.texts[0].splitlines()


def test_a_refused_request_is_told_in_words_and_calls_nobody(callbacks, slack):
    callbacks.tell_of_failure(failed(left=Left(("refused", "param 'product_ids': P-X is not in the ledger"))))
    [text] = slack.texts
    assert text == (
        "⛔ [재고 동기화] 요청 거절: 실행하지 않았습니다\n"
        "- DAG: stock_sync\n"
        "- 실행: run<1>\n"
        "- 사유: param 'product_ids': P-X is not in the ledger\n"
        "- 아무것도 비교하거나 쓰지 않았습니다. 값을 고쳐 다시 실행(Trigger)하세요."
    )


def test_a_night_on_which_every_counter_was_gone_is_told_with_its_events_and_not_as_a_failure_too(callbacks, slack):
    callbacks.tell_of_failure(failed(left=Left(("lost", "the run is failed: NO PRODUCT HAS A KEY"))))
    assert slack.texts == []
    callbacks.tell_of_failure(failed(left=Left(("lost", "NO PRODUCT HAS A KEY"), ("failed", "Redis is gone"))))
    assert "- 사유: Redis is gone" in slack.texts[0]


def test_a_dry_run_that_failed_says_that_it_was_one_and_calls_nobody(callbacks, slack):
    callbacks.tell_of_failure(failed(dry_run=True))
    assert slack.texts[0].startswith("❌ [재고 동기화] 모의 실행(dry run) 실패\n")
    assert "@backend-team" not in slack.texts[0]


def test_a_reason_cannot_forge_a_line(callbacks, slack):
    callbacks.tell_of_failure(failed(left=Left(("failed", "a\n- 사유: b"))))
    assert "- 사유: a\\n- 사유: b" in slack.texts[0].splitlines()


def test_a_backfill_tells_nobody(callbacks, slack):
    callbacks.tell_of_failure(failed("backfill"))
    assert slack.texts == []


def test_a_dag_that_fails_every_ten_minutes_is_told_once_in_a_while(callbacks, slack, cache):
    for _ in range(3):
        callbacks.tell_of_failure(failed(dag_id="stock_sync_alerts"), once_in_a_while=True)
    assert len(slack.texts) == 1
    assert 0 < cache.ttl("sync:stock:failure:stock_sync_alerts") <= 6 * 3600


def test_what_slack_did_not_take_is_told_the_next_time(callbacks, slack):
    slack.refuse(Refusal(403))
    callbacks.tell_of_failure(failed(dag_id="stock_sync_alerts"), once_in_a_while=True)
    slack.recover()
    callbacks.tell_of_failure(failed(dag_id="stock_sync_alerts"), once_in_a_while=True)
    assert len(slack.texts) == 1


def test_without_redis_people_are_told_all_the_same(callbacks, slack, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_STOCK_REDIS", "redis://127.0.0.1:9?db=0")
    callbacks.tell_of_failure(failed(), once_in_a_while=True)
    assert len(slack.texts) == 1


def test_without_a_connection_nothing_breaks(callbacks, slack, monkeypatch):
    monkeypatch.delenv("AIRFLOW_CONN_STOCK_SLACK")
    callbacks.tell_of_failure(failed())
    assert slack.texts == []


def test_a_slack_that_refuses_breaks_nothing(callbacks, slack, caplog):
    slack.refuse(Refusal(403))
    callbacks.tell_of_failure(failed())
    assert "nobody was told" in caplog.text


def test_a_late_run_is_told(callbacks, slack):
    run = {"dag_id": "stock_sync", "dag_run_id": "run 1"}
    asyncio.run(callbacks.tell_of_lateness({"dag_run": run}, minutes=40))
    assert slack.texts[0].splitlines()[0] == "⏰ [재고 동기화] 실행 지연"
    assert "40분" in slack.texts[0]


class EndedRun:
    """What Airflow still tells a callback of a run that it ended."""

    def __init__(self, ranges, outcomes):
        self._left = {"acquire_lock": PLAN.to_dict(), "partition_products": ranges, "summarize": None}
        self._outcomes = outcomes

    def xcom_pull(self, *, task_ids, key="return_value"):
        if key != "return_value":
            return []
        return self._outcomes if task_ids == ["reconcile"] else self._left[task_ids]


@pytest.mark.fault(26)
def test_a_run_that_airflow_ends_is_told_with_its_numbers_and_with_what_can_be_done(
    callbacks, slack, cache, database, monkeypatch
):
    monkeypatch.setenv("AIRFLOW_CONN_PRODUCT_DB", database)
    Table(database).fill(["a", "b", "c"])
    ranges = [IdRange(0, 2, upper="b"), IdRange(1, 2, lower="b")]
    context = failed() | {
        "reason": "timed_out",
        "ti": EndedRun([each.to_dict() for each in ranges], [RangeOutcome(0, Tally(matched=1)).to_dict(), None]),
    }
    context["dag_run"].logical_date = START
    context["dag_run"].run_id = PLAN.run_id
    cache.set(f"sync:stock:{PLAN.date}", PLAN.run_id)

    callbacks.release_after_failure(context)
    callbacks.tell_of_failure(context)

    assert cache.get(f"sync:stock:{PLAN.date}") is None
    [text] = slack.texts
    assert "failed; 3 products, 1 agree" in text
    assert "2 not looked at" in text
    assert "새로 실행(Trigger)" in text
    assert "(Clear)" not in text
    kept = RedisEndedRuns(cache).summary_of(PLAN.run_id)
    assert (kept.status, kept.total, kept.unprocessed) == ("failed", 3, 2)


def test_a_run_that_was_ended_before_it_began_frees_the_day_and_is_told(callbacks, slack, cache):
    context = failed() | {"reason": "timed_out"}
    context["dag_run"].logical_date = START

    callbacks.release_after_failure(context)
    callbacks.tell_of_failure(context)

    assert "새로 실행(Trigger)" in slack.texts[0]
