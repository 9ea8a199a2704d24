SELECT {id}::text, {stock}::text
  FROM {table}
 WHERE {id} = ANY(%(ids)s::text[]::{id_type}[])
