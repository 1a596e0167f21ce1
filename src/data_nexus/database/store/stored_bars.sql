-- name: read_windows
-- The bars of some assets since a date: one row an asset; a column holds its numbers by date, in
-- PostgreSQL's wire format.
SELECT asset_id,
       string_agg(date_send(date), ''::bytea ORDER BY date),
       string_agg(float8send(open), ''::bytea ORDER BY date),
       string_agg(float8send(high), ''::bytea ORDER BY date),
       string_agg(float8send(low), ''::bytea ORDER BY date),
       string_agg(float8send(close), ''::bytea ORDER BY date),
       string_agg(float8send(adjusted_close), ''::bytea ORDER BY date),
       string_agg(float8send(volume), ''::bytea ORDER BY date)
FROM market_data
WHERE asset_id = ANY (%(asset_ids)s::int[]) AND date >= %(first)s
GROUP BY asset_id

-- name: store_bars
-- Store new bars, and changed ones in place of what they were.
INSERT INTO market_data (asset_id, date, open, high, low, close, adjusted_close, volume)
SELECT *
FROM unnest(
    %(asset_ids)s::int[], %(dates)s::date[], %(open)s::float8[], %(high)s::float8[], %(low)s::float8[],
    %(close)s::float8[], %(adjusted_close)s::float8[], %(volume)s::float8[]
)
ON CONFLICT (asset_id, date) DO UPDATE
SET open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
    adjusted_close = excluded.adjusted_close, volume = excluded.volume

-- name: store_revisions
-- Keep what bars said that the vendor restated or withdrew.
INSERT INTO market_data_revisions
    (asset_id, date, valid_until, open, high, low, close, adjusted_close, volume, is_withdrawn)
SELECT asset_id, date, now(), open, high, low, close, adjusted_close, volume, is_withdrawn
FROM unnest(
    %(asset_ids)s::int[], %(dates)s::date[], %(open)s::float8[], %(high)s::float8[], %(low)s::float8[],
    %(close)s::float8[], %(adjusted_close)s::float8[], %(volume)s::float8[], %(are_withdrawn)s::bool[]
) AS t (asset_id, date, open, high, low, close, adjusted_close, volume, is_withdrawn)

-- name: store_rebasing
-- Keep what the adjusted closes of a history were, and its volumes if they changed.
INSERT INTO rebasings
    (asset_id, valid_until, bars, first_date, last_date, old_factor, new_factor, volume_ratio,
     dates, adjusted_closes, volumes)
SELECT %(asset_id)s, now(), cardinality(d.dates), d.dates[1], d.dates[cardinality(d.dates)],
       %(old_factor)s::float8, %(new_factor)s::float8, %(volume_ratio)s::float8, d.dates,
       %(adjusted_closes)s::float8[], %(volumes)s::float8[]
FROM (SELECT %(dates)s::date[] AS dates) AS d

-- name: withdraw_bars
-- Take bars away that the vendor sends no more.
DELETE FROM market_data
WHERE asset_id = ANY (%(asset_ids)s::int[])
  AND (asset_id, date) IN (SELECT * FROM unnest(%(asset_ids)s::int[], %(dates)s::date[]))
