"""Runs in the operations store, and what they left as it was."""

import json
import logging
from collections.abc import Iterable, Sequence

from psycopg2.extras import execute_values

from stocksync.adapters.ops_database import OpsDatabase, storable
from stocksync.errors import StockSyncError
from stocksync.model.finding import RunIdentity
from stocksync.model.summary import RunSummary

log = logging.getLogger(__name__)

_AT_ONCE = 50_000
"""Rows that are forgotten in one transaction."""
_RUN = """
INSERT INTO runs (run_id, run_date, run_type, dry_run, status, started_at, finished_at, duration_s, total, restored,
    manual_review, changed, invalid, unprocessed, missing_keys, complete_catalogue, summary)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT DO NOTHING
"""


class OpsRuns:
    """Keeps each ending of a run.

    Args:
        database: the store
    """

    def __init__(self, database: OpsDatabase) -> None:
        self._database = database

    def record(self, summary: RunSummary, *, complete_catalogue: bool) -> None:
        """Append a run's summary; the same one again changes nothing.

        Args:
            summary: the run in numbers
            complete_catalogue: whether it was over all products; False: over chosen ones

        Raises:
            BadSetting, OperationsUnavailable: it could not be noted.
        """
        with self._database.transaction("noting the run") as cursor:
            cursor.execute(
                _RUN,
                (
                    storable(summary.run_id),
                    summary.date,
                    summary.run_type,
                    summary.dry_run,
                    summary.status,
                    summary.started_at,
                    summary.finished_at,
                    summary.duration_seconds,
                    summary.total,
                    summary.restored,
                    summary.manual_review,
                    summary.changed,
                    summary.invalid,
                    summary.unprocessed,
                    summary.missing_keys,
                    complete_catalogue,
                    json.dumps(summary.to_dict()),
                ),
            )

    def unsettled(self, run: RunIdentity, products: Iterable[tuple[str, int | None, int | None]]) -> None:
        """Note products that a run left alone because they kept changing.

        Args:
            run: which
            products: each with the bounds of its difference; None: not known

        Raises:
            BadSetting, OperationsUnavailable: they could not be noted.
        """
        rows = [(storable(run.run_id), storable(product), run.date, low, high) for product, low, high in products]
        if not rows:
            return
        with self._database.transaction("noting unsettled products") as cursor:
            statement = "INSERT INTO unsettled (run_id, product_id, run_date, low, high) VALUES %s"
            execute_values(cursor, statement, rows, page_size=1000)

    def forget(self, days: int) -> int:
        """Take away what is older, by the owner's function; return how many rows that were.

        Args:
            days: how long everything is kept; the function keeps 31 days in any case

        Raises:
            BadSetting, OperationsUnavailable: it could not be done, or not all of it.
        """
        gone = 0
        while True:
            with self._database.transaction("forgetting what is past its time") as cursor:
                cursor.execute("SELECT forget_history(%s, %s)", (days, _AT_ONCE))
                [(some,)] = cursor.fetchall()
            gone += int(some)
            if some < _AT_ONCE:
                return gone


class OpsUnsettled:
    """Implements the port Unsettled: it is history only, so a store that fails stops no run.

    Args:
        runs: the store
        run: whose products they are
    """

    def __init__(self, runs: OpsRuns, run: RunIdentity) -> None:
        self._runs = runs
        self._run = run

    def note(self, product_ids: Sequence[str]) -> None:
        """Append them, without bounds."""
        try:
            self._runs.unsettled(self._run, [(product_id, None, None) for product_id in product_ids])
        except StockSyncError as error:
            log.warning("%d products that kept changing are not in the history: %s", len(product_ids), error)
