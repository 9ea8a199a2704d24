"""A history in the operations store, as runs and people would have left it."""

import json
import uuid
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from tests.kit.database import execute

SEOUL = ZoneInfo("Asia/Seoul")
RUN = "scheduled__tonight"
HOSTILE = {
    "markup": '<img src=x onerror="document.title=1"><script>document.title=1</script>',
    "jinja": "{{ 7*7 }}{% raw %}{{ conn.product_db.host }}",
    "javascript": "javascript:document.title=1",
    "right to left": "\u202eevil\u202c-\u05d0\u05d1",
    "long": "L" * 200,
    "address": "a/b?c#d%25 ~e&f=g'\"",
    "dots": "..",
}
"""Ids that want to be something else than text."""


class OpsHistory:
    """Writes into an operations store.

    Args:
        dsn: of a role that may insert
    """

    def __init__(self, dsn):
        self._dsn = dsn
        self.now = datetime.now(SEOUL)

    def ran(self, run_id=RUN, *, days_ago=0, status="complete", severities=(), total=10_000, **summary):
        """Record a run over the whole catalogue, all of whose findings are there."""
        began = self.now - timedelta(days=days_ago, minutes=30)
        found = len(severities)
        by_severity = {name: severities.count(name) for name in ("LOW", "MEDIUM", "HIGH", "CRITICAL")}
        restored = by_severity["LOW"] + by_severity["MEDIUM"]
        told = {"by_severity": by_severity, "matched": total - found} | summary
        execute(
            self._dsn,
            "INSERT INTO runs VALUES (%s, %s, 'scheduled', false, %s, %s, %s, 42, %s, %s, %s, 0, 0, 0, 0, true, %s)",
            run_id,
            self.now.date() - timedelta(days=days_ago),
            status,
            began,
            began + timedelta(seconds=42),
            total,
            restored,
            found - restored,
            json.dumps(told),
        )
        execute(self._dsn, "INSERT INTO filled (run_id, events) VALUES (%s, %s)", run_id, found)

    def found(self, product_id, ledger, redis, *, run_id=RUN, name=None, cause=None, nights=1, days_ago=0):
        """Record a finding that a person has to look at; redis None: there is no key."""
        size = ledger - (redis or 0)
        at = self.now - timedelta(days=days_ago, minutes=29)
        execute(
            self._dsn,
            "INSERT INTO findings (event_id, product_id, product_name, db_stock, redis_stock, discrepancy, severity, "
            "action, key_missing, cause, reason, detected_at, run_id, run_date, first_seen, nights) VALUES "
            "(%s, %s, %s, %s, %s, %s, %s, 'MANUAL_REVIEW_REQUIRED', %s, %s, %s, %s, %s, %s, %s, %s)",
            str(uuid.uuid4()),
            product_id,
            name,
            ledger,
            redis or 0,
            size,
            "CRITICAL" if abs(size) > 50 else "HIGH",
            redis is None,
            cause,
            "difference over the limit",
            at,
            run_id,
            at.date(),
            at - timedelta(days=nights - 1),
            nights,
        )

    def decided(self, decision_id, kind, product_ids, *, by="op", reason="counted it", outcome="applied", undoes=None):
        """Record a decision and what became of it; outcome None: it is under way."""
        execute(
            self._dsn,
            "INSERT INTO decisions (decision_id, kind, decided_by, decided_at, reason, undoes, asked) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s)",
            decision_id,
            kind,
            by,
            self.now,
            reason,
            undoes,
            len(product_ids),
        )
        for product_id in product_ids:
            execute(self._dsn, "INSERT INTO decision_products VALUES (%s, %s, 80)", decision_id, product_id)
            if outcome:
                execute(
                    self._dsn,
                    "INSERT INTO outcomes (decision_id, product_id, outcome, before, after, discrepancy, detail, at) "
                    "VALUES (%s, %s, %s, 20, 100, 80, '', %s)",
                    decision_id,
                    product_id,
                    outcome,
                    self.now,
                )

    def forget(self):
        """Begin again without any history."""
        execute(self._dsn, "TRUNCATE runs, findings, filled, unsettled, decisions, decision_products, outcomes")
