"""Runs, findings, decisions, incidents and what was told; what is open is a view over them."""

from alembic import op

revision = "0001"
down_revision = None

_TABLES = """
CREATE TABLE runs (
    run_id text NOT NULL,
    run_date date NOT NULL,
    run_type text NOT NULL,
    dry_run boolean NOT NULL,
    status text NOT NULL,
    started_at timestamptz NOT NULL,
    finished_at timestamptz NOT NULL,
    duration_s double precision NOT NULL,
    total bigint NOT NULL,
    restored bigint NOT NULL,
    manual_review bigint NOT NULL,
    changed bigint NOT NULL,
    invalid bigint NOT NULL,
    unprocessed bigint NOT NULL,
    missing_keys bigint NOT NULL,
    complete_catalogue boolean NOT NULL,
    summary jsonb NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (run_id, finished_at)
);
COMMENT ON TABLE runs IS 'Each ending of a run of stock_sync: one that was cleared has several. See latest_runs.';

CREATE TABLE findings (
    event_id uuid PRIMARY KEY,
    product_id text NOT NULL,
    product_name text,
    db_stock bigint NOT NULL,
    redis_stock bigint NOT NULL,
    discrepancy bigint NOT NULL,
    severity text NOT NULL,
    action text NOT NULL,
    key_missing boolean,
    cause text,
    evidence text,
    held bigint,
    reason text NOT NULL,
    detected_at timestamptz NOT NULL,
    run_id text,
    run_date date,
    decision_id text,
    approved_by text,
    first_seen timestamptz NOT NULL,
    nights integer NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE findings IS 'Each event of the topic once. first_seen and nights are those of the case it belongs to.';
-- Ids may be longer than a b-tree takes; only equality is asked for.
CREATE INDEX findings_by_product ON findings USING hash (product_id);
CREATE INDEX findings_by_run ON findings (run_id);
CREATE INDEX findings_by_time ON findings (detected_at);
CREATE INDEX findings_by_age ON findings USING brin (recorded_at);

CREATE TABLE filled (
    run_id text NOT NULL,
    events bigint NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE filled IS 'Whose events are all in findings: until then a run closes no case.';
CREATE INDEX filled_by_run ON filled (run_id);

CREATE TABLE unsettled (
    run_id text NOT NULL,
    product_id text NOT NULL,
    run_date date NOT NULL,
    low bigint,
    high bigint,
    recorded_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE unsettled IS 'Products that kept changing while a run looked, with the bounds of their difference.';
CREATE INDEX unsettled_by_product ON unsettled USING hash (product_id);
CREATE INDEX unsettled_by_run ON unsettled (run_id);
CREATE INDEX unsettled_by_age ON unsettled USING brin (recorded_at);

CREATE TABLE decisions (
    decision_id text PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('restore', 'keep', 'undo')),
    decided_by text NOT NULL,
    decided_at timestamptz NOT NULL,
    reason text NOT NULL,
    undoes text,
    sleeps_until timestamptz,
    asked bigint NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX decisions_by_time ON decisions (decided_at);

CREATE TABLE decision_products (
    decision_id text NOT NULL REFERENCES decisions,
    product_id text NOT NULL,
    seen bigint
);
CREATE INDEX decision_products_by_decision ON decision_products (decision_id);
CREATE INDEX decision_products_by_product ON decision_products USING hash (product_id);

CREATE TABLE outcomes (
    decision_id text NOT NULL REFERENCES decisions,
    product_id text NOT NULL,
    outcome text NOT NULL,
    before bigint,
    after bigint,
    discrepancy bigint,
    detail text NOT NULL DEFAULT '',
    at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    -- one outcome a product and decision, though ids may be longer than a b-tree takes
    EXCLUDE USING hash ((decision_id || chr(31) || product_id) WITH =)
);
CREATE INDEX outcomes_by_decision ON outcomes (decision_id);
CREATE INDEX outcomes_by_product ON outcomes USING hash (product_id);

CREATE TABLE incidents (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dedup_key text NOT NULL,
    happened text NOT NULL CHECK (happened IN ('opened', 'closed')),
    opened_at double precision NOT NULL,
    product_id text,
    counted bigint NOT NULL DEFAULT 0,
    products text[] NOT NULL DEFAULT '{}',
    recorded_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN incidents.opened_at IS 'Seconds since the epoch, as it was noted; a closing repeats what it closes.';
CREATE INDEX incidents_by_key ON incidents USING hash (dedup_key);

CREATE TABLE told (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel text NOT NULL,
    about text NOT NULL,
    tokens bytea NOT NULL DEFAULT '',
    delivered jsonb NOT NULL DEFAULT '{}',
    recorded_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE told IS 'What each channel has told about a run or a day; also what was put aside, and told failures.';
CREATE INDEX told_by_subject ON told USING hash (about);
"""

