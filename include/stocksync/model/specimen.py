"""What a value that is no stock number looks like: who sees three of them knows what writes them."""

import re
from bisect import insort
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from enum import StrEnum
from typing import Any, Self

from stocksync.model.stock import CacheValue, LedgerValue, Unreadable
from stocksync.model.text import printable

KEPT = 3
_SHOWN_BYTES, _SHOWN_CHARACTERS = 48, 60


class Resemblance(StrEnum):
    """The likely reason why a value is no stock number."""

    NO_STOCK = "no_stock"
    """The ledger's stock is null, negative, fractional or beyond int32."""
    SEVERAL_ROWS = "several_rows"
    """The ledger has several rows for the product."""
    OTHER_TYPE = "other_type"
    """The key is a list, a hash or the like."""
    EMPTY = "empty"
    JAVA = "java"
    """Java's own serialization, for example JdkSerializationRedisSerializer."""
    KRYO = "kryo"
    """Kryo's serialization of a boxed number."""
    PICKLE = "pickle"
    COMPRESSED = "compressed"
    """gzip, zlib, Zstandard or LZ4."""
    QUOTED = "quoted"
    """JSON's text of a number."""
    JSON = "json"
    """A JSON object or array, for example with the class beside the value."""
    SPACES = "spaces"
    """A number with white space around it."""
    FRACTION = "fraction"
    """A number with a fraction or an exponent."""
    NOTATION = "notation"
    """A number in another notation: leading zeros, a plus sign, separators, other digits."""
    TOO_LARGE = "too_large"
    """A whole number beyond what a stock may be, or too far from the ledger's."""
    TEXT = "text"
    BINARY = "binary"


def _starts(*heads: bytes) -> Callable[[bytes], bool]:
    return lambda value: value.startswith(heads)


def _matches(pattern: bytes) -> Callable[[bytes], bool]:
    compiled = re.compile(pattern, re.DOTALL)
    return lambda value: compiled.fullmatch(value) is not None


_SIGNS: Sequence[tuple[Resemblance, Callable[[bytes], bool]]] = (
    (Resemblance.EMPTY, _matches(rb"")),
    (Resemblance.JAVA, _starts(b"\xac\xed\x00\x05")),
    (Resemblance.PICKLE, _matches(rb"\x80[\x02-\x05].*\.")),
    (
        Resemblance.COMPRESSED,
        _starts(b"\x1f\x8b", b"x\x01", b"x\x9c", b"x\xda", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18"),
    ),
    (Resemblance.KRYO, _matches(rb"[\x02\x09][\x80-\xff]{0,8}[\x00-\x7f]")),
    (Resemblance.SPACES, _matches(rb"(?=\s|.*\s\Z)\s*[-+]?[0-9]+(\.[0-9]+)?\s*")),
    (Resemblance.QUOTED, _matches(rb"\s*(\"[^\"]*\"|'[^']*')\s*")),
    (Resemblance.JSON, _matches(rb"\s*(\{.*\}|\[.*\])\s*")),
    (Resemblance.TOO_LARGE, _matches(rb"0|-?[1-9][0-9]*")),
    (Resemblance.FRACTION, _matches(rb"(?=.*[.eE])[-+]?([0-9]+\.?|[0-9]*\.[0-9]+)([eE][-+]?[0-9]+)?")),
    (Resemblance.NOTATION, _matches(rb"[-+]?(0[0-9]+|[0-9]{1,3}([,_' ][0-9]{3})+|0[xX][0-9a-fA-F]+|[0-9]+)")),
)
_LEDGER = {Unreadable.NO_STOCK: Resemblance.NO_STOCK, Unreadable.SEVERAL_ROWS: Resemblance.SEVERAL_ROWS}


def resemblance(value: bytes) -> Resemblance:
    """Say what a counter that is no stock number looks like, by its bytes alone."""
    head = value[:1024]
    for likely, has_its_signs in _SIGNS:
        if has_its_signs(head):
            return likely
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        if len(head) == len(value) or error.start < len(head) - 3:
            return Resemblance.BINARY
        text = head[: error.start].decode()
    if text.isnumeric():
        return Resemblance.NOTATION
    return Resemblance.TEXT if text.isprintable() else Resemblance.BINARY


@dataclass(frozen=True, slots=True, order=True)
class Specimen:
    """A product that could not be compared.

    Attributes:
        product_id: the product
        found: the beginning of what its key holds, made safe to print; empty: nothing to show
        resembles: why, most likely
    """

    product_id: str
    found: str
    resembles: Resemblance

    @classmethod
    def of(cls, product_id: str, ledger: LedgerValue, cache: CacheValue) -> Self:
        """Look at what both stores hold of a product, of which at least one is no stock number."""
        if isinstance(ledger, Unreadable):
            return cls(product_id, "", _LEDGER[ledger])
        if not isinstance(cache, bytes):
            return cls(product_id, "", Resemblance.OTHER_TYPE)
        return cls(product_id, _shown(cache), resemblance(cache))

    @classmethod
    def from_list(cls, raw: Sequence[Any]) -> Self:
        """Undo `to_list`."""
        return cls(raw[0], raw[1], Resemblance(raw[2]))

    def to_list(self) -> list[str]:
        """As JSON, short."""
        return list(map(str, astuple(self)))

    def in_words(self) -> str:
        """For a log or a message."""
        found = f" {self.found}" if self.found else ""
        return f"{printable(self.product_id)}{found} ({_IN_WORDS[self.resembles]})"


def keep(kept: list[Specimen], product_id: str, ledger: LedgerValue, cache: CacheValue) -> None:
    """Keep it if it is among the first KEPT by id: which are kept does not depend on the order of the work."""
    if len(kept) < KEPT or product_id < kept[-1].product_id:
        insort(kept, Specimen.of(product_id, ledger, cache))
        del kept[KEPT:]


def _shown(value: bytes) -> str:
    text = printable(value[:_SHOWN_BYTES].decode(errors="backslashreplace"), 4 * _SHOWN_BYTES)
    cut = len(text) > _SHOWN_CHARACTERS or len(value) > _SHOWN_BYTES
    return f"{text[:_SHOWN_CHARACTERS]}… ({len(value):,} bytes)" if cut else text


_IN_WORDS = {
    Resemblance.NO_STOCK: "the ledger's stock is null, negative, fractional or too large",
    Resemblance.SEVERAL_ROWS: "several rows in the ledger",
    Resemblance.OTHER_TYPE: "the key is of another type",
    Resemblance.EMPTY: "empty",
    Resemblance.JAVA: "looks like Java serialization",
    Resemblance.KRYO: "looks like Kryo serialization",
    Resemblance.PICKLE: "looks like Python's pickle",
    Resemblance.COMPRESSED: "looks compressed",
    Resemblance.QUOTED: "quoted, as JSON text",
    Resemblance.JSON: "looks like JSON",
    Resemblance.SPACES: "white space around the number",
    Resemblance.FRACTION: "a fraction or an exponent",
    Resemblance.NOTATION: "another notation of a number",
    Resemblance.TOO_LARGE: "too large",
    Resemblance.TEXT: "text",
    Resemblance.BINARY: "binary",
}
