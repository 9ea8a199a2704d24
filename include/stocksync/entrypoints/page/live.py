"""What both stores hold of a few products at this moment, for a person who waits."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from contextlib import closing
from typing import Any

from stocksync.bootstrap import Bootstrap
from stocksync.errors import StockSyncError
from stocksync.model.stock import CacheValue, LedgerValue, Unreadable, parse_stock
from stocksync.model.text import printable

MOST = 50
LIMIT_S = 3.0

# A store that hangs holds one of these until its own time limit ends it, and never a thread of Airflow's API.
_POOL = ThreadPoolExecutor(4, "stock-sync-page")


def now(make: Callable[[], Bootstrap], product_ids: Sequence[str], limit_s: float = LIMIT_S) -> Mapping[str, Any]:
    """Read the products in both stores, read only; what is not known is said, nothing is raised.

    Args:
        make: puts the product together
        product_ids: at most MOST are read
        limit_s: how long is waited

    Returns:
        `products`: by id, expected, redis (both in words where they are no numbers; redis None: no key), held, and
        discrepancy (None: they cannot be compared); or `error`: in words, `error_kind`: timeout or other
    """
    job = _POOL.submit(_read, make, list(product_ids)[:MOST])
    try:
        return {"products": job.result(limit_s)}
    except TookTooLong:
        job.cancel()
        return {"error": f"{limit_s:g} s", "error_kind": "timeout"}
    except StockSyncError as error:
        return {"error": printable(str(error), 300), "error_kind": "other"}


def _read(make: Callable[[], Bootstrap], product_ids: list[str]) -> dict[str, Any]:
    product = make()
    with closing(product.ledger):
        both = product.stock_now().read(product_ids)
    return {
        product_id: _compared(expected.stock, expected.held, counter)
        for product_id, (expected, counter) in both.items()
        if expected is not None
    }


def _compared(stock: LedgerValue, held: int | None, counter: CacheValue) -> dict[str, Any]:
    should, found = _shown(stock), _shown(counter)
    there = 0 if found is None else found
    return {
        "expected": should,
        "redis": found,
        "held": held,
        "discrepancy": should - there if isinstance(should, int) and isinstance(there, int) else None,
    }


def _shown(value: CacheValue) -> int | str | None:
    """Give a number, or what stands there instead."""
    if value is None:
        return None
    if isinstance(value, Unreadable):
        return value.value
    number = parse_stock(value)
    return printable(value.decode("utf-8", "replace"), 40) if number is None else number
