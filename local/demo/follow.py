"""Follow DAGs and their runs through Airflow's API, and show how far they are."""

import time
from collections import defaultdict
from contextlib import ExitStack
from datetime import datetime
from typing import Any

from local.console import Step, Steps
from local.servers.airflow import Airflow

PARSE_SECONDS = 120
RUN_SECONDS = 600
LOOK_SECONDS = 0.5
ENDED = {"success", "failed", "skipped", "upstream_failed", "removed"}


class RunFailed(RuntimeError):
    """A run of a DAG did not succeed; the message says which tasks and where their logs are."""


def await_dag(airflow: Airflow, dag: str) -> None:
    """Wait until the DAG processor has read a DAG; raise if it cannot."""
    airflow.wait_until(lambda: airflow.api.dag_exists(dag) or _broken(airflow), f"read {dag}", PARSE_SECONDS)


def latest_scheduled(airflow: Airflow, dag: str) -> str:
    """Wait for the run that a DAG's schedule starts when it is switched on, and return its id."""
    airflow.wait_until(lambda: bool(_scheduled(airflow, dag)), f"start the latest run of {dag}", PARSE_SECONDS)
    return _scheduled(airflow, dag)[0]


def follow(airflow: Airflow, dag: str, run_id: str, steps: Steps, remark: str = "") -> None:
    """Show a run task by task until it has succeeded."""
    with steps.step(f"{dag} {run_id}{remark}") as step, ExitStack() as ends:
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


def _scheduled(airflow: Airflow, dag: str) -> list[str]:
    return [run["dag_run_id"] for run in airflow.api.runs(dag) if run["run_type"] == "scheduled"]


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
