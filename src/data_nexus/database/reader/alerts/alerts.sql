-- name: list_alerts
-- The alerts that last, or all, the newest first, each with its unsent messages and whether it is silenced.
SELECT a.condition, a.subject, a.detail, a.noticed_at, a.raised_at, a.recovered_at,
       count(m.alert_id) FILTER (WHERE m.sent_at IS NOT NULL) AS sent,
       count(m.alert_id) FILTER (WHERE m.sent_at IS NULL) AS unsent,
       coalesce(max(m.trouble), '') AS trouble,
       (
           SELECT max(s.until) FROM alert_silences s
           WHERE s.condition = a.condition AND s.subject IN ('', a.subject) AND s.until > now()
       ) AS silenced_until
FROM alerts a
LEFT JOIN alert_messages m ON m.alert_id = a.id
WHERE a.raised_at IS NOT NULL AND (%(all)s OR a.recovered_at IS NULL)
GROUP BY a.id
ORDER BY a.id DESC
LIMIT %(limit)s

-- name: list_silences
-- The silences in force.
SELECT condition, subject, until FROM alert_silences WHERE until > now() ORDER BY condition, subject

-- name: silence_alerts
-- Send nothing about a condition for a while; a silence that lasts is replaced.
INSERT INTO alert_silences (condition, subject, until)
VALUES (%(condition)s, %(subject)s, now() + %(duration)s)
ON CONFLICT (condition, subject) DO UPDATE SET until = excluded.until
RETURNING until

-- name: unsilence_alerts
-- End silences of a condition: that of a subject, or with none all of them.
DELETE FROM alert_silences
WHERE condition = %(condition)s AND (%(subject)s = '' OR subject = %(subject)s) AND until > now()
