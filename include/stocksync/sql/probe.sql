-- No row: whether the ledger can be read at all.
SELECT id::text, stock::text FROM ({products}) AS ledger LIMIT 0
