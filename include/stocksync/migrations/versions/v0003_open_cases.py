"""What is open is found in a tenth of a second among a million findings: cases are joined in bulk, not one by one."""

from alembic import op

revision = "0003"
down_revision = "0002"

_INDEXES = """
CREATE INDEX outcomes_applied ON outcomes (at) WHERE outcome = 'applied';
CREATE INDEX outcomes_kept ON outcomes (at) WHERE outcome = 'kept';
"""

# The same columns and the same rows as before. A product that is asked for by its id reaches the findings' own index,
# which is why the candidates are not materialized; what put cases to sleep is read once.
_VIEW = """
CREATE OR REPLACE VIEW open_cases AS
WITH since AS (
    SELECT coalesce(max(started_at), '-infinity') AS instant, max(run_id) AS run_id FROM settling_run
), left_open AS (
    -- The settling run looked at these in vain: what was found before is still so.
    SELECT DISTINCT unsettled.product_id FROM unsettled JOIN since USING (run_id)
), candidates AS NOT MATERIALIZED (
    SELECT findings.* FROM findings WHERE findings.detected_at >= (SELECT instant FROM since)
    UNION ALL
    -- With nothing added to its time, a walk through all that is older would help to find the run's few.
    SELECT findings.* FROM findings
    WHERE findings.run_id = (SELECT run_id FROM since)
      AND findings.detected_at + interval '0' < (SELECT instant FROM since)
    UNION ALL
    SELECT earlier.*
    FROM left_open CROSS JOIN since CROSS JOIN LATERAL (
        SELECT * FROM findings
        WHERE findings.product_id = left_open.product_id
        ORDER BY detected_at DESC LIMIT 1
    ) AS earlier
    WHERE earlier.detected_at < since.instant AND earlier.run_id IS DISTINCT FROM since.run_id
), latest AS (
    SELECT DISTINCT ON (product_id) *
    FROM candidates
    WHERE action = 'MANUAL_REVIEW_REQUIRED'
    ORDER BY product_id, detected_at DESC, recorded_at DESC
), last_kept AS (
    SELECT DISTINCT ON (outcomes.product_id)
        outcomes.product_id, outcomes.at, outcomes.discrepancy, decisions.decision_id, decisions.sleeps_until
    FROM outcomes JOIN decisions USING (decision_id)
    WHERE outcomes.outcome = 'kept'
    ORDER BY outcomes.product_id, outcomes.at DESC
)
SELECT
    latest.product_id, latest.product_name, latest.first_seen, latest.detected_at AS last_seen, latest.nights,
    latest.event_id, latest.run_id, latest.run_date, latest.db_stock, latest.held, latest.redis_stock,
    latest.discrepancy, latest.severity, latest.key_missing, latest.cause, latest.evidence, latest.reason,
    -- CASE, because PostgreSQL takes IS NOT NULL over a left join for nearly always true, and then looks each case up.
    CASE WHEN sleeping.decision_id IS NULL THEN false ELSE true END AS asleep,
    sleeping.decision_id AS asleep_by, sleeping.sleeps_until
FROM latest
LEFT JOIN last_kept AS sleeping
    ON sleeping.product_id = latest.product_id
    AND sleeping.at >= latest.first_seen
    AND sleeping.discrepancy = latest.discrepancy
    AND (sleeping.sleeps_until IS NULL OR sleeping.sleeps_until > now())
WHERE NOT EXISTS (
    SELECT FROM candidates AS restored
    WHERE restored.product_id = latest.product_id AND restored.action = 'REDIS_RESTORED'
      AND restored.detected_at > latest.detected_at
      AND NOT EXISTS (
          SELECT FROM undone
          WHERE undone.decision_id = restored.decision_id AND undone.product_id = restored.product_id
      )
) AND NOT EXISTS (
    SELECT FROM outcomes AS applied
    WHERE applied.product_id = latest.product_id AND applied.outcome = 'applied' AND applied.at > latest.detected_at
      AND NOT EXISTS (
          SELECT FROM undone
          WHERE undone.decision_id = applied.decision_id AND undone.product_id = applied.product_id
      )
);
"""


def upgrade() -> None:
    """Make the indexes, and the view anew."""
    op.get_bind().exec_driver_sql(_INDEXES + _VIEW)
