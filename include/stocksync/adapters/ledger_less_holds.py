"""The ledger less what open orders hold by the shop's entries in Redis.

The shop takes a counter down when an order is placed and the ledger when it is paid. In between the order is an entry
in Redis, and as long as its key exists the ledger does not have the order yet: the key is deleted before the ledger is
written. So what a counter should hold is the ledger's stock less such entries, if the ledger is read between two looks
at them that agree. An order placed between those two looks is not looked for: it took the counter down, and a counter
that was written is not believed (reconcile/second_look.py).
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TypeVar

from psycopg2.errors import DataError

from stocksync.adapters.postgres import PostgresLedger
from stocksync.adapters.redis_holds import RedisHolds
from stocksync.errors import BadSetting
from stocksync.model.expected import Expected, less_holds
from stocksync.model.holds import Hold, HoldsFormat, too_many_unreadable, vanished
from stocksync.model.id_range import IdRange
from stocksync.model.stock import LedgerValue
from stocksync.model.text import printable
from stocksync.reconcile.ports import LedgerBatch

log = logging.getLogger(__name__)

_NAMED_AT_ONCE = 10_000
"""Entries whose products PostgreSQL is asked about in one statement: more of them cost memory, fewer cost time."""
_EVERYTHING = IdRange(0, 1)
_STRANGE_AT_MOST = 1000
_SHOWN = 200

_Item = TypeVar("_Item")


@dataclass(slots=True)
class _Survey:
    """What a pass over the entries saw.

    Attributes:
        index: their key
        entries: how many there are, by Redis' own count or by those that were given
        unreadable: how many could not be read
        example: one of those
    """

    index: str
    entries: int
    unreadable: int = 0
    example: bytes = b""

    def refuse(self, raw: bytes) -> None:
        """Count an entry that cannot be read; raises BadSetting as soon as they are too many."""
        self.unreadable += 1
        self.example = self.example or raw
        if too_many_unreadable(self.unreadable, self.entries):
            raise BadSetting(
                f"{self.in_words}; allowed: entries in which STOCK_SYNC_HOLDS_ENTRY finds a product and whole units"
            )

    @property
    def in_words(self) -> str:
        """Say what could not be read."""
        return (
            f"STOCK_SYNC_HOLDS_INDEX={printable(self.index)!r}: {self.unreadable:,} or more of {self.entries:,} "
            f"entries cannot be read, for example {self.example[:_SHOWN]!a}"
        )


@dataclass(frozen=True, slots=True)
class _Entry:
    """An entry of a product, which the ledger spells so."""

    product_id: str
    raw: bytes
    hold: Hold


@dataclass(frozen=True)
class _Range:
    """What is on hold in a range: a number a product, however many orders there are."""

    id_range: IdRange
    held: Mapping[bytes, int]

    @cached_property
    def products(self) -> frozenset[bytes]:
        """Whose units are on hold."""
        return frozenset(self.held)

    def expected(self, batch: LedgerBatch) -> LedgerBatch:
        """Take off a batch what is on hold; in C, but for the products that have some."""
        stocks = list(batch.stocks)
        for product_id in self.products.intersection(batch.ids):
            position = batch.ids.index(product_id)
            stocks[position] = less_holds(stocks[position], self.held[product_id])
        return LedgerBatch(batch.ids, stocks)


class LedgerLessHolds:
    """Implements the port StockLedger for a shop with holds in Redis.

    Args:
        ledger: the bare stocks; it also says which products the entries name
        holds: the entries
        form: how they are written
        had_holds: whether there were some before: none at all is then not believed
    """

    def __init__(self, ledger: PostgresLedger, holds: RedisHolds, form: HoldsFormat, *, had_holds: bool) -> None:
        self._ledger = ledger
        self._holds = holds
        self._form = form
        self._had_holds = had_holds
        self._range: _Range | None = None
        self._strange: set[str] = set()
        """What entries name as products and is none of the id column's type."""
        self._warned = False

    def scan(self, id_range: IdRange, after: str | None) -> Iterator[LedgerBatch]:
        """Stream a range, less what was on hold just before; a difference is looked at again with exact holds."""
        known = self._range = self._read_range(id_range)
        return map(known.expected, self._ledger.scan(id_range, after))

    def read(self, product_ids: Sequence[str]) -> Mapping[str, LedgerValue]:
        """Look at some products again by their ids."""
        return {product_id: expected.stock for product_id, expected in self.expected(product_ids).items()}

    def expected(self, product_ids: Sequence[str]) -> Mapping[str, Expected]:
        """Look at some products' holds, at the ledger, and at those holds once more."""
        survey = self._begin()
        entries = list({e.raw: e for e in self._of(IdRange(0, 1, ids=tuple(product_ids)), survey)}.values())
        blind = self._cannot_be_believed(survey)
        alive = self._alive(entries)
        stocks = self._ledger.expected(product_ids)
        still_there = self._holds.present([entry.raw for entry in entries])
        held, doubt, changed = defaultdict[str, int](int), defaultdict[str, int](int), set[str]()
        for entry, before, there, after in zip(entries, alive, still_there, self._alive(entries), strict=True):
            (held if before else doubt)[entry.product_id] += entry.hold.units
            if not there or before != after:
                changed.add(entry.product_id)
        return {
            i: Expected(
                stock=less_holds(bare.stock, held[i]),
                held=held[i],
                in_doubt=None if blind else doubt[i],
                steady=i not in changed,
                name=bare.name,
            )
            for i, bare in stocks.items()
        }

    def held_units(self, id_range: IdRange) -> int:
        """Add up what was on hold when the range was scanned, or is now if it was not."""
        known = self._range
        if known is None or known.id_range != id_range:
            known = self._read_range(id_range)
        return sum(known.held.values())

    def count(self, id_range: IdRange, after: str | None) -> int:
        """Count a range."""
        return self._ledger.count(id_range, after)

    def survey(self) -> int:
        """Read every entry once, before anything is written; return how many there are.

        Raises:
            BadSetting: the index is of another type, or too many entries cannot be read
            CacheUnavailable, LedgerUnavailable: a store did not answer
        """
        survey = self._begin()
        for _ in self._of(_EVERYTHING, survey):
            pass
        self._cannot_be_believed(survey)
        return survey.entries

    def _read_range(self, id_range: IdRange) -> _Range:
        """Read what is on hold in a range.

        An entry that Redis gives twice counts twice here, because to remember each would take memory. That makes a
        suspect, which is looked at again with exact holds.
        """
        held = defaultdict[bytes, int](int)
        for piece in _pieces(self._of(id_range, self._begin())):
            for entry, alive in zip(piece, self._alive(piece), strict=True):
                if alive:
                    held[entry.product_id.encode()] += entry.hold.units
        return _Range(id_range, dict(held))

    def _begin(self) -> _Survey:
        return _Survey(self._holds.index, self._holds.count())

    def _of(self, id_range: IdRange, survey: _Survey) -> Iterator[_Entry]:
        """Give the entries of a range's products, some of them twice perhaps."""
        for piece in _pieces(self._readable(survey)):
            named = {hold.product_id for _, hold in piece}
            spelled = self._spelled(sorted(named - self._strange), id_range)
            for raw, hold in piece:
                if hold.product_id in self._strange:
                    survey.refuse(raw)
                elif hold.product_id in spelled:
                    yield _Entry(spelled[hold.product_id], raw, hold)

    def _readable(self, survey: _Survey) -> Iterator[tuple[bytes, Hold]]:
        seen = 0
        for raw_entries in self._holds.pieces():
            seen += len(raw_entries)
            survey.entries = max(survey.entries, seen)
            for raw in raw_entries:
                hold = self._form.read(raw)
                if hold is None:
                    survey.refuse(raw)
                else:
                    yield raw, hold

    def _spelled(self, product_ids: Sequence[str], id_range: IdRange) -> Mapping[str, str]:
        """Say which products are in a range, as the ledger spells them; one that is no id at all is noted as strange.

        PostgreSQL refuses a whole statement for one text that is no uuid or number, so those are searched by halves.
        """
        try:
            return self._ledger.spelled_within(product_ids, id_range) if product_ids else {}
        except BadSetting as error:
            if not isinstance(error.__cause__, DataError):
                raise
        if len(product_ids) == 1:
            self._strange.update(product_ids)
            if len(self._strange) > _STRANGE_AT_MOST:
                raise BadSetting(
                    f"STOCK_SYNC_HOLDS_ENTRY: {len(self._strange):,} and more products of entries are no ids of the "
                    f"ledger, for example {printable(product_ids[0])!r}; allowed: an expression that finds product ids"
                )
            return {}
        half = len(product_ids) // 2
        return {**self._spelled(product_ids[:half], id_range), **self._spelled(product_ids[half:], id_range)}

    def _alive(self, entries: Sequence[_Entry]) -> list[bool]:
        """Say of each entry whether its order still holds, as far as its key tells; without a key, every entry does."""
        keys = [entry.hold.key for entry in entries if entry.hold.key is not None]
        exist = iter(self._holds.exist(keys))
        return [entry.hold.key is None or next(exist) for entry in entries]

    def _cannot_be_believed(self, survey: _Survey) -> bool:
        """Tell whether any product may have holds that are not known: what cannot be read may be of any."""
        if survey.unreadable:
            problem = survey.in_words
        elif vanished(survey.entries, had_holds=self._had_holds):
            problem = f"STOCK_SYNC_HOLDS_INDEX={printable(survey.index)!r} has no entry any more"
        else:
            return False
        if not self._warned:
            log.error("%s: no counter is raised, because orders may hold the units", problem)
            self._warned = True
        return True


def _pieces(items: Iterable[_Item]) -> Iterator[list[_Item]]:
    iterator = iter(items)
    while piece := list(islice(iterator, _NAMED_AT_ONCE)):
        yield piece
