-- Store dividends of some assets as the vendor tells them now. One that was paid as before keeps the
-- moment at which it became known, also if its value is adjusted for a later split now; those that it
-- does not tell any more go: of each asset and day of which it tells one, and of the assets of which
-- it told all. What a changed or withdrawn one said is kept.
WITH told AS (
    SELECT *
    FROM unnest(
        %(asset_ids)s::int[], %(dates)s::date[], %(amounts)s::float8[], %(unadjusted)s::float8[],
        %(currencies)s::text[], %(declared)s::date[], %(recorded)s::date[], %(paid)s::date[],
        %(periods)s::text[]
    ) AS t (
        asset_id, date, value, unadjusted_value, currency, declaration_date, record_date,
        payment_date, period
    )
), withdrawn AS (
    DELETE FROM dividends d
    WHERE d.asset_id = ANY(%(asset_ids)s::int[] || %(whole_ids)s::int[])
      AND (
          d.asset_id = ANY(%(whole_ids)s::int[])
          OR (d.asset_id, d.date) IN (SELECT asset_id, date FROM told)
      )
      AND NOT EXISTS (
          SELECT FROM told t
          WHERE t.asset_id = d.asset_id AND t.date = d.date AND t.value = d.value
      )
    RETURNING d.*
), before AS (
    SELECT * FROM withdrawn
    UNION ALL
    SELECT d.*
    FROM dividends d
    JOIN told t ON t.asset_id = d.asset_id AND t.date = d.date AND t.value = d.value
    WHERE (d.unadjusted_value, d.currency, d.declaration_date, d.record_date, d.payment_date, d.period)
        IS DISTINCT FROM
          (t.unadjusted_value, t.currency, t.declaration_date, t.record_date, t.payment_date, t.period)
), revised AS (
    INSERT INTO dividend_revisions (
        asset_id, date, value, valid_until, unadjusted_value, currency, declaration_date,
        record_date, payment_date, period, stored_at, told_at
    )
    SELECT asset_id, date, value, now(), unadjusted_value, currency, declaration_date,
           record_date, payment_date, period, stored_at, told_at
    FROM before
    ON CONFLICT DO NOTHING
)
INSERT INTO dividends AS d (
    asset_id, date, value, unadjusted_value, currency, declaration_date, record_date,
    payment_date, period, stored_at
)
SELECT t.*, coalesce(
    (
        SELECT min(o.stored_at)
        FROM dividends o
        WHERE o.asset_id = t.asset_id
          AND o.date = t.date
          AND (o.value = t.value OR o.unadjusted_value > 0)
          AND (o.unadjusted_value, o.currency) IS NOT DISTINCT FROM (t.unadjusted_value, t.currency)
    ),
    now()
)
FROM told t
ON CONFLICT (asset_id, date, value) DO UPDATE
SET unadjusted_value = excluded.unadjusted_value,
    currency = excluded.currency,
    declaration_date = excluded.declaration_date,
    record_date = excluded.record_date,
    payment_date = excluded.payment_date,
    period = excluded.period,
    stored_at = excluded.stored_at,
    told_at = now()
WHERE (d.unadjusted_value, d.currency, d.declaration_date, d.record_date, d.payment_date, d.period)
    IS DISTINCT FROM (
        excluded.unadjusted_value, excluded.currency, excluded.declaration_date,
        excluded.record_date, excluded.payment_date, excluded.period
    );
