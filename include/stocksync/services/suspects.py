"""First look: finding the products whose two numbers do not agree, a group at a time."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from stocksync.domain.policy import Difference, Rules, Verdict, judge
from stocksync.domain.stock import CacheValue, LedgerValue
from stocksync.domain.tally import Tally
from stocksync.ports import LedgerBatch

GROUP_SIZE = 500


@dataclass(frozen=True, slots=True)
class Suspect:
    """A product that looked different once: perhaps drift, perhaps an order on its way to the other store."""

    product_id: str
    ledger: LedgerValue
    cache: CacheValue


@dataclass(slots=True)
class Group:
    """A run of consecutive ids, with those among them that are to be looked at again.

    Attributes:
        position: the last id of the group
        suspects: the products that differ
        tally: what the others are
        invalid: ids whose value in one of the stores is no stock number
        passed: ids the group ran over that were counted before
        last: whether the range ends with this group
    """

    position: str | None = None
    suspects: list[Suspect] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    invalid: list[str] = field(default_factory=list)
    passed: set[str] = field(default_factory=set)
    last: bool = False


def groups(
    pairs: Iterable[tuple[LedgerBatch, list[CacheValue]]],
    *,
    prefix: bytes,
    rules: Rules,
    counted_before: frozenset[str],
) -> Iterator[Group]:
    """Cut a scan into groups of about GROUP_SIZE suspects.

    Args:
        pairs: the ledger's batches with the cache's values beside them
        prefix: what a cache key has before the product id
        rules: the run's thresholds
        counted_before: ids an earlier attempt has counted already; they are passed over
    """
    group = Group()
    for batch, values in pairs:
        if not counted_before and batch.stocks == values:
            group.tally += Tally(matched=len(values))  # one comparison in C for a thousand products
        else:
            _sort_out(batch, values, group, prefix=prefix, rules=rules, counted_before=counted_before)
        group.position = batch.keys[-1][len(prefix) :].decode()
        if len(group.suspects) >= GROUP_SIZE:
            yield group
            group = Group(position=group.position)
    group.last = True
    yield group


def _sort_out(  # noqa: PLR0913 - the parts of one comparison
    batch: LedgerBatch,
    values: list[CacheValue],
    group: Group,
    *,
    prefix: bytes,
    rules: Rules,
    counted_before: frozenset[str],
) -> None:
    matched = missing = 0
    for key, ledger, cache in zip(batch.keys, batch.stocks, values, strict=True):
        if counted_before and (product_id := key[len(prefix) :].decode()) in counted_before:
            group.passed.add(product_id)
            continue
        if ledger == cache:
            matched += 1
            continue
        verdict = judge(ledger, cache, rules)
        product_id = key[len(prefix) :].decode()
        if isinstance(verdict, Difference):
            group.suspects.append(Suspect(product_id, ledger, cache))
            continue
        missing += cache is None
        if verdict is Verdict.MATCHED:
            matched += 1
        else:
            group.invalid.append(product_id)
            group.tally += Tally(invalid=1)
    group.tally += Tally(matched=matched, missing_keys=missing)
