-- How many products have several rows, and one of them. No stock is looked at: one that cannot be read is its range's.
SELECT count(*), min(id::text)
  FROM (SELECT {id} AS id FROM {table} WHERE {id} IS NOT NULL GROUP BY {id} HAVING count(*) > 1) AS several
