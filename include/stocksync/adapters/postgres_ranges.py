"""Cutting the ledger into ranges, in SQL."""

from itertools import pairwise
from math import ceil

from stocksync.adapters.postgres import PostgresLedger
from stocksync.model.id_range import IdRange

EXACT_UP_TO = 200_000
"""Products for which exact boundaries are worth one read of the id column; above, a sample of the pages."""
_SAMPLED_ROWS = 60_000


def partition(ledger: PostgresLedger, *, batch_size: int, max_ranges: int) -> list[IdRange]:
    """Cut the whole ledger into ranges of one batch each, or of several batches once max_ranges is reached.

    The first range is open below and the last above, so the ranges cover every id there is or will be; an empty
    ledger is one open range.
    """
    everything = IdRange(0, 1)
    total = ledger.count(everything, None)
    batches = max(1, ceil(total / batch_size))
    size = ceil(batches / max_ranges) * batch_size
    wanted = max(1, ceil(total / size))
    if wanted == 1:
        bounds = []
    elif total > EXACT_UP_TO and ledger.sampled:
        percent = min(100.0, 100.0 * _SAMPLED_ROWS / total)
        fractions = [number / wanted for number in range(1, wanted)]
        bounds = ledger.bounds("sampled_bounds", fractions=fractions, percent=percent)
    else:
        bounds = ledger.bounds("exact_bounds", size=size)
    edges = [None, *dict.fromkeys(bounds), None]
    rows = ceil(total / (len(edges) - 1))
    return [
        IdRange(index, len(edges) - 1, lower, upper, rows=rows) for index, (lower, upper) in enumerate(pairwise(edges))
    ]


def chosen(product_ids: list[str], *, batch_size: int) -> list[IdRange]:
    """Cut a list of ids into ranges of a batch each."""
    ids = list(dict.fromkeys(product_ids))
    pieces = [tuple(ids[start : start + batch_size]) for start in range(0, len(ids), batch_size)]
    return [IdRange(n, len(pieces), ids=piece, rows=len(piece)) for n, piece in enumerate(pieces)]
