SELECT id::text, stock::text
  FROM ({products}) AS ledger
 WHERE id = ANY({ids}::text[]::{id_type}[])
