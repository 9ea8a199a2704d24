"""Putting aside what nobody can read, without a word of it to the others."""

from collections.abc import Sequence

from stocksync.alerting.batch import token
from stocksync.alerting.ports import DeadLetterLog, DeadLetters, Record
from stocksync.errors import StockSyncError

Unread = tuple[Record, str]
"""A message, and why it cannot be read or put aside."""

_AT_ONCE = 500
_BYTES_AT_ONCE = 8 * 1024 * 1024


class Quarantine:
    """Takes unreadable messages of one pass and puts each aside once, however often it is read.

    It holds a few and puts them aside together. Where none of them is taken, the dead-letter topic itself is the
    trouble: nothing more is tried in this pass, which has better things to do than to wait for it.

    Args:
        dead_letters: where they go
        dead_letter_log: which ones are there already
    """

    def __init__(self, dead_letters: DeadLetters, dead_letter_log: DeadLetterLog) -> None:
        self._dead_letters = dead_letters
        self._log = dead_letter_log
        self._known: set[bytes] | None = None
        self._held: list[Unread] = []
        self._bytes = 0
        self._closed = ""

    def add(self, record: Record, error: str) -> list[Unread]:
        """Take one in; return those that turned out not to be put aside, with the reason."""
        if self._closed:
            return [(record, self._closed)]
        self._held.append((record, error))
        self._bytes += len(record.value or b"") + len(record.key or b"")
        if len(self._held) >= _AT_ONCE or self._bytes >= _BYTES_AT_ONCE:
            return self.flush()
        return []

    def flush(self) -> list[Unread]:
        """Put aside what is held; return those that were not, with the reason."""
        held, self._held, self._bytes = self._held, [], 0
        if not held:
            return []
        try:
            return self._put(held)
        except StockSyncError as error:
            self._closed = str(error)
            return [(record, self._closed) for record, _ in held]

    def _put(self, held: Sequence[Unread]) -> list[Unread]:
        if self._known is None:
            self._known = self._log.known()
        fresh = [(record, error) for record, error in held if _place(record) not in self._known]
        if not fresh:
            return []
        refused = list(self._dead_letters.put(fresh))
        if len(refused) == len(fresh):
            self._closed = refused[0][1]
        left = {_place(record) for record, _ in refused}
        taken = [place for place in map(_place, (record for record, _ in fresh)) if place not in left]
        if taken:
            self._known.update(taken)
            self._log.remember(taken)
        return refused


def _place(record: Record) -> bytes:
    # The timestamp tells a message from the one at the same place of a topic that was made anew.
    return token(f"{record.partition}/{record.offset}/{record.timestamp_ms}")
