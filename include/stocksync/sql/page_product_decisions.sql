SELECT d.decision_id, d.kind, d.decided_by, d.decided_at, d.reason, d.undoes, d.sleeps_until, d.asked, p.seen,
       o.outcome, o.before, o.after, o.discrepancy, o.detail, o.at,
       u.decision_id IS NOT NULL AS undone
FROM decision_products p
JOIN decisions d USING (decision_id)
LEFT JOIN outcomes o ON o.decision_id = p.decision_id AND o.product_id = p.product_id
LEFT JOIN LATERAL (
    SELECT x.decision_id FROM decisions x JOIN outcomes y USING (decision_id)
    WHERE x.undoes = d.decision_id AND y.product_id = p.product_id AND y.outcome = 'undone' LIMIT 1
) u ON true
WHERE p.product_id = %(product)s
ORDER BY d.decided_at DESC
LIMIT %(limit)s
