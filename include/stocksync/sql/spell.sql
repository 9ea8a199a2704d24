-- How the ledger spells the ids it was asked for, in whatever spelling of the column's type they came. The condition
-- repeats the join, because it is what reaches into a view.
SELECT asked.id, ledger.id::text
  FROM unnest({ids}::text[]) AS asked (id)
  JOIN ({products}) AS ledger ON ledger.id = asked.id::{id_type}
 WHERE ledger.id = ANY({ids}::text[]::{id_type}[])
