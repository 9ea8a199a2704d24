"""The two DAGs as Airflow reads them."""

import os
from datetime import timedelta

import pytest

from tests.kit.paths import DAGS


@pytest.fixture(scope="module")
def dags(tmp_path_factory):
    home = tmp_path_factory.mktemp("airflow")
    os.environ["AIRFLOW_HOME"] = str(home)
    os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = f"sqlite:///{home}/airflow.db"
    os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
    from airflow.dag_processing.dagbag import DagBag  # noqa: PLC0415 - it reads the environment when it is imported

    found = {}
    for name in ("stock_sync_alerts", "stock_sync_daily_report"):
        bag = DagBag(dag_folder=str(DAGS / f"{name}.py"))
        assert bag.import_errors == {}
        found[name] = bag.dags[name]
    return found


def test_the_alerts_wake_up_for_a_publish_for_a_summary_and_every_ten_minutes(dags):
    dag = dags["stock_sync_alerts"]
    assert {asset.name for asset in dag.timetable.asset_condition.objects} == {
        "stock_sync_alerts",
        "stock_sync_summary",
    }
    assert "*/10 * * * *" in str(dag.timetable.timetable)


def test_the_alerts_have_one_reader_and_no_catch_up(dags):
    dag = dags["stock_sync_alerts"]
    assert (dag.max_active_runs, dag.catchup) == (1, False)
    assert set(dag.task_ids) == {"deliver", "resolve_incidents"}
    assert all(task.retries > 0 for task in dag.tasks)


def test_the_report_is_at_nine_in_seoul(dags):
    dag = dags["stock_sync_daily_report"]
    assert "0 9 * * *" in str(dag.timetable)
    assert str(dag.timezone) == "Asia/Seoul"
    assert dag.task_dict["post"].upstream_task_ids == {"write"}


@pytest.mark.parametrize("date", [None, "2024-01-15"])
def test_the_form_takes_a_date_or_nothing(dags, date):
    assert dags["stock_sync_daily_report"].params.get_param("date").resolve(date) == date


@pytest.mark.parametrize("date", ["15.01.2024", "yesterday", 20240115])
def test_the_form_refuses_anything_else(dags, date):
    with pytest.raises(Exception, match="date"):
        dags["stock_sync_daily_report"].params.get_param("date").resolve(date)


def test_each_dag_carries_its_runbook_and_ends_by_itself(dags):
    for dag_id, dag in dags.items():
        assert dag.doc_md.startswith(f"# {dag_id}:")
        assert dag.dagrun_timeout <= timedelta(minutes=30)
        assert all(f"`{task_id}`" in dag.doc_md for task_id in dag.task_ids)
