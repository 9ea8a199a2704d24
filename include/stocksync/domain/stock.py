"""What counts as a stock number, and what a read of the cache can give."""

import re
from enum import Enum

INT32_MIN = -(2**31)
INT32_MAX = 2**31 - 1

# Exactly what INCR and DECR leave behind. Anything more lenient (`int(" 7 ")`, `int("1_000")`, `int("٣")`) would
# take a corrupted counter for a number and overwrite the evidence.
_DECIMAL = re.compile(rb"0|-?[1-9][0-9]{0,9}")


class Unreadable(Enum):
    """A key that holds something no GET can return: such as a list or a hash."""

    WRONG_TYPE = "wrong type"


CacheValue = bytes | Unreadable | None
"""What the cache holds for a product: its bytes, None without a key, Unreadable where another type lives."""

LedgerValue = bytes | None
"""The ledger's stock as decimal text; None where it is null, negative, fractional or beyond int32."""


def parse_stock(value: bytes) -> int | None:
    """Read a strict decimal within int32; None for anything else."""
    if _DECIMAL.fullmatch(value) is None:
        return None
    number = int(value)
    return number if INT32_MIN <= number <= INT32_MAX else None
