"""Let the scheduler run `stock_sync` for today, whatever the clock says."""

import time
from collections import defaultdict
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from local.airflow import Airflow
from local.progress import Step, Steps

DAG = "stock_sync"
ZONE = ZoneInfo("Asia/Seoul")
TICK = 2  # o'clock
RUN_TAKES = timedelta(seconds=60)
PARSE_SECONDS = 120
RUN_SECONDS = 600
ENDED = {"success", "failed", "skipped", "upstream_failed", "removed"}


class RunFailed(RuntimeError):
    """A run of a DAG did not succeed; the message says which tasks and where their logs are."""


def awkward_moment(now: datetime) -> timedelta:
    """Return how long to wait so that no midnight and no 02:00 in Seoul falls into the run."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    for boundary in (midnight + timedelta(hours=TICK), midnight + timedelta(days=1)):
        if timedelta(0) <= boundary - now < RUN_TAKES:
            return boundary - now
    return timedelta(0)


def run_tonight(airflow: Airflow, steps: Steps) -> dict[str, Any]:
    """Switch `stock_sync` on and return the summary of the run that does today's work.

    Switching it on starts the latest night's run at once. Between midnight and 02:00 in Seoul that is yesterday's,
    which only looks (a past date is a dry run), so another one is started by hand beside it.
    """
    wait = awkward_moment(datetime.now(ZONE))
    if wait:
        with steps.step(f"waiting {wait.seconds} s, so that neither midnight nor 02:00 in Seoul falls into the run"):
            time.sleep(wait.total_seconds() + 1)  # clearly after it
    api = airflow.api
    with steps.step(f"{DAG} is read") as step:
        airflow.wait_until(lambda: api.dag_exists(DAG) or _broken(airflow), f"read {DAG}", PARSE_SECONDS)
        todays = api.trigger(DAG) if datetime.now(ZONE).hour < TICK else None
        api.unpause(DAG)
        airflow.wait_until(lambda: bool(_scheduled(airflow)), "start the night's run", PARSE_SECONDS)
        step.note("and switched on")
    (latest,) = _scheduled(airflow)
    if todays is None:
        return follow(airflow, DAG, latest, steps)
    summary = follow(airflow, DAG, todays, steps)
    with steps.step(f"{DAG} {latest}, yesterday's, which only looks") as step:
        airflow.wait_until(lambda: api.run(DAG, latest)["state"] in {"success", "failed"}, f"end {latest}", RUN_SECONDS)
        step.note(api.run(DAG, latest)["state"])
    return summary


def _scheduled(airflow: Airflow) -> list[str]:
    return [run["dag_run_id"] for run in airflow.api.runs(DAG) if run["run_type"] == "scheduled"]


def follow(airflow: Airflow, dag: str, run_id: str, steps: Steps) -> dict[str, Any]:
    """Show a run of `stock_sync` task by task until it ends, and return its summary."""
    with steps.step(f"{dag} {run_id}") as step, ExitStack() as ends:
        shown: dict[str, tuple[ExitStack, Step]] = {}
        deadline = time.monotonic() + RUN_SECONDS
        while (state := airflow.api.run(dag, run_id)["state"]) not in {"success", "failed"}:
            _show(airflow.api.tasks(dag, run_id), shown, ends, steps)
            if time.monotonic() > deadline:
                raise RunFailed(f"run {run_id} is still {state} after {RUN_SECONDS} s{_where(airflow, dag, run_id)}")
            time.sleep(0.3)
        tasks = airflow.api.tasks(dag, run_id)
        _show(tasks, shown, ends, steps)
        if state == "failed":
            failed = sorted({task["task_id"] for task in tasks if task["state"] == "failed"})
            raise RunFailed(f"run {run_id} failed in {', '.join(failed)}{_where(airflow, dag, run_id)}")
        step.note(state)
    return dict(airflow.api.result(dag, run_id, "summarize"))


def _show(tasks: list[dict[str, Any]], shown: dict[str, tuple[ExitStack, Step]], ends: ExitStack, steps: Steps) -> None:
    """Give each task a line once it has begun, and a tick when all its mapped instances have ended."""
    instances: dict[str, list[str | None]] = defaultdict(list)
    for task in sorted(tasks, key=lambda task: task["start_date"] or "~"):
        instances[task["task_id"]].append(task["state"])
    for task_id, states in instances.items():
        ended = sum(state in ENDED for state in states)
        if task_id not in shown and any(state == "running" or state in ENDED for state in states):
            end = ends.enter_context(ExitStack())
            shown[task_id] = end, end.enter_context(steps.step(f"  {task_id}"))
        if task_id in shown:
            end, step = shown[task_id]
            outcome = ", ".join(sorted({str(state) for state in states if state != "success" and state in ENDED}))
            step.note(" ".join(filter(None, [f"{ended} of {len(states)}" if len(states) > 1 else "", outcome])))
            if ended == len(states):
                end.close()


def _broken(airflow: Airflow) -> bool:
    """Raise if Airflow could not import a DAG file; False otherwise."""
    errors = airflow.api.get("/importErrors")["import_errors"]
    if errors:
        raise RunFailed("\n".join(f"{error['filename']}:\n{error['stack_trace']}" for error in errors))
    return False


def _where(airflow: Airflow, dag: str, run_id: str) -> str:
    return f"; the logs are in {airflow.task_logs / f'dag_id={dag}' / f'run_id={run_id}'}"
