"""What the tasks of stock_sync do."""

import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from airflow.sdk.exceptions import AirflowFailException

from stocksync.adapters.postgres_ranges import chosen
from stocksync.adapters.state_store_journal import StateStore, StateStoreJournal
from stocksync.entrypoints import channels, connections, ending, metrics, run_request, waiting
from stocksync.entrypoints.assets import ALERTS, PUBLISHED, SUMMARIES
from stocksync.entrypoints.ending import Ending, Kind
from stocksync.entrypoints.retries import final_when_permanent, tried_again_before
from stocksync.errors import CountersLost, LockHeld, NotBegun
from stocksync.model.finding import RunIdentity
from stocksync.model.id_range import IdRange
from stocksync.model.plan import RunPlan
from stocksync.model.progress import RangeOutcome
from stocksync.model.request import asked_products
from stocksync.model.summary import RunStatus, RunSummary
from stocksync.reconcile import preconditions
from stocksync.reconcile.close_run import what_is_missing
from stocksync.settings import Settings

log = logging.getLogger(__name__)


@final_when_permanent
def acquire_lock(context: Mapping[str, Any], latest_summaries: Iterable[Any]) -> dict[str, Any]:
    """Check everything a run needs before its first write, then take the day's lock; return the run's plan."""
    settings = Settings.load()
    for warning in [*Settings.unknown(os.environ), *settings.advice()]:
        log.warning(warning)
    plan = run_request.plan(context, settings)
    connections.check_optional(settings)
    parts = connections.bootstrap(settings)
    schema_id = parts.check(writes=not plan.dry_run)
    units_before = preconditions.last_held_units(event.extra for event in latest_summaries)
    plan = replace(plan, schema_id=schema_id, had_holds=parts.check_holds(units_before))
    if plan.dry_run:
        dry = f"dry run, because {plan.dry_run_reason}: nothing is written, nobody is alerted"
        ending.leave(Ending(Kind.DRY_RUN, dry))
        return plan.to_dict()
    lock = parts.lock(plan)
    try:
        lock.hold()
    except LockHeld as held:
        waiting.leave_or_wait(held, parts.is_decision, plan.stop_time)
    waiting.say_how_long(context)
    log.info("run %s holds %s; it stops by itself at %s", plan.run_id, lock.key, plan.stop_at)
    return plan.to_dict()


@final_when_permanent
def partition_products(
    raw_plan: dict[str, Any], product_ids: list[str] | None, latest_summaries: Iterable[Any]
) -> list[dict[str, Any]]:
    """Cut the ledger, or the chosen products, into the ranges that the mapped tasks work on."""
    plan, settings = RunPlan.from_dict(raw_plan), Settings.load()
    parts = connections.bootstrap(settings)
    ledger = parts.ledger
    asked = asked_products(product_ids)
    if asked is not None:
        ids = preconditions.chosen_products(asked, ledger.spelled(asked))
        ranges = chosen(ids, batch_size=plan.batch_size, max_ranges=settings.max_mapped_tasks)
        return _mapped(ranges, plan)
    ranges = parts.ranges(plan)
    products = sum(id_range.rows for id_range in ranges)
    source = f"STOCK_SYNC_PRODUCTS_TABLE={settings.products_table!r}"
    before = preconditions.last_total(event.extra for event in latest_summaries)
    for warning in (
        preconditions.warn_of_missing_products(source, products, before),
        preconditions.warn_of_several_rows(source, *ledger.several_rows(), products),
    ):
        if warning:
            log.warning(warning)
    if preconditions.has_shrunk(products, before) and not plan.dry_run:
        parts.failure_notifier(channels.slack(settings)).shrunk(plan.run_id, products, before)
    tried = parts.tried_without_a_key(ranges)
    if tried:
        log.warning(preconditions.warn_of_no_keys(settings.key_prefix, tried))
        if not plan.dry_run and not settings.loss_is_told(products):
            parts.failure_notifier(channels.slack(settings)).no_keys(plan.run_id, settings.key_prefix, tried)
    log.info("about %s products in %d ranges", f"{products:,}", len(ranges))
    return _mapped(ranges, plan)


