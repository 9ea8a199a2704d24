-- Whether an index says that no id occurs twice: of this column alone, whole, valid, and comparing as the column does.
-- It says nothing of rows that a table inherits.
SELECT EXISTS (
    SELECT
      FROM pg_index i
      JOIN pg_class c ON c.oid = i.indrelid
      JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
      JOIN pg_opclass o ON o.oid = i.indclass[0]
     WHERE i.indrelid = to_regclass({table})
       AND a.attname = {id}
       AND i.indisunique
       AND i.indisvalid
       AND i.indpred IS NULL
       AND i.indnkeyatts = 1
       AND i.indcollation[0] = a.attcollation
       AND o.opcdefault
       AND NOT (c.relkind = 'r' AND c.relhassubclass)
)
