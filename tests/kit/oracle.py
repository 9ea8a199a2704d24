"""The rules a second time, sharing no code with the program: what becomes of products that nobody touches meanwhile."""

from collections import Counter
from dataclasses import dataclass

LARGEST = 2**31 - 1
WRONG_TYPE = object()
"""Stands for a key that holds no string."""
ACTION = {"restored": "REDIS_RESTORED", "manual_review": "MANUAL_REVIEW_REQUIRED"}
FATES = ("matched", "restored", "manual_review", "invalid")
SEVERITIES = {"LOW": 5, "MEDIUM": 10, "HIGH": 50, "CRITICAL": 2 * LARGEST}
"""The largest difference of each."""


@dataclass(frozen=True)
class Fate:
    """What a run makes of one product.

    Attributes:
        name: one of FATES
        stock: units in the ledger, where the two differ
        held: units in the cache, where the two differ; a missing counter holds none
    """

    name: str
    stock: int | None = None
    held: int | None = None

    @property
    def action(self):
        """What its event says was done; None: it has no event."""
        return ACTION.get(self.name)

    @property
    def severity(self):
        return next(name for name, most in SEVERITIES.items() if abs(self.stock - self.held) <= most)

    @property
    def told(self):
        """What its event says: stock, counter, severity, action."""
        return self.stock, self.held, self.severity, self.action


def fate_of(ledger, counter, *, limit=10, missing="zero"):
    """Say what becomes of a product.

    Args:
        ledger: its stock as a number, None for NULL, or text as PostgreSQL shows it
        counter: its bytes, None: there is no key, or WRONG_TYPE
        limit: the largest difference that is restored
        missing: the policy for a product without a key: zero, restore or ignore
    """
    stock = _stock(ledger)
    if stock is None or counter is WRONG_TYPE:
        return Fate("invalid")
    if counter is None and missing == "ignore":
        return Fate("matched")
    held = 0 if counter is None else _number(counter)
    if held is None or stock - held > LARGEST:
        return Fate("invalid")
    if stock == held:
        return Fate("matched")
    restored = abs(stock - held) <= limit or (counter is None and missing == "restore")
    return Fate("restored" if restored else "manual_review", stock, held)


def fates_of(rows):
    """The fate of each product by the default rules, from (id, ledger, cache) as a shop is stocked with them."""
    return {
        product_id: fate_of(ledger, None if cached is None else str(cached).encode())
        for product_id, ledger, cached in rows
    }


def outcome_of(fates, counters, *, missing="zero"):
    """How a run over a whole catalogue ends that came to its end.

    Args:
        fates: of each product
        counters: what each held when the run began, None: no key
        missing: the policy for a product without a key
    """
    unreadable = [fate.name for fate in fates.values()].count("invalid")
    lost = len(fates) > 0 and missing != "restore" and all(counter is None for counter in counters)
    return "failed" if lost or unreadable > len(fates) - unreadable else "complete"


def counted(fates):
    """How many products have each fate, and how many events each severity: what a summary says of a whole run."""
    found = Counter(fate.severity for fate in fates.values() if fate.action)
    names = Counter(fate.name for fate in fates.values())
    return {name: names[name] for name in FATES} | {"by_severity": {name: found[name] for name in SEVERITIES}}


def _stock(ledger):
    if isinstance(ledger, str):
        ledger = {"7.00": 7}.get(ledger)
    return ledger if ledger is not None and 0 <= ledger <= LARGEST else None


def _number(counter):
    """A counter as a number, None if it is none: the way back must give the very same bytes."""
    try:
        number = int(counter.decode("ascii"))
    except (ValueError, UnicodeDecodeError):
        return None
    return number if str(number).encode() == counter and -LARGEST - 1 <= number <= LARGEST else None
