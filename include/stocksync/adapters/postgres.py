"""The ledger in PostgreSQL, read only.

Ids are compared by the database alone, in the column's own type and collation, so the column's index serves
every range; here they are text. All names and values go through psycopg2.sql, quoted by the driver.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import Any

import psycopg2
from psycopg2 import errors, sql

from stocksync.adapters.postgres_copy import CopyStream
from stocksync.adapters.postgres_errors import CONNECTION, failed, no_table
from stocksync.adapters.postgres_session import LIMITED, Connect, Session, spelled
from stocksync.errors import BadSetting, LedgerUnavailable, RefusedRequest
from stocksync.model.expected import Expected
from stocksync.model.id_range import IdRange
from stocksync.model.stock import LedgerValue, Unreadable
from stocksync.model.text import printable
from stocksync.reconcile.ports import LedgerBatch
from stocksync.reconcile.sizes import STANDARD

_ID_TYPES = ("text", "varchar", "bpchar", "citext", "uuid", "int2", "int4", "int8")
_WHOLE_TYPES = ("int2", "int4", "int8")
_STOCK_TYPES = (*_WHOLE_TYPES, "numeric")
_NO_ID = (errors.InvalidTextRepresentation, errors.NumericValueOutOfRange, ValueError)
"""What PostgreSQL and its driver say of a text that the id column's type cannot hold."""
_SAID = 200
_NAME_AT_MOST = 200
"""Characters of a product's name that travel with an event."""
_NO_NUMBER = {None: Unreadable.NO_STOCK, "\\": Unreadable.SEVERAL_ROWS}

# Then a query that a policy would filter is an error, and PostgreSQL itself says whether one would: also of the tables
# that a view reads, for whoever it reads them as.
_UNFILTERED = sql.SQL("SET LOCAL row_security = off")


def statement(name: str) -> sql.SQL:
    """Load one statement of sql/."""
    return sql.SQL((files("stocksync") / "sql" / f"{name}.sql").read_text())


@dataclass(frozen=True, slots=True)
class LedgerTable:
    """Where the ledger is: the settings that name it; a column that is None is not there."""

    table: str
    id_column: str
    stock_column: str
    held_column: str | None = None
    name_column: str | None = None

    @property
    def name(self) -> sql.Identifier:
        """The table's quoted name, with its schema where one is given."""
        return sql.Identifier(*self.table.split("."))


