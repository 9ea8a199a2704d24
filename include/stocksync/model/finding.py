"""A confirmed discrepancy, and the event that tells of it."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from stocksync.model.policy import Action, Difference, Severity

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "stock.sync.alert")

HEADER_RUN_ID = "stock-sync-run-id"
HEADER_RUN_TYPE = "stock-sync-run-type"
HEADER_RUN_DATE = "stock-sync-run-date"
HEADER_REASON = "stock-sync-reason"


@dataclass(frozen=True, slots=True)
class Finding:
    """One discrepancy that was seen twice, what was done about it, and when.

    It is written to the outbox in the same step as the restore it tells of, so whoever finds it there after a
    crash can publish the very event its finder would have published.

    Attributes:
        product_id: the product
        db_stock: what the ledger said
        redis_stock: what the cache said; 0 where the key was missing
        discrepancy: db_stock - redis_stock
        severity: by the absolute discrepancy
        action: what was done
        key_missing: whether the cache had no key at all
        detected_at: milliseconds since the epoch, UTC
        event_id: UUIDv5 of what happened
    """

    product_id: str
    db_stock: int
    redis_stock: int
    discrepancy: int
    severity: Severity
    action: Action
    key_missing: bool
    detected_at: int
    event_id: str

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Self:
        """Undo `to_dict`."""
        return cls(**{**raw, "severity": Severity(raw["severity"]), "action": Action(raw["action"])})


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

    def headers(self, reason: str) -> dict[str, str]:
        """What does not fit into the event's schema travels in Kafka headers."""
        return {
            HEADER_RUN_ID: self.run_id,
            HEADER_RUN_TYPE: self.run_type,
            HEADER_RUN_DATE: self.date,
            HEADER_REASON: reason,
        }


@dataclass(frozen=True, slots=True)
class Alert:
    """One event of the topic stock.sync.alert: the finding, and why and in which run it was made."""

    finding: Finding
    headers: Mapping[str, str]

    def payload(self) -> dict[str, Any]:
        """The event's fields, in the order and with the names of schemas/StockSyncAlert.avsc."""
        finding = self.finding
        return {
            "eventId": finding.event_id,
            "eventTimestamp": finding.detected_at,
            "productId": finding.product_id,
            "dbStock": finding.db_stock,
            "redisStock": finding.redis_stock,
            "discrepancy": finding.discrepancy,
            "action": finding.action.value,
            "severity": finding.severity.value,
            "detectedAt": finding.detected_at,
        }


def event_id(run_id: str, pass_number: int, product_id: str, difference: Difference) -> str:
    """Name what happened, so that a retry names it the same.

    A restore happens at a moment: the same product broken again in the same way, found by a cleared run's next
    pass, is another restore. A difference left to a person is a state: looking at it again makes no new event.
    """
    action = difference.action
    moment = pass_number if action is Action.REDIS_RESTORED else 0
    parts = (run_id, moment, product_id, difference.db_stock, difference.redis_stock, action.value)
    return str(uuid.uuid5(_NAMESPACE, "\x1f".join(map(str, parts))))


def reason_for(finding: Finding, auto_restore_limit: int) -> str:
    """Say in words why the rules decided so (a Kafka header, for people who read the topic)."""
    size = abs(finding.discrepancy)
    found = "key missing" if finding.key_missing else f"redis {finding.redis_stock}"
    if finding.action is Action.MANUAL_REVIEW_REQUIRED:
        return f"{found}: difference {size} is over the limit {auto_restore_limit}"
    if size > auto_restore_limit:
        return f"{found}: missing keys are restored by policy"
    return f"{found}: difference {size} is within the limit {auto_restore_limit}"
