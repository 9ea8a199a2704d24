"""What one script may touch, a slot group: everything on one server, a slot in a cluster."""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, Protocol

from stocksync.adapters.redis_keys import OwnKeys
from stocksync.errors import CacheUnavailable


class NotNow:
    """The answer of a slot that is moving between two nodes: nothing was written, and it may be asked again later."""


NOT_NOW: Final = NotNow()
COPIED: Final = frozenset({"commit", "fence"})
"""The scripts whose writes must not be lost with a master, where it has replicas."""
WAIT_MS: Final = 1000
"""How long a replica has to confirm them."""


def not_copied(where: str, said: object) -> CacheUnavailable:
    """Say that no replica confirmed in time."""
    return CacheUnavailable(
        f"Redis (connection stock_redis): no replica of {where} has confirmed within {WAIT_MS} ms what was restored "
        f"({said}), so nothing is told of it; a retry reads in the outbox what was kept"
    )


class Call(NamedTuple):
    """One call of a script in one slot group.

    Attributes:
        group: the slot group, which all keys are in
        keys: the script's KEYS
        args: its ARGV
    """

    group: int
    keys: Sequence[str]
    args: Sequence[str | bytes | int]


class Space(Protocol):
    """Where the keys of a Redis live.

    Attributes:
        keys: names of the program's own keys, which are all in one slot group
        single: the only slot group; None: there are many
        life_s: seconds after which what was decided is not written any more; 0: the lock is asked for instead
    """

    keys: OwnKeys
    single: int | None
    life_s: float

    def group_of(self, key: str) -> int:
        """Say which slot group a key is in."""
        ...

    def tag(self, group: int) -> str:
        """Give what a key has in its name to be in a slot group."""
        ...

    def script(self, name: str) -> Callable[..., Any]:
        """Make what calls a script on the program's own keys, with `keys` and `args`."""
        ...

    def run(self, name: str, calls: Sequence[Call]) -> list[Any]:
        """Call a script in many slot groups; each answer is the script's or NOT_NOW.

        A call may be repeated if its answer is lost.
        """
        ...

    def deadlines(self, groups: Sequence[int]) -> dict[int, str]:
        """Say until when what is decided now may be written: `commit` refuses to write later."""
        ...
