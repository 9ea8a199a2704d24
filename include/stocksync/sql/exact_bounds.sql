-- The first id of every range but the first, each range holding exactly `size` products.
SELECT id::text
  FROM (SELECT {id} AS id, row_number() OVER (ORDER BY {id}) - 1 AS position FROM {table} WHERE {id} IS NOT NULL) numbered
 WHERE position > 0
   AND position % {size} = 0
 ORDER BY position
