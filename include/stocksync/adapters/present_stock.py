"""What both stores hold of a product at this moment."""

from collections.abc import Mapping, Sequence

from stocksync.adapters.postgres import PostgresLedger
from stocksync.adapters.postgres_ranges import partition
from stocksync.model.expected import Expected
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


class ExpectedAndCache:
    """Implements the port StockNow: as LedgerAndCache, and says how the expected number came about.

    Args:
        ledger: read first
        cache: read second
    """

    def __init__(self, ledger: StockLedger, cache: StockCache) -> None:
        self._ledger = ledger
        self._cache = cache

    def read(self, product_ids: Sequence[str]) -> Mapping[str, tuple[Expected | None, CacheValue]]:
        """Read the ledger, then the counters, of those too that the ledger does not have."""
        if not product_ids:
            return {}
        expected = self._ledger.expected(product_ids)
        counters = self._cache.read(product_ids)
        return {i: (expected.get(i), counter) for i, counter in zip(product_ids, counters, strict=True)}


class LedgerAndCacheNow(LedgerAndCache):
    """Implements the port CatalogueNow.

    Args:
        ledger: read first
        cache: read second
    """

    def __init__(self, ledger: PostgresLedger, cache: StockCache) -> None:
        super().__init__(ledger, cache)
        self._catalogue = ledger

    def sample(self, most: int) -> Sequence[str]:
        """Name the products at which the catalogue would be cut into so many ranges, which are spread evenly."""
        ranges = partition(self._catalogue, batch_size=1, max_ranges=most)
        return [id_range.lower for id_range in ranges if id_range.lower is not None]

    def close(self) -> None:
        """Close the ledger's connection."""
        self._catalogue.close()
