"""What the tasks of stock_sync_daily_report do."""

import logging
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Any

from airflow.sdk.exceptions import AirflowSkipException

from stocksync.entrypoints import channels, connections, run_request
from stocksync.entrypoints.assets import REPORTS
from stocksync.entrypoints.connection_parts import STOCK_SLACK
from stocksync.entrypoints.retries import final_when_permanent
from stocksync.entrypoints.run_history import AirflowRunHistory
from stocksync.errors import RefusedRequest
from stocksync.model.address import BEGINNING
from stocksync.model.notice import Message
from stocksync.model.plan import local_date
from stocksync.settings import Settings
from stocksync.wording import Wording

log = logging.getLogger(__name__)


@final_when_permanent
def write(context: Mapping[str, Any], inlet_events: Any, outlet_events: Any) -> str:  # noqa: ANN401 - Airflow's accessors
    """Write the report of the run's local date, or of the date that was asked for; return its text."""
    settings = Settings.load()
    connections.check_optional(settings)
    now = datetime.now(UTC)
    day = _day(context, settings, today=local_date(now, settings.zone))
    parts = connections.bootstrap(settings)
    history = AirflowRunHistory(
        context["ti"], inlet_events, settings.zone, lambda run_id: parts.ended_runs().summary_of(run_id)
    )
    report = parts.reporter(history, parts.catalogue_now).report(day, now)
    outlet_events[REPORTS].extra = {
        "date": day.isoformat(),
        "figures": None if report.figures is None else asdict(report.figures),
    }
    log.info("the report of %s:\n%s", day, report.message.text)
    return report.message.text


@final_when_permanent
def post(text: str) -> None:
    """Post the report; it was returned and logged by the task before, whatever happens here."""
    settings = Settings.load()
    notifier = channels.slack(settings)
    if notifier is None:
        raise AirflowSkipException(f"connection {STOCK_SLACK} is not defined, so the report is not posted")
    place = Wording(settings.locale).place(BEGINNING)
    notifier.post(Message(text, place=place))


@final_when_permanent
def forget_history() -> int:
    """Take away what is past its time in the operations store; return how many rows that were."""
    settings = Settings.load()
    gone = connections.bootstrap(settings).forget_history()
    log.info("%s rows older than %d days were taken away", f"{gone:,}", settings.history_days)
    return gone


def _day(context: Mapping[str, Any], settings: Settings, *, today: date) -> date:
    run, params = context["dag_run"], context["params"]
    run_request.refuse_unknown(run.conf or {}, context["dag"].params)
    asked = params["date"]
    if asked is None:
        return run_request.run_date(run, settings)
    try:
        day = date.fromisoformat(asked)
    except ValueError:
        raise RefusedRequest(f"param 'date': {asked!r} is no date; allowed: YYYY-MM-DD, or nothing for today") from None
    if day > today:
        raise RefusedRequest(f"param 'date': {asked} is still to come; allowed: a date up to {today}")
    return day
