"""What the tasks of stock_sync do, with everything real plugged in."""

import logging
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from stocksync.adapters.dry_run import NoLock, NoOutbox, NoPublisher
from stocksync.adapters.postgres import PostgresLedger
from stocksync.adapters.postgres_ranges import chosen, partition
from stocksync.adapters.redis_cache import RedisStockCache
from stocksync.adapters.redis_errors import translated
from stocksync.adapters.redis_lock import RedisRunLock
from stocksync.adapters.redis_outbox import RedisOutbox, unfinished
from stocksync.entrypoints import connections, event_formats, metrics, run_request
from stocksync.entrypoints.assets import ALERTS, PUBLISHED, SUMMARIES
from stocksync.entrypoints.retries import final_when_permanent
from stocksync.errors import BadSetting, LedgerUnavailable, LockHeld, NotBegun
from stocksync.model.id_range import IdRange
from stocksync.model.plan import RunPlan
from stocksync.model.policy import Rules
from stocksync.model.progress import Progress, RangeOutcome
from stocksync.model.summary import RunStatus, summarize
from stocksync.model.text import printable
from stocksync.reconcile.close_run import add_up, status_of
from stocksync.reconcile.drain import drain
from stocksync.reconcile.ports import Outbox
from stocksync.reconcile.reconciler import Reconciler, Stores
from stocksync.settings import Settings

log = logging.getLogger(__name__)


@final_when_permanent
def acquire_lock(context: Mapping[str, Any]) -> dict[str, Any]:
    """Check everything a run needs before its first write, then take the day's lock; return the run's plan."""
    settings = Settings.load()
    for warning in Settings.unknown(os.environ):
        log.warning(warning)
    plan = run_request.plan(context, settings)
    _ = connections.ledger(settings).columns
    with translated("starting"):
        connections.redis_client().ping()
    if plan.dry_run:
        log.warning("dry run, because %s: nothing is written, nobody is alerted", plan.dry_run_reason)
        return plan.to_dict()
    plan = replace(plan, schema_id=event_formats.schema_id(settings))
    connections.publisher(settings, plan.schema_id).check()
    lock = _lock(plan)
    try:
        lock.hold()
    except LockHeld as held:
        raise AirflowSkipException(str(held)) from held
    log.info("run %s holds %s; it stops by itself at %s", plan.run_id, lock.key, plan.stop_at)
    return plan.to_dict()


@final_when_permanent
def partition_products(
    raw_plan: dict[str, Any], product_ids: list[str] | None, summaries: Iterable[Any]
) -> list[dict[str, Any]]:
    """Cut the ledger, or the chosen products, into the ranges that the mapped tasks work on."""
    plan, settings = RunPlan.from_dict(raw_plan), Settings.load()
    ledger = connections.ledger(settings)
    if product_ids:
        ranges = chosen(product_ids, batch_size=plan.batch_size)
        _refuse_strangers(ledger, ranges)
        return [id_range.to_dict() for id_range in ranges]
    ranges = partition(ledger, batch_size=plan.batch_size, max_ranges=settings.max_mapped_tasks)
    products = sum(id_range.rows for id_range in ranges)
    if products == 0:
        _tell_of_emptiness(settings.products_table, summaries)
    log.info("about %s products in %d ranges", f"{products:,}", len(ranges))
    return [id_range.to_dict() for id_range in ranges]


@final_when_permanent
def reconcile(raw_plan: dict[str, Any], raw_range: dict[str, Any], state: Any) -> dict[str, Any]:  # noqa: ANN401
    """Reconcile one range; `state` is Airflow's task state store."""
    plan, settings, id_range = RunPlan.from_dict(raw_plan), Settings.load(), IdRange.from_dict(raw_range)
    client = connections.redis_client()
    writing = not plan.dry_run
    stores = Stores(
        ledger=connections.ledger(settings),
        cache=RedisStockCache(client, settings.key_prefix),
        outbox=_outboxes(plan, settings)(id_range.index),
        lock=_lock(plan) if writing else NoLock(),
        publisher=connections.publisher(settings, plan.schema_id) if writing else NoPublisher(),
        journal=_StateStoreJournal(state),
        clock=connections.SystemClock(),
    )
    reconciler = Reconciler(
        stores,
        plan,
        Rules(plan.auto_restore_limit, settings.missing_key_policy),
        key_prefix=settings.key_prefix,
        settle=timedelta(seconds=settings.settle_seconds),
        pace=_share(settings, id_range),
    )
    return reconciler.run(id_range).to_dict()


