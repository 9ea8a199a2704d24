"""The rules: how large a difference is, and what is done about it."""

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import NamedTuple

from stocksync.model.stock import INT32_MAX, CacheValue, LedgerValue, Unreadable, parse_stock


class MissingKeyPolicy(StrEnum):
    """What a product without a key in the cache means."""

    ZERO = "zero"
    """It counts as 0 and goes through the ordinary rules."""
    RESTORE = "restore"
    """It is restored whatever the size of the difference."""
    IGNORE = "ignore"
    """It is counted and left alone."""


class Severity(StrEnum):
    """How large a difference is; the names of the Avro enum AlertSeverity."""

    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"


class Action(StrEnum):
    """What is done about a difference; the names of the Avro enum SyncAction."""

    REDIS_RESTORED = "REDIS_RESTORED"
    MANUAL_REVIEW_REQUIRED = "MANUAL_REVIEW_REQUIRED"


class Verdict(Enum):
    """What a look at a product says when it is not a difference."""

    MATCHED = "matched"
    INVALID = "invalid"
    IGNORED = "ignored"
    """It has no key, and the policy leaves it alone: nobody knows whether that is right."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The thresholds of one run.

    Attributes:
        auto_restore_limit: the largest absolute difference that is restored without a person
        missing_key_policy: what a product without a key means
    """

    auto_restore_limit: int = 10
    missing_key_policy: MissingKeyPolicy = MissingKeyPolicy.ZERO


WHATEVER_SIZE = Rules(INT32_MAX, MissingKeyPolicy.ZERO)
"""Where a person decides, the size does not."""


class Difference(NamedTuple):
    """Two stock numbers that do not agree, and what the rules say about it."""

    db_stock: int
    redis_stock: int
    discrepancy: int
    severity: Severity
    action: Action
    key_missing: bool


# A member costs a call of Python each time it is named by its class, and a bad night names millions.
_LOW, _MEDIUM, _HIGH, _CRITICAL = Severity
_RESTORED, _REVIEW = Action
_LOW_TO, _MEDIUM_TO, _HIGH_TO = 5, 10, 50


def severity_of(discrepancy: int) -> Severity:
    """Classify by absolute size: 1-5 LOW, 6-10 MEDIUM, 11-50 HIGH, more CRITICAL."""
    size = abs(discrepancy)
    if size <= _LOW_TO:
        return _LOW
    if size <= _MEDIUM_TO:
        return _MEDIUM
    if size <= _HIGH_TO:
        return _HIGH
    return _CRITICAL


def action_for(discrepancy: int, *, key_missing: bool, rules: Rules) -> Action:
    """Small differences are restored, large ones go to a person; a policy may restore every missing key."""
    restored = abs(discrepancy) <= rules.auto_restore_limit or (
        key_missing and rules.missing_key_policy is MissingKeyPolicy.RESTORE
    )
    return _RESTORED if restored else _REVIEW


def judge(ledger: LedgerValue, cache: CacheValue, rules: Rules) -> Verdict | Difference:
    """Say what one pair of readings means. The whole meaning of "differs" is here, and nowhere else."""
    if isinstance(ledger, Unreadable) or isinstance(cache, Unreadable):
        return Verdict.INVALID
    key_missing = cache is None
    if key_missing and rules.missing_key_policy is MissingKeyPolicy.IGNORE:
        return Verdict.IGNORED
    db_stock, redis_stock = parse_stock(ledger), parse_stock(b"0" if cache is None else cache)
    if db_stock is None or redis_stock is None:
        return Verdict.INVALID
    discrepancy = db_stock - redis_stock
    if discrepancy == 0:
        return Verdict.MATCHED
    if abs(discrepancy) > INT32_MAX:  # the event's field is an int
        return Verdict.INVALID
    return Difference(
        db_stock=db_stock,
        redis_stock=redis_stock,
        discrepancy=discrepancy,
        severity=severity_of(discrepancy),
        action=action_for(discrepancy, key_missing=key_missing, rules=rules),
        key_missing=key_missing,
    )
