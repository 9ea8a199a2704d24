"""A shop's catalogue from a seed: products in the ledger, counters in the cache, and differences with a story.

At the usual size it holds the two scenarios of the specification (100 products off by 1-5 after a Redis restart;
one with 100 in the ledger and 20 in the cache), every boundary between two severities on both sides, and what real
caches hold besides numbers.
"""

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

SEED = 20240115
SIZE = 10_000
SPECIAL_AT_MOST = 10  # every tenth product

WORDS = (
    ("Linen", "Oak", "Steel", "Wool", "Cotton", "Ceramic", "Leather", "Bamboo", "Glass", "Cork"),
    ("shirt", "table", "bottle", "blanket", "towel", "mug", "wallet", "tray", "lamp", "mat"),
    ("S", "M", "L", "blue", "green", "white", "black", "red", "no. 1", "no. 2"),
)


@dataclass(frozen=True, slots=True)
class Counter:
    """What the cache holds under a product's key.

    Attributes:
        value: the bytes of a string, or the entries of a list where one stands in a counter's place.
        ttl: seconds the key still lives, None for ever.
    """

    value: bytes | tuple[bytes, ...]
    ttl: int | None = None


@dataclass(frozen=True, slots=True)
class Product:
    """One product as both stores see it.

    Attributes:
        id: such as PRD-00001.
        name: for people.
        stock: what the ledger says.
        counter: what the cache says, None if it has no key.
        story: how the two came to differ, empty if they agree.
    """

    id: str
    name: str
    stock: int
    counter: Counter | None
    story: str = ""


@dataclass(frozen=True, slots=True)
class _Special:
    """What is wrong with one product: `stock` None leaves the ledger as it is; `off` is ledger minus cache."""

    story: str
    off: int | None = None
    stock: int | None = None
    counter: Counter | None = None
    ttl: int | None = None

    def apply(self, product: Product) -> Product:
        stock = product.stock if self.stock is None else self.stock
        if self.off is None:
            return Product(product.id, product.name, stock, self.counter, self.story)
        stock = max(stock, self.off) if self.stock is None else stock
        counter = Counter(b"%d" % (stock - self.off), self.ttl)
        return Product(product.id, product.name, stock, counter, self.story)


def _specials() -> Iterator[_Special]:
    """Yield all that is out of order, the most telling first; a small catalogue has only the beginning."""
    yield _Special("stock given back wrongly (scenario 2)", off=80, stock=100)
    for number in range(100):
        yield _Special("lost in a Redis restart (scenario 1)", off=(-1, 1)[number % 2] * (number % 5 + 1))
    for off in (6, -6, 10, -10, 7, 8, -9):
        yield _Special("an event was lost on the network", off=off)
    yield _Special("oversold: the counter is below zero", off=7, stock=4)
    for off in (11, -11, 50, -50, 24, 37, -42):
        yield _Special("two orders raced", off=off)
    for off in (51, -51, 120, -260):
        yield _Special("stock given back wrongly", off=off)
    for stock in (0, 3, 10, 25, 140):
        yield _Special("the key is missing", stock=stock)
    yield _Special("a counter that expires, off by a little", off=4, ttl=86_400)
    yield _Special("a counter that expires, right", off=0, ttl=86_400)
    for junk in (b"5.5", b"1e3", b" 7 ", b"", "٣".encode(), b"null"):
        yield _Special("the counter is no number", counter=Counter(junk))
    yield _Special("a list in the counter's place", counter=Counter((b"12", b"11")))


@dataclass(frozen=True)
class DemoCatalogue:
    """Products in the order of their ids."""

    products: tuple[Product, ...]

    @classmethod
    def from_seed(cls, size: int = SIZE, seed: int = SEED) -> Self:
        """Make the same catalogue for the same numbers; at most every tenth product is out of order."""
        chance = random.Random(seed)  # noqa: S311 - it has to be the same every time
        digits = max(5, len(str(size)))
        names = (" ".join(words) for words in itertools.cycle(itertools.product(*WORDS)))
        products = []
        for number, name in zip(range(1, size + 1), names, strict=False):
            stock = chance.randrange(1000)
            products.append(Product(f"PRD-{number:0{digits}}", name, stock, Counter(b"%d" % stock)))
        specials = list(itertools.islice(_specials(), size // SPECIAL_AT_MOST))
        places = [0, *chance.sample(range(1, size), len(specials) - 1)] if specials else []
        for place, special in zip(places, specials, strict=True):
            products[place] = special.apply(products[place])
        return cls(tuple(products))
