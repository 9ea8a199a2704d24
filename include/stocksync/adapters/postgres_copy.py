"""Streaming rows out of PostgreSQL with COPY, in a thread of its own."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from queue import Queue

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from stocksync.model.stock import LedgerValue, Unreadable
from stocksync.reconcile.ports import LedgerBatch

_BATCHES_AHEAD = 8


class CopyStream:
    """Rows of one COPY, cut into batches in a thread, over a queue that holds a few.

    Args:
        connect: opens a connection whose transactions begin by themselves
        spell: puts into words what the transaction begins with, and the COPY
        batch: rows in a batch
    """

    def __init__(
        self, connect: Callable[[], Connection], spell: Callable[[Connection], tuple[str, str]], batch: int
    ) -> None:
        self._connect = connect
        self._spell = spell
        self._batch = batch
        self._queue: Queue[list[bytes] | psycopg2.Error | None] = Queue(_BATCHES_AHEAD)
        self._rows: list[bytes] = []
        self._abandoned = False

    def batches(self) -> Iterator[LedgerBatch]:
        """Yield until the end; ending early cancels the query and closes its connection."""
        with closing(self._connect()) as connection:
            copying = (connection, *self._spell(connection))
            thread = threading.Thread(target=self._copy, args=copying, name="ledger-scan", daemon=True)
            thread.start()
            try:
                while (item := self._queue.get()) is not None:
                    if isinstance(item, psycopg2.Error):
                        raise item
                    yield _parse(item)
            finally:
                self._abandoned = True
                if thread.is_alive():
                    connection.cancel()
                while thread.is_alive():  # make room, in case the thread waits for some
                    while not self._queue.empty():
                        self._queue.get_nowait()
                    thread.join(0.05)

    def write(self, row: bytes) -> None:
        """Take one row of the COPY; psycopg2 calls this."""
        self._rows.append(row)
        if len(self._rows) == self._batch:
            self._hand_over()

    def _hand_over(self) -> None:
        if self._abandoned:
            raise psycopg2.OperationalError("the reader went away")
        self._queue.put(self._rows)
        self._rows = []

    def _copy(self, connection: Connection, before: str, query: str) -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute(before)
                cursor.copy_expert(query, self)
            connection.commit()
            if self._rows:
                self._hand_over()
            self._queue.put(None)
        except psycopg2.Error as error:
            self._queue.put(error)


_NO_NUMBER: dict[bytes, LedgerValue] = {rb"\N": Unreadable.NO_STOCK, rb"\\": Unreadable.SEVERAL_ROWS}
_UNESCAPED = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v", b"\\": b"\\"}


def _parse(rows: list[bytes]) -> LedgerBatch:
    """Split COPY's text rows, `id TAB stock LF`, a thousand at a time."""
    text = b"".join(rows)
    fields = text.replace(b"\n", b"\t").split(b"\t")
    ids, stocks = fields[:-1:2], fields[1::2]
    if b"\\" not in text:
        return LedgerBatch(ids, stocks)  # type: ignore[arg-type] # every stock is bytes here
    return LedgerBatch(
        [_unescape(i) if b"\\" in i else i for i in ids],
        [_NO_NUMBER.get(stock, stock) for stock in stocks],
    )


def _unescape(field: bytes) -> bytes:
    first, *rest = field.split(b"\\\\")
    parts = [first, *rest]
    for position, part in enumerate(parts):
        head, *escaped = part.split(b"\\")
        parts[position] = head + b"".join(_UNESCAPED[e[:1]] + e[1:] for e in escaped)
    return b"\\".join(parts)
