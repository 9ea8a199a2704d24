"""How much a run found: product by product, or so much that people are told in one piece."""

from dataclasses import dataclass

from stocksync.model.summary import changed_too_much
from stocksync.model.tally import Tally

LOST_AT_LEAST = 100
"""Fewer lost counters than these are told as products, in however small a shop."""


@dataclass(frozen=True, slots=True)
class AlarmLimits:
    """Where a run's findings stop being products' own troubles.

    Attributes:
        missing_percent: so many of a hundred counters lost are one loss; 0: never
        discrepancies: more than so many in a run are one message; 0: any number is told one by one
    """

    missing_percent: int = 20
    discrepancies: int = 0


@dataclass(frozen=True, slots=True)
class RunScale:
    """What of a run is told in one piece, and what must be said besides.

    Attributes:
        lost: counters that are gone, if they are so many that the cache lost them; else 0
        there: counters that are still there
        many: the other discrepancies, if they are more than the limit; else 0
        limit: that limit
        changed: products that kept changing, if they are more than is usual; else 0
    """

    lost: int = 0
    there: int = 0
    many: int = 0
    limit: int = 0
    changed: int = 0


ORDINARY = RunScale()


def is_mass_loss(lost: int, there: int, percent: int, at_least: int = LOST_AT_LEAST) -> bool:
    """Tell whether so many counters are gone that the cache lost them.

    A product without stock and without a key says nothing: many shops make a counter at the first order only.

    Args:
        lost: products with stock and without a key
        there: counters that exist
        percent: so many of a hundred are a loss; 0: none ever is
        at_least: fewer are none
    """
    return percent > 0 and lost >= at_least and lost * 100 >= (lost + there) * percent


def scale_of(tally: Tally, limits: AlarmLimits) -> RunScale:
    """Judge a run by what its ranges counted."""
    lost = tally.lost if is_mass_loss(tally.lost, tally.there, limits.missing_percent) else 0
    others = tally.restored.count + tally.review.count - lost
    return RunScale(
        lost=lost,
        there=tally.there,
        many=others if 0 < limits.discrepancies < others else 0,
        limit=limits.discrepancies,
        changed=tally.changed if changed_too_much(tally.changed, tally.products) else 0,
    )
