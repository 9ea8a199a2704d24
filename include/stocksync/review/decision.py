"""What a person decided, and what it holds for. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from stocksync.model.expected import Expected
from stocksync.model.finding import Finding
from stocksync.model.policy import WHATEVER_SIZE, Action, Difference, Verdict, judge
from stocksync.model.stock import CacheValue, Unreadable, parse_stock

HOLDS_FOR = timedelta(minutes=30)
"""How old a decision may be when it is carried out: after that what the person saw says nothing any more."""
UNDONE_WITHIN = timedelta(hours=24)
"""How long a decision can be undone."""
_TOO_OLD = f"the decision was older than {HOLDS_FOR.seconds // 60} minutes"


class DecisionKind(StrEnum):
    """What is decided."""

    RESTORE = "restore"
    """The counter is set to what it should hold."""
    KEEP = "keep"
    """The ledger is wrong or will be mended: nothing is written, and the case sleeps."""
    UNDO = "undo"
    """What a decision wrote is taken back."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision of a person.

    Attributes:
        decision_id: the id of the run that carries it out
        kind: what was decided
        decided_by: the person's name
        decided_at: when the person asked for it
        reason: in the person's words
        undoes: the decision that is taken back; None: this is no undo
        sleeps_until: of `keep`, when the case wakes whatever its difference; None: not by time
    """

    decision_id: str
    kind: DecisionKind
    decided_by: str
    decided_at: datetime
    reason: str
    undoes: str | None = None
    sleeps_until: datetime | None = None

    def is_too_old(self, now: datetime) -> bool:
        """Tell whether nothing may be written for it any more."""
        return now - self.decided_at > HOLDS_FOR

    def can_be_undone(self, now: datetime) -> bool:
        """Tell whether it wrote something, and not too long ago."""
        return self.kind is DecisionKind.RESTORE and now - self.decided_at <= UNDONE_WITHIN


class Result(StrEnum):
    """What became of one product of a decision."""

    APPLIED = "applied"
    """The counter was set to what it should hold."""
    STALE = "stale"
    """The difference is another or a larger one than the person saw, or the decision is too old: nothing written."""
    AGREES = "agrees"
    """Nothing differs any more: nothing written."""
    CHANGING = "changing"
    """Orders kept coming, or the holds are in doubt: nothing written."""
    INVALID = "invalid"
    """One of the stores holds no stock number: nothing written."""
    GONE = "gone"
    """The ledger does not have the product: nothing written."""
    KEPT = "kept"
    """The case sleeps."""
    UNDONE = "undone"
    """What the decision had written was taken back."""
    NOT_OPEN = "not_open"
    """There is no open case to be kept."""
    REFUSED = "refused"
    """There is nothing to undo: it was not applied, or undone before."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one product.

    Attributes:
        product_id: the product
        result: what became of it
        before: what the counter showed; None: no number, or nobody looked
        after: what it was set to; None: nothing was written
        discrepancy: expected less counter, as it was found; None: nobody looked, or there is none
        detail: in words
    """

    product_id: str
    result: Result
    before: int | None = None
    after: int | None = None
    discrepancy: int | None = None
    detail: str = ""


def covers(seen: int | None, discrepancy: int) -> bool:
    """Tell whether who saw one difference has decided about another: of the same sign, and not larger."""
    return seen is not None and seen * discrepancy > 0 and abs(discrepancy) <= abs(seen)


def written(finding: Finding) -> Outcome | None:
    """Say what became of a product whose counter was written by a decision; None: no person decided."""
    decided, difference = finding.decided, finding.difference
    if decided is None:
        return None
    result = Result.APPLIED if difference.action is Action.REDIS_RESTORED else Result.UNDONE
    return Outcome(finding.product_id, result, decided.before, decided.after, difference.discrepancy)


def left_alone(
    product_id: str, seen: int | None, expected: Expected | None, counter: CacheValue, *, too_old: bool
) -> Outcome:
    """Say why nothing was written for a product that was to be restored, by what both stores hold now.

    Args:
        product_id: the product
        seen: the difference that the person saw
        expected: what the counter should hold; None: the ledger does not have the product
        counter: what it holds
        too_old: whether the decision's time was up
    """
    if expected is None:
        return Outcome(product_id, Result.GONE, before=_number(counter))
    verdict = judge(expected.stock, counter, WHATEVER_SIZE)
    if isinstance(verdict, Verdict):
        result = Result.AGREES if verdict is Verdict.MATCHED else Result.INVALID
        return Outcome(product_id, result, before=_number(counter))
    return _differs(product_id, seen, verdict, too_old=too_old)


def not_taken_back(product_id: str, expected: Expected | None, counter: CacheValue, *, too_old: bool) -> Outcome:
    """As `left_alone`, of a product for which a decision was to be taken back."""
    number = _number(counter)
    if expected is None:
        return Outcome(product_id, Result.GONE, before=number)
    if number is None or isinstance(expected.stock, Unreadable):
        return Outcome(product_id, Result.INVALID, before=number)
    if too_old:
        return Outcome(product_id, Result.STALE, before=number, detail=_TOO_OLD)
    return Outcome(product_id, Result.CHANGING, before=number, detail="orders kept coming")


def _differs(product_id: str, seen: int | None, found: Difference, *, too_old: bool) -> Outcome:
    numbers = f"expected {found.db_stock}, counter {'missing' if found.key_missing else found.redis_stock}"
    if not covers(seen, found.discrepancy):
        result, why = Result.STALE, f"{numbers}: the difference is {found.discrepancy}, and {seen} was seen"
    elif too_old:
        result, why = Result.STALE, f"{numbers}: {_TOO_OLD}"
    else:
        result, why = Result.CHANGING, f"{numbers}: orders kept coming, or open orders are in doubt"
    before = None if found.key_missing else found.redis_stock
    return Outcome(product_id, result, before, discrepancy=found.discrepancy, detail=why)


def _number(counter: CacheValue) -> int | None:
    return None if counter is None or isinstance(counter, Unreadable) else parse_stock(counter)
