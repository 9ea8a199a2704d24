"""Run the DAGs by hand, one after the other, and show how far each is.

Their schedules, and what wakes a DAG when an asset is updated, are left to tests/e2e.
"""

import time
from collections import defaultdict
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import datetime
from typing import Any

from local.console import Step, Steps
from local.servers.airflow import Airflow

PARSE_SECONDS = 120
RUN_SECONDS = 600
LOOK_SECONDS = 0.5
SYNC, ALERTS, REPORT = "stock_sync", "stock_sync_alerts", "stock_sync_daily_report"
BY_HAND = {"AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False"}
"""The setting of an Airflow that starts no run by itself, whatever the hour."""
ENDED = {"success", "failed", "skipped", "upstream_failed", "removed"}


class RunFailed(RuntimeError):
    """A run of a DAG did not succeed; the message says which tasks and where their logs are."""


def run_night(airflow: Airflow, steps: Steps) -> tuple[dict[str, Any], str]:
    """Compare the stores, tell people of it, report it; return the run's summary and the report."""
    with steps.step("the DAGs are read") as step:
        for dag in (SYNC, ALERTS, REPORT):
            await_dag(airflow, dag)
            airflow.api.unpause(dag)
        step.note("and switched on")
    summary = _run(airflow, steps, SYNC, "summarize")
    _run(airflow, steps, ALERTS, "deliver")
    return summary, _run(airflow, steps, REPORT, "write", {"date": summary["date"]})


def await_dag(airflow: Airflow, dag: str) -> None:
    """Wait until the DAG processor has read a DAG; raise if it cannot."""
    airflow.wait_until(lambda: airflow.api.dag_exists(dag) or _broken(airflow), f"read {dag}", PARSE_SECONDS)


def follow(airflow: Airflow, dag: str, run_id: str, steps: Steps) -> None:
    """Show a run task by task until it has succeeded."""
    with steps.step(f"{dag} {run_id}") as step, ExitStack() as ends:
        shown: dict[str, tuple[ExitStack, Step]] = {}
        deadline = time.monotonic() + RUN_SECONDS
        while (state := airflow.api.run(dag, run_id)["state"]) not in {"success", "failed"}:
            _show(airflow.api.tasks(dag, run_id), shown, ends, steps)
            if time.monotonic() > deadline:
                raise RunFailed(f"run {run_id} is still {state} after {RUN_SECONDS} s{_where(airflow, dag, run_id)}")
            time.sleep(LOOK_SECONDS)
        tasks = airflow.api.tasks(dag, run_id)
        _show(tasks, shown, ends, steps)
        if state == "failed":
            failed = sorted({task["task_id"] for task in tasks if task["state"] == "failed"})
            raise RunFailed(f"run {run_id} failed in {', '.join(failed)}{_where(airflow, dag, run_id)}")
        step.took(_seconds([airflow.api.run(dag, run_id)]))
        step.note(state)


def _run(airflow: Airflow, steps: Steps, dag: str, task: str, conf: Mapping[str, object] | None = None) -> Any:  # noqa: ANN401 - JSON
    """Trigger a DAG, follow its run, and return what one of its tasks returned."""
    run_id = airflow.api.trigger(dag, conf)
    follow(airflow, dag, run_id, steps)
    return airflow.api.result(dag, run_id, task)


def _show(tasks: list[dict[str, Any]], shown: dict[str, tuple[ExitStack, Step]], ends: ExitStack, steps: Steps) -> None:
    """Give each task a line once it has begun, and a tick when all its mapped instances have ended."""
    instances: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for task in sorted(tasks, key=lambda task: task["start_date"] or "~"):
        instances[task["task_id"]].append(task)
    for task_id, mapped in instances.items():
        states = [task["state"] for task in mapped]
        ended = sum(state in ENDED for state in states)
        if task_id not in shown and any(state == "running" or state in ENDED for state in states):
            end = ends.enter_context(ExitStack())
            shown[task_id] = end, end.enter_context(steps.step(f"  {task_id}"))
        if task_id in shown:
            end, step = shown[task_id]
            outcome = ", ".join(sorted({str(state) for state in states if state != "success" and state in ENDED}))
            step.note(" ".join(filter(None, [f"{ended} of {len(states)}" if len(states) > 1 else "", outcome])))
            if ended == len(states):
                step.took(_seconds(mapped))
                end.close()


def _seconds(ended: list[dict[str, Any]]) -> float:
    """Return the time from the first start to the last end, of what has started at all."""
    begun = [datetime.fromisoformat(each["start_date"]) for each in ended if each["start_date"]]
    over = [datetime.fromisoformat(each["end_date"]) for each in ended if each["end_date"]]
    return max(0, (max(over) - min(begun)).total_seconds()) if begun and over else 0


def _broken(airflow: Airflow) -> bool:
    """Raise if Airflow could not import a DAG file; False otherwise."""
    errors = airflow.api.get("/importErrors")["import_errors"]
    if errors:
        raise RunFailed("\n".join(f"{error['filename']}:\n{error['stack_trace']}" for error in errors))
    return False


def _where(airflow: Airflow, dag: str, run_id: str) -> str:
    return f"; the logs are in {airflow.task_logs / f'dag_id={dag}' / f'run_id={run_id}'}"
