-- Put rows of a session's bulk answers aside for the assets that they name, once each; return how
-- many name none.
WITH told AS (
    SELECT a.id, t.rule, t.excerpt
    FROM unnest(%(codes)s::text[], %(rules)s::text[], %(excerpts)s::text[])
        AS t (code, rule, excerpt)
    LEFT JOIN assets a
      ON a.exchange = %(exchange)s AND a.symbol = t.code AND a.retired_at IS NULL
), stored AS (
    INSERT INTO rejected_rows (asset_id, date, rule, excerpt)
    SELECT id, %(session)s, rule, excerpt FROM told WHERE id IS NOT NULL
    ON CONFLICT DO NOTHING
)
SELECT count(*) FROM told WHERE id IS NULL;
