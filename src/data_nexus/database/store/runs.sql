-- name: start_run
-- Open a run, and close those whose process was lost before it could.
WITH lost AS (
    UPDATE runs
    SET finished_at = now(), outcome = 'lost: its process ended'
    WHERE finished_at IS NULL
      AND owner IS NOT NULL
      AND NOT EXISTS (
          SELECT
          FROM (
{living_owners}
          ) AS l
          WHERE l.owner = runs.owner
      )
)
INSERT INTO runs (command, owner) VALUES (%(command)s, %(owner)s) RETURNING id

-- name: finish_run
-- Close a run with its outcome and figures.
UPDATE runs
SET finished_at = now(), outcome = %(outcome)s, figures = %(figures)s
WHERE id = %(run_id)s

-- name: report_worker
-- Show how a worker is doing.
INSERT INTO workers (owner, state) VALUES (%(owner)s, %(state)s)
ON CONFLICT (owner) DO UPDATE SET seen_at = now(), state = excluded.state

-- name: remove_worker
-- Take a worker off the list, and those that have not been seen for a day.
DELETE FROM workers
WHERE owner = %(owner)s
   OR seen_at NOT BETWEEN now() - interval '1 day' AND now() + interval '1 day'

-- name: days_ago
-- The moment N days ago, by the database's clock.
SELECT now() - %(days)s * interval '1 day'

-- name: breaches_of_run
-- What a run has committed since a moment and breaks an invariant: each, the number of places, and
-- one asset of them. Only what the run has touched is read; of the bars only the last ones of about
-- 500 assets, chosen by chance, as each is a look into a large index. The planner does not know how
-- much the run has written: the sum keeps it from a look into the index of the assets for each row.
WITH touched AS MATERIALIZED (
    SELECT asset_id, fence, passed_to,
           received <> inserted + revised + unchanged + rejected AS is_lost
    FROM sync_log
    WHERE committed_at >= %(since)s AND run_id = %(run_id)s
), broken AS MATERIALIZED (
    SELECT * FROM (
        SELECT t.asset_id, t.is_lost, a.id IS NULL OR t.fence > a.fence AS is_ahead,
               coalesce(a.synced_through, '-infinity') < t.passed_to
               OR a.settled_through > coalesce(a.synced_through, '-infinity') AS is_behind
        FROM touched t
        LEFT JOIN assets a ON a.id + 0 = t.asset_id
    ) AS judged
    WHERE is_lost OR is_ahead OR is_behind
), size AS MATERIALIZED (
    SELECT count(*) / 500 + 1 AS step, (random() * 1000)::int AS chance FROM touched
), places AS (
    SELECT 'every received row is accounted for' AS invariant, asset_id FROM broken WHERE is_lost
    UNION ALL
    SELECT 'no two commits have one fence', asset_id
    FROM touched
    WHERE NOT EXISTS (
        SELECT FROM pg_index WHERE indrelid = 'sync_log'::regclass AND indisunique AND indisvalid
    )
    GROUP BY asset_id, fence
    HAVING count(*) > 1
    UNION ALL
    SELECT 'no fence of the log is ahead of its asset', asset_id FROM broken WHERE is_ahead
    UNION ALL
    SELECT 'no cursor is ahead of its rows', asset_id FROM broken WHERE is_behind
    UNION ALL
    SELECT 'no cursor is ahead of its rows', a.id
    FROM touched t
    JOIN assets a ON a.id = t.asset_id
    WHERE (t.asset_id + (SELECT chance FROM size)) %% (SELECT step FROM size) = 0
      AND a.last_bar IS DISTINCT FROM (
              SELECT m.date FROM market_data m WHERE m.asset_id = a.id ORDER BY m.date DESC LIMIT 1
          )
    UNION ALL
    SELECT %(no_lease_is_left)s::text, id FROM assets WHERE lease_owner = %(owner)s
), counted AS (
    SELECT invariant, count(DISTINCT asset_id) AS places, min(asset_id) AS asset_id
    FROM places
    GROUP BY invariant
)
SELECT invariant, places, coalesce(a.symbol || '.' || a.exchange, 'asset ' || asset_id) AS ticker
FROM counted
LEFT JOIN assets a ON a.id = asset_id
ORDER BY invariant