def reconcile(
    raw_plan: dict[str, Any], raw_range: dict[str, Any], state: StateStore, context: Mapping[str, Any]
) -> dict[str, Any]:
    """Reconcile one range; `state` is Airflow's task state store.

    A range that the time limit cut short is red, so that it is among the failed tasks that a person clears; what it did
    is pushed before that.
    """
    id_range = IdRange.from_dict(raw_range)
    outcome = _reconcile(raw_plan, id_range, state, context)
    if outcome.unprocessed:
        context["ti"].xcom_push(key="return_value", value=outcome.to_dict())
        raise AirflowFailException(
            f"the time was up: {outcome.unprocessed:,} products of the range were not looked at. Clear the failed "
            "tasks to go on with them now; else the next run begins with them"
        )
    return outcome.to_dict()


@final_when_permanent
def _reconcile(
    raw_plan: dict[str, Any], id_range: IdRange, state: StateStore, context: Mapping[str, Any]
) -> RangeOutcome:
    settings = Settings.load()
    plan = run_request.begun_again(RunPlan.from_dict(raw_plan), context["dag_run"], settings)
    parts = connections.bootstrap(settings)
    with tried_again_before(plan.stop_time, context):
        return parts.reconciler(plan, id_range, StateStoreJournal(state)).run(id_range)


@final_when_permanent
def publish_pending(
    raw_plan: dict[str, Any] | None,
    outlet_events: Any,  # noqa: ANN401 - Airflow's accessor
    context: Mapping[str, Any],
) -> int:
    """Publish what dead tasks left in their outboxes, of this run or of an earlier one that is over."""
    if raw_plan is None:
        raise NotBegun("the run did not begin: acquire_lock failed, its log says why; nothing was compared or written")
    plan = RunPlan.from_dict(raw_plan)
    if plan.dry_run:
        log.info("a dry run has nothing to publish")
        return 0
    settings = Settings.load()
    with tried_again_before(plan.last_call(settings.time_limit), context):
        published = connections.bootstrap(settings).drain(plan)
    log.info("%d events were left to publish", published)
    outlet_events[PUBLISHED].add(ALERTS)
    return published


@final_when_permanent
def summarize_run(
    raw_plan: dict[str, Any],
    raw_ranges: list[dict[str, Any]] | None,
    raw_outcomes: Iterable[dict[str, Any]] | None,
    published: int | None,
    context: Mapping[str, Any],
) -> dict[str, Any]:
    """Add up the run and hand out its summary; then fail if it did not do all of its work.

    The summary is pushed before the failure, so that the daily report can tell of a red run too.
    """
    plan = RunPlan.from_dict(raw_plan)
    ranges = [IdRange.from_dict(raw) for raw in raw_ranges or []]
    outcomes = {outcome.index: outcome for outcome in map(RangeOutcome.from_dict, raw_outcomes or [])}
    told = plan.dry_run or published is not None
    parts = connections.bootstrap(Settings.load())
    summary = parts.closer(plan).close(ranges, outcomes, published=told)
    context["ti"].xcom_push(key="return_value", value=summary.to_dict())
    parts.record(summary, complete_catalogue=_whole_ledger(ranges))
    log.info("%s", summary.in_words())
    if summary.dry_run:
        ending.leave(Ending(Kind.DRY_RUN, summary.in_words()))
    metrics.emit(summary)
    if not ranges:
        raise NotBegun("nothing was compared: partition_products failed or was ended, its log says why")
    if summary.status != RunStatus.COMPLETE:
        missing = what_is_missing(
            summary,
            ranges=len(ranges),
            returned=len(outcomes),
            published=told,
            disbelieved=sum(outcome.tally.disbelieved for outcome in outcomes.values()),
        )
        # A run that did all of its work and found every counter gone is red, and told by the alerts as that loss.
        worked = told and len(outcomes) == len(ranges) and not summary.unprocessed and not summary.dry_run
        kind = CountersLost if summary.mass_loss and summary.empty_cache and worked else AirflowFailException
        raise kind(
            f"the run is {summary.status}: {missing}. What was done is counted; clear the failed tasks to go on now, "
            "or the next run does the rest"
        )
    if run_request.begun_again(plan, context["dag_run"], Settings.load()) != plan:
        release_lock(raw_plan)  # "clear the failed tasks" leaves out release_lock, which had not failed
    context["outlet_events"][SUMMARIES].extra = _event_of(summary, ranges)
    return summary.to_dict()


