-- A bare name in ORDER BY would be the column of the answer, which is text, before it is the ledger's.
COPY (
    SELECT id::text, stock
      FROM ({products}) AS ledger
     WHERE {condition}
     ORDER BY ledger.id
) TO STDOUT
