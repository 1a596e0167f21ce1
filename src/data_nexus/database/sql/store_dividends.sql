-- Store a day's dividends of an exchange's assets, as the vendor tells them now; those that it
-- does not tell any more for the same assets and day go.
WITH told AS (
    SELECT a.id AS asset_id, t.*
    FROM unnest(
        %(codes)s::text[], %(dates)s::date[], %(amounts)s::float8[], %(unadjusted)s::float8[],
        %(currencies)s::text[], %(declared)s::date[], %(recorded)s::date[], %(paid)s::date[],
        %(periods)s::text[]
    ) AS t (
        code, date, value, unadjusted_value, currency, declaration_date, record_date,
        payment_date, period
    )
    JOIN assets a ON a.exchange = %(exchange)s AND a.symbol = t.code AND a.retired_at IS NULL
), withdrawn AS (
    DELETE FROM dividends d
    USING told t
    WHERE d.asset_id = t.asset_id
      AND d.date = t.date
      AND NOT EXISTS (
          SELECT FROM told o
          WHERE o.asset_id = d.asset_id AND o.date = d.date AND o.value = d.value
      )
)
INSERT INTO dividends (
    asset_id, date, value, unadjusted_value, currency, declaration_date, record_date,
    payment_date, period
)
SELECT DISTINCT ON (asset_id, date, value)
       asset_id, date, value, unadjusted_value, currency, declaration_date, record_date,
       payment_date, period
FROM told
ORDER BY asset_id, date, value
ON CONFLICT (asset_id, date, value) DO UPDATE
SET unadjusted_value = excluded.unadjusted_value,
    currency = excluded.currency,
    declaration_date = excluded.declaration_date,
    record_date = excluded.record_date,
    payment_date = excluded.payment_date,
    period = excluded.period;
