"""The geometry of the page's charts: numbers in, places in a drawing out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

SEVERITIES = ("LOW", "MEDIUM", "HIGH", "CRITICAL")


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of a bar: `y` and `height` in the drawing's units, down from its top."""

    severity: str
    count: int
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Bar:
    """A night: where it stands, what it is made of; without a run `night` is None and there are no pieces."""

    day: date
    x: float
    width: float
    night: Mapping[str, Any] | None
    pieces: tuple[Piece, ...]

    @property
    def count(self) -> int:
        """How many discrepancies."""
        return sum(piece.count for piece in self.pieces)


def bars(nights: Sequence[Mapping[str, Any]], last: date, days: int, width: float, height: float) -> list[Bar]:
    """Stack each night's discrepancies by severity, the gravest on top; nights without a run keep their place.

    Args:
        nights: runs, at most one a date
        last: the date on the right
        days: how many
        width: of the drawing
        height: of the highest bar
    """
    of = {night["run_date"]: night for night in nights}
    highest = max([1, *(sum(counts(night).values()) for night in nights)])
    step = width / days
    drawn = []
    for place in range(days):
        day = last - timedelta(days=days - 1 - place)
        pieces, y = [], height
        for severity, count in counts(of.get(day)).items():
            if count:
                tall = max(1.5, height * count / highest)
                y = max(0.0, y - tall)
                pieces.append(Piece(severity, count, round(y, 2), round(tall, 2)))
        drawn.append(Bar(day, round(place * step, 2), round(step * 0.72, 2), of.get(day), tuple(pieces)))
    return drawn


def counts(night: Mapping[str, Any] | None) -> dict[str, int]:
    """Count a night's discrepancies by severity, the mildest first."""
    by_severity = (night["summary"] or {}).get("by_severity", {}) if night else {}
    return {severity: int(by_severity.get(severity, 0)) for severity in SEVERITIES}


def agreement(night: Mapping[str, Any]) -> float:
    """Return the share of what a run looked at that agreed, in percent."""
    looked_at = night["total"] - night["unprocessed"]
    summary = night["summary"] or {}
    agreeing = summary.get("matched", 0) - summary.get("missing_ignored", 0)
    return 100.0 * agreeing / looked_at if looked_at else 0.0


def line(values: Sequence[float], width: float, height: float, *, floor: float | None = None) -> str:
    """Return the points of a polyline through values, from left to right, the largest at the top.

    Args:
        values: at least one
        width: of the drawing
        height: of the drawing
        floor: the value at the bottom; None: the smallest
    """
    low, high = (min(values) if floor is None else floor), max(values)
    spread = (high - low) or 1.0
    step = width / max(1, len(values) - 1)
    return " ".join(f"{i * step:.1f},{height - height * (value - low) / spread:.1f}" for i, value in enumerate(values))
