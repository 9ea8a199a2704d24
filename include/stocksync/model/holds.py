"""Reading what open orders hold from entries that the shop keeps in Redis: pure, on raw bytes."""

import re
from dataclasses import dataclass
from string import Formatter
from typing import Self

from stocksync.model.stock import INT32_MAX

PRODUCT, QUANTITY, ORDER = "product", "quantity", "order"
GROUPS = (PRODUCT, QUANTITY, ORDER)
_UNITS = re.compile(rb"[0-9]{1,10}")

UNREADABLE_PERCENT = 1
"""With more entries than these that cannot be read, the setting does not fit and nothing is written at all."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Units that an open order takes from a product.

    Attributes:
        product_id: as the entry spells it
        units: how many
        key: what has to exist in Redis for it to count; None: nothing
    """

    product_id: str
    units: int
    key: bytes | None


@dataclass(frozen=True, slots=True)
class HoldsFormat:
    """How the shop writes its holds down.

    Attributes:
        entry: finds the groups `product`, `quantity` and perhaps `order` in an entry
        key: literal texts and names of groups, in turn, of the key that an entry needs; empty: it needs none
    """

    entry: re.Pattern[bytes]
    key: tuple[tuple[bytes, str | None], ...] = ()

    @classmethod
    def of(cls, entry: str, key: str | None) -> Self:
        """Take the settings.

        Raises:
            ValueError: the key is made of a group that the entry does not have, or one of them is malformed
        """
        pattern, parts = entry_pattern(entry), key_parts(key) if key else ()
        strange = [name for _, name in parts if name is not None and name not in pattern.groupindex]
        if strange:
            raise ValueError(f"the entry has no group {strange[0]!r}")
        return cls(pattern, parts)

    def read(self, entry: bytes) -> Hold | None:
        """Read an entry; None if it is none: not the pattern's, not a whole number of units, or no text as product."""
        found = self.entry.search(entry)
        if found is None:
            return None
        product, quantity = found[PRODUCT], found[QUANTITY]
        if not product or b"\x00" in product or quantity is None or _UNITS.fullmatch(quantity) is None:
            return None
        units = int(quantity)
        if units > INT32_MAX:
            return None
        try:
            product_id = product.decode()
        except UnicodeDecodeError:
            return None
        if any(name is not None and found[name] is None for _, name in self.key):
            return None
        key = b"".join(text + (b"" if name is None else found[name]) for text, name in self.key)
        return Hold(product_id, units, key or None)


def entry_pattern(text: str) -> re.Pattern[bytes]:
    """Compile the setting; raises ValueError for what is no expression with the groups that are needed."""
    try:
        pattern = re.compile(text.encode())
    except re.error as error:
        raise ValueError(str(error)) from error
    if not {PRODUCT, QUANTITY} <= set(pattern.groupindex) <= set(GROUPS):
        raise ValueError("groups")
    return pattern


def key_parts(template: str) -> tuple[tuple[bytes, str | None], ...]:
    """Take a key's template apart; raises ValueError for a field that no entry has, or a template without any."""
    parts = []
    for text, name, form, conversion in Formatter().parse(template):
        if name is not None and (name not in GROUPS or form or conversion):
            raise ValueError(name)
        parts.append((text.encode(), name))
    if not any(name for _, name in parts):
        raise ValueError("no field")
    return tuple(parts)


def too_many_unreadable(unreadable: int, entries: int) -> bool:
    """Tell whether so many entries cannot be read that nothing may be written."""
    return unreadable * 100 > entries * UNREADABLE_PERCENT


def vanished(entries: int, *, had_holds: bool) -> bool:
    """Tell whether there are no holds where there were some: they may be lost, and the orders still open."""
    return entries == 0 and had_holds
