"""What counts as a stock number, and what a read of the cache can give."""

import re
from enum import Enum

INT32_MIN = -(2**31)
INT32_MAX = 2**31 - 1

# Exactly what INCR and DECR leave behind. Anything more lenient (`int(" 7 ")`, `int("1_000")`, `int("٣")`) would
# take a corrupted counter for a number and overwrite the evidence.
_DECIMAL = re.compile(rb"0|-?[1-9][0-9]{0,9}")


class Unreadable(Enum):
    """What stands where a stock number should be, when it is not even text to compare."""

    WRONG_TYPE = "a key of another type"
    """The cache has a list, a hash or the like there; GET would fail and SET would destroy it."""
    NO_STOCK = "null, negative, fractional, beyond int32, or less than what is on hold"
    """The ledger's column holds nothing a counter can be set to."""
    SEVERAL_ROWS = "on several rows of the ledger"
    """Which of them is the product's stock, or whether it is their sum, is not for this program to guess."""


CacheValue = bytes | Unreadable | None
"""What the cache holds for a product: its bytes, None without a key, Unreadable where another type lives."""

LedgerValue = bytes | Unreadable
"""The ledger's stock as decimal text within 0 and int32, or Unreadable.NO_STOCK or .SEVERAL_ROWS."""


def parse_stock(value: bytes) -> int | None:
    """Read a strict decimal within int32; None for anything else."""
    if _DECIMAL.fullmatch(value) is None:
        return None
    number = int(value)
    return number if INT32_MIN <= number <= INT32_MAX else None
