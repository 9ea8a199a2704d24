"""The operations store's database: a transaction at a time, and what its errors mean."""

import logging
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg2
from psycopg2 import errors
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - it is a class

from stocksync.adapters.postgres_errors import refused
from stocksync.adapters.postgres_session import LIMITED
from stocksync.errors import BadSetting, OperationsUnavailable

log = logging.getLogger(__name__)

CONNECTION = "connection stock_ops"
VERSION = "0003"
"""The version of the schema this program works with: the last of stocksync.migrations.versions."""
MIGRATE = "python -m stocksync.migrations"
"""What brings the schema to it."""

_RIGHTS = """
SELECT tablename FROM pg_tables
WHERE schemaname = 'public' AND tablename <> 'alembic_version' AND NOT (
    has_table_privilege(format('%I.%I', schemaname, tablename), 'SELECT')
    AND has_table_privilege(format('%I.%I', schemaname, tablename), 'INSERT')
)
ORDER BY tablename
"""


class OpsDatabase:
    """Opens a connection for each transaction: there are few, and none is kept while people are told.

    Args:
        connect: opens a connection with client_encoding UTF8
    """

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect

    @contextmanager
    def transaction(self, doing: str, *, readonly: bool = False) -> Iterator[Cursor]:
        """Give a cursor; what was done with it is done when the block ends, or not at all.

        Args:
            doing: what for, as the error says it
            readonly: whether nothing may be written

        Raises:
            BadSetting: the connection, the schema or the role's rights have to be mended by a person.
            OperationsUnavailable: the server does not answer now.
        """
        try:
            connection = self._connect()
        except psycopg2.Error as error:
            raise refused(error, CONNECTION, OperationsUnavailable) from error
        with closing(connection):
            try:
                connection.set_session(isolation_level="READ COMMITTED", readonly=readonly)
                with connection, connection.cursor() as cursor:
                    cursor.execute(LIMITED)
                    yield cursor
            except psycopg2.Error as error:
                raise _failed(error, doing) from error

    def rows(self, doing: str, query: str, values: Any = None) -> list[tuple[Any, ...]]:  # noqa: ANN401 - as the driver has it
        """Ask one question; raises as `transaction`."""
        with self.transaction(doing, readonly=True) as cursor:
            cursor.execute(query, values)
            return cursor.fetchall()

    def check(self, *, writes: bool = True) -> None:
        """Find out whether the store can be used.

        Args:
            writes: whether the role has to be able to insert

        Raises:
            BadSetting: the schema is not the one this program works with, or the role lacks rights.
            OperationsUnavailable: the server does not answer now.
        """
        found = self.version()
        if found != VERSION:
            raise BadSetting(
                f"{CONNECTION}: the schema of the database is at version {found or 'none'}; allowed: version "
                f"{VERSION}, which `{MIGRATE}` of this program makes of any earlier one"
            )
        lacking = [table for (table,) in self.rows("looking up the rights", _RIGHTS)] if writes else []
        if lacking:
            raise BadSetting(
                f"{CONNECTION}: its role may not read and insert into {', '.join(lacking)}; allowed: a role with "
                f"SELECT and INSERT, which `{MIGRATE} --worker ROLE` gives"
            )

    def version(self) -> str | None:
        """Say which version of the schema the database has; None: it has none. Raises as `transaction`."""
        with self.transaction("looking up the version", readonly=True) as cursor:
            cursor.execute("SELECT to_regclass('public.alembic_version') IS NOT NULL")
            if cursor.fetchall() != [(True,)]:
                return None
            cursor.execute("SELECT max(version_num) FROM alembic_version")
            [(found,)] = cursor.fetchall()
            return None if found is None else str(found)


def storable(text: str) -> str:
    """Make a text one that PostgreSQL can hold: it knows no NUL, and UTF-8 no half of a surrogate pair."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")


def _failed(error: psycopg2.Error, doing: str) -> BadSetting | OperationsUnavailable:
    said = str(error).strip().partition("\n")[0] or type(error).__name__
    if isinstance(error, errors.InsufficientPrivilege):
        return BadSetting(
            f"{CONNECTION}, {doing}: {said}; allowed: a role with the rights that `{MIGRATE} --worker ROLE` gives"
        )
    if isinstance(error, errors.UndefinedTable | errors.UndefinedColumn | errors.UndefinedFunction):
        return BadSetting(f"{CONNECTION}, {doing}: {said}; allowed: the schema of version {VERSION}, see `{MIGRATE}`")
    if isinstance(error, errors.ReadOnlySqlTransaction):
        return BadSetting(f"{CONNECTION}, {doing}: {said}; allowed: a server and a role that take writes")
    return OperationsUnavailable(f"PostgreSQL ({CONNECTION}), {doing}: {said}")
