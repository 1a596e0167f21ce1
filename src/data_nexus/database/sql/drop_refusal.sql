-- The endpoint is not refused any more.
DELETE FROM refusals
WHERE token_id = %(token_id)s AND exchange = %(exchange)s AND endpoint = %(endpoint)s;
