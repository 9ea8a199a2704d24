"""What is past its time is taken away by a function of the owner's: nobody else deletes anything."""

from alembic import op

revision = "0002"
down_revision = "0001"

_FORGET = """
CREATE FUNCTION forget_history(days integer, most integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    -- Whoever calls it cannot take away what happened lately.
    past timestamptz := now() - make_interval(days => greatest(days, 31));
    gone bigint := 0;
    batch bigint;
BEGIN
    DELETE FROM findings WHERE ctid = ANY (ARRAY(SELECT ctid FROM findings WHERE recorded_at < past LIMIT most));
    GET DIAGNOSTICS batch = ROW_COUNT; gone := gone + batch;
    DELETE FROM unsettled WHERE ctid = ANY (ARRAY(SELECT ctid FROM unsettled WHERE recorded_at < past LIMIT most));
    GET DIAGNOSTICS batch = ROW_COUNT; gone := gone + batch;
    DELETE FROM outcomes WHERE ctid = ANY (ARRAY(SELECT ctid FROM outcomes WHERE recorded_at < past LIMIT most));
    GET DIAGNOSTICS batch = ROW_COUNT; gone := gone + batch;
    DELETE FROM decision_products WHERE ctid = ANY (ARRAY(
        SELECT decision_products.ctid FROM decision_products JOIN decisions USING (decision_id)
        WHERE decisions.recorded_at < past LIMIT most
    ));
    GET DIAGNOSTICS batch = ROW_COUNT; gone := gone + batch;
    DELETE FROM decisions WHERE recorded_at < past
        AND NOT EXISTS (SELECT FROM outcomes WHERE outcomes.decision_id = decisions.decision_id)
        AND NOT EXISTS (SELECT FROM decision_products WHERE decision_products.decision_id = decisions.decision_id);
    GET DIAGNOSTICS batch = ROW_COUNT; gone := gone + batch;
    DELETE FROM runs WHERE recorded_at < past;
    GET DIAGNOSTICS batch = ROW_COUNT; gone := gone + batch;
    DELETE FROM filled WHERE recorded_at < past;
    GET DIAGNOSTICS batch = ROW_COUNT; gone := gone + batch;
    DELETE FROM incidents WHERE recorded_at < past AND NOT EXISTS (
        SELECT FROM open_incidents
        WHERE open_incidents.dedup_key = incidents.dedup_key AND open_incidents.opened_at = incidents.opened_at
    );
    GET DIAGNOSTICS batch = ROW_COUNT; gone := gone + batch;
    -- A topic keeps a week: what was told of is not read again.
    DELETE FROM told WHERE recorded_at < now() - make_interval(days => 31);
    GET DIAGNOSTICS batch = ROW_COUNT;
    RETURN gone + batch;
END
$$;
REVOKE EXECUTE ON FUNCTION forget_history(integer, integer) FROM PUBLIC;
"""


def upgrade() -> None:
    """Make it."""
    op.get_bind().exec_driver_sql(_FORGET)