@final_when_permanent
def publish_pending(raw_plan: dict[str, Any] | None, outlet_events: Any) -> int:  # noqa: ANN401 - Airflow's accessor
    """Publish what dead tasks left in their outboxes, of this run or of an earlier one that is over."""
    plan, settings = _begun(raw_plan), Settings.load()
    if plan.dry_run:
        log.info("a dry run has nothing to publish")
        return 0
    client, publisher = connections.redis_client(), connections.publisher(settings, plan.schema_id)
    published = 0
    for outbox in unfinished(client, settings.key_prefix):
        run = outbox.identity
        if run.run_id != plan.run_id and RedisRunLock(client, run.date, run.run_id).holder() == run.run_id:
            log.info("run %s is at work: its outbox is left to it", printable(run.run_id))
            continue
        published += drain(outbox, publisher, run, outbox.index, outbox.auto_restore_limit)
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
    plan, settings = RunPlan.from_dict(raw_plan), Settings.load()
    ranges = [IdRange.from_dict(raw) for raw in raw_ranges or []]
    outcomes = {outcome.index: outcome for outcome in map(RangeOutcome.from_dict, raw_outcomes or [])}
    ledger = connections.ledger(settings)

    def count(id_range: IdRange) -> int:
        try:
            return ledger.count(id_range, None)
        except LedgerUnavailable as error:
            log.warning("%s; the range counts as the %d products it was cut with", error, id_range.rows)
            return id_range.rows

    tally, unprocessed = add_up(ranges, outcomes, _outboxes(plan, settings), count)
    status = status_of(
        every_range_returned=bool(ranges) and len(outcomes) == len(ranges),
        published=plan.dry_run or published is not None,
        unprocessed=unprocessed,
    )
    summary = summarize(plan, tally, unprocessed=unprocessed, status=status, finished=datetime.now(UTC))
    context["ti"].xcom_push(key="return_value", value=summary.to_dict())
    log.info("%s", summary.in_words())
    metrics.emit(summary)
    if status is not RunStatus.COMPLETE:
        raise AirflowFailException(
            f"the run is {status.value}: {len(ranges) - len(outcomes)} of {len(ranges)} ranges failed, "
            f"{unprocessed:,} products were not looked at; see the red tasks. What was done is counted; "
            "the next run does the rest"
        )
    context["outlet_events"][SUMMARIES].extra = {
        "date": summary.date,
        "run_id": summary.run_id,
        "run_type": summary.run_type,
        "dry_run": summary.dry_run,
        "status": summary.status,
        "total": summary.total,
    }
    return summary.to_dict()


def release_lock(raw_plan: dict[str, Any] | None) -> None:
    """Give the lock back; a stranger's lock is left alone."""
    if raw_plan is None:
        return
    plan = RunPlan.from_dict(raw_plan)
    if plan.dry_run:
        log.info("a dry run holds no lock")
        return
    lock = _lock(plan)
    if lock.release():
        log.info("%s is free", lock.key)
    else:
        log.warning("%s was not held by this run any more: it expired or was deleted; left alone", lock.key)


def release_after_failure(context: Mapping[str, Any]) -> None:
    """Give the lock back when a run was ended from outside: a run that hits its time limit skips its teardown."""
    run, settings = context["dag_run"], Settings.load()
    date = run_request.run_date(run, settings).isoformat()
    if RedisRunLock(connections.redis_client(), date, run.run_id).release():
        log.warning("run %s failed and still held the lock of %s: released", run.run_id, date)


class _StateStoreJournal:
    """Implements the port Journal on Airflow's task state store, which survives a retry and a clear."""

    def __init__(self, state: Any) -> None:  # noqa: ANN401 - Airflow's accessor
        self._state = state

    def load(self) -> Progress | None:
        raw = self._state.get("progress")
        return None if raw is None else Progress.from_dict(raw)

    def save(self, progress: Progress) -> None:
        self._state.set("progress", progress.to_dict())


def _begun(raw_plan: dict[str, Any] | None) -> RunPlan:
    if raw_plan is None:
        raise NotBegun("the run did not begin: acquire_lock failed, its log says why; nothing was compared or written")
    return RunPlan.from_dict(raw_plan)


def _share(settings: Settings, id_range: IdRange) -> float | None:
    """A range's part of the run's limit: as many ranges as may be active together never exceed it."""
    if settings.max_products_per_second == 0:
        return None
    return settings.max_products_per_second / min(settings.max_active_ranges, id_range.of)


def _lock(plan: RunPlan) -> RedisRunLock:
    return RedisRunLock(connections.redis_client(), plan.date, plan.run_id)


def _outboxes(plan: RunPlan, settings: Settings) -> Callable[[int], Outbox]:
    if plan.dry_run:
        return lambda _index: NoOutbox()
    client = connections.redis_client()
    return lambda index: RedisOutbox(client, plan.identity, plan.auto_restore_limit, index, settings.key_prefix)


def _refuse_strangers(ledger: PostgresLedger, ranges: list[IdRange]) -> None:
    strangers = [i for piece in ranges for i in set(piece.ids or ()).difference(ledger.read(piece.ids or ()))]
    if strangers:
        shown = ", ".join(repr(printable(i)) for i in sorted(strangers)[:10])
        raise BadSetting(
            f"param 'product_ids': {len(strangers)} of them are not in the ledger: {shown}; allowed: ids of products"
        )


def _tell_of_emptiness(table: str, summaries: Iterable[Any]) -> None:
    before = next((event.extra.get("total", 0) for event in reversed(list(summaries))), 0)
    if before:
        raise BadSetting(
            f"STOCK_SYNC_PRODUCTS_TABLE={table!r} is EMPTY, and the run before saw {before:,} products: nothing was "
            "compared or written. Check the table, the connection product_db and the role's row level security"
        )
    log.warning("THE LEDGER IS EMPTY: %s has no product; there is nothing to compare", table)
