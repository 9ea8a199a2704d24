"""What one channel has to tell in one pass: what is news, and what is of a day that is over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Self

from stocksync.alerting.batch import AlertBatch
from stocksync.alerting.routing import AlertGroup, is_over

GroupNews = tuple[AlertGroup, AlertBatch]


@dataclass(frozen=True, slots=True)
class News:
    """All groups of one pass, the latest first.

    Attributes:
        current: told in full, those with something urgent before the others
        over: a line each, and nobody is called: alerts were switched on late, or the offsets had expired
    """

    current: Sequence[GroupNews]
    over: Sequence[GroupNews]

    @classmethod
    def of(cls, batches: Mapping[AlertGroup, AlertBatch], now: datetime, zone: tzinfo) -> Self:
        """Sort what a pass found.

        Args:
            batches: each group with what is to be told about it
            now: the present
            zone: the operators' clock
        """
        latest_first = sorted(batches.items(), key=lambda item: (-item[1].latest_ms, item[0].key))
        current: list[GroupNews] = []
        over: list[GroupNews] = []
        for group, batch in latest_first:
            (over if is_over(batch.latest_ms, now, zone) else current).append((group, batch))
        return cls(sorted(current, key=lambda item: not item[1].calls), over)

    def __bool__(self) -> bool:
        """Tell whether there is anything."""
        return bool(self.current or self.over)
