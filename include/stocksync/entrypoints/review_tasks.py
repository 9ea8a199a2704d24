"""What the tasks of stock_sync_review do."""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, time
from typing import Any

from airflow.sdk.exceptions import AirflowFailException

from stocksync.adapters.postgres_ranges import chosen
from stocksync.adapters.state_store_journal import StateStore, StateStoreJournal
from stocksync.bootstrap import Bootstrap
from stocksync.entrypoints import connections, ending, run_request, waiting
from stocksync.entrypoints.assets import ALERTS, PUBLISHED
from stocksync.entrypoints.ending import Ending
from stocksync.entrypoints.retries import final_when_permanent
from stocksync.errors import BadSetting, LockHeld, NotBegun, RefusedRequest
from stocksync.model.id_range import IdRange
from stocksync.model.plan import RunPlan, local_date
from stocksync.reconcile import preconditions
from stocksync.review.decision import HOLDS_FOR, Decision, DecisionKind
from stocksync.review.ports import DecisionLog
from stocksync.review.request import Request, asked
from stocksync.review.reviewer import in_words
from stocksync.settings import Settings

log = logging.getLogger(__name__)


@final_when_permanent
def accept(context: Mapping[str, Any], latest_summaries: Iterable[Any]) -> dict[str, Any]:
    """Check everything a decision needs, note it with its products, and return the run's plan."""
    settings = Settings.load()
    parts = connections.bootstrap(settings)
    decisions = _decisions(parts)
    decision, request = _asked_for(context, settings)
    parts.check_operations()
    plan = _plan(decision, settings)
    if decision.kind is not DecisionKind.KEEP:
        units_before = preconditions.last_held_units(event.extra for event in latest_summaries)
        schema_id = parts.check(writes=True)
        plan = replace(plan, schema_id=schema_id, had_holds=parts.check_holds(units_before))
        if request.product_ids is not None:
            request = request.spelled(parts.ledger.spelled(request.product_ids))
    products = parts.reviewer(decisions).accept(decision, request)
    log.info("%s decided to %s %d products: %s", decision.decided_by, decision.kind.value, products, decision.reason)
    return plan.to_dict()


