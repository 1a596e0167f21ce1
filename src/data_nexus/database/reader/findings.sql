-- name: read_findings
-- What is found of assets, by symbol.
SELECT a.symbol || '.' || a.exchange AS ticker, f.rule, f.first_date, f.last_date, f.count, f.worst,
       f.detail, f.found_at
FROM findings f
JOIN assets a ON a.id = f.asset_id
WHERE %(exchange)s::text IS NULL OR a.exchange = %(exchange)s
ORDER BY ticker, f.rule

-- name: list_suspicions
-- What is suspected of assets, of one exchange or of all: what is open, the next reading first, or
-- what was accepted, the latest first.
SELECT a.symbol || '.' || a.exchange AS ticker, s.reason, s.session, s.noted_at, s.times,
       nullif(s.read_after, 'infinity') AS read_after, s.accepted_at
FROM suspicions s
JOIN assets a ON a.id = s.asset_id
WHERE (s.accepted_at IS NOT NULL) = %(accepted)s
  AND (%(exchange)s::text IS NULL OR a.exchange = %(exchange)s)
ORDER BY s.accepted_at DESC, s.read_after, ticker, s.reason

-- name: accept_suspicions
-- Accept what is suspected of some assets for some reasons: they are not read again for it.
UPDATE suspicions
SET accepted_at = now(), read_after = 'infinity'
WHERE asset_id = ANY (%(asset_ids)s::int[])
  AND reason = ANY (%(reasons)s::text[])
  AND accepted_at IS NULL
