"""First look: finding the products whose two numbers do not agree, a group at a time."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import compress
from operator import ne
from typing import NamedTuple

from stocksync.model import specimen
from stocksync.model.policy import Difference, Rules, Verdict, judge
from stocksync.model.specimen import Specimen
from stocksync.model.stock import CacheValue, LedgerValue
from stocksync.model.tally import Tally
from stocksync.reconcile.ports import LedgerBatch


class Suspect(NamedTuple):
    """A product that looked different once: perhaps drift, perhaps an order on its way to the other store.

    Attributes:
        product_id: the product
        seen: what ledger and cache held at the last look; None: not seen yet, so no look can confirm it
    """

    product_id: str
    seen: tuple[LedgerValue, CacheValue] | None


@dataclass(slots=True)
class SuspectGroup:
    """A run of consecutive ids, with those among them that are to be looked at again.

    Attributes:
        position: the last id of the group
        suspects: the products that differ
        matched: how many do not, the ignored among them
        ignored: how many have no key and are left alone for it
        invalid: ids whose value in one of the stores is no stock number
        specimens: a few of the invalid
        missing_keys: how many of the matched and the invalid have no key in the cache
        counted_before: ids skipped because an earlier attempt counted them
        last: whether the scan ends with this group
    """

    position: str | None = None
    suspects: list[Suspect] = field(default_factory=list)
    matched: int = 0
    ignored: int = 0
    invalid: list[str] = field(default_factory=list)
    specimens: list[Specimen] = field(default_factory=list)
    missing_keys: int = 0
    counted_before: set[str] = field(default_factory=set)
    last: bool = False

    @property
    def remembered(self) -> int:
        """How many products it holds by name."""
        return len(self.suspects) + len(self.invalid)

    @property
    def tally(self) -> Tally:
        """What became of all but the suspects."""
        return Tally(
            matched=self.matched,
            invalid=len(self.invalid),
            missing_keys=self.missing_keys,
            ignored=self.ignored,
            specimens=tuple(self.specimens),
        )


def groups(  # noqa: PLR0913 - what ends a group
    pairs: Iterable[tuple[LedgerBatch, list[CacheValue]]],
    *,
    rules: Rules,
    counted_before: frozenset[str],
    size: int,
    seconds: float,
    monotonic: Callable[[], float],
) -> Iterator[SuspectGroup]:
    """Cut a scan into groups of about `size` suspects and invalid products, or of some seconds' work.

    Args:
        pairs: the ledger's batches with the cache's values beside them
        rules: the run's thresholds
        counted_before: ids an earlier attempt has counted already; they are skipped
        size: suspects and invalid products after which a group is handed on
        seconds: time after which it is handed on, whatever is in it
        monotonic: the time, in seconds that never jump
    """
    group, begun = SuspectGroup(), monotonic()
    for batch, values in pairs:
        group.position = batch.ids[-1].decode()
        if counted_before:
            batch, values = _without(counted_before, batch, values, group.counted_before)  # noqa: PLW2901
        if batch.stocks == values:  # in C, for a thousand products at once
            group.matched += len(values)
        else:
            _sort_out(batch, values, group, rules)
        if group.remembered >= size or monotonic() - begun >= seconds:
            yield group
            group, begun = SuspectGroup(position=group.position), monotonic()
    group.last = True
    yield group


def _sort_out(batch: LedgerBatch, values: list[CacheValue], group: SuspectGroup, rules: Rules) -> None:
    different = list(compress(zip(batch.ids, batch.stocks, values, strict=True), map(ne, batch.stocks, values)))
    group.matched += len(values) - len(different)
    for raw_id, ledger, cache in different:
        product_id = raw_id.decode()
        verdict = judge(ledger, cache, rules)
        if isinstance(verdict, Difference):
            group.suspects.append(Suspect(product_id, (ledger, cache)))
            continue
        group.missing_keys += cache is None
        if verdict is Verdict.INVALID:
            group.invalid.append(product_id)
            specimen.keep(group.specimens, product_id, ledger, cache)
        else:
            group.matched += 1
            group.ignored += verdict is Verdict.IGNORED


def _without(
    counted: frozenset[str], batch: LedgerBatch, values: list[CacheValue], skipped: set[str]
) -> tuple[LedgerBatch, list[CacheValue]]:
    """Take out of a batch, and note as skipped, what an earlier attempt has counted."""
    ids = [raw_id.decode() for raw_id in batch.ids]
    left = [product_id not in counted for product_id in ids]
    skipped.update(counted.intersection(ids))
    rest = LedgerBatch(list(compress(batch.ids, left)), list(compress(batch.stocks, left)))
    return rest, list(compress(values, left))
