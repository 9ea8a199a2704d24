"""Events of the topic in the operations store: in bulk, each once."""

import uuid
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from io import StringIO

from stocksync.adapters.ops_database import OpsDatabase, storable
from stocksync.alerting.ports import AlertEvent

CHUNK = 20_000
"""Events of one transaction."""

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "stock.sync.event")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST, _LATEST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
_ESCAPED = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})

_COLUMNS = (
    "event_id, product_id, product_name, db_stock, redis_stock, discrepancy, severity, action, key_missing, cause, "
    "evidence, held, reason, detected_at, run_id, run_date, decision_id, approved_by"
)
_STAGE = f"CREATE TEMPORARY TABLE staged ON COMMIT DROP AS SELECT {_COLUMNS} FROM findings WITH NO DATA"  # noqa: S608
_COPY = f"COPY staged ({_COLUMNS}) FROM STDIN"

# A case goes on where the product was left to a person before, nothing has restored it since, and no complete run over
# all products has passed without finding it. Nothing is added to the instant so that nobody walks through all findings
# by their time, for each product, instead of looking up the product's few.
_FILL = f"""
INSERT INTO findings ({_COLUMNS}, first_seen, nights)
SELECT {", ".join(f"staged.{name}" for name in _COLUMNS.split(", "))},
    coalesce(earlier.first_seen, staged.detected_at),
    coalesce(earlier.nights + (earlier.run_date IS DISTINCT FROM staged.run_date)::integer, 1)
FROM staged
CROSS JOIN (SELECT coalesce(max(started_at), '-infinity') AS instant, max(run_id) AS run_id FROM settling_run) AS since
LEFT JOIN LATERAL (
    SELECT * FROM findings
    WHERE staged.action = 'MANUAL_REVIEW_REQUIRED'
      AND findings.product_id = staged.product_id AND findings.detected_at + interval '0' < staged.detected_at
      AND (findings.action = 'MANUAL_REVIEW_REQUIRED' OR findings.decision_id IS NULL OR NOT EXISTS (
          SELECT FROM undone
          WHERE undone.decision_id = findings.decision_id AND undone.product_id = findings.product_id
      ))
    ORDER BY findings.detected_at + interval '0' DESC
    LIMIT 1
) AS earlier
    ON earlier.action = 'MANUAL_REVIEW_REQUIRED' AND (
        earlier.detected_at >= since.instant OR earlier.run_id = since.run_id OR EXISTS (
            SELECT FROM unsettled
            WHERE unsettled.product_id = staged.product_id AND unsettled.run_id = since.run_id
        )
    )
ON CONFLICT DO NOTHING
"""  # noqa: S608 - the names above


class OpsFindings:
    """Implements the port FindingsLog.

    Args:
        database: the store
    """

    def __init__(self, database: OpsDatabase) -> None:
        self._database = database
        self._rows: list[str] = []
        self._events: dict[str, int] = {}

    def add(self, event: AlertEvent) -> None:
        """Take one, and write when there are enough."""
        self._rows.append(_row(event))
        if event.run_id:
            self._events[event.run_id] = self._events.get(event.run_id, 0) + 1
        if len(self._rows) >= CHUNK:
            self._write()

    def finish(self, runs: Collection[str]) -> None:
        """Write the rest, then note of which runs everything is here."""
        if self._rows:
            self._write()
        if not runs:
            return
        with self._database.transaction("noting which runs are complete") as cursor:
            for run_id in sorted(runs):
                counted = self._events.get(run_id, 0)
                cursor.execute("INSERT INTO filled (run_id, events) VALUES (%s, %s)", (storable(run_id), counted))

    def _write(self) -> None:
        with self._database.transaction("noting findings") as cursor:
            cursor.execute(_STAGE)
            cursor.copy_expert(_COPY, StringIO("".join(self._rows)))
            cursor.execute(_FILL)
        self._rows.clear()


def _row(event: AlertEvent) -> str:
    fields = (
        str(event_key(event.event_id)),
        event.product_id,
        event.product_name or None,
        event.db_stock,
        event.redis_stock,
        event.discrepancy,
        event.severity.value,
        event.action.value,
        event.key_missing,
        event.cause or None,
        event.evidence or None,
        event.held or None,
        event.reason,
        _instant(event.detected_at_ms),
        event.run_id or None,
        _date(event.run_date),
        event.decision_id or None,
        event.approved_by or None,
    )
    return "\t".join(map(_field, fields)) + "\n"


def event_key(event_id: str) -> uuid.UUID:
    """Give the key of an event: its id, or, where another publisher's is none, a UUIDv5 of its text."""
    try:
        return uuid.UUID(event_id)
    except ValueError:
        return uuid.uuid5(_NAMESPACE, storable(event_id))


def _field(value: object) -> str:
    return r"\N" if value is None else storable(str(value)).translate(_ESCAPED)


def _instant(ms: int) -> str:
    """Other publishers' clocks may show anything; what no calendar has is moved to its end."""
    try:
        instant = _EPOCH + timedelta(milliseconds=ms)
    except OverflowError:
        instant = _LATEST if ms > 0 else _EARLIEST
    return min(max(instant, _EARLIEST), _LATEST).isoformat()


def _date(text: str) -> str | None:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date().isoformat()
    except ValueError:
        return None
