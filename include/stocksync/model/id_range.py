"""A share of the catalogue: what one reconcile task works on."""

from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from typing import Any, Self

from stocksync.model.text import printable


@dataclass(frozen=True, slots=True)
class IdRange:
    """Products with lower <= id < upper, or an explicit list of ids.

    The bounds are ids as text; only PostgreSQL compares them, in the column's own type and collation. The first
    range has no lower and the last no upper bound, so a product born during the run belongs to exactly one range.

    Attributes:
        index: position in the run, from 0
        of: number of ranges in the run
        lower: first id of the range (inclusive); None: open
        upper: first id of the next range (exclusive); None: open
        ids: the ids themselves where a run was asked for some products only; then the bounds are None
        rows: how many products the range held when it was cut (an estimate for large catalogues)
        start: the id with which to begin, because the run before got no further; what is below it comes after the
            rest; None: at the beginning
    """

    index: int
    of: int
    lower: str | None = None
    upper: str | None = None
    ids: tuple[str, ...] | None = None
    rows: int = 0
    start: str | None = None

    @property
    def label(self) -> str:
        """How the range is called in the Airflow UI and in logs."""
        if self.ids is not None:
            what = f"{len(self.ids):,} chosen {'id' if len(self.ids) == 1 else 'ids'}"
        else:
            lower = "first" if self.lower is None else printable(self.lower, 40)
            upper = "last" if self.upper is None else printable(self.upper, 40)
            what = f"{lower} … {upper} ({self.rows:,})"
        return f"{self.index + 1}/{self.of} · {what}"

    @property
    def legs(self) -> tuple["IdRange", ...]:
        """The stretches in which it is worked through: one, or two where it is begun in the middle."""
        if self.start is None:
            return (self,)
        return replace(self, lower=self.start, start=None), replace(self, upper=self.start, start=None)

    @property
    def fingerprint(self) -> str:
        """Names the way it was cut: what is known of one range says nothing about another of the same index."""
        cut = repr((self.lower, self.upper, self.ids, self.start))
        return sha256(cut.encode(errors="surrogatepass")).hexdigest()[:16]

    def to_dict(self) -> dict[str, Any]:
        """As JSON for XCom, with the label for the mapped task's name."""
        return asdict(self) | {"ids": None if self.ids is None else list(self.ids), "label": self.label}

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> Self:
        """Undo `to_dict`."""
        ids = raw["ids"]
        return cls(
            index=raw["index"],
            of=raw["of"],
            lower=raw["lower"],
            upper=raw["upper"],
            ids=None if ids is None else tuple(ids),
            rows=raw["rows"],
            start=raw.get("start"),
        )
