"""A real Airflow: a run that misses its deadline is told by the triggerer, while every worker may be busy."""

from io import StringIO

import pytest
from rich.console import Console

from local.console import Steps
from local.stack import Stack
from local.supervisor.run_folder import RunFolder
from tests.kit.airflow.driver import await_that

pytestmark = [pytest.mark.timeout(900), pytest.mark.usefixtures("cluster")]
DAG = """
import time
from datetime import timedelta
from airflow.sdk import AsyncCallback, DeadlineAlert, DeadlineReference, dag, task

@dag(
    params={"seconds": 0},
    deadline=DeadlineAlert(
        reference=DeadlineReference.AVERAGE_RUNTIME(max_runs=10, min_runs=1),
        interval=timedelta(seconds=5),
        callback=AsyncCallback("stocksync.entrypoints.callbacks.tell_of_lateness", {"minutes": 40}),
    ),
)
def slow():
    @task
    def sleep(params=None):
        time.sleep(params["seconds"])
    sleep()

slow()
"""


def test_a_late_run_reaches_slack(tmp_path):
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "slow.py").write_text(DAG)
    with RunFolder("deadline") as run, Steps(Console(file=StringIO())) as steps, Stack(run, steps, {}) as stack:
        airflow = stack.start_airflow(settings={"AIRFLOW__CORE__DAGS_FOLDER": str(dags)})
        await_that(lambda: airflow.api.dag_exists("slow"), "the DAG is read")
        airflow.api.unpause("slow")
        usual = airflow.api.trigger("slow", {})
        await_that(lambda: airflow.api.run("slow", usual)["state"] == "success", "there is a usual run time")
        run_id = airflow.api.trigger("slow", {"seconds": 120})
        await_that(lambda: stack.slack.texts, "people are told")
        assert stack.slack.texts[0].splitlines()[:3] == [
            "⏰ [재고 동기화] 실행 지연",
            "- DAG: slow",
            f"- 실행: {run_id}",
        ]
