"""The runs of stock_sync as Airflow remembers them: summaries by asset event, everything else by the tasks' states."""

import logging
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from stocksync.entrypoints.assets import REPORTS, SUMMARIES
from stocksync.entrypoints.ending import KEY, Kind, read
from stocksync.errors import BadSetting, CacheUnavailable
from stocksync.model.plan import RunPlan, local_date
from stocksync.model.progress import RangeOutcome
from stocksync.model.run_scale import AlarmLimits, RunScale, scale_of
from stocksync.model.summary import RunSummary
from stocksync.model.tally import Tally
from stocksync.reporting.day import Figures, RunOfDay, RunState

log = logging.getLogger(__name__)

SYNC_DAG, REVIEW_DAG = "stock_sync", "stock_sync_review"
_FIRST, _COMPARER, _PUBLISHER, _LAST = "acquire_lock", "reconcile", "publish_pending", "summarize"
_PUBLISHERS = {SYNC_DAG: _PUBLISHER, REVIEW_DAG: "conclude"}
"""Of each DAG that publishes events, the task that publishes last."""
_CHECKING = (_FIRST, "partition_products")
"""The tasks that look at what was asked for."""
_REPORTS_READ = 60
# Airflow's own run ids end in the time they are about; only a run id chosen by a person does not.
_STAMP = re.compile(r"__(\d{4}-\d\d-\d\dT[0-9:.]+(?:[+-]\d\d:\d\d|Z)?)")
_RUNNING_STATES = {"queued", "running"}
_OVER = {"success", "failed", "skipped", "upstream_failed", "removed"}


def is_publishing(ti: Any) -> Callable[[str], bool]:  # noqa: ANN401 - Airflow's task instance
    """Tell of a run whether it may still publish; a run that died, or that this Airflow never saw, may not."""

    def publishing(run_id: str) -> bool:
        return any(_may_publish(ti, run_id, dag_id, publisher) for dag_id, publisher in _PUBLISHERS.items())

    return publishing


def _may_publish(ti: Any, run_id: str, dag_id: str, publisher: str) -> bool:  # noqa: ANN401 - Airflow's task instance
    states = ti.get_task_states(dag_id=dag_id, task_ids=[publisher], run_ids=[run_id])
    if states.get(run_id, {}).get(publisher) in _OVER:
        return False
    return bool(ti.get_dr_count(dag_id=dag_id, run_ids=[run_id], states=sorted(_RUNNING_STATES)))


def scale(ti: Any, limits: AlarmLimits) -> Callable[[str], RunScale]:  # noqa: ANN401 - Airflow's task instance
    """Tell of a run how much it found: from what its ranges returned.

    They have returned before publish_pending, and so before the run is told of; its summary may come later.
    """

    def found(run_id: str) -> RunScale:
        returned = ti.xcom_pull(dag_id=SYNC_DAG, run_id=run_id, task_ids=[_COMPARER])
        tally = sum((RangeOutcome.from_dict(raw).tally for raw in returned if raw), Tally())
        return scale_of(tally, limits)

    return found


class AirflowRunHistory:
    """Implements the port RunHistory.

    Args:
        ti: the task instance that asks
        inlet_events: its accessor to the events of SUMMARIES and REPORTS
        zone: the operators' clock
        ended: looks up the summary of a run that Airflow ended before it could hand one out
    """

    def __init__(
        self,
        ti: Any,  # noqa: ANN401 - Airflow's accessors
        inlet_events: Any,  # noqa: ANN401 - as above
        zone: ZoneInfo,
        ended: Callable[[str], RunSummary | None],
    ) -> None:
        self._ti = ti
        self._events = inlet_events
        self._zone = zone
        self._ended = ended

    def runs_of(self, day: date) -> list[RunOfDay]:
        """Find complete runs by the asset, the others by their tasks' states."""
        return list(self._find(day))

    def earlier_figures(self) -> list[Figures]:
        """Read the reports' events, the newest first."""
        earlier = self._events[REPORTS].ascending(ascending=False).limit(_REPORTS_READ)
        return [Figures(**event.extra["figures"]) for event in earlier if event.extra.get("figures")]

    def _find(self, day: date) -> Iterator[RunOfDay]:
        found = self._complete(day)
        for run_id, summary in found.items():
            failed = self._state(run_id) == "failed"
            yield RunOfDay(run_id, RunState.FAILED if failed else RunState.FINISHED, summary)
        states = self._ti.get_task_states(dag_id=SYNC_DAG, task_ids=[_FIRST, _LAST])
        for run_id, tasks in sorted(states.items()):
            # A run whose first task was skipped found another one at work; it is no run of its own.
            if run_id in found or tasks.get(_FIRST) == "skipped" or tasks.get(_LAST) == "success":
                continue
            if not self._may_be_of(run_id, day):
                continue
            run = self._look_closer(run_id, day)
            if run is not None:
                yield run

    def _complete(self, day: date) -> dict[str, RunSummary]:
        """Summaries of the complete runs; a backfill may have made them long after the day, but never before it."""
        since = datetime.combine(day, time.min, self._zone) - timedelta(days=1)
        found: dict[str, RunSummary] = {}
        for event in self._events[SUMMARIES].after(since.isoformat()):
            if event.extra.get("date") == day.isoformat() and event.source_task_instance is not None:
                raw = event.source_task_instance.xcom_pull()
                if raw is not None:
                    summary = RunSummary.from_dict(raw)
                    found[summary.run_id] = summary
        return found

    def _may_be_of(self, run_id: str, day: date) -> bool:
        """Spare a look at each failed run of all time: most run ids tell their date."""
        stamp = _STAMP.search(run_id)
        if stamp is None:
            return True
        instant = datetime.fromisoformat(stamp[1])
        return local_date(instant if instant.tzinfo else instant.replace(tzinfo=UTC), self._zone) == day

    def _look_closer(self, run_id: str, day: date) -> RunOfDay | None:
        if self._was_refused(run_id):
            return None
        raw = self._ti.xcom_pull(dag_id=SYNC_DAG, run_id=run_id, task_ids=_LAST)
        summary = self._ended_summary(run_id) if raw is None else RunSummary.from_dict(raw)
        plan = self._ti.xcom_pull(dag_id=SYNC_DAG, run_id=run_id, task_ids=_FIRST)
        known = summary.date if summary else RunPlan.from_dict(plan).date if plan else None
        if known is not None and known != day.isoformat():
            return None
        if known is None and _STAMP.search(run_id) is None:
            log.warning("run %s failed before it noted its date, and its id names none: it is left out", run_id)
            return None
        running = self._state(run_id) in _RUNNING_STATES
        return RunOfDay(run_id, RunState.RUNNING if running else RunState.FAILED, summary)

    def _was_refused(self, run_id: str) -> bool:
        """Tell a request that was not allowed from a night that failed."""
        ends = self._ti.xcom_pull(dag_id=SYNC_DAG, run_id=run_id, task_ids=list(_CHECKING), key=KEY)
        return any(end.kind is Kind.REFUSED for end in read(ends))

    def _ended_summary(self, run_id: str) -> RunSummary | None:
        """Look it up; a report that cannot is written all the same."""
        try:
            return self._ended(run_id)
        except (CacheUnavailable, BadSetting) as error:
            log.warning("whether run %s was ended with numbers cannot be looked up: %s", run_id, error)
            return None

    def _state(self, run_id: str) -> str | None:
        state: str | None = self._ti.get_dagrun_state(dag_id=SYNC_DAG, run_id=run_id)
        return state
