"""From a request to the outcome of every product."""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from stocksync.errors import RefusedRequest
from stocksync.model.expected import Expected
from stocksync.model.id_range import IdRange
from stocksync.model.stock import CacheValue
from stocksync.model.text import printable
from stocksync.review.approval import Approval
from stocksync.review.decision import UNDONE_WITHIN, Decision, DecisionKind, Outcome, Result, left_alone, not_taken_back
from stocksync.review.ports import Case, DecisionLog, Engine, StockNow
from stocksync.review.request import MOST, Request

log = logging.getLogger(__name__)


class Reviewer:
    """Carries decisions out.

    Args:
        decisions: the audit
        stock: both stores as they are
        now: the present
    """

    def __init__(self, decisions: DecisionLog, stock: StockNow, now: Callable[[], datetime]) -> None:
        self._decisions = decisions
        self._stock = stock
        self._now = now

    # --- accepting -------------------------------------------------------------------------------------------

    def accept(self, decision: Decision, request: Request) -> int:
        """Note a decision with its products; return how many those are. A retry finds what the first attempt noted.

        Raises:
            RefusedRequest: there is nothing that could be decided
        """
        if self._decisions.find(decision.decision_id) is None:
            self._decisions.record(decision, self._products(decision, request))
        return len(self._decisions.asked(decision.decision_id))

    def _products(self, decision: Decision, request: Request) -> Mapping[str, int | None]:
        if decision.kind is DecisionKind.UNDO:
            return dict.fromkeys(self._undoable(decision, request))
        if request.missing_keys:
            return self._without_key(request)
        return {product_id: request.seen.get(product_id) for product_id in request.product_ids or ()}

    def _without_key(self, request: Request) -> Mapping[str, int | None]:
        cases = self._decisions.cases_without_key(MOST + 1)
        if not cases:
            raise RefusedRequest("param 'select': no open case is without a key, so there is nothing to decide")
        if len(cases) > MOST:
            raise RefusedRequest(
                f"param 'select': more than {MOST:,} open cases are without a key; allowed: {MOST:,} in one decision. "
                "A Redis that lost so many is refilled by the shop, see docs/operations.md"
            )
        return {case.product_id: request.seen.get(case.product_id, case.discrepancy) for case in cases}

    def _undoable(self, decision: Decision, request: Request) -> Sequence[str]:
        name = printable(decision.undoes or "", 260)
        undone = self._decisions.find(decision.undoes or "")
        if undone is None:
            raise RefusedRequest(f"param 'decision_id': {name!r} is no decision; allowed: the id of one")
        if not undone.can_be_undone(decision.decided_at):
            raise RefusedRequest(
                f"param 'decision_id': {name!r} ({undone.kind.value}, {undone.decided_at.isoformat()}) cannot be "
                f"undone; allowed: a 'restore' of the last {UNDONE_WITHIN.days * 24} hours"
            )
        if request.product_ids is not None:
            return request.product_ids
        outcomes = self._decisions.outcomes(undone.decision_id)
        applied = [each.product_id for each in outcomes.values() if each.result is Result.APPLIED]
        if not applied:
            raise RefusedRequest(f"param 'decision_id': {name!r} has written nothing, so there is nothing to undo")
        return applied

    # --- carrying out ----------------------------------------------------------------------------------------

    def apply(self, decision: Decision, id_range: IdRange, engine: Engine) -> list[Outcome]:
        """Carry a decision out for some of its products; return what became of each. Safe to repeat."""
        ids = id_range.ids or ()
        seen = {i: difference for i, difference in self._decisions.asked(decision.decision_id).items() if i in set(ids)}
        match decision.kind:
            case DecisionKind.RESTORE:
                left = self._restore(decision, id_range, seen, engine)
            case DecisionKind.UNDO:
                left = self._undo(decision, id_range, engine)
            case DecisionKind.KEEP:
                left = self._keep(seen)
        self._decisions.note(decision.decision_id, left, self._now())
        known = self._decisions.outcomes(decision.decision_id)
        outcomes = [known[product_id] for product_id in ids if product_id in known]
        for outcome in outcomes:
            log.info("%s", in_words(outcome))
        return outcomes

    def _restore(
        self, decision: Decision, id_range: IdRange, seen: Mapping[str, int | None], engine: Engine
    ) -> list[Outcome]:
        too_old = decision.is_too_old(self._now())
        engine.restore(id_range, Approval(decision, seen, lambda: self._dealt_with(decision), self._now))
        return [
            left_alone(product_id, seen.get(product_id), expected, counter, too_old=too_old)
            for product_id, (expected, counter) in self._untouched(decision, id_range).items()
        ]

    def _undo(self, decision: Decision, id_range: IdRange, engine: Engine) -> list[Outcome]:
        engine.take_back(id_range, decision, lambda: self._to_take_back(decision, id_range))
        can_be = self._to_take_back(decision, id_range)
        return [
            Outcome(product_id, Result.REFUSED, detail="not applied by that decision, or undone before")
            if product_id not in can_be
            else not_taken_back(product_id, expected, counter, too_old=decision.is_too_old(self._now()))
            for product_id, (expected, counter) in self._untouched(decision, id_range).items()
        ]

    def _to_take_back(self, decision: Decision, id_range: IdRange) -> dict[str, int]:
        """Say what undoes what a decision wrote, by product, where that was not done yet."""
        undoes = decision.undoes or ""
        before = {*self._decisions.undone(undoes), *self._dealt_with(decision)}
        applied = self._decisions.outcomes(undoes)
        return {
            product_id: (outcome.before or 0) - (outcome.after or 0)
            for product_id in id_range.ids or ()
            if product_id not in before
            and (outcome := applied.get(product_id)) is not None
            and outcome.result is Result.APPLIED
        }

    def _keep(self, seen: Mapping[str, int | None]) -> list[Outcome]:
        cases = self._decisions.open_cases(list(seen))
        return [_kept(product_id, difference, cases.get(product_id)) for product_id, difference in seen.items()]

    def _dealt_with(self, decision: Decision) -> set[str]:
        return set(self._decisions.outcomes(decision.decision_id))

    def _untouched(self, decision: Decision, id_range: IdRange) -> Mapping[str, tuple[Expected | None, CacheValue]]:
        """Look at the products that have no outcome yet."""
        dealt_with = self._dealt_with(decision)
        return self._stock.read([product_id for product_id in id_range.ids or () if product_id not in dealt_with])


def _kept(product_id: str, seen: int | None, case: Case | None) -> Outcome:
    if case is None:
        return Outcome(product_id, Result.NOT_OPEN)
    if seen is not None and seen != case.discrepancy:
        why = f"the difference is {case.discrepancy}, and {seen} was seen"
        return Outcome(product_id, Result.STALE, discrepancy=case.discrepancy, detail=why)
    return Outcome(product_id, Result.KEPT, discrepancy=case.discrepancy)


def in_words(outcome: Outcome) -> str:
    """One line for the log."""
    written = "" if outcome.after is None else f" {outcome.before} → {outcome.after}"
    detail = f": {printable(outcome.detail, 300)}" if outcome.detail else ""
    return f"{printable(outcome.product_id)}: {outcome.result.value}{written}{detail}"
