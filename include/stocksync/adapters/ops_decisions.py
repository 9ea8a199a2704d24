"""Decisions, their products and what became of them, in the operations store."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from psycopg2.extras import execute_values

from stocksync.adapters.ops_database import OpsDatabase, storable
from stocksync.review.decision import Decision, DecisionKind, Outcome, Result
from stocksync.review.ports import Case

_DECISION = """
INSERT INTO decisions (decision_id, kind, decided_by, decided_at, reason, undoes, sleeps_until, asked)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT DO NOTHING
"""
_PRODUCTS = "INSERT INTO decision_products (decision_id, product_id, seen) VALUES %s"
_OUTCOMES = """
INSERT INTO outcomes (decision_id, product_id, outcome, before, after, discrepancy, detail, at) VALUES %s
ON CONFLICT DO NOTHING
"""
_PAGE = 1000


class OpsDecisions:
    """Implements the port DecisionLog.

    Args:
        database: the store
    """

    def __init__(self, database: OpsDatabase) -> None:
        self._database = database

    def record(self, decision: Decision, seen: Mapping[str, int | None]) -> None:
        """Insert the decision and its products in one transaction."""
        row = (
            storable(decision.decision_id),
            decision.kind.value,
            storable(decision.decided_by),
            decision.decided_at,
            storable(decision.reason),
            None if decision.undoes is None else storable(decision.undoes),
            decision.sleeps_until,
            len(seen),
        )
        products = [(row[0], storable(product_id), difference) for product_id, difference in seen.items()]
        with self._database.transaction("noting a decision") as cursor:
            cursor.execute(_DECISION, row)
            if cursor.rowcount:
                execute_values(cursor, _PRODUCTS, products, page_size=_PAGE)

    def find(self, decision_id: str) -> Decision | None:
        """Select."""
        query = """
            SELECT decision_id, kind, decided_by, decided_at, reason, undoes, sleeps_until
            FROM decisions WHERE decision_id = %s
        """
        found = self._database.rows("reading a decision", query, (storable(decision_id),))
        return Decision(found[0][0], DecisionKind(found[0][1]), *found[0][2:]) if found else None

    def asked(self, decision_id: str) -> Mapping[str, int | None]:
        """Select, in the order of the ids' bytes."""
        query = """
            SELECT product_id, seen FROM decision_products WHERE decision_id = %s ORDER BY product_id COLLATE "C"
        """
        return dict(self._database.rows("reading a decision's products", query, (storable(decision_id),)))

    def note(self, decision_id: str, outcomes: Sequence[Outcome], at: datetime) -> None:
        """Insert what has no outcome yet."""
        if not outcomes:
            return
        name = storable(decision_id)
        rows = [
            (
                name,
                storable(each.product_id),
                each.result.value,
                each.before,
                each.after,
                each.discrepancy,
                storable(each.detail),
                at,
            )
            for each in outcomes
        ]
        with self._database.transaction("noting what became of a decision") as cursor:
            execute_values(cursor, _OUTCOMES, rows, page_size=_PAGE)

    def outcomes(self, decision_id: str) -> Mapping[str, Outcome]:
        """Select."""
        query = "SELECT product_id, outcome, before, after, discrepancy, detail FROM outcomes WHERE decision_id = %s"
        rows = self._database.rows("reading what became of a decision", query, (storable(decision_id),))
        return {product_id: Outcome(product_id, Result(result), *rest) for product_id, result, *rest in rows}

    def undone(self, decision_id: str) -> Collection[str]:
        """Select from the view."""
        query = "SELECT product_id FROM undone WHERE decision_id = %s"
        return {i for (i,) in self._database.rows("reading what was undone", query, (storable(decision_id),))}

    def open_cases(self, product_ids: Sequence[str]) -> Mapping[str, Case]:
        """Select from the view."""
        query = "SELECT product_id, discrepancy FROM open_cases WHERE product_id = ANY(%s)"
        named = [storable(product_id) for product_id in product_ids]
        rows = self._database.rows("reading open cases", query, (named,))
        return {product_id: Case(product_id, discrepancy) for product_id, discrepancy in rows}

    def cases_without_key(self, most: int) -> Sequence[Case]:
        """Select from the view."""
        query = """
            SELECT product_id, discrepancy FROM open_cases WHERE key_missing AND NOT asleep
            ORDER BY product_id COLLATE "C" LIMIT %s
        """
        return [Case(*row) for row in self._database.rows("reading the open cases without a key", query, (most,))]
