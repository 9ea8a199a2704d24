"""What a person allows the engine of the night to do; the night's own rules need nobody's."""

from typing import Protocol


class Permission(Protocol):
    """What a person allowed: to restore some products, however large the difference."""

    @property
    def approved_by(self) -> str:
        """Who."""
        ...

    @property
    def reason(self) -> str:
        """Why, in the person's words."""
        ...

    def allows(self, product_id: str, discrepancy: int) -> bool:
        """Tell whether such a difference of the product may be restored, now and by this run.

        It is asked after the range's outbox was taken over, so what an earlier attempt did is known by then.

        Raises:
            StockSyncError: nobody knows.
        """
        ...
