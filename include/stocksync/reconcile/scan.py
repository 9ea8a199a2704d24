"""Streaming one stretch of ids out of both stores, until its end, the end of the time, or the ledger's failure."""

from collections.abc import Iterator

from stocksync.errors import LedgerUnavailable
from stocksync.model.id_range import IdRange
from stocksync.model.stock import CacheValue
from stocksync.reconcile.ports import Clock, LedgerBatch, StockCache, StockLedger
from stocksync.reconcile.time_left import TimeLeft

_PIECES_A_SECOND = 8
"""Into how many reads a second's worth of products is cut where there is a pace: the cache is read so far ahead."""


class Scan:
    """One stream. However it ends, everything that was read is handed on: the work is not thrown away.

    Args:
        ledger: the truth
        cache: the counters
        clock: time
        time: the run's; the scan ends `closing` seconds before it does
        closing: seconds it takes to look again at what was compared last
        pace: most products a second; None: as fast as the stores answer

    Attributes:
        whole: whether it came to the end of its stretch
        failure: what the ledger failed with, if it did
    """

    def __init__(  # noqa: PLR0913 - its collaborators
        self,
        ledger: StockLedger,
        cache: StockCache,
        clock: Clock,
        time: TimeLeft,
        *,
        closing: float,
        pace: float | None,
    ) -> None:
        self._ledger = ledger
        self._cache = cache
        self._clock = clock
        self._time = time
        self._closing = closing
        self._pace = pace
        self.whole = False
        self.failure: LedgerUnavailable | None = None

    def pairs(self, stretch: IdRange, after: str | None) -> Iterator[tuple[LedgerBatch, list[CacheValue]]]:
        """Stream the ledger's batches with the cache's values beside them, from the first id after `after`."""
        return self._cache.read_along(self._in_time(stretch, after))

    def _in_time(self, stretch: IdRange, after: str | None) -> Iterator[LedgerBatch]:
        batches = self._ledger.scan(stretch, after)
        try:
            for batch in batches if self._pace is None else self._paced(batches, self._pace):
                if self._seconds() == 0:
                    return
                yield batch
        except LedgerUnavailable as error:
            self.failure = error
            return
        self.whole = True

    def _paced(self, batches: Iterator[LedgerBatch], pace: float) -> Iterator[LedgerBatch]:
        """Hand on no product before its turn, in pieces so small that nobody waits long for one."""
        begun, sent, size = self._clock.monotonic(), 0, max(1, int(pace / _PIECES_A_SECOND))
        for batch in batches:
            for start in range(0, len(batch.ids), size):
                piece = LedgerBatch(batch.ids[start : start + size], batch.stocks[start : start + size])
                sent += len(piece.ids)
                self._time.wait(min(begun + sent / pace - self._clock.monotonic(), self._seconds()))
                yield piece

    def _seconds(self) -> float:
        """Seconds that are left to the scan."""
        return max(0.0, self._time.seconds() - self._closing)
