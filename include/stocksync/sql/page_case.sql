SELECT product_id, product_name, first_seen, last_seen, nights, run_id, db_stock, held, redis_stock, discrepancy,
       severity, coalesce(key_missing, false) AS key_missing, coalesce(cause, 'UNKNOWN') AS cause, asleep
FROM open_cases
WHERE product_id = %(product)s
