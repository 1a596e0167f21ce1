-- name: lock_asset
-- Lock an asset that no other worker has claimed since, and whose symbol is still the requested one.
SELECT currency
FROM assets
WHERE id = %(asset_id)s AND fence = %(fence)s AND symbol = %(code)s AND exchange = %(exchange)s
FOR UPDATE

-- name: store_splits
-- Store splits of some assets as the vendor reports them now. One that is reported as before keeps
-- the moment at which it became known; of the assets with all splits reported, those that are not
-- reported any more go. What a changed or withdrawn one said is kept.
WITH received AS (
    SELECT *
    FROM unnest(
        %(asset_ids)s::int[], %(dates)s::date[], %(numerators)s::float8[], %(denominators)s::float8[]
    ) AS t (asset_id, date, numerator, denominator)
), withdrawn AS (
    DELETE FROM splits s
    WHERE s.asset_id = ANY(%(whole_ids)s::int[])
      AND NOT EXISTS (SELECT FROM received r WHERE r.asset_id = s.asset_id AND r.date = s.date)
    RETURNING s.*
), revised AS (
    INSERT INTO split_revisions
        (asset_id, date, valid_until, numerator, denominator, stored_at, reported_at)
    SELECT asset_id, date, now(), numerator, denominator, stored_at, reported_at FROM withdrawn
    UNION ALL
    SELECT s.asset_id, s.date, now(), s.numerator, s.denominator, s.stored_at, s.reported_at
    FROM splits s
    JOIN received r ON r.asset_id = s.asset_id AND r.date = s.date
    WHERE (s.numerator, s.denominator) IS DISTINCT FROM (r.numerator, r.denominator)
    ON CONFLICT DO NOTHING
)
INSERT INTO splits AS s (asset_id, date, numerator, denominator)
SELECT asset_id, date, numerator, denominator
FROM received
ON CONFLICT (asset_id, date) DO UPDATE
SET numerator = excluded.numerator, denominator = excluded.denominator,
    stored_at = now(), reported_at = now()
WHERE (s.numerator, s.denominator) IS DISTINCT FROM (excluded.numerator, excluded.denominator)

-- name: store_dividends
-- Store dividends of some assets as the vendor reports them now. One that was paid as before keeps
-- the moment at which it became known, also if its value is adjusted for a later split now; those that
-- are not reported any more go: of each asset and day with a reported one, and of the assets with all
-- dividends reported. What a changed or withdrawn one said is kept.
WITH received AS (
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
          OR (d.asset_id, d.date) IN (SELECT asset_id, date FROM received)
      )
      AND NOT EXISTS (
          SELECT FROM received r
          WHERE r.asset_id = d.asset_id AND r.date = d.date AND r.value = d.value
      )
    RETURNING d.*
), before AS (
    SELECT * FROM withdrawn
    UNION ALL
    SELECT d.*
    FROM dividends d
    JOIN received r ON r.asset_id = d.asset_id AND r.date = d.date AND r.value = d.value
    WHERE (d.unadjusted_value, d.currency, d.declaration_date, d.record_date, d.payment_date, d.period)
        IS DISTINCT FROM
          (r.unadjusted_value, r.currency, r.declaration_date, r.record_date, r.payment_date, r.period)
), revised AS (
    INSERT INTO dividend_revisions (
        asset_id, date, value, valid_until, unadjusted_value, currency, declaration_date,
        record_date, payment_date, period, stored_at, reported_at
    )
    SELECT asset_id, date, value, now(), unadjusted_value, currency, declaration_date,
           record_date, payment_date, period, stored_at, reported_at
    FROM before
    ON CONFLICT DO NOTHING
)
INSERT INTO dividends AS d (
    asset_id, date, value, unadjusted_value, currency, declaration_date, record_date,
    payment_date, period, stored_at
)
SELECT r.*, coalesce(
    (
        SELECT min(o.stored_at)
        FROM dividends o
        WHERE o.asset_id = r.asset_id
          AND o.date = r.date
          AND (o.value = r.value OR o.unadjusted_value > 0)
          AND (o.unadjusted_value, o.currency) IS NOT DISTINCT FROM (r.unadjusted_value, r.currency)
    ),
    now()
)
FROM received r
ON CONFLICT (asset_id, date, value) DO UPDATE
SET unadjusted_value = excluded.unadjusted_value,
    currency = excluded.currency,
    declaration_date = excluded.declaration_date,
    record_date = excluded.record_date,
    payment_date = excluded.payment_date,
    period = excluded.period,
    stored_at = excluded.stored_at,
    reported_at = now()
WHERE (d.unadjusted_value, d.currency, d.declaration_date, d.record_date, d.payment_date, d.period)
    IS DISTINCT FROM (
        excluded.unadjusted_value, excluded.currency, excluded.declaration_date,
        excluded.record_date, excluded.payment_date, excluded.period
    )

-- name: settle_actions
-- Give back an asset whose actions were fetched; they are wanted no more, or again after some days. If
-- a sample waits for them, it has its result.
WITH sampled AS (
    UPDATE action_samples
    SET read_at = now(), not_stored = %(not_stored)s, is_unexplained = %(is_unexplained)s
    WHERE asset_id = %(asset_id)s AND read_at IS NULL AND %(is_answered)s
)
UPDATE assets
SET actions_read_at = CASE WHEN %(are_read)s THEN now() ELSE actions_read_at END,
    actions_wanted_at = now() + %(put_off_days)s::float8 * interval '1 day',
    times_rescued = 0,
    lease_owner = NULL,
    lease_until = NULL
WHERE id = %(asset_id)s

