-- Ids of a few products, whichever the database finds first; no stock is looked at.
SELECT id::text FROM ({products}) AS ledger LIMIT {most}
