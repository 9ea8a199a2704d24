"""How far a range has come: what survives the death of its worker."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

from stocksync.model.finding import Finding
from stocksync.model.id_range import IdRange
from stocksync.model.tally import Tally


@dataclass(frozen=True, slots=True)
class Progress:
    """A checkpoint of one range.

    Attributes:
        started_ms: when the range was first begun, milliseconds since the epoch; it dates every finding of the
            range, so that finding the same thing again gives the same event
        pass_number: the run's pass (see RunPlan) this checkpoint belongs to
        group: number of the group that is worked on now; every group before it is finished and counted
        position: the last id of the last finished group, as text; None: nothing finished yet in this leg
        tally: what the finished groups counted
        moving: ids up to `position` that were still changing and are looked at again at the range's end
        counted_ahead: ids after `position` that `tally` already counts, because an earlier attempt committed them
        done: whether the range is finished
        cut: fingerprint of the range this is about; empty: none was noted
        leg: number of the range's leg (see IdRange) that is worked on now
    """

    started_ms: int
    pass_number: int = 0
    group: int = 0
    position: str | None = None
    tally: Tally = field(default_factory=Tally)
    moving: tuple[str, ...] = ()
    counted_ahead: tuple[str, ...] = ()
    done: bool = False
    cut: str = ""
    leg: int = 0

    def of_range(self, cut: str, pass_number: int) -> "Progress":
        """Take it up in an attempt at a range.

        A finished range that a person cleared is begun again. An unfinished one goes on where it was, also when it
        was cleared, unless the run was cut in another way since: then its position means nothing.

        Args:
            cut: the range's fingerprint
            pass_number: the run's pass
        """
        another_range = self.cut not in {"", cut}
        if another_range or (self.done and self.pass_number != pass_number):
            return replace(self.next_pass(pass_number), cut=cut)
        return replace(self, cut=cut, pass_number=pass_number)

    def next_pass(self, pass_number: int) -> "Progress":
        """Begin a range again.

        What was restored stays counted as restored: the run did it and its events say so. Those products should
        agree now and be counted as matched by the new pass, so as many are taken off there; one that is broken
        again makes that a product too many, which RunSummary settles.
        """
        restored = self.tally.restored
        return replace(
            self,
            pass_number=pass_number,
            group=self.group + 1,
            leg=0,
            position=None,
            tally=Tally(matched=-restored.count, restored=restored),
            moving=(),
            counted_ahead=(),
            done=False,
        )

    def with_leftovers(self, findings: Sequence[Finding], last_group: int) -> "Progress":
        """Count what a dead attempt committed in the groups it was working on.

        Where the range was finished before, that attempt had begun its next pass and died before it noted that.

        Args:
            findings: what it committed
            last_group: the number of the last of those groups: it is finished now, as those before it
        """
        if not findings:
            return self
        begun = self.next_pass(self.pass_number + 1) if self.done else self
        ids = {finding.product_id for finding in findings}
        ahead = ids.difference(begun.moving)
        return replace(
            begun,
            group=max(begun.group, last_group) + 1,
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
            "cut": self.cut,
            "leg": self.leg,
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
        begun: whether any product was looked at
        rest_from: the id from which on the rest is; None: from the range's lower bound
    """

    index: int
    tally: Tally
    unprocessed: int = 0
    held_units: int = 0
    begun: bool = True
    rest_from: str | None = None

    @classmethod
    def of(cls, id_range: IdRange, progress: Progress, products: int, held_units: int = 0) -> Self:
        """Say how far a range has come.

        Args:
            id_range: the range
            progress: its progress
            products: how many products it has
            held_units: units on hold of its products
        """
        # Without the end of the range, what was still moving stays as the shop left it: that is "changed".
        tally = progress.tally + Tally(changed=len(progress.moving))
        unprocessed = 0 if progress.done else max(0, products - tally.products)
        return cls(
            id_range.index,
            tally,
            unprocessed,
            held_units,
            begun=progress.leg > 0 or progress.position is not None,
            rest_from=id_range.start if progress.position is None and progress.leg == 0 else progress.position,
        )

    def to_dict(self) -> dict[str, Any]:
        """As JSON for XCom."""
        return asdict(self) | {"tally": self.tally.to_dict()}

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> Self:
        """Undo `to_dict`."""
        return cls(**{**raw, "tally": Tally.from_dict(raw["tally"])})


def left_first(ranges: Sequence[IdRange], outcomes: Mapping[int, RangeOutcome]) -> list[IdRange]:
    """Order the ranges of a run that did not come to its end for the next one: who has waited longest comes first.

    First those that nobody has looked at, then the rest of those that were begun, and last what is finished. So a
    catalogue that is too large for one night is seen whole in as many as it takes.

    Returns:
        the ranges; none: nothing is left
    """
    waiting: list[IdRange] = []
    begun: list[IdRange] = []
    finished: list[IdRange] = []
    for id_range in ranges:
        outcome = outcomes[id_range.index]
        if not outcome.unprocessed:
            finished.append(replace(id_range, start=None))
        elif outcome.begun:
            begun.append(replace(id_range, start=outcome.rest_from))
        else:
            waiting.append(id_range)
    if not waiting and not begun:
        return []
    return [replace(id_range, index=index) for index, id_range in enumerate([*waiting, *begun, *finished])]
