-- name: read_actions
-- The actions of some kinds of some assets, as they are now or as they were known at a moment.
WITH reported AS (
    SELECT asset_id, date, 'split' AS kind, numerator, denominator,
           NULL::float8 AS value, NULL::float8 AS unadjusted_value, NULL::text AS currency,
           NULL::date AS declaration_date, NULL::date AS record_date, NULL::date AS payment_date,
           NULL::text AS period, stored_at
    FROM splits
    WHERE asset_id = ANY (%(asset_ids)s::int[]) AND 'split' = ANY (%(kinds)s::text[])
      AND (%(as_of)s::timestamptz IS NULL OR reported_at <= %(as_of)s)
    UNION ALL
    SELECT asset_id, date, 'split', numerator, denominator,
           NULL, NULL, NULL, NULL, NULL, NULL, NULL, stored_at
    FROM split_revisions
    WHERE asset_id = ANY (%(asset_ids)s::int[]) AND 'split' = ANY (%(kinds)s::text[])
      AND reported_at <= %(as_of)s AND valid_until > %(as_of)s
    UNION ALL
    SELECT asset_id, date, 'dividend', NULL, NULL,
           value, unadjusted_value, currency, declaration_date, record_date, payment_date, period,
           stored_at
    FROM dividends
    WHERE asset_id = ANY (%(asset_ids)s::int[]) AND 'dividend' = ANY (%(kinds)s::text[])
      AND (%(as_of)s::timestamptz IS NULL OR reported_at <= %(as_of)s)
    UNION ALL
    SELECT asset_id, date, 'dividend', NULL, NULL,
           value, unadjusted_value, currency, declaration_date, record_date, payment_date, period,
           stored_at
    FROM dividend_revisions
    WHERE asset_id = ANY (%(asset_ids)s::int[]) AND 'dividend' = ANY (%(kinds)s::text[])
      AND reported_at <= %(as_of)s AND valid_until > %(as_of)s
)
SELECT w.asset_id, w.ticker, r.date, r.kind, r.numerator, r.denominator,
       r.value, r.unadjusted_value, r.currency, r.declaration_date, r.record_date, r.payment_date,
       r.period, r.stored_at, w.currency
FROM reported r
JOIN unnest(%(asset_ids)s::int[], %(tickers)s::text[], %(currencies)s::text[]) WITH ORDINALITY
    AS w (asset_id, ticker, currency, position) ON w.asset_id = r.asset_id
ORDER BY w.position, r.date, r.kind DESC, r.value
