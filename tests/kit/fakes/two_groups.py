"""A fake shop with two groups' worth of work, so that a death can come in the first, the second or between."""

from tests.kit.fakes.shop import FakeShop

STEPS = ["settled", "looked again", "committed", "published", "saved", "cleared"]
"""The named steps of a group, in their order."""
GROUP = 6
"""Products in a group."""
RESTORES = 8
"""How many of the products are restored; the others are left to a person."""


def two_groups(together=1):
    """Twelve products that all differ: every third by too much to be restored; `together`: groups closed at once."""
    products = {f"P{n:04d}": (100, 97 if n % 3 else 20) for n in range(2 * GROUP)}
    return FakeShop(products, batch=GROUP, group=GROUP, together=together)
