COPY (
    SELECT {prefix} || {id}::text, {stock}
      FROM {table}
     WHERE {condition}
     ORDER BY {id}
) TO STDOUT
