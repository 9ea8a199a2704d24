"""Whether a figure that was read after each night grows."""

from dataclasses import dataclass
from itertools import combinations
from statistics import median

WARM = 3
"""Caches fill and pools open in the first nights: a third of them is not judged."""
ENOUGH = 4
"""Of fewer nights nothing can be said."""


@dataclass(frozen=True)
class Limit:
    """How much a figure may grow from the first judged night to the last.

    Attributes:
        unit: of the figure, for the table
        total: in all, whatever the number of nights: room for noise
        a_night: with each night, for what is kept on purpose
    """

    unit: str
    total: float
    a_night: float = 0


@dataclass(frozen=True)
class Growth:
    """What became of a figure."""

    name: str
    limit: Limit
    first: float
    last: float
    a_night: float
    nights: int

    @property
    def allowed(self):
        """So much a night."""
        return self.limit.a_night + self.limit.total / max(1, self.nights - 1)

    @property
    def within(self):
        """Whether it is within its limit."""
        return self.a_night <= self.allowed


def growth(name, limit, values):
    """Judge a figure by the median of all slopes between two nights, which a single odd night does not move."""
    judged = values[len(values) // WARM :]
    assert len(judged) >= ENOUGH, f"{len(values)} nights are too few to see growth: at least 6 are needed"
    slopes = [(b - a) / (j - i) for (i, a), (j, b) in combinations(enumerate(judged), 2)]
    return Growth(name, limit, judged[0], judged[-1], median(slopes), len(judged))
