-- What runs last requested of whole exchanges, so that no worker requests it again too soon.
CREATE TABLE exchange_requests (
    exchange TEXT NOT NULL,
    request TEXT NOT NULL,
    through DATE,
    requested_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT exchange_requests_pkey PRIMARY KEY (exchange, request),
    CONSTRAINT dates_are_readable CHECK (through >= '1000-01-01' AND through < '10000-01-01')
);
COMMENT ON TABLE exchange_requests IS 'what runs last requested of whole exchanges, so that no worker requests it again too soon';
COMMENT ON COLUMN exchange_requests.request IS 'list: its symbol lists; bulk: sessions in bulk; late: a session that was not out';
COMMENT ON COLUMN exchange_requests.through IS 'bulk: the last session that was fetched; late: the last one that is out';
COMMENT ON COLUMN exchange_requests.requested_at IS 'the last time';
