-- name: try_update
-- Become the one run at work on an exchange as a whole, unless there is another; it ends with the
-- session.
SELECT pg_try_advisory_lock(hashtext('update'), hashtext(current_schema() || '.' || %(exchange)s))

-- name: end_update
-- Let others work on the exchange as a whole.
SELECT pg_advisory_unlock(hashtext('update'), hashtext(current_schema() || '.' || %(exchange)s))

-- name: read_exchange_requests
-- Of which exchanges something was requested within some seconds, and through which session. A moment
-- to come was noted by a clock that ran ahead.
SELECT exchange, through
FROM exchange_requests
WHERE request = %(request)s
  AND requested_at BETWEEN now() - make_interval(secs => %(within_sec)s) AND now()

-- name: note_exchange_request
-- Note that something was requested of a whole exchange.
INSERT INTO exchange_requests (exchange, request, through)
VALUES (%(exchange)s, %(request)s, %(through)s)
ON CONFLICT (exchange, request) DO UPDATE
SET through = excluded.through, requested_at = excluded.requested_at

-- name: forget_exchange_request
-- Let something be requested of an exchange again at any time.
DELETE FROM exchange_requests WHERE exchange = %(exchange)s AND request = %(request)s
