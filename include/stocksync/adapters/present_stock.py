"""What both stores hold of a product at this moment."""

from collections.abc import Mapping, Sequence

from stocksync.model.stock import CacheValue, LedgerValue
from stocksync.reconcile.ports import StockCache, StockLedger


class LedgerAndCache:
    """Implements the port PresentStock.

    Args:
        ledger: read first
        cache: read second, so that an order between the two shows as its own, smaller, counter
    """

    def __init__(self, ledger: StockLedger, cache: StockCache) -> None:
        self._ledger = ledger
        self._cache = cache

    def read(self, product_ids: Sequence[str]) -> Mapping[str, tuple[LedgerValue, CacheValue]]:
        """Read the ledger, then the counters of what it has."""
        stocks = self._ledger.read(product_ids)
        counters = self._cache.read(list(stocks)) if stocks else []
        return {i: (stock, counter) for (i, stock), counter in zip(stocks.items(), counters, strict=True)}
