"""What decisions need from the outside, named by role."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from stocksync.model.expected import Expected
from stocksync.model.finding import Finding, RunIdentity
from stocksync.model.id_range import IdRange
from stocksync.model.permission import Permission
from stocksync.model.stock import CacheValue
from stocksync.review.decision import Decision, Outcome


@dataclass(frozen=True, slots=True)
class Case:
    """A product that a person has to look at.

    Attributes:
        product_id: the product
        discrepancy: expected less counter, as it was last found
    """

    product_id: str
    discrepancy: int


class DecisionLog(Protocol):
    """The audit of decisions: it is added to, and nothing in it changes.

    Every method raises OperationsUnavailable or BadSetting where it cannot be read or added to.
    """

    def record(self, decision: Decision, seen: Mapping[str, int | None]) -> None:
        """Note a decision with its products, in one step; one that is noted already stays as it is.

        Args:
            decision: what was decided
            seen: its products, each with the difference that the person saw, if one was told
        """
        ...

    def find(self, decision_id: str) -> Decision | None:
        """Give a decision; None: there is none of that id."""
        ...

    def asked(self, decision_id: str) -> Mapping[str, int | None]:
        """Give its products, each with the difference that was seen, in the order of their ids."""
        ...

    def note(self, decision_id: str, outcomes: Sequence[Outcome], at: datetime) -> None:
        """Add what became of products; of one that has an outcome already, nothing is added."""
        ...

    def outcomes(self, decision_id: str) -> Mapping[str, Outcome]:
        """Give what became of its products so far."""
        ...

    def undone(self, decision_id: str) -> Collection[str]:
        """Give the products for which it was taken back, by whatever decision."""
        ...

    def open_cases(self, product_ids: Sequence[str]) -> Mapping[str, Case]:
        """Give the open cases of some products."""
        ...

    def cases_without_key(self, most: int) -> Sequence[Case]:
        """Give the open cases of products without a key that are not asleep, the first so many by their ids."""
        ...


class Engine(Protocol):
    """What compares and writes at night, for some products of a decision. Safe to repeat.

    Both methods raise LockHeld, LockLost, Superseded, LedgerUnavailable, CacheUnavailable or PublishFailed; what was
    written by then is in the outbox and is published by the next attempt.
    """

    def restore(self, id_range: IdRange, permission: Permission) -> None:
        """Restore what still differs and is allowed."""
        ...

    def take_back(self, id_range: IdRange, decision: Decision, amounts: Callable[[], Mapping[str, int]]) -> None:
        """Add to some counters.

        Args:
            id_range: the decision's products that this is about
            decision: who wants it, and why
            amounts: what to add, by product; asked after the outbox was taken over
        """
        ...


class StockNow(Protocol):
    """Both stores as they are now, read only."""

    def read(self, product_ids: Sequence[str]) -> Mapping[str, tuple[Expected | None, CacheValue]]:
        """Look at some products.

        Raises:
            LedgerUnavailable, CacheUnavailable: a store did not answer.
        """
        ...


class Topic(Protocol):
    """Where findings are published."""

    def publish(self, run: RunIdentity, findings: Sequence[Finding]) -> None:
        """Tell of each finding; return when every event is acknowledged."""
        ...

    def check(self) -> None:
        """Find out whether events can be published at all."""
        ...