-- name: notices
-- What a run could not bring, by asset and reason; without a run, what is open now. An asset that
-- only other runs have written to since is left to them. `expected` are the segments whose assets
-- the run should have completed: a provisional bar of the newest session is none of them. Of each
-- reason one asset comes first, then of each a second one; each row has the count of its reason.
WITH expected AS (
    SELECT *
    FROM unnest(
        %(exchanges)s::text[], %(venues)s::text[], %(asset_types)s::text[],
        %(published)s::date[], %(settled)s::date[]
    ) AS t (exchange, venue, asset_type, published, settled)
), touched AS MATERIALIZED (
    SELECT asset_id, bool_or(run_id = %(run_id)s) AS is_ours
    FROM sync_log
    WHERE %(run_id)s::int IS NOT NULL AND committed_at >= %(since)s
    GROUP BY asset_id
), incomplete AS (
    SELECT q.id, q.settled_through, q.synced_through < e.published AS is_behind, e.published,
           coalesce(q.settled_through, '-infinity') < e.settled AS is_unsettled,
           q.last_bar = e.settled AS is_one_behind
    FROM queued_assets q
    JOIN expected e USING (exchange, venue, asset_type)
    WHERE q.last_bar IS NOT NULL
      AND q.ask_after IS NULL
      AND (
          q.synced_through < e.published
          OR coalesce(q.settled_through, '-infinity') < e.settled
          OR q.last_bar = e.settled
      )
), found AS (
    SELECT id AS asset_id, 'late' AS reason, 'no row of ' || published AS detail
    FROM incomplete
    -- It has traded lately, as a suspicion of a row that is late demands.
    WHERE (
              is_behind
              OR is_one_behind
              AND (
                  SELECT count(*) >= 3
                  FROM market_data m
                  WHERE m.asset_id = id AND m.date >= published - 7
              )
          )
      AND NOT EXISTS (
          SELECT FROM rejected_rows r WHERE r.asset_id = id AND r.date = published
      )
    UNION ALL
    SELECT id, 'provisional', coalesce('settled through ' || settled_through, 'not settled')
    FROM incomplete
    WHERE is_unsettled AND NOT is_behind
    UNION ALL
    SELECT s.asset_id, k.notice,
           CASE k.notice
               WHEN 'late' THEN 'no row of ' || s.session
               WHEN 'provisional' THEN coalesce('settled through ' || a.settled_through, 'not settled')
               ELSE s.reason || ', ' || s.session
           END
    FROM suspicions s
    JOIN unnest(%(suspected)s::text[], %(notices)s::text[]) AS k (reason, notice) USING (reason)
    JOIN assets a ON a.id = s.asset_id
    WHERE s.noted_at >= %(open_since)s::timestamptz AND s.accepted_at IS NULL
    UNION ALL
    SELECT asset_id, 'suspected', count || ' not sent: ' || detail
    FROM findings
    WHERE rule = ANY (%(unsent)s::text[]) AND found_at >= %(open_since)s::timestamptz
    UNION ALL
    -- A row whose bar came by another answer after all was brought; one that was sent by two
    -- answers, each in its own form, counts once.
    SELECT asset_id, 'rejected',
           coalesce(max(date) || ': ', '') || (array_agg(rule ORDER BY date DESC NULLS LAST, rule))[1]
               || CASE
                      WHEN count(DISTINCT (date, rule)) > 1
                      THEN ', and ' || count(DISTINCT (date, rule)) - 1 || ' more'
                      ELSE ''
                  END
    FROM rejected_rows r
    WHERE created_at >= %(since)s
      AND (
          rule = ANY (%(action_rules)s::text[])
          OR NOT EXISTS (
              SELECT FROM market_data m WHERE m.asset_id = r.asset_id AND m.date = r.date
          )
      )
    GROUP BY asset_id
    UNION ALL
    SELECT asset_id, 'withdrawn',
           string_agg(DISTINCT what, ', ' ORDER BY what) || ' of ' || max(date)
               || CASE WHEN count(*) > 1 THEN ', and ' || count(*) - 1 || ' more' ELSE '' END
    FROM (
{withdrawn_since}
    ) AS w
    GROUP BY asset_id
    UNION ALL
    SELECT a.id, 'parked',
           coalesce(
               (SELECT d.reason FROM dead_letters d WHERE d.asset_id = a.id ORDER BY d.last_at DESC LIMIT 1),
               'no dead letter'
           )
    FROM assets a
    WHERE a.parked_at >= %(open_since)s::timestamptz
), noticed AS (
    SELECT asset_id, reason, string_agg(DISTINCT detail, '; ') AS detail
    FROM found
    LEFT JOIN touched USING (asset_id)
    WHERE is_ours IS NOT FALSE
    GROUP BY asset_id, reason
), ranked AS (
    SELECT a.symbol || '.' || a.exchange AS symbol, reason, detail,
           count(*) OVER (PARTITION BY reason) AS alike,
           row_number() OVER (PARTITION BY reason ORDER BY a.symbol, a.exchange) AS place
    FROM noticed
    JOIN assets a ON a.id = asset_id
)
SELECT symbol, reason, detail, alike
FROM ranked
ORDER BY place, reason
LIMIT %(most)s
