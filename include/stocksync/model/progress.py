"""How far a range has come: what survives the death of its worker."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from stocksync.model.finding import Finding
from stocksync.model.tally import Tally


@dataclass(frozen=True, slots=True)
class Progress:
    """A checkpoint of one range.

    Attributes:
        started_ms: when the range was first begun, milliseconds since the epoch; it dates every finding of the
            range, so that finding the same thing again gives the same event
        pass_number: the run's pass (see RunPlan) this checkpoint belongs to
        group: number of the group that is worked on now; every group before it is finished and counted
        position: the last id of the last finished group, as text; None: nothing finished yet
        tally: what the finished groups counted
        moving: ids up to `position` that were still changing and are looked at again at the range's end
        counted_ahead: ids after `position` that `tally` already counts, because an earlier attempt committed them
        done: whether the range is finished
    """

    started_ms: int
    pass_number: int = 0
    group: int = 0
    position: str | None = None
    tally: Tally = field(default_factory=Tally)
    moving: tuple[str, ...] = ()
    counted_ahead: tuple[str, ...] = ()
    done: bool = False

    def next_pass(self, pass_number: int) -> "Progress":
        """Begin a finished range again, because a person cleared its task.

        What was restored stays counted as restored: the run did it and its events say so. Those products should
        agree now and be counted as matched by the new pass, so as many are taken off there; one that is broken
        again makes that a product too many, which RunSummary settles.
        """
        restored = self.tally.restored
        return replace(
            self,
            pass_number=pass_number,
            group=self.group + 1,
            position=None,
            tally=Tally(matched=-restored.count, restored=restored),
            moving=(),
            counted_ahead=(),
            done=False,
        )

    def with_leftovers(self, findings: Sequence[Finding]) -> "Progress":
        """Count what a dead attempt committed in the group it was working on.

        Where the range was finished before, that attempt had begun its next pass and died before it noted that.
        """
        if not findings:
            return self
        begun = self.next_pass(self.pass_number + 1) if self.done else self
        ids = {finding.product_id for finding in findings}
        ahead = ids.difference(begun.moving)
        return replace(
            begun,
            group=begun.group + 1,
            tally=begun.tally + Tally.of(findings),
            moving=tuple(i for i in begun.moving if i not in ids),
            counted_ahead=(*begun.counted_ahead, *sorted(ahead)),
        )

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "started_ms": self.started_ms,
            "pass_number": self.pass_number,
            "group": self.group,
            "position": self.position,
            "tally": self.tally.to_dict(),
            "moving": list(self.moving),
            "counted_ahead": list(self.counted_ahead),
            "done": self.done,
        }

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> Self:
        """Undo `to_dict`."""
        return cls(
            **{
                **raw,
                "tally": Tally.from_dict(raw["tally"]),
                "moving": tuple(raw["moving"]),
                "counted_ahead": tuple(raw["counted_ahead"]),
            }
        )


@dataclass(frozen=True, slots=True)
class RangeOutcome:
    """What a reconcile task returns.

    Attributes:
        index: the range's position in the run
        tally: what became of its products
        unprocessed: products left because the time limit came first
        held_units: units on hold of its products
    """

    index: int
    tally: Tally
    unprocessed: int = 0
    held_units: int = 0

    def to_dict(self) -> dict[str, Any]:
        """As JSON for XCom."""
        return {
            "index": self.index,
            "tally": self.tally.to_dict(),
            "unprocessed": self.unprocessed,
            "held_units": self.held_units,
        }

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> Self:
        """Undo `to_dict`."""
        return cls(raw["index"], Tally.from_dict(raw["tally"]), raw["unprocessed"], raw.get("held_units", 0))
