"""A fake shop with two groups' worth of work, so that a death can come in the first, the second or between."""

from tests.kit.fakes.shop import FakeShop

STEPS = ["settled", "looked again", "committed", "published", "saved", "cleared"]
"""The named steps of a group, in their order."""
GROUP = 6
"""Products in a group."""
RESTORES = 8
"""How many of the products are restored; the others are left to a person."""


def two_groups():
    """Twelve products that all differ: every third by too much to be restored."""
    return FakeShop({f"P{n:04d}": (100, 97 if n % 3 else 20) for n in range(2 * GROUP)}, batch=GROUP, group=GROUP)
