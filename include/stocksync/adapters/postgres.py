"""The ledger in PostgreSQL, read only.

Ids are compared by the database alone, in the column's own type and collation, so the column's index serves
every range; here they are text. All names and values go through psycopg2.sql, quoted by the driver.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import Any

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from stocksync.adapters.postgres_copy import CopyStream
from stocksync.errors import BadSetting, LedgerUnavailable
from stocksync.model.id_range import IdRange
from stocksync.model.stock import LedgerValue, Unreadable
from stocksync.reconcile.ports import LedgerBatch
from stocksync.reconcile.sizes import STANDARD

_ID_TYPES = ("text", "varchar", "bpchar", "citext", "uuid", "int2", "int4", "int8")
_WHOLE_TYPES = ("int2", "int4", "int8")
_STOCK_TYPES = (*_WHOLE_TYPES, "numeric")

Connect = Callable[[], Connection]


def statement(name: str) -> sql.SQL:
    """Load one statement of sql/."""
    return sql.SQL((files("stocksync") / "sql" / f"{name}.sql").read_text())


@dataclass(frozen=True, slots=True)
class LedgerTable:
    """Where the ledger is: the three settings that name it."""

    table: str
    id_column: str
    stock_column: str

    @property
    def name(self) -> sql.Identifier:
        """The table's quoted name, with its schema where one is given."""
        return sql.Identifier(*self.table.split("."))


