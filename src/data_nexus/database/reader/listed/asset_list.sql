-- name: list_assets
-- The chosen assets with their state; those first whose symbol or name begins as searched for.
WITH stated AS (
{assets_by_state}
)
SELECT s.id AS asset_id, s.symbol || '.' || s.exchange AS symbol, s.name, s.asset_type, s.venue,
       s.currency, s.isin, s.first_date AS first_bar, s.last_date AS last_bar,
{state_of_asset}
           AS state
FROM stated s
WHERE (%(exchange)s::text IS NULL OR s.exchange = %(exchange)s)
  AND (%(asset_type)s::text IS NULL OR lower(s.asset_type) = lower(%(asset_type)s))
  AND NOT EXISTS (
      SELECT
      FROM unnest(%(words)s::text[]) AS word
      WHERE strpos(lower(concat_ws(' ', s.symbol || '.' || s.exchange, s.name, s.isin)), lower(word)) = 0
  )
ORDER BY CASE WHEN lower(%(search)s::text) IN ('', lower(s.symbol), lower(s.symbol || '.' || s.exchange)) THEN 0
              WHEN starts_with(lower(s.symbol), lower(%(search)s::text)) THEN 1
              WHEN starts_with(lower(s.name), lower(%(search)s::text)) THEN 2
              ELSE 3
         END,
         s.symbol, s.exchange, s.id

-- name: state_of_asset
-- The state of an asset in a word, where `s` is one of `assets_by_state`.
CASE WHEN s.retired_at IS NOT NULL THEN 'replaced'
     WHEN s.parked_at IS NOT NULL THEN 'parked'
     WHEN s.repair_wanted_at IS NOT NULL THEN 'damaged'
     WHEN s.is_delisted THEN 'delisted'
     WHEN s.paused_at IS NOT NULL THEN 'paused'
     WHEN NOT s.is_followed THEN 'not followed'
     WHEN NOT s.is_active THEN 'not listed'
     WHEN s.last_bar IS NULL THEN 'no bars'
     WHEN s.is_fresh THEN 'fresh'
     ELSE 'stale'
END

-- name: asset_types
-- The types of an exchange's assets, or of all.
SELECT DISTINCT asset_type
FROM assets
WHERE (%(exchange)s::text IS NULL OR exchange = %(exchange)s) AND asset_type <> ''
ORDER BY asset_type
