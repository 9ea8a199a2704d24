"""From what Airflow says of a run to the run's plan."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from typing import Any

from stocksync.errors import RefusedRequest
from stocksync.model.plan import RunPlan, dry_run_reason, local_date, stop_time
from stocksync.model.request import asked_products, refuse_limit
from stocksync.settings import Settings


def plan(context: Mapping[str, Any], settings: Settings) -> RunPlan:
    """Decide once what this run is; every task goes by it.

    Raises:
        RefusedRequest: its params are not allowed
    """
    run, params = context["dag_run"], context["params"]
    refuse_unknown(run.conf or {}, context["dag"].params)  # the run's own params hold whatever conf held
    refuse_limit(params["auto_restore_limit"], settings.auto_restore_limit, asked_products(params["product_ids"]))
    now = datetime.now(UTC)
    day = run_date(run, settings)
    started = (run.start_date or now).astimezone(settings.zone)
    reason = dry_run_reason(asked=params["dry_run"], run_date=day, today=local_date(now, settings.zone))
    return RunPlan(
        run_id=run.run_id,
        run_type=str(getattr(run.run_type, "value", run.run_type)),
        date=day.isoformat(),
        dry_run=bool(reason),
        dry_run_reason=reason,
        pass_number=run.clear_number or 0,
        batch_size=params["batch_size"],
        auto_restore_limit=params["auto_restore_limit"],
        started_at=started.isoformat(timespec="seconds"),
        stop_at=stop_time(started, timedelta(minutes=settings.run_timeout_minutes)).isoformat(),
    )


def begun_again(plan: RunPlan, run: Any, settings: Settings) -> RunPlan:  # noqa: ANN401 - Airflow's DagRun
    """Give a run of which only failed tasks were cleared the time it has now: its first task is not run again.

    On another day than its own it gets none: its plan would have been a dry run's.
    """
    if run.start_date is None or run.start_date.replace(microsecond=0) <= datetime.fromisoformat(plan.started_at):
        return plan
    if local_date(datetime.now(UTC), settings.zone).isoformat() != plan.date:
        return plan
    return replace(plan, stop_at=stop_time(run.start_date, settings.time_limit).isoformat())


def run_date(run: Any, settings: Settings) -> date:  # noqa: ANN401 - Airflow's DagRun, in a task or in a callback
    """Tell the local date a run belongs to.

    A manual run may have no logical date; and a logical date of 17:00 UTC is 02:00 of the next day in Seoul.
    """
    return local_date(run.logical_date or run.run_after, settings.zone)


def refuse_unknown(conf: Mapping[str, Any], params: Mapping[str, Any]) -> None:
    """Airflow accepts any key in a run's configuration; a misspelt one would be ignored in silence."""
    for key in conf:
        if key not in params:
            close = get_close_matches(key, list(params), n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise RefusedRequest(f"param {key!r} is not known{hint} (allowed: {', '.join(sorted(params))})")
