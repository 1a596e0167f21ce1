-- Note that an endpoint is refused to a token, for an exchange.
INSERT INTO refusals (token_id, exchange, endpoint, refused_at)
VALUES (%(token_id)s, %(exchange)s, %(endpoint)s, %(moment)s)
ON CONFLICT (token_id, exchange, endpoint) DO UPDATE SET refused_at = excluded.refused_at;