class PostgresLedger:
    """Implements the port StockLedger.

    Args:
        connect: opens a connection; the caller of this class never sees one
        source: the table and its columns
        key_prefix: put before each id, so that a scanned batch is ready for the cache
        batch: rows in a batch
    """

    def __init__(self, connect: Connect, source: LedgerTable, key_prefix: str, *, batch: int = STANDARD.batch) -> None:
        self._connect = connect
        self._source = source
        self._key_prefix = key_prefix
        self._batch = batch
        self._connection: Connection | None = None

    def scan(self, id_range: IdRange, after: str | None) -> Iterator[LedgerBatch]:
        """Stream with COPY, in a thread of its own, a few batches ahead of the reader.

        psycopg2's COPY hands over each row's bytes with no parsing at all: measured about four times as fast as
        psycopg 3's (docs/performance.md).
        """
        query = self._query("scan", prefix=sql.Literal(self._key_prefix), condition=self._within(id_range, after))
        try:
            yield from CopyStream(self._open, lambda connection: _spelled(query, connection), self._batch).batches()
        except psycopg2.Error as error:
            raise self._translated(error) from error

    def read(self, product_ids: Sequence[str]) -> Mapping[str, LedgerValue]:
        """Look at some products again by their ids."""
        rows = self.rows(self._query("read", ids=sql.Literal(list(product_ids))))
        return {i: Unreadable.NO_STOCK if stock is None else stock.encode() for i, stock in rows}

    def count(self, id_range: IdRange, after: str | None) -> int:
        """Count a range."""
        [(number,)] = self.rows(self._query("count", condition=self._within(id_range, after)))
        return int(number)

    def rows(self, query: sql.Composable) -> list[tuple[Any, ...]]:
        """Run one statement and fetch everything (small answers only)."""
        try:
            if self._connection is None or self._connection.closed:
                self._connection = self._open()
            with self._connection.cursor() as cursor:
                cursor.execute(_spelled(query, self._connection))
                return cursor.fetchall()
        except psycopg2.Error as error:
            self.close()
            raise self._translated(error) from error

    def close(self) -> None:
        """Close the connection; the next statement opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @cached_property
    def columns(self) -> tuple[sql.SQL, sql.Composable]:
        """The id column's type, and an expression for a stock that is null where there is no usable number.

        Raises:
            BadSetting: no such table or column, or a type that cannot be an id or a stock.
        """
        source = self._source
        rows = self.rows(statement("inspect_columns").format(table=self._quoted_table()))
        found = {name: (declared, base) for name, declared, base in rows}
        if not found:
            raise self._no_table()
        id_type, id_base = self._column(found, "STOCK_SYNC_ID_COLUMN", source.id_column)
        _, stock_base = self._column(found, "STOCK_SYNC_STOCK_COLUMN", source.stock_column)
        _demand("STOCK_SYNC_ID_COLUMN", source.id_column, id_base, _ID_TYPES)
        _demand("STOCK_SYNC_STOCK_COLUMN", source.stock_column, stock_base, _STOCK_TYPES)
        usable = "{c} BETWEEN 0 AND 2147483647"
        if stock_base not in _WHOLE_TYPES:
            usable += " AND {c} = trunc({c})"
        stock = sql.SQL(f"CASE WHEN {usable} THEN {{c}}::int END").format(c=sql.Identifier(source.stock_column))
        # format_type() quotes what needs quoting: it is made to be put into SQL.
        return sql.SQL(id_type), stock

    @property
    def sampled(self) -> bool:
        """Whether TABLESAMPLE works on it: views have no pages."""
        kinds = self.rows(statement("relation_kind").format(table=self._quoted_table()))
        return kinds in [[(kind,)] for kind in "rpm"]

    def bounds(self, name: str, **values: object) -> list[str]:
        """Run a statement that answers with ids."""
        literals = {each: sql.Literal(value) for each, value in values.items()}
        return [row[0] for row in self.rows(self._query(name, **literals))]

    def _query(self, name: str, **parts: sql.Composable) -> sql.Composed:
        id_type, stock = self.columns
        return statement(name).format(
            table=self._source.name,
            id=sql.Identifier(self._source.id_column),
            id_type=id_type,
            stock=stock,
            **parts,
        )

    def _within(self, id_range: IdRange, after: str | None) -> sql.Composable:
        """Restrict to a range."""
        id_type, _ = self.columns
        column = sql.Identifier(self._source.id_column)

        def compared(operator: str, bound: str) -> sql.Composable:
            return sql.SQL("{} {} {}::{}").format(column, sql.SQL(operator), sql.Literal(bound), id_type)

        conditions: list[sql.Composable] = [sql.SQL("{} IS NOT NULL").format(column)]
        if id_range.ids is not None:
            ids = sql.Literal(list(id_range.ids))
            conditions.append(sql.SQL("{} = ANY({}::text[]::{}[])").format(column, ids, id_type))
        if id_range.lower is not None:
            conditions.append(compared(">=", id_range.lower))
        if id_range.upper is not None:
            conditions.append(compared("<", id_range.upper))
        if after is not None:
            conditions.append(compared(">", after))
        return sql.SQL(" AND ").join(conditions)

    def _open(self) -> Connection:
        try:
            connection = self._connect()
            connection.set_session(readonly=True, autocommit=True)
            connection.set_client_encoding("UTF8")
        except psycopg2.Error as error:
            raise LedgerUnavailable(f"PostgreSQL (connection product_db): {_first_line(error)}") from error
        return connection

    def _translated(self, error: psycopg2.Error) -> BadSetting | LedgerUnavailable:
        """Tell what a person has to mend from what may pass."""
        table, said = self._source.table, _first_line(error)
        match error:
            case psycopg2.errors.UndefinedTable():
                return self._no_table()
            case psycopg2.errors.InsufficientPrivilege():
                return BadSetting(
                    f"STOCK_SYNC_PRODUCTS_TABLE={table!r}: the role of connection product_db may not read it ({said}); "
                    "allowed: a role with SELECT on it"
                )
            case psycopg2.errors.DataError():
                return BadSetting(f"PostgreSQL cannot read {table!r} as it was asked to: {said}")
            case _:
                return LedgerUnavailable(f"PostgreSQL (connection product_db): {said}")

    def _quoted_table(self) -> sql.Composable:
        return sql.Literal(".".join('"{}"'.format(part.replace('"', '""')) for part in self._source.table.split(".")))

    def _no_table(self) -> BadSetting:
        return BadSetting(
            f"STOCK_SYNC_PRODUCTS_TABLE={self._source.table!r}: the database of connection product_db has no such "
            "table or view; allowed: a table or view, `name` or `schema.name`, as PostgreSQL spells it"
        )

    def _column(self, found: Mapping[str, tuple[str, str]], setting: str, name: str) -> tuple[str, str]:
        if name not in found:
            raise BadSetting(
                f"{setting}={name!r}: {self._source.table!r} has no such column; it has {', '.join(sorted(found))}"
            )
        return found[name]


def _spelled(query: sql.Composable, connection: Connection) -> str:
    """Put a statement into words, its values quoted in by the driver.

    COPY takes no bound values, and beside bound ones a % in a name would be taken for one of them: so none are bound.
    """
    try:
        return query.as_string(connection)
    except ValueError as error:
        raise BadSetting(
            f"a product id is no text that PostgreSQL can hold: {error}; allowed: ids of products"
        ) from error


def _demand(setting: str, column: str, base: str, allowed: Sequence[str]) -> None:
    if base not in allowed:
        raise BadSetting(f"{setting}={column!r} is of type {base}; allowed: {', '.join(allowed)}")


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
