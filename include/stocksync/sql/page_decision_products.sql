SELECT p.product_id, p.seen, o.outcome, o.before, o.after, o.discrepancy, o.detail, o.at
FROM decision_products p
LEFT JOIN outcomes o USING (decision_id, product_id)
WHERE p.decision_id = %(decision)s
ORDER BY o.outcome IS NOT DISTINCT FROM 'applied', p.product_id
LIMIT %(limit)s OFFSET %(offset)s