def release_lock(raw_plan: dict[str, Any] | None) -> None:
    """Give the lock back; a stranger's lock is left alone."""
    if raw_plan is None:
        return
    plan = RunPlan.from_dict(raw_plan)
    if plan.dry_run:
        log.info("a dry run holds no lock")
        return
    lock = connections.bootstrap(Settings.load()).lock(plan)
    if lock.release():
        log.info("%s is free", lock.key)
    else:
        log.warning("%s was not held by this run any more: it expired or was deleted; left alone", lock.key)


def release_after_failure(run: Any) -> None:  # noqa: ANN401 - Airflow's DagRun
    """Give the lock back when a run was ended from outside: a run that hits its time limit skips its teardown."""
    settings = Settings.load()
    ended = RunIdentity(run.run_id, str(run.run_type), run_request.run_date(run, settings).isoformat())
    if connections.bootstrap(settings).lock_of(ended).release():
        log.warning("run %s failed and still held the lock of %s: released", ended.run_id, ended.date)


def _event_of(summary: RunSummary, ranges: list[IdRange]) -> dict[str, Any]:
    """What the asset's event tells of a complete run."""
    return {
        "date": summary.date,
        "run_id": summary.run_id,
        "run_type": summary.run_type,
        "dry_run": summary.dry_run,
        "status": summary.status,
        "total": summary.total,
        "held_units": summary.held_units,
        "whole_ledger": _whole_ledger(ranges),
    }


def _whole_ledger(ranges: list[IdRange]) -> bool:
    return all(id_range.ids is None for id_range in ranges)


def _mapped(ranges: list[IdRange], plan: RunPlan) -> list[dict[str, Any]]:
    """Put ranges as the mapped tasks get them; in the grid those of a dry run are called so."""
    raw = [id_range.to_dict() for id_range in ranges]
    return [{**each, "label": f"dry run · {each['label']}"} for each in raw] if plan.dry_run else raw


def sum_up_after_the_end(context: Mapping[str, Any]) -> RunSummary | None:
    """Put a run into numbers that Airflow ended before its own `summarize`; None: it has some, or had not begun.

    Args:
        context: of the DAG's failure callback
    """
    ti = context.get("ti")
    if ti is None or ti.xcom_pull(task_ids="summarize") is not None:
        return None
    raw_plan = ti.xcom_pull(task_ids="acquire_lock")
    if raw_plan is None:
        return None
    plan = RunPlan.from_dict(raw_plan)
    ranges = [IdRange.from_dict(raw) for raw in ti.xcom_pull(task_ids="partition_products") or []]
    returned = [RangeOutcome.from_dict(raw) for raw in ti.xcom_pull(task_ids=["reconcile"]) if raw]
    parts = connections.bootstrap(Settings.load())
    summary = parts.closer(plan).close(ranges, {outcome.index: outcome for outcome in returned}, published=False)
    parts.ended_runs().keep(summary)
    parts.record(summary, complete_catalogue=_whole_ledger(ranges))
    log.info("%s", summary.in_words())
    return summary
