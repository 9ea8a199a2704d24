SELECT product_id, product_name, db_stock, held, redis_stock, discrepancy, severity, action,
       coalesce(key_missing, false) AS key_missing, coalesce(cause, 'UNKNOWN') AS cause, reason, detected_at, approved_by
FROM findings
WHERE run_id = %(run)s
  AND (%(severity)s::text IS NULL OR severity = %(severity)s)
  AND (%(action)s::text IS NULL OR action = %(action)s)
  AND (%(text)s::text IS NULL OR position(lower(%(text)s) IN lower(product_id || ' ' || coalesce(product_name, ''))) > 0)
ORDER BY abs(discrepancy) DESC, product_id
LIMIT %(limit)s OFFSET %(offset)s
