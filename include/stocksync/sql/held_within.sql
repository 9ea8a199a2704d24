-- Of the ids that entries name, those of a range's products, each with how the ledger spells it.
SELECT asked.named, ledger.id::text
  FROM unnest({ids}::text[]) AS asked (named)
  JOIN (SELECT id FROM ({products}) AS products WHERE {condition}) AS ledger ON ledger.id = asked.named::{id_type}
