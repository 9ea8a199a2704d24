-- The ledger's products where a unique index says that no id occurs twice.
SELECT {id} AS id, {stock} AS stock, {held} AS held, {name} AS name FROM {table} WHERE {id} IS NOT NULL
