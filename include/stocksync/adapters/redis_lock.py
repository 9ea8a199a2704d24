"""The run lock: one run of a local date works."""

from collections.abc import Callable
from typing import cast

from stocksync.adapters.redis_errors import script, translated
from stocksync.adapters.redis_spaces import Client, space_of
from stocksync.errors import LockHeld
from stocksync.model.text import printable

SECONDS = 3600


class RedisRunLock:
    """Implements the port RunLock.

    Args:
        client: a client without decode_responses
        date: the run's local date
        token: names the run; a retry of any of its tasks holds the same lock
        taken: called when it is held, before anything is looked at: shuts out who held it before
    """

    def __init__(self, client: Client, date: str, token: str, taken: Callable[[], None] = lambda: None) -> None:
        self.key = space_of(client).keys.lock(date)
        self.token = token
        self._taken = taken
        self._client = client
        self._release = client.register_script(script("release"))

    def hold(self) -> None:
        """Take the lock, or find that this run has it already.

        Raises:
            LockHeld: another run has it.
        """
        self._hold()
        self._taken()

    def _hold(self) -> None:
        with translated("taking the run lock"):
            if self._client.set(self.key, self.token, nx=True, ex=SECONDS):
                return
            holder = cast("bytes | None", self._client.get(self.key))
            if holder == self.token.encode():
                return
            if holder is None and self._client.set(self.key, self.token, nx=True, ex=SECONDS):
                return  # it expired between the two calls
            seconds = self._client.ttl(self.key)
        name = (holder or b"").decode(errors="replace")
        raise LockHeld(f"run {printable(name)} holds {self.key} (for {seconds} s more at most)", name)

    def is_held(self) -> bool:
        """Whether this run holds it now."""
        with translated("reading the run lock"):
            return self._client.get(self.key) == self.token.encode()

    def release(self) -> bool:
        """Give it back; False if it was not this run's."""
        with translated("releasing the run lock"):
            return bool(self._release(keys=[self.key], args=[self.token]))
