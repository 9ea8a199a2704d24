-- r: table, p: partitioned table, m: materialized view, v: view, f: foreign table; no row: nothing of that name.
SELECT relkind FROM pg_class WHERE oid = to_regclass({table})
