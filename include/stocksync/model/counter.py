"""What a counter is set to when something that was written is taken back."""

from stocksync.model.stock import INT32_MAX


def taken_back(present: int, amount: int) -> int:
    """Add an amount to a counter: sales since then survive, and what there is to sell is never below 0.

    A counter that is below 0 already, because more was sold than there was, is not raised to 0 by taking something off.

    Args:
        present: what it shows
        amount: what undoes what was written: less than 0 where that was a raise
    """
    if amount < 0:
        return max(min(present, 0), present + amount)
    return min(INT32_MAX, present + amount)
