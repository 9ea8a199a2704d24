-- The first id of every range but the first, each range holding exactly `size` products.
SELECT id::text
  FROM (SELECT id, row_number() OVER (ORDER BY id) - 1 AS position FROM ({products}) AS ledger) AS numbered
 WHERE position > 0
   AND position % {size} = 0
 ORDER BY position
