SELECT product_id, product_name, first_seen, last_seen, nights, run_id, db_stock, held, redis_stock, discrepancy,
       severity, coalesce(key_missing, false) AS key_missing, coalesce(cause, 'UNKNOWN') AS cause, asleep,
       count(*) OVER () AS matching
FROM open_cases
WHERE (%(asleep)s::boolean IS NULL OR asleep = %(asleep)s)
  AND (%(severity)s::text IS NULL OR severity = %(severity)s)
  AND (%(cause)s::text IS NULL OR coalesce(cause, 'UNKNOWN') = %(cause)s)
  AND (NOT %(missing)s OR key_missing)
  AND (%(text)s::text IS NULL OR position(lower(%(text)s) IN lower(product_id || ' ' || coalesce(product_name, ''))) > 0)
ORDER BY {order}, product_id
LIMIT %(limit)s OFFSET %(offset)s