_VIEWS = """
CREATE VIEW latest_runs AS
SELECT DISTINCT ON (run_id) * FROM runs ORDER BY run_id, finished_at DESC;

CREATE VIEW settling_run AS
SELECT run_id, started_at
FROM latest_runs
WHERE status = 'complete' AND complete_catalogue AND NOT dry_run
  AND (restored + manual_review = 0 OR EXISTS (SELECT FROM filled WHERE filled.run_id = latest_runs.run_id))
ORDER BY started_at DESC
LIMIT 1;
COMMENT ON VIEW settling_run IS
    'The latest complete run over all products, its events in findings: what it did not find is well.';

CREATE VIEW undone AS
SELECT decisions.undoes AS decision_id, outcomes.product_id, max(outcomes.at) AS at
FROM decisions JOIN outcomes USING (decision_id)
WHERE decisions.kind = 'undo' AND outcomes.outcome = 'undone'
GROUP BY decisions.undoes, outcomes.product_id;

CREATE VIEW open_cases AS
WITH since AS (
    SELECT coalesce(max(started_at), '-infinity') AS instant, max(run_id) AS run_id FROM settling_run
), left_open AS (
    -- The settling run looked at these in vain: what was found before is still so.
    SELECT DISTINCT unsettled.product_id FROM unsettled JOIN since USING (run_id)
), candidates AS (
    SELECT findings.* FROM findings, since WHERE findings.detected_at >= since.instant
    UNION ALL
    SELECT findings.* FROM findings JOIN since USING (run_id) WHERE findings.detected_at < since.instant
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
)
SELECT
    latest.product_id, latest.product_name, latest.first_seen, latest.detected_at AS last_seen, latest.nights,
    latest.event_id, latest.run_id, latest.run_date, latest.db_stock, latest.held, latest.redis_stock,
    latest.discrepancy, latest.severity, latest.key_missing, latest.cause, latest.evidence, latest.reason,
    sleeping.decision_id IS NOT NULL AS asleep, sleeping.decision_id AS asleep_by, sleeping.sleeps_until
FROM latest
LEFT JOIN LATERAL (
    SELECT decisions.decision_id, decisions.sleeps_until, outcomes.discrepancy, outcomes.outcome
    FROM outcomes JOIN decisions USING (decision_id)
    WHERE outcomes.product_id = latest.product_id AND outcomes.outcome = 'kept' AND outcomes.at >= latest.first_seen
    ORDER BY outcomes.at DESC
    LIMIT 1
) AS sleeping
    ON sleeping.discrepancy = latest.discrepancy
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
COMMENT ON VIEW open_cases IS 'Products that a person has to look at, each with its latest finding.';

CREATE VIEW open_incidents AS
SELECT DISTINCT ON (dedup_key) dedup_key, opened_at, product_id, counted, products
FROM incidents AS opened
WHERE happened = 'opened' AND NOT EXISTS (
    SELECT FROM incidents AS closed
    WHERE closed.dedup_key = opened.dedup_key AND closed.happened = 'closed' AND closed.opened_at >= opened.opened_at
)
ORDER BY dedup_key, id DESC;
"""


def upgrade() -> None:
    """Make them."""
    op.get_bind().exec_driver_sql(_TABLES + _VIEWS)
