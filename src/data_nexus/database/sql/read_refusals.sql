-- The exchanges for which a token was refused an endpoint since a moment.
SELECT exchange
FROM refusals
WHERE token_id = %(token_id)s AND endpoint = %(endpoint)s AND refused_at > %(since)s;
