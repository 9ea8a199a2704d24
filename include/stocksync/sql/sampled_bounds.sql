-- The same from a sample of the table's pages: good enough for a large table, and milliseconds instead of a full read.
SELECT bound::text
  FROM unnest((
           SELECT percentile_disc({fractions}::float8[]) WITHIN GROUP (ORDER BY {id})
             FROM {table} TABLESAMPLE SYSTEM ({percent}) REPEATABLE (1)
            WHERE {id} IS NOT NULL
       )) WITH ORDINALITY AS bounds (bound, position)
 ORDER BY position
