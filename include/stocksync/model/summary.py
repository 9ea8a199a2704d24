"""The run summary: the return value of the task `summarize`, which the report and the UI read."""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from stocksync.model.plan import RunPlan
from stocksync.model.policy import Severity
from stocksync.model.tally import Tally, TopEntry


class RunStatus(StrEnum):
    """How a run ended."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    """The time limit came first, or too much kept changing; the rest waits for the next run."""
    FAILED = "failed"
    """A range or the publishing failed, most values could not be compared, or no product had a key; what was done is
    counted, the rest is unprocessed."""


CHANGED_AT_LEAST = 100
CHANGED_PERCENT = 1


def changed_too_much(changed: int, total: int) -> bool:
    """Tell whether so many products kept changing that nobody may take the run for complete.

    A few bestsellers are sold at every look of any night. More than CHANGED_PERCENT of all, and at least
    CHANGED_AT_LEAST so that a small shop's bestsellers raise no alarm, means that something else writes the counters.
    """
    return changed >= CHANGED_AT_LEAST and changed * 100 > total * CHANGED_PERCENT


def hardly_comparable(invalid: int, total: int) -> bool:
    """Tell whether less than half of what was looked at could be compared: then "no difference" says nothing."""
    return 2 * invalid > total


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A run in numbers. Field by field as in the JSON.

    Always: total = matched + restored + manual_review + changed + invalid + unprocessed, and
    restored + manual_review = sum of by_severity. A dry run counts what it would have done.

    In a run that was cleared, every restore counts that any of its passes made, so that restored is the number of
    events; everything else is what was seen last. The total stays the number of products: each restore of an
    earlier pass takes the place of one product that agrees, or, where those are too few, of one that was not looked
    at. Only where the restores are more than the products is the total larger.

    `missing_keys` counts the products without a key, wherever else they count; `missing_ignored` those of them that the
    policy `ignore` leaves alone: they are in `matched`, for the sum's sake, and are not called normal.
    """

    date: str
    run_id: str
    run_type: str
    dry_run: bool
    status: str
    started_at: str
    finished_at: str
    duration_seconds: float
    total: int
    matched: int
    restored: int
    manual_review: int
    changed: int
    invalid: int
    unprocessed: int
    by_severity: dict[str, int]
    mean_discrepancy: float
    max_discrepancy: int
    max_discrepancy_product: str | None
    top: list[dict[str, Any]]
    missing_keys: int
    missing_ignored: int = 0
    held_units: int = 0
    in_doubt: int = 0
    invalid_examples: list[dict[str, str]] = field(default_factory=list)
    """A few of the invalid: product_id, found (the beginning of the value, safe to print), resembles."""
    empty_cache: bool = False
    """Whether the whole ledger was looked at, and not one product had a key."""
    mass_loss: bool = False
    """Whether so many counters are gone that the cache lost them: people are told of it in one piece."""

    @property
    def agreeing(self) -> int:
        """How many products have the same number in both stores: `matched` also holds those that are ignored."""
        return self.matched - self.missing_ignored

    @property
    def compared_hardly_any(self) -> bool:
        """Whether less than half of the products that were looked at could be compared."""
        return hardly_comparable(self.invalid, self.total - self.unprocessed)

    def to_dict(self) -> dict[str, Any]:
        """As JSON for XCom."""
        return asdict(self)

    def in_words(self) -> str:
        """One line for the log."""
        return (
            f"{self.date}{' (dry run)' if self.dry_run else ''}: {self.status}; {self.total:,} products, "
            f"{self.agreeing:,} agree, {self.restored:,} restored, {self.manual_review:,} for manual review, "
            f"{self.changed:,} still changing, {self.invalid:,} no stock number, {self.unprocessed:,} not looked at, "
            f"{self.missing_keys:,} without a key{' (left alone)' if self.missing_ignored else ''}, "
            f"in {self.duration_seconds:.1f} s"
        )

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> Self:
        """Undo `to_dict`."""
        return cls(**raw)


def summarize(  # noqa: PLR0913 - what a run is
    plan: RunPlan,
    tally: Tally,
    *,
    unprocessed: int,
    status: RunStatus,
    finished: datetime,
    held_units: int = 0,
    empty_cache: bool = False,
    mass_loss: bool = False,
) -> RunSummary:
    """Put a run's counts into the summary's shape.

    Args:
        plan: the run
        tally: what its ranges counted
        unprocessed: products the latest pass did not look at
        status: how it ended
        finished: when
        held_units: units on hold of the products it looked at
        empty_cache: whether the whole ledger was looked at, and not one product had a key
        mass_loss: whether so many counters are gone that the cache lost them
    """
    found = tally.restored + tally.review
    total = max(tally.products + unprocessed, tally.accounted)
    largest = found.top[0] if found.top else None
    started = datetime.fromisoformat(plan.started_at)
    return RunSummary(
        date=plan.date,
        run_id=plan.run_id,
        run_type=plan.run_type,
        dry_run=plan.dry_run,
        status=status.value,
        started_at=plan.started_at,
        finished_at=finished.astimezone(started.tzinfo).isoformat(timespec="seconds"),
        duration_seconds=round((finished - started).total_seconds(), 3),
        total=total,
        matched=tally.agreeing,
        restored=tally.restored.count,
        manual_review=tally.review.count,
        changed=tally.changed,
        invalid=tally.invalid,
        unprocessed=total - tally.accounted - tally.agreeing,
        by_severity={s.value: found.by_severity.get(s.value, 0) for s in Severity},
        mean_discrepancy=round(found.absolute_sum / found.count, 2) if found.count else 0.0,
        max_discrepancy=abs(largest.discrepancy) if largest else 0,
        max_discrepancy_product=largest.product_id if largest else None,
        top=[_top_entry(entry) for entry in found.top],
        missing_keys=tally.without_key,
        missing_ignored=min(tally.ignored, tally.agreeing),
        held_units=held_units,
        in_doubt=tally.in_doubt,
        invalid_examples=[
            dict(zip(("product_id", "found", "resembles"), specimen.to_list(), strict=True))
            for specimen in tally.specimens
        ],
        empty_cache=empty_cache,
        mass_loss=mass_loss,
    )


def _top_entry(entry: TopEntry) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "product_id": entry.product_id,
        "db": entry.db_stock,
        "redis": entry.redis_stock,
        "discrepancy": entry.discrepancy,
        "severity": entry.severity,
        "action": entry.action,
    }
    told = {"held": entry.held, "name": entry.name}
    return shown | {key: value for key, value in told.items() if value is not None}
