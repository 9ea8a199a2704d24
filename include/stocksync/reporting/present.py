"""How the products of a report stand now: what was resolved since the run, and what is new."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from stocksync.model.policy import Difference, Rules, Verdict, judge
from stocksync.model.run_scale import AlarmLimits, is_mass_loss
from stocksync.model.stock import CacheValue, LedgerValue, Unreadable
from stocksync.reporting.day import ReportedProduct

SAMPLED = 1_000
"""How many products are looked at, spread over the catalogue, to see whether the cache still is what the run left."""
_LOST_AT_LEAST = 5
"""Fewer of them without a key are products' own trouble."""

Held = tuple[LedgerValue, CacheValue]


class Standing(StrEnum):
    """How a product stands now."""

    RESOLVED = "resolved"
    OPEN = "open"
    """It differs, as the run found it."""
    NEW = "new"
    """It differs, and the run had restored it."""
    UNREADABLE = "unreadable"
    """A value is no stock number."""
    MISSING = "missing"
    """It has no key, and the policy leaves it alone."""
    GONE = "gone"
    """It is no longer in the ledger."""


@dataclass(frozen=True, slots=True)
class ProductNow:
    """A product of the report, looked at again.

    Attributes:
        product: as the run found it
        standing: how it stands now
        db: stock in the ledger now; 0 where it is not known
        redis: counter now; 0 where it is not known
    """

    product: ReportedProduct
    standing: Standing
    db: int = 0
    redis: int = 0


@dataclass(frozen=True, slots=True)
class Sample:
    """Products spread over the catalogue, looked at now.

    Attributes:
        looked_at: how many
        differing: how many differ; an order on its way makes a product differ for a moment
        missing: how many have no key though the ledger has stock
        there: how many have a key
    """

    looked_at: int
    differing: int
    missing: int
    there: int

    def is_flushed(self, limits: AlarmLimits) -> bool:
        """Whether so many keys are missing that the cache was flushed, or lost a part."""
        return is_mass_loss(self.missing, self.there, limits.missing_percent, _LOST_AT_LEAST)


@dataclass(frozen=True, slots=True)
class Present:
    """What a look at the stores says of a report.

    Attributes:
        at: when, on the operators' clock
        products: those of the report that wait for a person, and those that were restored and differ again
        sample: others; None: the catalogue has too few
        trouble: why the stores could not be looked at; empty: they could
    """

    at: str
    products: Sequence[ProductNow] = ()
    sample: Sample | None = None
    trouble: str = ""


def stand(products: Sequence[ReportedProduct], held: Mapping[str, Held], rules: Rules) -> list[ProductNow]:
    """Say how products stand now: each that waits for a person, and each restored one that differs again."""
    now = [_stands(product, held.get(product.product_id), rules) for product in products]
    return [each for each in now if each.product.manual or each.standing is Standing.NEW]


def sampled(held: Mapping[str, Held], rules: Rules) -> Sample | None:
    """Count what differs among products that nothing was known of."""
    if not held:
        return None
    verdicts = [judge(*values, rules) for values in held.values()]
    return Sample(
        looked_at=len(held),
        differing=sum(isinstance(verdict, Difference) for verdict in verdicts),
        missing=sum(cache is None and ledger != b"0" for ledger, cache in held.values()),
        there=sum(cache is not None for _, cache in held.values()),
    )


def _stands(product: ReportedProduct, held: Held | None, rules: Rules) -> ProductNow:
    if held is None:
        return ProductNow(product, Standing.GONE)
    verdict = judge(*held, rules)
    if isinstance(verdict, Difference):
        standing = Standing.OPEN if product.manual else Standing.NEW
        return ProductNow(product, standing, verdict.db_stock, verdict.redis_stock)
    standings = {
        Verdict.MATCHED: Standing.RESOLVED,
        Verdict.INVALID: Standing.UNREADABLE,
        Verdict.IGNORED: Standing.MISSING,
    }
    ledger = held[0]
    stock = 0 if isinstance(ledger, Unreadable) or verdict is not Verdict.MATCHED else int(ledger)
    return ProductNow(product, standings[verdict], stock, stock)
