"""The engine of the night, at work for a decision."""

from collections.abc import Callable, Mapping

from stocksync.model.id_range import IdRange
from stocksync.model.permission import Permission
from stocksync.reconcile.reconciler import Reconciler
from stocksync.reconcile.taking_back import TakingBack
from stocksync.review.decision import Decision

Amounts = Callable[[], Mapping[str, int]]


class DecisionEngine:
    """Implements the port Engine.

    Args:
        reconciler: makes what restores some products
        taking_back: makes what takes back
    """

    def __init__(
        self,
        reconciler: Callable[[IdRange, Permission], Reconciler],
        taking_back: Callable[[IdRange, Decision, Amounts], TakingBack],
    ) -> None:
        self._reconciler = reconciler
        self._taking_back = taking_back

    def restore(self, id_range: IdRange, permission: Permission) -> None:
        """Compare, wait, look again, and write what is allowed."""
        self._reconciler(id_range, permission).run(id_range)

    def take_back(self, id_range: IdRange, decision: Decision, amounts: Amounts) -> None:
        """Write by compare-and-set."""
        self._taking_back(id_range, decision, amounts).run()
