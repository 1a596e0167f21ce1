-- Some assets that a session in bulk can carry on, with what their last bar says; at a second look
-- those whose cursor has passed it without a bar. They are not held: who leases one meanwhile
-- raises its fence.
SELECT a.id, a.symbol, a.fence, m.date - '1970-01-01'::date AS last_day, m.close, m.adjusted_close
FROM assets a
JOIN unnest(%(venues)s::text[], %(asset_types)s::text[]) AS p (venue, asset_type)
  USING (venue, asset_type)
LEFT JOIN LATERAL (
    SELECT date, close, adjusted_close
    FROM market_data
    WHERE asset_id = a.id
    ORDER BY date DESC
    LIMIT 1
) AS m ON true
WHERE a.exchange = %(exchange)s
  AND a.id BETWEEN %(first_id)s AND %(last_id)s
  AND a.synced_through >= %(since)s
  AND (a.synced_through < %(session)s) <> %(late)s
  AND (a.last_bar < %(session)s OR NOT %(late)s)
  AND a.is_active
  AND NOT (a.is_delisted AND a.last_synced IS NOT NULL)
  AND a.ask_after IS NULL
  AND a.lease_owner IS NULL
  AND a.times_rescued = 0
  AND a.parked_at IS NULL
  AND a.retired_at IS NULL
ORDER BY a.id;
