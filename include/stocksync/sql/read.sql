SELECT id::text, stock::text, held
  FROM ({products}) AS ledger
 WHERE id = ANY({ids}::text[]::{id_type}[])