class PostgresLedger:
    """Implements the port StockLedger.

    Args:
        connect: opens a connection with client_encoding UTF8; the caller of this class never sees one
        source: the table and its columns
        batch: rows in a batch
    """

    def __init__(self, connect: Connect, source: LedgerTable, *, batch: int = STANDARD.batch) -> None:
        self._source = source
        self._batch = batch
        self._session = Session(connect, self._failed)

    def scan(self, id_range: IdRange, after: str | None) -> Iterator[LedgerBatch]:
        """Stream with COPY, in a thread of its own, a few batches ahead of the reader.

        psycopg2's COPY hands over each row's bytes with no parsing at all: measured about four times as fast as
        psycopg 3's (docs/performance.md).
        """
        query = self._query("scan", condition=self._within(id_range, after))
        stream = CopyStream(
            self._session.open,
            lambda connection: (spelled(LIMITED, connection), spelled(query, connection)),
            self._batch,
        )
        try:
            yield from stream.batches()
        except psycopg2.Error as error:
            raise self._failed(error) from error

    def read(self, product_ids: Sequence[str]) -> Mapping[str, LedgerValue]:
        """Look at some products again by their ids."""
        return {product_id: expected.stock for product_id, expected in self.expected(product_ids).items()}

    def expected(self, product_ids: Sequence[str]) -> Mapping[str, Expected]:
        """Look at some products again, with what is on hold by the held column, of the same row."""
        rows = self.rows(self._query("read", ids=sql.Literal(list(product_ids))))
        return {i: Expected(_NO_NUMBER.get(stock) or stock.encode(), held, name=name) for i, stock, held, name in rows}

    def held_units(self, id_range: IdRange) -> int:
        """Add up the held column over a range; 0 without one."""
        if self._source.held_column is None:
            return 0
        [(units,)] = self.rows(self._query("held_units", condition=self._within(id_range, None)))
        return int(units)

    def count(self, id_range: IdRange, after: str | None) -> int:
        """Count a range."""
        [(number,)] = self.rows(self._query("count", condition=self._within(id_range, after)))
        return int(number)

    def spelled(self, product_ids: Sequence[str]) -> Mapping[str, str]:
        """Say how the ledger spells each of some ids; one that it does not have is not in the answer.

        A UUID in capitals, a number with leading zeros or blanks behind a char(n) are other spellings of one id: the
        cache's key is made of the ledger's.

        Raises:
            RefusedRequest: one of them cannot be an id at all
        """
        query = self._query("spell", ids=sql.Literal(list(product_ids)))
        try:
            return dict(self.rows(query))
        except BadSetting as error:
            if isinstance(error.__cause__, _NO_ID):
                said = printable(str(error.__cause__).strip().partition("\n")[0], _SAID)
                raise RefusedRequest(
                    f"param 'product_ids': {said}; allowed: ids that column {self._source.id_column!r} of "
                    f"{self._source.table!r} can hold"
                ) from error
            raise

    def spelled_within(self, product_ids: Sequence[str], id_range: IdRange) -> Mapping[str, str]:
        """As `spelled`, only of a range's products."""
        condition = self._within(id_range, None)
        return dict(self.rows(self._query("held_within", ids=sql.Literal(list(product_ids)), condition=condition)))

    def several_rows(self) -> tuple[int, str]:
        """Count the products that have several rows, and name one; without a pass over a table that cannot have any."""
        if self._is_unique:
            return 0, ""
        [(number, example)] = self.rows(self._query("several_rows"))
        return int(number), example or ""

    def check(self) -> list[str]:
        """Find what would stop a scan before anything is written; return what a person should know.

        Raises:
            BadSetting: the connection, the table or a column has to be mended by a person
            LedgerUnavailable: the server does not answer now
        """
        probe = self._query("probe")
        self.rows(probe)
        try:
            self._session.rows(probe, before=_UNFILTERED)
        except BadSetting as error:
            if not isinstance(error.__cause__, errors.InsufficientPrivilege):
                raise
            warning = (
                f"row level security may hide products of STOCK_SYNC_PRODUCTS_TABLE={self._source.table!r} from the "
                f"role of {CONNECTION} ({_words(error.__cause__)}): what it hides is not compared, and no one is told. "
                "A role with BYPASSRLS sees everything"
            )
            return [warning]
        return []

    @property
    def source(self) -> str:
        """Names the table, its id column and that column's type."""
        id_type, *_ = self._columns
        return f"{self._source.table}.{self._source.id_column}: {id_type.string}"

    def rows(self, query: sql.Composable) -> list[tuple[Any, ...]]:
        """Run one statement in a transaction of its own and fetch everything (small answers only)."""
        return self._session.rows(query)

    def close(self) -> None:
        """Close the connection; the next statement opens another."""
        self._session.close()

    @property
    def sampled(self) -> bool:
        """Whether TABLESAMPLE works on it: views have no pages."""
        kinds = self.rows(statement("relation_kind").format(table=self._quoted_table()))
        return kinds in [[(kind,)] for kind in "rpm"]

    def bounds(self, name: str, **values: object) -> list[str]:
        """Run a statement that answers with ids."""
        literals = {each: sql.Literal(value) for each, value in values.items()}
        return [row[0] for row in self.rows(self._query(name, **literals))]

    @cached_property
    def _columns(self) -> tuple[sql.SQL, sql.Composable, sql.Composable, sql.Composable]:
        """The id column's type, and expressions: a stock, null where there is no usable number; holds; a name.

        The stock is without what is on hold; a hold that is no usable number, or more than the stock, makes it null.
        """
        source = self._source
        rows = self.rows(statement("inspect_columns").format(table=self._quoted_table()))
        found = {name: (declared, base) for name, declared, base in rows}
        if not found:
            raise no_table(source.table)
        id_type, id_base = self._column(found, "STOCK_SYNC_ID_COLUMN", source.id_column)
        _demand("STOCK_SYNC_ID_COLUMN", source.id_column, id_base, _ID_TYPES)
        stock = self._units(found, "STOCK_SYNC_STOCK_COLUMN", source.stock_column)
        held: sql.Composable = sql.SQL("NULL::int")
        if source.held_column is not None:
            held = self._units(found, "STOCK_SYNC_HELD_COLUMN", source.held_column)
            less = "CASE WHEN {stock} >= {held} THEN {stock} - {held} END"
            stock = sql.SQL(less).format(stock=stock, held=held)
        name: sql.Composable = sql.SQL("NULL::text")
        if source.name_column is not None:
            self._column(found, "STOCK_SYNC_NAME_COLUMN", source.name_column)
            name = sql.SQL("left({}::text, {})").format(sql.Identifier(source.name_column), sql.Literal(_NAME_AT_MOST))
        # format_type() quotes what needs quoting: it is made to be put into SQL.
        return sql.SQL(id_type), stock, held, name

    @cached_property
    def _is_unique(self) -> bool:
        """Whether the database vouches for one row an id; a view has no index to say so."""
        parts = {"table": self._quoted_table(), "id": sql.Literal(self._source.id_column)}
        return self.rows(statement("is_unique").format(**parts)) == [(True,)]

    def _query(self, name: str, **parts: sql.Composable) -> sql.Composed:
        id_type, stock, held, called = self._columns
        table, id_column = self._source.name, sql.Identifier(self._source.id_column)
        products = statement("one_row_each" if self._is_unique else "perhaps_several_rows_each")
        return statement(name).format(
            table=table,
            id=id_column,
            id_type=id_type,
            products=products.format(table=table, id=id_column, stock=stock, held=held, name=called),
            **parts,
        )

    def _within(self, id_range: IdRange, after: str | None) -> sql.Composable:
        """Restrict to a range."""
        id_type = self._columns[0]

        def compared(operator: str, bound: str) -> sql.Composable:
            return sql.SQL("id {} {}::{}").format(sql.SQL(operator), sql.Literal(bound), id_type)

        conditions: list[sql.Composable] = [sql.SQL("true")]
        if id_range.ids is not None:
            conditions.append(sql.SQL("id = ANY({}::text[]::{}[])").format(sql.Literal(list(id_range.ids)), id_type))
        if id_range.lower is not None:
            conditions.append(compared(">=", id_range.lower))
        if id_range.upper is not None:
            conditions.append(compared("<", id_range.upper))
        if after is not None:
            conditions.append(compared(">", after))
        return sql.SQL(" AND ").join(conditions)

    def _failed(self, error: psycopg2.Error) -> BadSetting | LedgerUnavailable:
        return failed(error, self._source.table)

    def _quoted_table(self) -> sql.Composable:
        return sql.Literal(".".join('"{}"'.format(part.replace('"', '""')) for part in self._source.table.split(".")))

    def _units(self, found: Mapping[str, tuple[str, str]], setting: str, name: str) -> sql.Composable:
        """A column's units as a whole number from 0 to int32; null where it holds anything else."""
        _, base = self._column(found, setting, name)
        _demand(setting, name, base, _STOCK_TYPES)
        usable = "{c} BETWEEN 0 AND 2147483647"
        if base not in _WHOLE_TYPES:
            usable += " AND {c} = trunc({c})"
        return sql.SQL(f"CASE WHEN {usable} THEN {{c}}::int END").format(c=sql.Identifier(name))

    def _column(self, found: Mapping[str, tuple[str, str]], setting: str, name: str) -> tuple[str, str]:
        if name not in found:
            raise BadSetting(
                f"{setting}={name!r}: {self._source.table!r} has no such column; it has {', '.join(sorted(found))}"
            )
        return found[name]


def _demand(setting: str, column: str, base: str, allowed: Sequence[str]) -> None:
    if base not in allowed:
        raise BadSetting(f"{setting}={column!r} is of type {base}; allowed: {', '.join(allowed)}")


def _words(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]