-- name: read_splits
-- The splits of an asset, by ex-date.
SELECT date, numerator, denominator FROM splits WHERE asset_id = %(asset_id)s ORDER BY date

-- name: read_dividends
-- The dividends of an asset, by ex-date.
SELECT date, value, unadjusted_value, currency, declaration_date, record_date, payment_date, period
FROM dividends
WHERE asset_id = %(asset_id)s
ORDER BY date, value

-- name: read_finding
-- What was found of an asset by a rule.
SELECT rule, first_date AS first, last_date AS last, count, worst, detail
FROM findings
WHERE asset_id = %(asset_id)s AND rule = %(rule)s

-- name: known_actions
-- What is stored of an asset's actions, what they left unexplained by a rule, and whether they were
-- read lately: one JSON text, so that a history read again costs one statement and not four.
SELECT json_build_object(
    'currency', a.currency,
    'is_recent', coalesce(a.actions_read_at > now() - %(days)s * interval '1 day', false),
    'read_on', (a.actions_read_at AT TIME ZONE 'UTC')::date,
    'splits', coalesce((
        SELECT json_agg(s ORDER BY s.date)
        FROM (
            SELECT date, numerator, denominator FROM splits WHERE asset_id = %(asset_id)s
        ) AS s
    ), '[]'),
    'dividends', coalesce((
        SELECT json_agg(d ORDER BY d.date, d.value)
        FROM (
            SELECT date, value, unadjusted_value, currency, declaration_date, record_date,
                   payment_date, period
            FROM dividends
            WHERE asset_id = %(asset_id)s
        ) AS d
    ), '[]'),
    'unexplained', (
        SELECT row_to_json(f)
        FROM (
            SELECT rule, first_date AS first, last_date AS last, count, worst, detail
            FROM findings
            WHERE asset_id = %(asset_id)s AND rule = %(rule)s
        ) AS f
    )
)::text
FROM assets a
WHERE a.id = %(asset_id)s

-- name: count_wanted
-- Count by exchange the assets whose splits and dividends are to be fetched.
SELECT exchange, count(*) AS assets
FROM active_assets
WHERE actions_wanted_at <= now()
  AND (%(exchange)s::text IS NULL OR exchange = %(exchange)s)
  AND (%(asset_ids)s::int[] IS NULL OR id = ANY (%(asset_ids)s))
GROUP BY exchange
ORDER BY exchange

-- name: sample_candidates
-- Assets whose actions a sample may read, numbered by chance within their exchange: neither their
-- history nor their actions were read lately, nothing is in doubt, and the exchange's last sample is a
-- week old.
SELECT a.id, a.exchange, row_number() OVER (PARTITION BY a.exchange ORDER BY random()) AS place
FROM active_assets a
WHERE a.last_bar IS NOT NULL
  AND a.actions_wanted_at IS NULL
  AND coalesce(a.read_whole_at, '-infinity') < now() - %(rest_days)s * interval '1 day'
  AND coalesce(a.actions_read_at, '-infinity') < now() - %(reread_days)s * interval '1 day'
  AND lower(a.asset_type) <> ALL (%(without_actions)s::text[])
  AND a.exchange <> ALL (%(refused)s::text[])
  AND (%(exchange)s::text IS NULL OR a.exchange = %(exchange)s)
  AND NOT EXISTS (SELECT FROM suspicions s WHERE s.asset_id = a.id AND s.accepted_at IS NULL)
  AND NOT EXISTS (SELECT FROM findings f WHERE f.asset_id = a.id)
  AND a.exchange NOT IN (
      SELECT o.exchange
      FROM action_samples d
      JOIN assets o ON o.id = d.asset_id
      WHERE d.drawn_at BETWEEN now() - %(every)s::interval AND now() + interval '1 hour'
  )

-- name: lock_samples
-- Let no other update draw samples until the end of the transaction.
LOCK TABLE action_samples IN SHARE ROW EXCLUSIVE MODE

-- name: draw_sample
-- Draw the assets of a new sample in each exchange whose last one is a week old; what an old one has
-- left unread goes.
WITH candidates AS (
{sample_candidates}
), left_unread AS (
    DELETE FROM action_samples
    WHERE read_at IS NULL
      AND drawn_at NOT BETWEEN now() - %(every)s::interval AND now() + interval '1 hour'
)
INSERT INTO action_samples (asset_id)
SELECT id FROM candidates WHERE place <= %(size)s

-- name: count_sample
-- Count by exchange the assets whose actions a sample is to read: those that are drawn and not read,
-- and those that an update would draw now.
WITH candidates AS (
{sample_candidates}
), sampled AS (
    SELECT exchange FROM candidates WHERE place <= %(size)s
    UNION ALL
    SELECT a.exchange
    FROM action_samples d
    JOIN active_assets a ON a.id = d.asset_id
    WHERE d.read_at IS NULL
      AND d.drawn_at BETWEEN now() - %(every)s::interval AND now() + interval '1 hour'
      AND a.exchange <> ALL (%(refused)s::text[])
      AND (%(exchange)s::text IS NULL OR a.exchange = %(exchange)s)
)
SELECT exchange, count(*) AS assets
FROM sampled
GROUP BY exchange
ORDER BY exchange

-- name: sample_result
-- Of how many assets a sample has read the actions since a moment, how many of them had some that were
-- not stored, and how many have adjusted closes that are not explained.
SELECT count(*) AS assets,
       count(*) FILTER (WHERE not_stored > 0) AS not_stored,
       count(*) FILTER (WHERE is_unexplained) AS unexplained
FROM action_samples
WHERE asset_id = ANY (%(asset_ids)s::int[]) AND read_at >= %(since)s
