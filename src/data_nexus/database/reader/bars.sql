-- name: read_bars
-- The bars of some assets, each within its own dates: one row an asset; a column holds its numbers
-- by date, in PostgreSQL's wire format.
SELECT w.asset_id, packed.*
FROM unnest(%(asset_ids)s::int[], %(firsts)s::date[], %(lasts)s::date[])
    AS w (asset_id, first, last)
CROSS JOIN LATERAL (
    SELECT string_agg(date_send(m.date), ''::bytea ORDER BY m.date),
           string_agg(float8send(m.open), ''::bytea ORDER BY m.date),
           string_agg(float8send(m.high), ''::bytea ORDER BY m.date),
           string_agg(float8send(m.low), ''::bytea ORDER BY m.date),
           string_agg(float8send(m.close), ''::bytea ORDER BY m.date),
           string_agg(float8send(m.adjusted_close), ''::bytea ORDER BY m.date),
           string_agg(float8send(m.volume), ''::bytea ORDER BY m.date)
    FROM market_data m
    WHERE m.asset_id = w.asset_id
      AND m.date BETWEEN coalesce(w.first, '-infinity') AND coalesce(w.last, 'infinity')
    HAVING count(*) > 0
) AS packed

-- name: read_bars_as_of
-- The bars of some assets within dates as they were known at a moment, packed as in `read_bars`.
WITH arrivals AS MATERIALIZED (
    SELECT asset_id, committed_at, arrived
    FROM sync_log
    WHERE asset_id = ANY (%(asset_ids)s::int[]) AND committed_at > %(as_of)s AND arrived IS NOT NULL
), later AS MATERIALIZED (
    SELECT asset_id, range_agg(arrived) AS dates FROM arrivals GROUP BY asset_id
), restated AS (
    SELECT asset_id, date, valid_until, open, high, low, close, adjusted_close, volume
    FROM market_data_revisions
    WHERE asset_id = ANY (%(asset_ids)s::int[])
      AND date BETWEEN coalesce(%(first)s::date, '-infinity') AND coalesce(%(last)s::date, 'infinity')
      AND valid_until > %(as_of)s
), rebased AS (
    SELECT b.asset_id, o.date, b.valid_until, o.adjusted_close, o.volume
    FROM rebasings b
    -- Without old volumes the arrays differ in length, and unnest fills up with NULL: no change.
    CROSS JOIN unnest(b.dates, b.adjusted_closes, b.volumes) AS o (date, adjusted_close, volume)
    WHERE b.asset_id = ANY (%(asset_ids)s::int[])
      AND b.valid_until > %(as_of)s
      AND b.last_date >= coalesce(%(first)s::date, '-infinity') AND b.first_date <= coalesce(%(last)s::date, 'infinity')
      AND o.date BETWEEN coalesce(%(first)s::date, '-infinity') AND coalesce(%(last)s::date, 'infinity')
), old_prices AS (
    SELECT DISTINCT ON (asset_id, date) *
    FROM restated
    ORDER BY asset_id, date, valid_until
), old_closes AS (
    SELECT DISTINCT ON (asset_id, date) *
    FROM (
        SELECT asset_id, date, valid_until, adjusted_close FROM restated
        UNION ALL
        SELECT asset_id, date, valid_until, adjusted_close FROM rebased
    ) AS either
    ORDER BY asset_id, date, valid_until
), old_volumes AS (
    SELECT DISTINCT ON (asset_id, date) *
    FROM (
        SELECT asset_id, date, valid_until, volume FROM restated
        UNION ALL
        SELECT asset_id, date, valid_until, volume FROM rebased WHERE volume IS NOT NULL
    ) AS either
    ORDER BY asset_id, date, valid_until
), known_then AS (
    -- A bar was known before its old values ended, unless it arrived in between: it may have been
    -- withdrawn, and may have come again since.
    SELECT p.*
    FROM old_prices p
    WHERE NOT EXISTS (
        SELECT
        FROM arrivals a
        WHERE a.asset_id = p.asset_id AND a.committed_at < p.valid_until AND a.arrived @> p.date
    )
), known AS (
    SELECT m.asset_id, m.date, m.open, m.high, m.low, m.close,
           coalesce(c.adjusted_close, m.adjusted_close) AS adjusted_close,
           coalesce(v.volume, m.volume) AS volume
    FROM (
        SELECT p.asset_id, p.date, p.open, p.high, p.low, p.close, p.adjusted_close, p.volume
        FROM known_then p
        UNION ALL
        SELECT m.asset_id, m.date, m.open, m.high, m.low, m.close, m.adjusted_close, m.volume
        FROM market_data m
        LEFT JOIN later l ON l.asset_id = m.asset_id
        LEFT JOIN old_prices p ON p.asset_id = m.asset_id AND p.date = m.date
        WHERE m.asset_id = ANY (%(asset_ids)s::int[])
          AND m.date BETWEEN coalesce(%(first)s::date, '-infinity') AND coalesce(%(last)s::date, 'infinity')
          AND (l.dates IS NULL OR NOT l.dates @> m.date)
          AND p.date IS NULL
    ) AS m
    LEFT JOIN old_closes c ON c.asset_id = m.asset_id AND c.date = m.date
    LEFT JOIN old_volumes v ON v.asset_id = m.asset_id AND v.date = m.date
)
SELECT asset_id,
       string_agg(date_send(date), ''::bytea ORDER BY date),
       string_agg(float8send(open), ''::bytea ORDER BY date),
       string_agg(float8send(high), ''::bytea ORDER BY date),
       string_agg(float8send(low), ''::bytea ORDER BY date),
       string_agg(float8send(close), ''::bytea ORDER BY date),
       string_agg(float8send(adjusted_close), ''::bytea ORDER BY date),
       string_agg(float8send(volume), ''::bytea ORDER BY date)
FROM known
GROUP BY asset_id

-- name: read_dates
-- The dates of some assets' bars, packed as in `read_bars`.
SELECT w.asset_id, packed.dates
FROM unnest(%(asset_ids)s::int[]) AS w (asset_id)
CROSS JOIN LATERAL (
    SELECT string_agg(date_send(m.date), ''::bytea ORDER BY m.date) AS dates
    FROM market_data m
    WHERE m.asset_id = w.asset_id
    HAVING count(*) > 0
) AS packed

-- name: last_bars_before
-- The date of each asset's last bar before a day, for assets that have one.
SELECT w.asset_id, before.date
FROM unnest(%(asset_ids)s::int[]) AS w (asset_id)
CROSS JOIN LATERAL (
    SELECT m.date
    FROM market_data m
    WHERE m.asset_id = w.asset_id AND m.date < %(day)s
    ORDER BY m.date DESC
    LIMIT 1
) AS before

-- name: read_rejected_dates
-- The dates of some assets' rejected rows, packed as in `read_bars`.
SELECT asset_id, string_agg(date_send(date), ''::bytea ORDER BY date)
FROM (
    SELECT DISTINCT asset_id, date
    FROM rejected_rows
    WHERE asset_id = ANY (%(asset_ids)s::int[]) AND date IS NOT NULL
) AS rejected
GROUP BY asset_id
