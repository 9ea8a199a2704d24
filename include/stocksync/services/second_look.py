"""Second look: a difference is believed when both stores still say the same after they had time to settle."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from stocksync.domain.policy import Difference, Rules, Verdict, judge
from stocksync.domain.tally import Tally
from stocksync.ports import StockCache, StockLedger
from stocksync.services.suspects import Suspect


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A difference seen twice, byte for byte the same."""

    product_id: str
    difference: Difference
    cache: bytes | None


@dataclass(slots=True)
class Look:
    """What became of the suspects. A product that left the ledger meanwhile is in none of these."""

    confirmed: list[Confirmed] = field(default_factory=list)
    moving: list[Suspect] = field(default_factory=list)
    invalid: list[str] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)


def look_again(suspects: Sequence[Suspect], *, ledger: StockLedger, cache: StockCache, rules: Rules) -> Look:
    """Read the suspects once more in both stores and compare with what was seen before."""
    look = Look()
    if not suspects:
        return look
    ids = [suspect.product_id for suspect in suspects]
    stocks = ledger.read(ids)
    # The cache is read after the ledger: it is the side that is written, under the condition that it still holds
    # the bytes of this very read.
    matched = missing = 0
    for suspect, value in zip(suspects, cache.read(ids), strict=True):
        stock = stocks.get(suspect.product_id)
        if stock is None:
            continue
        verdict = judge(stock, value, rules)
        if isinstance(verdict, Difference):
            if (stock, value) == (suspect.ledger, suspect.cache) and (value is None or isinstance(value, bytes)):
                look.confirmed.append(Confirmed(suspect.product_id, verdict, value))
            else:
                look.moving.append(Suspect(suspect.product_id, stock, value))
            continue
        missing += value is None
        if verdict is Verdict.MATCHED:
            matched += 1
        else:
            look.invalid.append(suspect.product_id)
    look.tally = Tally(matched=matched, invalid=len(look.invalid), missing_keys=missing)
    return look
