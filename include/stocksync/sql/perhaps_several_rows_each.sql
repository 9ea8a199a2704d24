-- The ledger's products where an id may occur twice: PostgreSQL tells, in the column's own type and collation. A stock
-- of several rows is no number but a backslash.
SELECT {id} AS id, CASE WHEN count(*) = 1 THEN min({stock})::text ELSE '\' END AS stock, min({held}) AS held,
       min({name}) AS name
  FROM {table}
 WHERE {id} IS NOT NULL
 GROUP BY {id}
