"""Red and late runs reach Slack, and nothing gets worse where they cannot."""

import asyncio
from types import SimpleNamespace

import pytest

from local.standins.slack import Slack
from local.standins.stand_in import Refusal


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


def failed(run_type="scheduled", dag_id="stock_sync"):
    return {"dag_run": SimpleNamespace(dag_id=dag_id, run_id="run<1>", run_type=run_type), "reason": "task_failure"}


def test_a_red_run_is_told_with_its_name_and_the_next_step(callbacks, slack):
    callbacks.tell_of_failure(failed())
    [text] = slack.texts
    assert text.splitlines()[:4] == [
        "❌ [재고 동기화] 실행 실패",
        "- DAG: stock_sync",
        "- 실행: run<1>",
        "- 사유: task_failure",
    ]
    assert text.endswith("@backend-team")


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
