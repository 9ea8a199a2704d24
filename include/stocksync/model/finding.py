"""A confirmed discrepancy, and the name of the event that tells of it."""

import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha1
from typing import Any, Self

from stocksync.model.policy import Action, Difference, Severity

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "stock.sync.alert").bytes
_VARIANT = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}
"""What becomes of the digit of a UUID whose two upper bits are the variant of RFC 4122."""
_RESTORED, _REVIEW = Action


@dataclass(frozen=True, slots=True)
class Decided:
    """What a person had done to a counter; the decision's name is that of the run that did it.

    Attributes:
        by: who decided
        before: what the counter showed
        after: what it was set to in the same step
    """

    by: str
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One discrepancy that was seen twice, what was done about it, and when.

    It is written to the outbox in the same step as the restore it tells of, so whoever finds it there after a
    crash can publish the very event its finder would have published.

    Attributes:
        product_id: the product
        difference: the two numbers, and what the rules say about them
        reason: in words, why the rules said so; empty: it was recorded by version 0.1.0, which kept none
        detected_at_ms: milliseconds since the epoch, UTC
        event_id: UUIDv5 of what happened
        held: units on hold that `db_stock` is without; None: the shop has no holds
        name: what the ledger calls the product; None: it has no names
        decided: a person's decision, of which `reason` then is the person's; None: the rules decided
    """

    product_id: str
    difference: Difference
    reason: str
    detected_at_ms: int
    event_id: str
    held: int | None = None
    decided: Decided | None = None
    name: str | None = None

    @property
    def writes(self) -> int | None:
        """What the counter is set to in the step that records the finding; None: it is left alone."""
        if self.decided is not None:
            return self.decided.after
        return self.difference.db_stock if self.difference.action is _RESTORED else None

    @property
    def ledger_stock(self) -> int:
        """What the ledger says, the units on hold included."""
        return self.difference.db_stock + (self.held or 0)

    def to_dict(self) -> dict[str, Any]:
        """As JSON, flat."""
        difference = self.difference
        raw = {
            "product_id": self.product_id,
            "db_stock": difference.db_stock,
            "redis_stock": difference.redis_stock,
            "discrepancy": difference.discrepancy,
            "severity": difference.severity,
            "action": difference.action,
            "key_missing": difference.key_missing,
            "reason": self.reason,
            "detected_at": self.detected_at_ms,
            "event_id": self.event_id,
            "held": self.held,
            "name": self.name,
        }
        return raw if self.decided is None else raw | {"decided": asdict(self.decided)}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Self:
        """Undo `to_dict`."""
        difference = Difference(
            db_stock=raw["db_stock"],
            redis_stock=raw["redis_stock"],
            discrepancy=raw["discrepancy"],
            severity=Severity(raw["severity"]),
            action=Action(raw["action"]),
            key_missing=raw["key_missing"],
        )
        return cls(
            product_id=raw["product_id"],
            difference=difference,
            reason=raw.get("reason", ""),
            detected_at_ms=raw["detected_at"],
            event_id=raw["event_id"],
            held=raw.get("held"),
            decided=Decided(**raw["decided"]) if raw.get("decided") else None,
            name=raw.get("name"),
        )


@dataclass(frozen=True, slots=True)
class RunIdentity:
    """Which run an event belongs to.

    Attributes:
        run_id: Airflow's run id
        run_type: Airflow's run type: scheduled, manual, backfill, …
        date: the run's local date, YYYY-MM-DD
    """

    run_id: str
    run_type: str
    date: str


def event_id(run_id: str, pass_number: int, product_id: str, difference: Difference) -> str:
    """Name what happened, so that a retry names it the same.

    A restore happens at a moment: the same product broken again in the same way, found by a cleared run's next
    pass, is another restore. A difference left to a person is a state: looking at it again makes no new event.
    """
    action = difference.action
    moment = pass_number if action is _RESTORED else 0
    what = f"{run_id}\x1f{moment}\x1f{product_id}\x1f{difference.db_stock}\x1f{difference.redis_stock}\x1f{action}"
    # Byte for byte what uuid.uuid5 makes, which takes four times as long: on a bad night that is a tenth of everything.
    h = sha1(_NAMESPACE + what.encode(), usedforsecurity=False).hexdigest()
    return f"{h[:8]}-{h[8:12]}-5{h[13:16]}-{_VARIANT[h[16]]}{h[17:20]}-{h[20:32]}"


def reason_for(difference: Difference, auto_restore_limit: int) -> str:
    """Say in words why the rules decided so, for people who read the topic."""
    size = abs(difference.discrepancy)
    found = "key missing" if difference.key_missing else f"redis {difference.redis_stock}"
    if difference.action is _REVIEW:
        return f"{found}: difference {size} is over the limit {auto_restore_limit}"
    if size > auto_restore_limit:
        return f"{found}: missing keys are restored by policy"
    return f"{found}: difference {size} is within the limit {auto_restore_limit}"
