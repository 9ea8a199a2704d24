"""Let the scheduler run `stock_sync` for today, whatever the clock says."""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from local.console import Steps
from local.demo.follow import await_dag, follow, latest_scheduled
from local.servers.airflow import Airflow

DAG = "stock_sync"
ZONE = ZoneInfo("Asia/Seoul")
TICK = 2  # o'clock
REPORT_TICK = 9
RUNS_TAKE = timedelta(seconds=120)


@dataclass(frozen=True)
class Night:
    """What `stock_sync` returned.

    Attributes:
        summary: of the run that did today's work.
        before: of yesterday's run, which only looked; None if there was none.
    """

    summary: dict[str, Any]
    before: dict[str, Any] | None = None


def awkward_moment(now: datetime) -> timedelta:
    """Return how long to wait so that no midnight, no 02:00 and no 09:00 in Seoul falls between the runs."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    for hour in (TICK, REPORT_TICK, 24):
        left = midnight + timedelta(hours=hour) - now
        if timedelta(0) <= left < RUNS_TAKE:
            return left
    return timedelta(0)


def await_good_moment(steps: Steps) -> None:
    """Wait while what belongs together could fall on two days, or a schedule could start a further run."""
    wait = awkward_moment(datetime.now(ZONE))
    if wait:
        with steps.step(f"waiting {wait.seconds} s, so that no midnight, 02:00 or 09:00 in Seoul falls into the runs"):
            time.sleep(wait.total_seconds() + 1)  # clearly after it


def run_tonight(airflow: Airflow, steps: Steps) -> Night:
    """Switch `stock_sync` on and follow the run that does today's work.

    Switching it on starts the latest night's run at once. Between midnight and 02:00 in Seoul that is yesterday's,
    which only looks (a past date is a dry run), so another one is started by hand beside it.
    """
    api = airflow.api
    with steps.step(f"{DAG} is read") as step:
        await_dag(airflow, DAG)
        todays = api.trigger(DAG) if datetime.now(ZONE).hour < TICK else None
        api.unpause(DAG)
        latest = latest_scheduled(airflow, DAG)
        step.note("and switched on")
    if todays is None:
        follow(airflow, DAG, latest, steps)
        return Night(_summary(airflow, latest))
    follow(airflow, DAG, todays, steps)
    follow(airflow, DAG, latest, steps, ", yesterday's, which only looks")
    return Night(_summary(airflow, todays), _summary(airflow, latest))


def _summary(airflow: Airflow, run_id: str) -> dict[str, Any]:
    return dict(airflow.api.result(DAG, run_id, "summarize"))
