"""Cutting the ledger into ranges, in SQL."""

from collections.abc import Sequence
from dataclasses import replace
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
    size = range_size(total, batch_size=batch_size, max_ranges=max_ranges)
    wanted = max(1, ceil(total / size))
    if wanted == 1:
        bounds = []
    elif total > EXACT_UP_TO and ledger.sampled:
        percent = min(100.0, 100.0 * _SAMPLED_ROWS / total)
        fractions = [number / wanted for number in range(1, wanted)]
        bounds = ledger.bounds("sampled_bounds", fractions=fractions, percent=percent)
    else:
        bounds = ledger.bounds("exact_bounds", size=size)
    # Products that were born since the count are the last range's, not one range more.
    edges = [None, *list(dict.fromkeys(bounds))[: max_ranges - 1], None]
    rows = ceil(total / (len(edges) - 1))
    return [
        IdRange(index, len(edges) - 1, lower, upper, rows=rows) for index, (lower, upper) in enumerate(pairwise(edges))
    ]


def cut_as_before(ledger: PostgresLedger, left: Sequence[IdRange]) -> list[IdRange]:
    """Take over the ranges that the run before left, which cover every id, in their order."""
    rows = ceil(ledger.count(IdRange(0, 1), None) / len(left))
    return [replace(id_range, of=len(left), rows=rows) for id_range in left]


def range_size(products: int, *, batch_size: int, max_ranges: int) -> int:
    """Say how many products a range takes, in whole batches, so that there are max_ranges at most."""
    batches = max(1, ceil(products / batch_size))
    return ceil(batches / max_ranges) * batch_size


def chosen(product_ids: list[str], *, batch_size: int, max_ranges: int) -> list[IdRange]:
    """Cut a list of ids, each there once, into ranges of one batch each, or of several once max_ranges is reached."""
    size = range_size(len(product_ids), batch_size=batch_size, max_ranges=max_ranges)
    pieces = [tuple(product_ids[start : start + size]) for start in range(0, len(product_ids), size)]
    return [IdRange(n, len(pieces), ids=piece, rows=len(piece)) for n, piece in enumerate(pieces)]
