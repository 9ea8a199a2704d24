"""Second look: a difference is believed when nothing has moved while the stores had time to settle.

That the counter shows the same bytes is not enough: an order and a return make it come back while both are still on
their way to the ledger. Nobody may have written it at all. Then every order from before the first look has reached
the ledger by the second, no other has touched it, and what is left is drift.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from stocksync.model import specimen
from stocksync.model.policy import Difference, Rules, Verdict, judge
from stocksync.model.specimen import Specimen
from stocksync.model.stock import Unreadable
from stocksync.model.tally import Tally
from stocksync.reconcile.first_look import Suspect
from stocksync.reconcile.ports import StockCache, StockLedger


class Confirmed(NamedTuple):
    """A difference seen twice, and nothing moved in between."""

    product_id: str
    difference: Difference
    cache: bytes | None
    held: int | None = None
    name: str | None = None


@dataclass(slots=True)
class Look:
    """What became of the suspects. A product that left the ledger meanwhile is in none of these."""

    confirmed: list[Confirmed] = field(default_factory=list)
    moving: list[Suspect] = field(default_factory=list)
    invalid: list[str] = field(default_factory=list)
    in_doubt: list[str] = field(default_factory=list)
    specimens: list[Specimen] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)


def first_look(suspects: Sequence[Suspect], cache: StockCache) -> list[Suspect]:
    """Read the suspects' counters once more, so that from now on no write to them goes unnoticed."""
    if not suspects:
        return []
    seen = cache.look([suspect.product_id for suspect in suspects])
    return [
        Suspect(suspect.product_id, None if suspect.seen is None else (suspect.seen[0], value))
        for suspect, (value, _) in zip(suspects, seen, strict=True)
    ]


def look_again(suspects: Sequence[Suspect], *, ledger: StockLedger, cache: StockCache, rules: Rules) -> Look:
    """Read the suspects once more in both stores and compare with what was seen before.

    Those that are still moving stay watched, so that they can be looked at again; the others are not any more.
    """
    look = Look()
    if not suspects:
        return look
    ids = [suspect.product_id for suspect in suspects]
    stocks = ledger.expected(ids)
    # The cache is read after the ledger: it is the side that is written, under the condition that it still holds
    # the bytes of this very read.
    matched = missing = ignored = disbelieved = 0
    for suspect, (value, untouched) in zip(suspects, cache.look(ids), strict=True):
        expected = stocks.get(suspect.product_id)
        if expected is None:
            continue
        verdict = judge(expected.stock, value, rules)
        if isinstance(verdict, Difference):
            same = untouched and expected.steady and (expected.stock, value) == suspect.seen
            if not same or isinstance(value, Unreadable):
                look.moving.append(Suspect(suspect.product_id, (expected.stock, value)))
            elif expected.leaves_in_doubt(verdict):
                look.in_doubt.append(suspect.product_id)
                disbelieved += expected.in_doubt is None
            else:
                look.confirmed.append(Confirmed(suspect.product_id, verdict, value, expected.held, expected.name))
            continue
        missing += value is None
        if verdict is Verdict.INVALID:
            look.invalid.append(suspect.product_id)
            specimen.keep(look.specimens, suspect.product_id, expected.stock, value)
        else:
            matched += 1
            ignored += verdict is Verdict.IGNORED
    still = {suspect.product_id for suspect in look.moving}
    cache.forget([product_id for product_id in ids if product_id not in still])
    look.tally = Tally(
        matched=matched,
        changed=len(look.in_doubt),
        invalid=len(look.invalid),
        missing_keys=missing,
        ignored=ignored,
        in_doubt=len(look.in_doubt),
        disbelieved=disbelieved,
        specimens=tuple(look.specimens),
    )
    return look
