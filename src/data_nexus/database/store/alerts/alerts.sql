-- name: watch_alone
-- Whether no other daemon decides about alerts at this moment: until the transaction ends.
SELECT pg_try_advisory_xact_lock(hashtext('nexus alerts'), hashtext(current_schema()))

-- name: read_job_records
-- The jobs, each with its last run, when a run last ended well, and what the last runs before it brought.
SELECT j.name, j.action, j.schedule, j.since, j.paused_at IS NOT NULL AS is_paused,
       r.outcome, coalesce(r.error, '') AS error, coalesce(r.detail, '') AS detail, r.ended_at, r.brought,
       CASE WHEN r.attempts = 1 THEN extract(epoch FROM r.ended_at - r.started_at)::float END AS seconds,
       (
           SELECT d.due_at FROM job_runs d
           WHERE d.job = j.name AND d.outcome = 'done' ORDER BY d.due_at DESC LIMIT 1
       ) AS done_due_at,
       (
           SELECT max(w.ended_at) FROM (
               SELECT ended_at, outcome FROM job_runs WHERE job = j.name ORDER BY due_at DESC LIMIT 100
           ) w
           WHERE w.outcome IN ('done', 'late')
       ) AS well_at,
       e.brought AS earlier_brought, e.seconds AS earlier_seconds
FROM jobs j
LEFT JOIN LATERAL (
    SELECT * FROM job_runs WHERE job = j.name ORDER BY due_at DESC LIMIT 1
) r ON true
LEFT JOIN LATERAL (
    SELECT coalesce(array_agg(d.brought) FILTER (WHERE d.brought IS NOT NULL), '{}') AS brought,
           coalesce(
               array_agg(extract(epoch FROM d.ended_at - d.started_at)::float) FILTER (WHERE d.attempts = 1),
               '{}'
           ) AS seconds
    FROM (
        SELECT * FROM job_runs
        WHERE job = j.name AND outcome = 'done' AND due_at < r.due_at
        ORDER BY due_at DESC
        LIMIT %(most)s
    ) d
) e ON true
ORDER BY j.name

-- name: read_waiting_letters
-- The dead letters of parked assets, by exchange and the day on which they were first noted.
SELECT a.exchange, (d.first_at AT TIME ZONE 'UTC')::date AS day, count(*) AS assets
FROM dead_letters d JOIN assets a ON a.id = d.asset_id
WHERE a.parked_at IS NOT NULL
GROUP BY 1, 2

-- name: read_lasting_suspicions
-- The suspicions that no answer explains any more, by exchange and session: a person decides.
SELECT a.exchange, s.session AS day, count(*) AS assets
FROM suspicions s JOIN assets a ON a.id = s.asset_id
WHERE s.read_after = 'infinity' AND s.accepted_at IS NULL
GROUP BY 1, 2

-- name: read_failing_endpoints
-- The endpoints at which a worker that lives was failing when it last said how it stands, and whether that
-- was a moment ago: one that waits for long may say nothing meanwhile.
SELECT b.key AS endpoint, bool_or(w.seen_at > now() - interval '1 minute') AS is_recent
FROM workers w, jsonb_each_text(w.state::jsonb -> 'breakers') AS b
WHERE b.value <> 'closed'
  AND w.owner IN (
{living_owners}
  )
GROUP BY b.key
ORDER BY b.key

-- name: read_open_alerts
-- The alerts that have not recovered.
SELECT id AS alert_id, condition, subject, noticed_at, raised_at, announced_at, detail
FROM alerts
WHERE recovered_at IS NULL

-- name: read_silences
-- What a person has silenced.
SELECT condition, subject FROM alert_silences WHERE until > now()

-- name: notice_alert
-- Begin an alert; if there is an open one, it stays.
INSERT INTO alerts (condition, subject, detail, noticed_at)
VALUES (%(condition)s, %(subject)s, %(detail)s, %(now)s)
ON CONFLICT (condition, subject) WHERE recovered_at IS NULL DO NOTHING

-- name: raise_alert
-- Patience with an alert has ended.
UPDATE alerts SET raised_at = %(now)s WHERE id = %(alert_id)s AND raised_at IS NULL

-- name: reword_alert
-- The condition still holds, and its detail has changed.
UPDATE alerts SET detail = %(detail)s WHERE id = %(alert_id)s

-- name: announce_alert
-- Let an alert's message go to each channel, once.
WITH announced AS (
    UPDATE alerts SET announced_at = %(now)s WHERE id = %(alert_id)s AND announced_at IS NULL RETURNING id
)
INSERT INTO alert_messages (alert_id, kind, channel)
SELECT announced.id, 'raised', c.channel FROM announced, unnest(%(channels)s::text[]) AS c (channel)

-- name: recover_alert
-- An alert's condition holds no more: the channels that it went to hear so, once.
WITH ended AS (
    UPDATE alerts SET recovered_at = %(now)s WHERE id = %(alert_id)s AND recovered_at IS NULL RETURNING id
)
INSERT INTO alert_messages (alert_id, kind, channel)
SELECT m.alert_id, 'recovered', m.channel
FROM ended JOIN alert_messages m ON m.alert_id = ended.id
WHERE m.kind = 'raised'

-- name: forget_alert
-- It mended itself while there was patience.
DELETE FROM alerts WHERE id = %(alert_id)s AND raised_at IS NULL

-- name: claim_messages
-- Claim messages of a channel that are to be sent, oldest first; what a lost daemon had claimed, too. A
-- recovery waits until its alert was sent.
WITH free AS (
    SELECT m.alert_id, m.kind, m.channel
    FROM alert_messages m
    WHERE m.sent_at IS NULL AND m.channel = %(channel)s
      AND m.next_at <= now() AND m.created_at > now() - %(days)s * interval '1 day'
      AND (
          m.owner IS NULL
          OR m.owner NOT IN (
{living_owners}
          )
      )
      AND NOT EXISTS (
          SELECT FROM alert_messages e
          WHERE e.alert_id = m.alert_id AND e.channel = m.channel
            AND e.kind = 'raised' AND m.kind = 'recovered' AND e.sent_at IS NULL
      )
    ORDER BY m.created_at, m.alert_id
    LIMIT 1
    FOR UPDATE OF m SKIP LOCKED
), claimed AS (
    UPDATE alert_messages m
    SET owner = %(owner)s, attempts = m.attempts + 1
    FROM free
    WHERE m.alert_id = free.alert_id AND m.kind = free.kind AND m.channel = free.channel
    RETURNING m.*
)
SELECT a.id AS alert_id, a.key::text AS alert_key, c.kind, c.channel, c.attempts, a.condition, a.subject,
       a.detail, a.raised_at, CASE WHEN c.kind = 'recovered' THEN a.recovered_at END AS recovered_at
FROM claimed c JOIN alerts a ON a.id = c.alert_id

-- name: settle_message
-- Say that a claimed message was sent, or why not and when it is tried again.
UPDATE alert_messages
SET owner = NULL, trouble = %(trouble)s,
    sent_at = CASE WHEN %(trouble)s = '' THEN now() END,
    next_at = now() + %(wait_sec)s * interval '1 second'
WHERE alert_id = %(alert_id)s AND kind = %(kind)s AND channel = %(channel)s
  AND owner = %(owner)s AND sent_at IS NULL
