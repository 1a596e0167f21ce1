-- Count the assets that a run may claim, up to a limit.
SELECT count(*)
FROM (
    SELECT
    FROM assets
    WHERE is_active
      AND coalesce(last_synced, '-infinity'::timestamptz) < %(synced_before)s::timestamptz
      AND (%(exchange)s::text IS NULL OR exchange = %(exchange)s)
      AND (%(asset_ids)s::int[] IS NULL OR id = ANY (%(asset_ids)s))
      AND NOT (is_delisted AND last_synced IS NOT NULL)
      AND ask_after IS NULL
      AND lease_owner IS NULL
      AND parked_at IS NULL
      AND retired_at IS NULL
    LIMIT %(limit)s
) AS due;
