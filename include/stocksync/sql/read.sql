SELECT {id}::text, {stock}::text
  FROM {table}
 WHERE {id} = ANY({ids}::text[]::{id_type}[])
