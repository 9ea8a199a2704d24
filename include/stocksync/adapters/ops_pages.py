"""What the page shows of the operations store: one question, one statement."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - it is a class

from stocksync.adapters.postgres import statement

Row = Mapping[str, Any]

ORDERS = {
    "size": "abs(discrepancy) {way}",
    "product": "product_id {way}",
    "age": "first_seen {other}",
    "nights": "nights {way}",
    "ledger": "db_stock {way}",
    "redis": "redis_stock {way}",
}
"""Columns the queue can be sorted by; an age grows as its beginning goes back."""
WAYS = {
    "desc": {"way": sql.SQL("DESC"), "other": sql.SQL("ASC")},
    "asc": {"way": sql.SQL("ASC"), "other": sql.SQL("DESC")},
}


class OpsPages:
    """Reads for one page.

    Args:
        cursor: of a transaction of the store
    """

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor

    def nights(self, after: date) -> list[Row]:
        """Return the last run of each later date that looked at the whole catalogue, newest first."""
        return self._rows("page_nights", after=after)

    def open(self) -> list[Row]:
        """Count what is open, a row for each cause."""
        return self._rows("page_open")

    def queue(self, asked: Mapping[str, Any], *, order: str, way: str, limit: int, offset: int) -> list[Row]:
        """Return a page of the open cases; each row has the number of all `matching` ones.

        Args:
            asked: asleep, severity, cause, text: None is any; missing: only those without a key
            order: one of ORDERS
            way: `asc` or `desc`
            limit: most rows
            offset: rows of the pages before
        """
        ordered = sql.SQL(ORDERS[order]).format(**WAYS[way])
        return self._rows("page_queue", {"order": ordered}, limit=limit, offset=offset, **asked)

    def case(self, product_id: str) -> Row | None:
        """Return the open case of a product; None: none is open."""
        return self._row("page_case", product=product_id)

    def findings_of(self, product_id: str, limit: int) -> list[Row]:
        """Return what was found of a product, newest first."""
        return self._rows("page_product_findings", product=product_id, limit=limit)

    def decisions_about(self, product_id: str, limit: int) -> list[Row]:
        """Return what people decided about a product, newest first."""
        return self._rows("page_product_decisions", product=product_id, limit=limit)

    def run(self, run_id: str) -> Row | None:
        """Return a run as it ended last; None: the store has none of that name."""
        return self._row("page_run", run=run_id)

    def findings_in(self, run_id: str, asked: Mapping[str, Any], *, limit: int, offset: int) -> list[Row]:
        """Return a page of what a run found, the largest first; `asked` has severity, action and text."""
        return self._rows("page_run_findings", run=run_id, limit=limit, offset=offset, **asked)

    def decisions(self, asked: Mapping[str, Any], *, limit: int, offset: int) -> list[Row]:
        """Return a page of people's decisions, newest first; `asked` has text and kind."""
        return self._rows("page_decisions", limit=limit, offset=offset, **asked)

    def decision(self, decision_id: str) -> Row | None:
        """Return a decision with what became of it; None: it has not been recorded."""
        return self._row("page_decision", decision=decision_id)

    def decided(self, decision_id: str, *, limit: int, offset: int) -> list[Row]:
        """Return a page of a decision's products: what did not go as asked comes first."""
        return self._rows("page_decision_products", decision=decision_id, limit=limit, offset=offset)

    def _row(self, name: str, **values: object) -> Row | None:
        return next(iter(self._rows(name, None, **values)), None)

    def _rows(self, name: str, parts: Mapping[str, sql.Composable] | None = None, **values: object) -> list[Row]:
        self._cursor.execute(statement(name).format(**parts or {}), values)
        columns = [column.name for column in self._cursor.description or ()]
        return [dict(zip(columns, row, strict=True)) for row in self._cursor.fetchall()]
