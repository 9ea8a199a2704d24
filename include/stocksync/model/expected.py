"""What a product's counter should hold: the ledger's stock, less what open orders hold."""

from dataclasses import dataclass

from stocksync.model.policy import Action, Difference
from stocksync.model.stock import INT32_MAX, LedgerValue, Unreadable, parse_stock


@dataclass(frozen=True, slots=True)
class Expected:
    """A product's expected counter, and how that came about.

    Attributes:
        stock: what the counter should hold
        held: units on hold that are taken off there; None: the shop has no holds
        in_doubt: units of orders of which nobody knows whether the ledger has them already; None: any number, because
            the holds cannot be believed
        steady: whether the holds were the same before and after the ledger was read
        name: what the ledger calls the product; None: it has no names
    """

    stock: LedgerValue
    held: int | None = None
    in_doubt: int | None = 0
    steady: bool = True
    name: str | None = None

    def leaves_in_doubt(self, difference: Difference) -> bool:
        """Tell whether nobody may act on a difference until the doubt is gone.

        What is in doubt can only make the right counter smaller, so a counter that is too large is too large anyhow. A
        raise might sell an order's units again. A person is asked only where the doubt does not explain it all.
        """
        if difference.discrepancy < 0 or self.in_doubt == 0:
            return False
        if self.in_doubt is None:
            return True
        return difference.action is Action.REDIS_RESTORED or difference.discrepancy <= self.in_doubt


def less_holds(stock: LedgerValue, units: int) -> LedgerValue:
    """Take the units on hold off a stock; more on hold than there is, is no stock number."""
    number = None if isinstance(stock, Unreadable) else parse_stock(stock)
    if number is None or not units:
        return stock
    left = number - units
    return str(left).encode() if 0 <= left <= INT32_MAX else Unreadable.NO_STOCK
