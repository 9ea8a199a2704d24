"""Counting what was found: values that merge in any order and grouping."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from heapq import nsmallest
from typing import Any, Self

from stocksync.model.finding import Finding
from stocksync.model.policy import Action, Severity
from stocksync.model.specimen import KEPT, Specimen

TOP = 10


@dataclass(frozen=True, slots=True)
class TopEntry:
    """A line of the ten largest discrepancies."""

    product_id: str
    db_stock: int
    redis_stock: int
    discrepancy: int
    severity: str
    action: str
    held: int | None = None
    name: str | None = None

    @classmethod
    def of(cls, finding: Finding) -> Self:
        """Keep what the summary shows of a finding."""
        difference = finding.difference
        return cls(
            finding.product_id,
            difference.db_stock,
            difference.redis_stock,
            difference.discrepancy,
            difference.severity.value,
            difference.action.value,
            finding.held,
            finding.name,
        )

    def rank(self) -> tuple[int, str]:
        """Largest first; equal sizes by id, so that the list does not depend on the order of the work."""
        return (-abs(self.discrepancy), self.product_id)


@dataclass(frozen=True, slots=True)
class Findings:
    """Confirmed discrepancies that met the same fate (all restored, or all left to a person).

    Attributes:
        by_severity: count for each severity that occurred
        absolute_sum: sum of the absolute discrepancies
        missing_keys: how many of them had no key in the cache
        top: the ten largest
    """

    by_severity: Mapping[str, int] = field(default_factory=dict)
    absolute_sum: int = 0
    missing_keys: int = 0
    top: tuple[TopEntry, ...] = ()

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(self.by_severity.values())

    @classmethod
    def of(cls, findings: Sequence[Finding]) -> Self:
        """Count a list."""
        differences = [finding.difference for finding in findings]
        largest = nsmallest(TOP, findings, key=lambda f: (-abs(f.difference.discrepancy), f.product_id))
        return cls(
            by_severity={s.value: n for s, n in Counter(d.severity for d in differences).items()},
            absolute_sum=sum(abs(d.discrepancy) for d in differences),
            missing_keys=sum(d.key_missing for d in differences),
            top=tuple(map(TopEntry.of, largest)),
        )

    def __add__(self, other: "Findings") -> "Findings":
        """Merge two counts."""
        return Findings(
            by_severity={
                s.value: n
                for s in Severity
                if (n := self.by_severity.get(s.value, 0) + other.by_severity.get(s.value, 0))
            },
            absolute_sum=self.absolute_sum + other.absolute_sum,
            missing_keys=self.missing_keys + other.missing_keys,
            top=tuple(nsmallest(TOP, (*self.top, *other.top), key=TopEntry.rank)),
        )

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "by_severity": dict(self.by_severity),
            "absolute_sum": self.absolute_sum,
            "missing_keys": self.missing_keys,
            "top": [list(_fields(entry)) for entry in self.top],
        }

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Self:
        """Undo `to_dict`."""
        return cls(
            raw["by_severity"],
            raw["absolute_sum"],
            raw["missing_keys"],
            tuple(TopEntry(*entry) for entry in raw["top"]),
        )


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of the products looked at so far.

    Attributes:
        matched: both stores agree (or the product has no key and the policy says to leave it), less one for each
            restore of an earlier pass (see Progress.next_pass): with few products it may be below 0, and `agreeing`
            is what people are shown
        changed: still moving after several looks, so left alone
        invalid: a value that is no stock number, in either store
        restored: discrepancies written back to the cache
        review: discrepancies left to a person
        missing_keys: products without a key that are in none of the two above
        ignored: those of `matched` that have no key, and that the policy leaves alone
        in_doubt: of `changed`, those left alone because an order of theirs is in doubt
        disbelieved: of `in_doubt`, those where it is the holds as a whole that cannot be believed
        specimens: a few of the invalid, the first by their ids
    """

    matched: int = 0
    changed: int = 0
    invalid: int = 0
    restored: Findings = field(default_factory=Findings)
    review: Findings = field(default_factory=Findings)
    missing_keys: int = 0
    ignored: int = 0
    in_doubt: int = 0
    disbelieved: int = 0
    specimens: tuple[Specimen, ...] = ()

    @property
    def products(self) -> int:
        """How many products have been looked at, by the latest pass."""
        return self.matched + self.accounted

    @property
    def accounted(self) -> int:
        """Everything that did not simply agree; a product that was restored by two passes is in it twice."""
        return self.changed + self.invalid + self.restored.count + self.review.count

    @property
    def without_key(self) -> int:
        """How many products had no key."""
        return self.missing_keys + self.lost

    @property
    def lost(self) -> int:
        """How many of the discrepancies are products without a key."""
        return self.restored.missing_keys + self.review.missing_keys

    @property
    def there(self) -> int:
        """How many products have a counter, of whatever value."""
        return max(0, self.products - self.without_key)

    @property
    def agreeing(self) -> int:
        """How many products agree, or are ignored, and are nothing else besides."""
        return max(0, self.matched)

    @classmethod
    def of(cls, findings: Sequence[Finding]) -> Self:
        """Count findings by what was done about them."""
        return cls(
            restored=Findings.of([f for f in findings if f.difference.action is Action.REDIS_RESTORED]),
            review=Findings.of([f for f in findings if f.difference.action is Action.MANUAL_REVIEW_REQUIRED]),
        )

    def __add__(self, other: "Tally") -> "Tally":
        """Merge two counts."""
        return Tally(
            matched=self.matched + other.matched,
            changed=self.changed + other.changed,
            invalid=self.invalid + other.invalid,
            restored=self.restored + other.restored,
            review=self.review + other.review,
            missing_keys=self.missing_keys + other.missing_keys,
            ignored=self.ignored + other.ignored,
            in_doubt=self.in_doubt + other.in_doubt,
            disbelieved=self.disbelieved + other.disbelieved,
            specimens=tuple(nsmallest(KEPT, (*self.specimens, *other.specimens))),
        )

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "matched": self.matched,
            "changed": self.changed,
            "invalid": self.invalid,
            "restored": self.restored.to_dict(),
            "review": self.review.to_dict(),
            "missing_keys": self.missing_keys,
            "ignored": self.ignored,
            "in_doubt": self.in_doubt,
            "disbelieved": self.disbelieved,
            "specimens": [specimen.to_list() for specimen in self.specimens],
        }

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Self:
        """Undo `to_dict`; a checkpoint of an older version knows of none that were ignored."""
        return cls(
            raw["matched"],
            raw["changed"],
            raw["invalid"],
            Findings.from_dict(raw["restored"]),
            Findings.from_dict(raw["review"]),
            raw["missing_keys"],
            raw.get("ignored", 0),
            raw.get("in_doubt", 0),
            raw.get("disbelieved", 0),
            tuple(map(Specimen.from_list, raw.get("specimens", ()))),
        )


def _fields(entry: TopEntry) -> tuple[Any, ...]:
    return (
        entry.product_id,
        entry.db_stock,
        entry.redis_stock,
        entry.discrepancy,
        entry.severity,
        entry.action,
        entry.held,
        entry.name,
    )
