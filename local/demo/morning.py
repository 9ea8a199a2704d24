"""Let the scheduler tell people of a night: `stock_sync_alerts` and `stock_sync_daily_report`."""

import time
from dataclasses import dataclass
from datetime import datetime

from local.console import Steps
from local.demo.follow import LOOK_SECONDS, RUN_SECONDS, RunFailed, await_dag, follow, latest_scheduled
from local.demo.night import REPORT_TICK, ZONE, Night
from local.servers.airflow import Airflow

ALERTS = "stock_sync_alerts"
REPORT = "stock_sync_daily_report"
YESTERDAYS = ", yesterday's"
OVER = {"success", "failed"}


@dataclass(frozen=True)
class Reports:
    """What `stock_sync_daily_report` returned.

    Attributes:
        today: the report of today.
        before: yesterday's; None if none was due.
    """

    today: str
    before: str | None = None


def switch_on_alerts(airflow: Airflow, steps: Steps) -> None:
    """Switch `stock_sync_alerts` on: nothing wakes a DAG that is switched off when its asset is updated."""
    with steps.step(f"{ALERTS} is read") as step:
        await_dag(airflow, ALERTS)
        airflow.api.unpause(ALERTS)
        step.note("and switched on")


class Morning:
    """The two DAGs that tell people, side by side.

    Args:
        airflow: where they run.
        steps: where to show how far they are.
        night: what they tell of.
    """

    def __init__(self, airflow: Airflow, steps: Steps, night: Night) -> None:
        self._airflow = airflow
        self._steps = steps
        self._night = night

    def pass_by(self) -> Reports:
        """Start the report, follow what the asset started, then follow the report.

        Switching the report on starts the latest 09:00 at once. Before 09:00 in Seoul that is yesterday's, so today's
        is started by hand beside it.
        """
        await_dag(self._airflow, REPORT)
        early = datetime.now(ZONE).hour < REPORT_TICK
        self._airflow.api.unpause(REPORT)
        latest = latest_scheduled(self._airflow, REPORT)
        if not early:
            self._follow_alerts()
            return Reports(self._report(latest))
        # Today's is compared with yesterday's, if that is about a run.
        before = self._report(latest, YESTERDAYS) if self._night.before else None
        todays = self._airflow.api.trigger(REPORT, {"date": self._night.summary["date"]})
        self._follow_alerts()
        return Reports(self._report(todays), before or self._report(latest, YESTERDAYS))

    def _report(self, run_id: str, remark: str = "") -> str:
        follow(self._airflow, REPORT, run_id, self._steps, remark)
        return str(self._airflow.api.result(REPORT, run_id, "write"))

    def _follow_alerts(self) -> None:
        """Follow each pass an update of the assets started, until none is under way and none is asked for."""
        followed: set[str] = set()
        deadline = time.monotonic() + RUN_SECONDS
        while not followed or not self._alerts_rest():
            for run in self._airflow.api.runs(ALERTS):
                run_id = run["dag_run_id"]
                if run["run_type"] == "asset_triggered" and run_id not in followed:
                    followed.add(run_id)
                    follow(self._airflow, ALERTS, run_id, self._steps)
            if time.monotonic() > deadline:
                raise RunFailed(f"{ALERTS} was not at rest after {RUN_SECONDS} s: {len(followed)} passes were followed")
            time.sleep(LOOK_SECONDS)

    def _alerts_rest(self) -> bool:
        # In this order: an event that waits becomes a run, never the reverse.
        asked_for = self._airflow.api.is_asked_for(ALERTS)
        return not asked_for and all(run["state"] in OVER for run in self._airflow.api.runs(ALERTS))
