"""Many commands to one Redis at once, and their answers.

redis-py takes some microseconds for each answer. That is nothing where a thousand counters come in one, as from one
server; from a cluster they come one by one.
"""

from collections.abc import Iterable
from typing import Any

import hiredis
import redis
from redis._parsers import BaseParser

_PIECE = 1 << 16
_NOT_YET = object()


class Wire:
    """A connection of its own; opened when something is sent, and anew after it broke.

    Args:
        client: whose server and credentials to use
    """

    def __init__(self, client: redis.Redis) -> None:
        pool = client.connection_pool
        self._connection = pool.connection_class(**pool.connection_kwargs)
        self._reader: hiredis.Reader | None = None
        self._come: list[Any] = []
        self._errors = 0
        self._piece = memoryview(bytearray(_PIECE))

    def send(self, commands: bytes) -> None:
        """Send what is packed already.

        Raises:
            redis.RedisError: there is no connection.
        """
        if self._reader is None:
            self._connection.connect()
            self._reader = hiredis.Reader(replyError=self._error, notEnoughData=_NOT_YET)
        self._connection.send_packed_command([commands], check_health=False)

    def answers(self, number: int) -> tuple[list[Any], bool]:
        """Wait for answers; whether some of them are errors, which are given like the others.

        Raises:
            redis.ConnectionError, redis.TimeoutError: the connection broke, or nothing came in time.
        """
        before = self._errors
        while len(self._come) < number:
            self._receive()
        answers, self._come = self._come[:number], self._come[number:]
        return answers, self._errors != before

    def close(self) -> None:
        """Break the connection."""
        self._connection.disconnect()
        self._reader = None
        self._come = []

    def _receive(self) -> None:
        """Wait for some bytes, and take in whichever answers are whole."""
        if self._reader is None:
            raise redis.ConnectionError("the connection was closed")
        try:
            length = self._connection._sock.recv_into(self._piece)  # noqa: SLF001 - its only door
        except TimeoutError as error:
            raise redis.TimeoutError("Timeout reading from socket") from error
        except OSError as error:
            raise redis.ConnectionError(f"Error while reading from socket: {error.args}") from error
        if length == 0:
            raise redis.ConnectionError("Connection closed by server.")
        self._reader.feed(bytes(self._piece[:length]))
        self._come += iter(self._reader.gets, _NOT_YET)

    def _error(self, said: str) -> Exception:
        self._errors += 1
        error: Exception = BaseParser.parse_error(said)
        return error


def packed(words: Iterable[str | bytes | int]) -> bytes:
    """Write a command as RESP has it."""
    command: bytes = hiredis.pack_command(tuple(words))  # type: ignore[arg-type] # its stub has one word only
    return command