@final_when_permanent
def take_lock(raw_plan: dict[str, Any]) -> None:
    """Take the day's lock, or look again later while a run is at work; a decision that writes nothing needs none."""
    parts, decision, plan = _begun(raw_plan)
    if decision.kind is DecisionKind.KEEP:
        return
    now = datetime.now(UTC)
    if decision.is_too_old(now):
        log.warning("the decision is older than %d minutes: nothing is written", HOLDS_FOR.seconds // 60)
        return
    lock = parts.lock(plan)
    try:
        lock.hold()
    except LockHeld as held:
        waiting.wait_for(held, "The decision", plan.stop_time)
    log.info("%s is held by this decision", lock.key)


@final_when_permanent
def choose_products(raw_plan: dict[str, Any]) -> list[dict[str, Any]]:
    """Cut the decision's products into the pieces that the mapped tasks work on."""
    parts, decision, plan = _begun(raw_plan)
    products = list(_decisions(parts).asked(decision.decision_id))
    most = Settings.load().max_mapped_tasks
    return [piece.to_dict() for piece in chosen(products, batch_size=plan.batch_size, max_ranges=most)]


@final_when_permanent
def apply(raw_plan: dict[str, Any], raw_range: dict[str, Any], state: StateStore) -> dict[str, int]:
    """Carry the decision out for some products; return how many of them came to what."""
    parts, decision, plan = _begun(raw_plan)
    engine = parts.decision_engine(plan, StateStoreJournal(state))
    outcomes = parts.reviewer(_decisions(parts)).apply(decision, IdRange.from_dict(raw_range), engine)
    return dict(Counter(outcome.result.value for outcome in outcomes))


@final_when_permanent
def conclude(
    raw_plan: dict[str, Any] | None,
    outlet_events: Any,  # noqa: ANN401 - Airflow's accessor
) -> dict[str, Any]:
    """Publish what dead tasks left, add up what became of the decision, and wake those who tell people."""
    if raw_plan is None:
        raise NotBegun("the decision was not accepted: the log of accept says why; nothing was written")
    parts, decision, plan = _begun(raw_plan)
    decisions = _decisions(parts)
    if decision.kind is not DecisionKind.KEEP:
        parts.drain(plan)
        outlet_events[PUBLISHED].add(ALERTS)
    products, outcomes = decisions.asked(decision.decision_id), decisions.outcomes(decision.decision_id)
    counted = dict(sorted(Counter(outcome.result.value for outcome in outcomes.values()).items()))
    said = ", ".join(f"{result} {count:,}" for result, count in counted.items()) or "nothing"
    one = f" ({in_words(next(iter(outcomes.values())))})" if len(outcomes) == 1 else ""
    says = f"{decision.kind.value}: {said}{one}; {decision.decided_by}: {decision.reason}"
    ending.leave(Ending(ending.Kind.DECIDED, says))
    missing = [product_id for product_id in products if product_id not in outcomes]
    if missing:
        raise AirflowFailException(
            f"{says}. Of {len(missing):,} products it is not known what became: see the red tasks, and clear them"
        )
    log.info("%s", says)
    return {"decision_id": decision.decision_id, "asked": len(products), "by_outcome": counted}


def release_lock(raw_plan: dict[str, Any] | None) -> None:
    """Give the day's lock back, if the decision took it."""
    if raw_plan is None:
        return
    plan = RunPlan.from_dict(raw_plan)
    lock = connections.bootstrap(Settings.load()).lock(plan)
    log.info("%s %s", lock.key, "is free" if lock.release() else "was not held by this decision")


def _begun(raw_plan: dict[str, Any]) -> tuple[Bootstrap, Decision, RunPlan]:
    plan = RunPlan.from_dict(raw_plan)
    parts = connections.bootstrap(Settings.load())
    decision = _decisions(parts).find(plan.run_id)
    if decision is None:
        raise BadSetting(f"decision {plan.run_id} is not in the operations store (connection stock_ops) any more")
    return parts, decision, plan


def _decisions(parts: Bootstrap) -> DecisionLog:
    decisions = parts.decision_log()
    if decisions is None:
        raise RefusedRequest(
            "connection stock_ops is not defined, so nobody would know who decided what; allowed: the operations "
            "store's connection, see docs/operations.md. Nothing was compared or written"
        )
    return decisions


def _asked_for(context: Mapping[str, Any], settings: Settings) -> tuple[Decision, Request]:
    run = context["dag_run"]
    run_request.refuse_unknown(run.conf or {}, context["dag"].params)
    if not run.triggering_user_name:
        raise RefusedRequest("nobody's name is on this run; allowed: a decision triggered by a person who logged in")
    decided_at = run.run_after
    request = asked(context["params"], local_date(decided_at, settings.zone))
    until = request.sleeps_until
    decision = Decision(
        decision_id=run.run_id,
        kind=request.kind,
        decided_by=run.triggering_user_name,
        decided_at=decided_at,
        reason=request.reason,
        undoes=request.undoes,
        sleeps_until=None if until is None else datetime.combine(until, time(), settings.zone),
    )
    return decision, request


def _plan(decision: Decision, settings: Settings) -> RunPlan:
    """Make the plan by which the engine works: the decision's time is the run's.

    Its pass stays the first one however often it is cleared, so that nothing is done a second time.
    """
    decided_at = decision.decided_at.astimezone(settings.zone)
    return RunPlan(
        run_id=decision.decision_id,
        run_type="manual",
        date=decided_at.date().isoformat(),
        dry_run=False,
        dry_run_reason="",
        pass_number=0,
        batch_size=settings.batch_size,
        auto_restore_limit=settings.auto_restore_limit,
        started_at=decided_at.isoformat(timespec="seconds"),
        stop_at=(decided_at + HOLDS_FOR).isoformat(),
    )
