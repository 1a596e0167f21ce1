-- Move the cursors of a batch, give its leases back and log what it brought.
WITH settled AS (
    SELECT *
    FROM unnest(
        %(asset_ids)s::int[], %(fences)s::bigint[], %(outcomes)s::text[], %(firsts)s::date[],
        %(lasts)s::date[], %(received)s::int[], %(inserted)s::int[], %(revised)s::int[],
        %(unchanged)s::int[], %(rejected)s::int[], %(flagged)s::jsonb[], %(calls)s::int[],
        %(requests)s::int[], %(sha256)s::text[], %(last_dates)s::date[], %(absent_days)s::float8[],
        %(arrived)s::datemultirange[], %(passes_to)s::date[], %(are_quiet)s::bool[],
        %(want_actions)s::bool[], %(are_whole)s::bool[], %(causes)s::text[],
        %(moments)s::timestamptz[]
    ) AS t (
        asset_id, fence, outcome, window_first, window_last, received, inserted, revised,
        unchanged, rejected, flagged, calls, requests, body_sha256, last_date, absent_days, arrived,
        passes_to, is_quiet, wants_actions, is_whole, cause, moment
    )
), logged AS (
    INSERT INTO sync_log (
        asset_id, fence, run_id, outcome, window_first, window_last, received, inserted, revised,
        unchanged, rejected, flagged, calls, requests, body_sha256, arrived, passed_to,
        cause
    )
    SELECT asset_id, fence, %(run_id)s::int, outcome, window_first, window_last, received, inserted,
           revised, unchanged, rejected, flagged, calls, requests, body_sha256, arrived,
           passes_to, cause
    FROM settled
), healed AS (
    DELETE FROM dead_letters d USING settled s WHERE d.asset_id = s.asset_id
)
UPDATE assets a
SET last_synced = CASE WHEN s.outcome = 'stored' THEN now() ELSE a.last_synced END,
    synced_through = greatest(a.synced_through, s.last_date, s.passes_to),
    last_bar = greatest(a.last_bar, s.last_date),
    read_whole_at = CASE WHEN s.is_whole THEN now() ELSE a.read_whole_at END,
    -- An audit that brings no new bar lets the asset rest as before.
    ask_after = CASE
        WHEN s.cause = 'audit' AND s.last_date <= a.last_bar THEN a.ask_after
        ELSE coalesce(s.moment, now()) + s.absent_days * interval '1 day'
    END,
    times_empty = CASE
        WHEN s.cause = 'audit' AND s.last_date <= a.last_bar THEN a.times_empty
        WHEN s.is_quiet THEN least(a.times_empty + 1, 32767)
        ELSE 0
    END,
    times_failed = 0,
    times_rescued = 0,
    actions_wanted_at = CASE
        WHEN s.wants_actions THEN coalesce(a.actions_wanted_at, now())
        WHEN NOT s.wants_actions THEN NULL
        ELSE a.actions_wanted_at
    END,
    lease_owner = NULL,
    lease_until = NULL
FROM settled s
WHERE a.id = s.asset_id;
