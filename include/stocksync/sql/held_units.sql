-- Units on hold of a range's products, which are never more than there are.
SELECT coalesce(sum(held), 0) FROM ({products}) AS ledger WHERE {condition} AND stock IS NOT NULL
