"""What a person asks for, as the run's params say it. Pure: params in, a request or a refusal in words out."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from stocksync.errors import RefusedRequest
from stocksync.model.request import asked_products
from stocksync.model.text import printable
from stocksync.review.decision import DecisionKind

MISSING_KEYS = "missing_keys"
"""Of param `select`: every open case whose product has no key."""
MOST = 10_000
"""Products of one decision."""
_SHORTEST = 3


@dataclass(frozen=True, slots=True)
class Request:
    """A decision that is asked for.

    Attributes:
        kind: what
        reason: why, in the person's words
        product_ids: of which products; None: of those that `missing_keys` or the undone decision names
        missing_keys: whether of every open case without a key
        seen: the difference that the person saw, by product
        undoes: the decision to be taken back; None: it is no undo
        sleeps_until: of `keep`, the local date on which the case wakes in any case
    """

    kind: DecisionKind
    reason: str
    product_ids: list[str] | None = None
    missing_keys: bool = False
    seen: Mapping[str, int] = field(default_factory=dict)
    undoes: str | None = None
    sleeps_until: date | None = None

    def spelled(self, spellings: Mapping[str, str]) -> "Request":
        """Name the products as the ledger spells them; one that it does not have stays as it is."""
        if self.product_ids is None:
            return self
        return replace(
            self,
            product_ids=list(dict.fromkeys(spellings.get(i, i) for i in self.product_ids)),
            seen={spellings.get(i, i): difference for i, difference in self.seen.items()},
        )


def asked(params: Mapping[str, Any], today: date) -> Request:
    """Read a run's params.

    Args:
        params: as Airflow has checked them, each with its type
        today: the local date

    Raises:
        RefusedRequest: they do not go together
    """
    kind = DecisionKind(params["decision"])
    product_ids = asked_products(params.get("product_ids"))
    request = Request(
        kind=kind,
        reason=_reason(params["reason"]),
        product_ids=product_ids,
        missing_keys=_missing_keys(params.get("select")),
        seen=dict(params.get("seen") or {}),
        undoes=params.get("decision_id") or None,
        sleeps_until=_sleeps_until(params.get("sleeps_until"), kind, today),
    )
    if product_ids is not None and len(product_ids) > MOST:
        raise RefusedRequest(f"param 'product_ids': {len(product_ids):,} products; allowed: {MOST:,} in one decision")
    for product_id in product_ids or ():
        if "\x00" in product_id or any("\ud800" <= c <= "\udfff" for c in product_id):
            raise RefusedRequest(f"param 'product_ids': {printable(product_id)!r} is no text that PostgreSQL can hold")
    _refuse_for_kind(request)
    _refuse_seen(request)
    return request


def _reason(text: str) -> str:
    reason = " ".join(text.split())
    if len(reason) < _SHORTEST:
        raise RefusedRequest(f"param 'reason': {text!r} says nothing; allowed: at least {_SHORTEST} characters")
    return reason


def _missing_keys(select: str | None) -> bool:
    if select not in {None, "", MISSING_KEYS}:
        raise RefusedRequest(f"param 'select': {printable(str(select))!r}; allowed: {MISSING_KEYS!r}, or left empty")
    return select == MISSING_KEYS


def _sleeps_until(text: str | None, kind: DecisionKind, today: date) -> date | None:
    if not text:
        return None
    if kind is not DecisionKind.KEEP:
        raise RefusedRequest(
            f"param 'sleeps_until' goes with decision {DecisionKind.KEEP.value!r} only, not with {kind!r}"
        )
    try:
        until = date.fromisoformat(text)
    except ValueError:
        raise RefusedRequest(f"param 'sleeps_until': {printable(text)!r}; allowed: a date, YYYY-MM-DD") from None
    if until <= today:
        raise RefusedRequest(f"param 'sleeps_until': {until} is not after today, {today}; allowed: a later date")
    return until


def _refuse_for_kind(request: Request) -> None:
    if request.kind is DecisionKind.UNDO:
        if request.undoes is None:
            raise RefusedRequest("param 'decision_id' is empty; allowed with 'undo': the decision that is undone")
        if request.missing_keys or request.seen:
            raise RefusedRequest("params 'select' and 'seen' do not go with decision 'undo'; allowed: left empty")
        return
    if request.undoes is not None:
        raise RefusedRequest(f"param 'decision_id' goes with decision 'undo' only, not with {request.kind.value!r}")
    if request.missing_keys == (request.product_ids is not None):
        raise RefusedRequest(
            f"params 'product_ids' and 'select': {'both are' if request.missing_keys else 'neither is'} given; "
            "allowed: one of them"
        )


def _refuse_seen(request: Request) -> None:
    named = set(request.product_ids or ())
    if request.product_ids is not None:
        strangers = [product_id for product_id in request.seen if product_id not in named]
        if strangers:
            raise RefusedRequest(
                f"param 'seen': {printable(strangers[0])!r} is not in 'product_ids'; allowed: differences of those only"
            )
    if request.kind is DecisionKind.RESTORE and not request.missing_keys:
        unseen = [product_id for product_id in request.product_ids or () if not request.seen.get(product_id)]
        if unseen:
            raise RefusedRequest(
                f"param 'seen' has no difference of {len(unseen):,} products, for example {printable(unseen[0])!r}; "
                "allowed with 'restore': for each product the difference (expected less counter) that was seen, not 0"
            )
