SELECT id::text, stock::text, held, name
  FROM ({products}) AS ledger
 WHERE id = ANY({ids}::text[]::{id_type}[])
