-- name: read_learned_sessions
-- What bars have shown against the calendars of exchanges. They can have shown nothing of a day that
-- has not begun anywhere.
SELECT exchange, date, is_open
FROM learned_sessions
WHERE date <= (now() AT TIME ZONE 'UTC' + interval '14 hours')::date
ORDER BY exchange, date

-- name: learn_sessions
-- Store what bars show against the calendar, in place of what they showed before; return what is new.
INSERT INTO learned_sessions AS l (exchange, date, is_open, traded, asked, symbols)
SELECT exchange, date, is_open, traded, asked, string_to_array(symbols, ' ')
FROM unnest(
    %(exchanges)s::text[], %(dates)s::date[], %(are_open)s::bool[], %(traded)s::int[],
    %(asked)s::int[], %(symbols)s::text[]
) AS t (exchange, date, is_open, traded, asked, symbols)
ON CONFLICT (exchange, date) DO UPDATE
SET is_open = excluded.is_open, traded = excluded.traded, asked = excluded.asked,
    symbols = excluded.symbols, learned_at = now()
WHERE l.is_open <> excluded.is_open
RETURNING exchange, date

-- name: choose_sample
-- A sample of the loaded assets of an exchange.
SELECT id
FROM assets
WHERE exchange = %(exchange)s AND last_bar IS NOT NULL AND retired_at IS NULL
ORDER BY md5(id::text)
LIMIT %(limit)s

-- name: count_bars_on
-- How many of some assets have a bar on each of some days.
SELECT date, count(*)
FROM market_data
WHERE asset_id = ANY (%(asset_ids)s::int[]) AND date = ANY (%(dates)s::date[])
GROUP BY date

-- name: choose_probes
-- Some assets of an exchange by which to see whether it has traded: of those with a bar since a
-- session, in market segments that are published, a sample.
SELECT q.id, q.last_synced
FROM queued_assets q
JOIN unnest(%(venues)s::text[], %(asset_types)s::text[]) AS p (venue, asset_type)
  USING (venue, asset_type)
WHERE q.exchange = %(exchange)s
  AND q.last_bar >= %(since)s
  AND q.ask_after IS NULL
  AND q.lease_owner IS NULL
  AND q.times_rescued = 0
ORDER BY md5(q.id::text)
LIMIT %(limit)s

-- name: rank_probes
-- Of some assets those that traded on most of the last days, by the value of what was traded.
SELECT asset_id
FROM market_data
WHERE asset_id = ANY (%(asset_ids)s::int[]) AND date BETWEEN %(first)s AND %(last)s
GROUP BY asset_id
ORDER BY count(*) DESC, sum(volume * close) DESC NULLS LAST, asset_id
LIMIT %(limit)s
