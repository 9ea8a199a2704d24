SELECT product_name, db_stock, held, redis_stock, discrepancy, severity, action, coalesce(key_missing, false) AS key_missing,
       coalesce(cause, 'UNKNOWN') AS cause, evidence, reason, detected_at, run_id, run_date, decision_id, approved_by
FROM findings
WHERE product_id = %(product)s
ORDER BY detected_at DESC
LIMIT %(limit)s
