"""Connections to PostgreSQL that may be pooled: whatever is set lasts for one transaction.

Behind pgbouncer in transaction pooling the next transaction on a server's connection is somebody else's, the shop's
perhaps. So nothing is set for a session, and no start-up parameter is sent that pgbouncer refuses: each transaction
begins READ ONLY and sets its own limit.
"""

import logging
from collections.abc import Callable
from typing import Any

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from stocksync.adapters.postgres_errors import CONNECTION, refused
from stocksync.errors import BadSetting, StockSyncError

log = logging.getLogger(__name__)

OLDEST = 11_00_00
"""The first version whose catalogue can be asked what sql/ asks it."""
_STATEMENT_MS = 10 * 60 * 1000

Connect = Callable[[], Connection]

LIMITED = sql.SQL(
    f"SELECT set_config('statement_timeout', '{_STATEMENT_MS}', true) WHERE current_setting('statement_timeout') = '0'"
)
"""Our limit for the transaction's statements, in ms, where neither the role nor the connection has one of its own."""


class Session:
    """Read-only transactions of one statement each, on a connection that is kept between them.

    Args:
        connect: opens a connection with client_encoding UTF8
        failed: makes the error that is raised for a statement that was not answered
    """

    def __init__(self, connect: Connect, failed: Callable[[psycopg2.Error], StockSyncError]) -> None:
        self._connect = connect
        self._failed = failed
        self._connection: Connection | None = None

    def open(self) -> Connection:
        """Open a connection of its own, every transaction of which begins READ ONLY.

        Raises:
            BadSetting: the connection has to be mended by a person
            LedgerUnavailable: the server does not answer now
        """
        try:
            connection = self._connect()
        except psycopg2.Error as error:
            raise refused(error) from error
        if connection.server_version < OLDEST:
            raise BadSetting(
                f"{CONNECTION}: the server is version {_version(connection.server_version)}; "
                f"allowed: PostgreSQL {_version(OLDEST)} or newer"
            )
        if connection.encoding not in {"UTF8", "UNICODE"}:
            raise BadSetting(f"{CONNECTION}: client_encoding is {connection.encoding}; allowed: UTF8")
        # Without autocommit this sends nothing: psycopg2 says it with the BEGIN of each transaction. The level is said
        # too, because a standby refuses a role whose default is serializable.
        connection.set_session(isolation_level="READ COMMITTED", readonly=True)
        return connection

    def rows(self, query: sql.Composable, *, before: sql.Composable = LIMITED) -> list[tuple[Any, ...]]:
        """Run one statement and fetch everything (small answers only).

        A connection may have died while nobody used it: that costs another connection, not the attempt. What fails
        on a new one is raised.

        Args:
            query: the statement
            before: what its transaction begins with
        """
        statement = before + sql.SQL(";\n") + query
        idle, self._connection = self._connection, None
        if idle is not None:
            try:
                return self._ask(idle, statement)
            except psycopg2.Error as error:
                if not idle.closed:
                    idle.close()
                    raise self._failed(error) from error
                log.info("%s was dead when it was used again (%s): opened another", CONNECTION, str(error).strip())
        connection = self.open()
        try:
            return self._ask(connection, statement)
        except psycopg2.Error as error:
            connection.close()
            raise self._failed(error) from error

    def close(self) -> None:
        """Close the connection; the next statement opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ask(self, connection: Connection, statement: sql.Composable) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(spelled(statement, connection))
            rows = cursor.fetchall()
        connection.commit()
        self._connection = connection  # only one that is between two transactions is kept
        return rows


def _version(number: int) -> str:
    """Spell 18_00_01 as 18, and 9_06_24 as 9.6."""
    major, minor = divmod(number // 100, 100)
    return str(major) if major >= 10 else f"{major}.{minor}"  # noqa: PLR2004 - where PostgreSQL's numbering changed


def spelled(query: sql.Composable, connection: Connection) -> str:
    """Put a statement into words, its values quoted in by the driver.

    COPY takes no bound values, and beside bound ones a % in a name would be taken for one of them: so none are bound.

    Raises:
        BadSetting: a value is no text that PostgreSQL can hold.
    """
    try:
        return query.as_string(connection)
    except ValueError as error:
        raise BadSetting(
            f"a product id is no text that PostgreSQL can hold: {error}; allowed: ids of products"
        ) from error
