-- The declared (without a length, which a cast would cut to) and the underlying type of each column of a table or view; a domain counts as what it is made of.
SELECT a.attname,
       format_type(a.atttypid, -1)          AS declared,
       coalesce(base.typname, t.typname)    AS underlying
  FROM pg_attribute a
  JOIN pg_type t ON t.oid = a.atttypid
  LEFT JOIN pg_type base ON base.oid = nullif(t.typbasetype, 0)
 WHERE a.attrelid = to_regclass({table})
   AND a.attnum > 0
   AND NOT a.attisdropped
 ORDER BY a.attnum
