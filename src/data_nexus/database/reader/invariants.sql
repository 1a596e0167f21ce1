-- name: broken_cursors
-- Assets whose last bar is not the last stored one, and those whose cursor is behind what the log
-- has passed, or ahead of all that is stored or passed.
SELECT a.id
FROM assets a
CROSS JOIN LATERAL (
    SELECT (
        SELECT m.date FROM market_data m WHERE m.asset_id = a.id ORDER BY m.date DESC LIMIT 1
    ) AS last_bar, (
        SELECT max(l.passed_to) FROM sync_log l WHERE l.asset_id = a.id
    ) AS passed_to
) AS seen
WHERE a.last_bar IS DISTINCT FROM seen.last_bar
   OR a.synced_through < seen.passed_to
   OR a.synced_through > greatest(seen.last_bar, seen.passed_to)
   OR a.synced_through IS NULL AND seen.passed_to IS NOT NULL
   OR a.settled_through > coalesce(a.synced_through, '-infinity')
ORDER BY a.id

-- name: broken_sums
-- Assets with answers whose rows do not add up.
SELECT DISTINCT asset_id
FROM sync_log
WHERE received <> inserted + revised + unchanged + rejected
ORDER BY asset_id

-- name: broken_log
-- Assets with an answer that the sync log does not have, or the other way round.
SELECT a.id
FROM assets a
WHERE (a.last_synced IS NOT NULL) <>
      EXISTS (SELECT FROM sync_log l WHERE l.asset_id = a.id AND l.outcome = 'stored')
ORDER BY a.id

-- name: broken_fences
-- Assets with answers that were committed under a fence that they never had.
SELECT DISTINCT l.asset_id
FROM sync_log l
LEFT JOIN assets a ON a.id = l.asset_id
WHERE a.id IS NULL OR l.fence > a.fence
ORDER BY l.asset_id

-- name: sampled_assets
-- Some assets, chosen by chance, whose adjusted closes are explained or have a finding by now.
SELECT id, currency
FROM assets
WHERE last_bar IS NOT NULL
  AND actions_wanted_at IS NULL
  AND repair_wanted_at IS NULL
  AND lease_owner IS NULL
  AND parked_at IS NULL
  AND retired_at IS NULL
ORDER BY random()
LIMIT %(most)s

-- name: waiting_for_repair
-- The assets whose histories were found to be damaged, and were not read again since.
SELECT id FROM assets WHERE repair_wanted_at IS NOT NULL AND retired_at IS NULL ORDER BY id

-- name: asset_tickers
-- The tickers of some assets, by id.
SELECT id, symbol || '.' || exchange FROM assets WHERE id = ANY (%(asset_ids)s::int[]) ORDER BY id
