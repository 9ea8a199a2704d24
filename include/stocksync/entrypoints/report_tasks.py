"""What the tasks of stock_sync_daily_report do, with everything real plugged in."""

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from airflow.sdk.exceptions import AirflowSkipException

from stocksync.entrypoints import channels, run_request
from stocksync.entrypoints.alert_tasks import SYNC_DAG
from stocksync.entrypoints.assets import REPORTS, SUMMARIES
from stocksync.entrypoints.retries import final_when_permanent
from stocksync.errors import BadSetting
from stocksync.model.notice import Message
from stocksync.model.plan import RunPlan, local_date
from stocksync.model.summary import RunSummary
from stocksync.reporting.day import Figures, RunOfDay, RunState
from stocksync.reporting.report import compose
from stocksync.settings import Settings
from stocksync.wording import Wording

log = logging.getLogger(__name__)

_FIRST, _LAST = "acquire_lock", "summarize"
_REPORTS_READ = 60
# Airflow's own run ids end in the time they are about; only a run id chosen by a person does not.
_STAMP = re.compile(r"__(\d{4}-\d\d-\d\dT[0-9:.]+(?:[+-]\d\d:\d\d|Z)?)")
_RUNNING_STATES = {"queued", "running"}


@final_when_permanent
def write(context: Mapping[str, Any], inlet_events: Any, outlet_events: Any) -> str:  # noqa: ANN401 - Airflow's accessors
    """Write the report of the run's local date, or of the date that was asked for; return its text."""
    settings = Settings.load()
    now = datetime.now(UTC)
    day = _day(context, settings, today=local_date(now, settings.zone))
    runs = list(_runs(context["ti"], day, inlet_events[SUMMARIES], settings))
    earlier = inlet_events[REPORTS].ascending(ascending=False).limit(_REPORTS_READ)
    figures = [Figures(**event.extra["figures"]) for event in earlier if event.extra.get("figures")]
    report = compose(day, runs, figures, Wording(settings.locale), now=now, zone=settings.zone)
    outlet_events[REPORTS].extra = {
        "date": day.isoformat(),
        "figures": None if report.figures is None else asdict(report.figures),
    }
    log.info("the report of %s:\n%s", day, report.message.text)
    return report.message.text


@final_when_permanent
def post(text: str) -> None:
    """Post the report; it was returned and logged by the task before, whatever happens here."""
    notifier = channels.slack(Settings.load())
    if notifier is None:
        raise AirflowSkipException(f"connection {channels.STOCK_SLACK} is not defined, so the report is not posted")
    notifier.post(Message(text))


def _day(context: Mapping[str, Any], settings: Settings, *, today: date) -> date:
    run, params = context["dag_run"], context["params"]
    run_request.refuse_unknown(run.conf or {}, context["dag"].params)
    asked = params["date"]
    if asked is None:
        return run_request.run_date(run, settings)
    try:
        day = date.fromisoformat(asked)
    except ValueError:
        raise BadSetting(f"param 'date': {asked!r} is no date; allowed: YYYY-MM-DD, or nothing for today") from None
    if day > today:
        raise BadSetting(f"param 'date': {asked} is still to come; allowed: a date up to {today}")
    return day


def _runs(ti: Any, day: date, events: Any, settings: Settings) -> Iterable[RunOfDay]:  # noqa: ANN401 - Airflow's accessors
    """Find every run of a local date: complete ones by the asset, the others by their tasks' states."""
    found = _complete(day, events, settings)
    for run_id, summary in found.items():
        failed = ti.get_dagrun_state(dag_id=SYNC_DAG, run_id=run_id) == "failed"
        yield RunOfDay(run_id, RunState.FAILED if failed else RunState.FINISHED, summary)
    states = ti.get_task_states(dag_id=SYNC_DAG, task_ids=[_FIRST, _LAST])
    for run_id, tasks in sorted(states.items()):
        # A run whose first task was skipped found another one at work; it is no run of its own.
        if run_id in found or tasks.get(_FIRST) == "skipped" or tasks.get(_LAST) == "success":
            continue
        if not _may_be_of(run_id, day, settings):
            continue
        run = _look_closer(ti, run_id, day)
        if run is not None:
            yield run


def _complete(day: date, events: Any, settings: Settings) -> dict[str, RunSummary]:  # noqa: ANN401 - as above
    """Summaries of the complete runs; a backfill may have made them long after the day, but never before it."""
    since = datetime.combine(day, time.min, settings.zone) - timedelta(days=1)
    found: dict[str, RunSummary] = {}
    for event in events.after(since.isoformat()):
        if event.extra.get("date") == day.isoformat() and event.source_task_instance is not None:
            raw = event.source_task_instance.xcom_pull()
            if raw is not None:
                summary = RunSummary.from_dict(raw)
                found[summary.run_id] = summary
    return found


def _may_be_of(run_id: str, day: date, settings: Settings) -> bool:
    """Spare a look at each failed run of all time: most run ids tell their date."""
    stamp = _STAMP.search(run_id)
    if stamp is None:
        return True
    instant = datetime.fromisoformat(stamp[1])
    return local_date(instant if instant.tzinfo else instant.replace(tzinfo=UTC), settings.zone) == day


def _look_closer(ti: Any, run_id: str, day: date) -> RunOfDay | None:  # noqa: ANN401 - as above
    raw = ti.xcom_pull(dag_id=SYNC_DAG, run_id=run_id, task_ids=_LAST)
    summary = None if raw is None else RunSummary.from_dict(raw)
    plan = ti.xcom_pull(dag_id=SYNC_DAG, run_id=run_id, task_ids=_FIRST)
    known = summary.date if summary else RunPlan.from_dict(plan).date if plan else None
    if known is not None and known != day.isoformat():
        return None
    if known is None and _STAMP.search(run_id) is None:
        log.warning("run %s failed before it noted its date, and its id names none: it is left out", run_id)
        return None
    running = ti.get_dagrun_state(dag_id=SYNC_DAG, run_id=run_id) in _RUNNING_STATES
    return RunOfDay(run_id, RunState.RUNNING if running else RunState.FAILED, summary)
