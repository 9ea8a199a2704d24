SELECT count(*) FROM ({products}) AS ledger WHERE {condition}
