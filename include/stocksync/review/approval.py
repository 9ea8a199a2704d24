"""What one decision allows the engine, asked product by product."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from functools import cached_property

from stocksync.review.decision import Decision, covers


class Approval:
    """Implements Permission: each product once, while its difference is what was seen or less.

    Args:
        decision: the decision
        seen: the difference that the person saw, by product
        dealt_with: looks up the products that have an outcome already
        now: the present
    """

    def __init__(
        self,
        decision: Decision,
        seen: Mapping[str, int | None],
        dealt_with: Callable[[], Collection[str]],
        now: Callable[[], datetime],
    ) -> None:
        self._decision = decision
        self._seen = seen
        self._look_up = dealt_with
        self._now = now

    @property
    def approved_by(self) -> str:
        """Who decided."""
        return self._decision.decided_by

    @property
    def reason(self) -> str:
        """Why."""
        return self._decision.reason

    def allows(self, product_id: str, discrepancy: int) -> bool:
        """Tell whether such a difference may be restored now."""
        if product_id in self._dealt_with or self._decision.is_too_old(self._now()):
            return False
        return covers(self._seen.get(product_id), discrepancy)

    @cached_property
    def _dealt_with(self) -> Collection[str]:
        # Looked up when the engine first asks: by then it has the outbox of an earlier attempt, which nobody else can
        # publish any more, and what was published has its outcome.
        return self._look_up()
