-- name: tables_of_schema
-- The tables of a schema with their columns in order, those that are computed left out.
SELECT c.relname AS name, array_agg(a.attname ORDER BY a.attnum)::text[] AS columns
FROM pg_class AS c
JOIN pg_attribute AS a ON a.attrelid = c.oid
WHERE c.relnamespace = to_regnamespace(quote_ident(%(schema)s::text))
  AND c.relkind IN ('r', 'p')
  AND NOT c.relispartition
  AND a.attnum > 0
  AND NOT a.attisdropped
  AND a.attgenerated = ''
GROUP BY c.relname
ORDER BY c.relname

-- name: numbered_columns
-- The columns that PostgreSQL numbers, and the last number that was given; NULL: none was yet.
SELECT format('%%I.%%I', %(schema)s::text, c.relname) AS place,
       a.attname AS name,
       pg_sequence_last_value(
           pg_get_serial_sequence(format('%%I.%%I', %(schema)s::text, c.relname), a.attname)::regclass
       ) AS last_value
FROM pg_class AS c
JOIN pg_attribute AS a ON a.attrelid = c.oid
WHERE c.relnamespace = to_regnamespace(quote_ident(%(schema)s::text))
  AND a.attidentity <> ''
ORDER BY c.relname

-- name: continue_numbers
-- Let a column go on after the last number that was given.
SELECT setval(
    pg_get_serial_sequence(%(place)s::text, %(name)s::text)::regclass, %(last_value)s::bigint
)

-- name: prepare_copying
-- A session that copies takes as long as it takes, and writes numbers and bytes in one way.
SELECT set_config('statement_timeout', '0', false),
       set_config('idle_in_transaction_session_timeout', '0', false),
       set_config('extra_float_digits', '1', false),
       set_config('bytea_output', 'hex', false)
