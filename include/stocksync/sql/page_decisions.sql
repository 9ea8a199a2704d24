SELECT d.decision_id, d.kind, d.decided_by, d.decided_at, d.reason, d.undoes, d.sleeps_until, d.asked,
       coalesce(o.outcomes, jsonb_build_object()) AS outcomes, o.product_id,
       EXISTS (SELECT FROM decisions u WHERE u.undoes = d.decision_id) AS undone
FROM decisions d
LEFT JOIN LATERAL (
    SELECT jsonb_object_agg(outcome, n) AS outcomes, min(product_id) AS product_id
    FROM (SELECT outcome, count(*) AS n, min(product_id) AS product_id FROM outcomes
          WHERE decision_id = d.decision_id GROUP BY outcome) AS each
) AS o ON true
WHERE (%(text)s::text IS NULL
       OR position(lower(%(text)s) IN lower(d.decided_by || ' ' || d.reason || ' ' || d.decision_id)) > 0
       OR EXISTS (SELECT FROM decision_products p WHERE p.decision_id = d.decision_id AND p.product_id = %(text)s))
  AND (%(kind)s::text IS NULL OR d.kind = %(kind)s)
ORDER BY d.decided_at DESC
LIMIT %(limit)s OFFSET %(offset)s
