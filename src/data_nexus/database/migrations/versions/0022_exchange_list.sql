-- The vendor's last list of exchanges: to look at it again costs no call and needs no network.
CREATE TABLE vendor_exchanges (
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    country TEXT NOT NULL,
    currency TEXT NOT NULL,
    operating_mic TEXT NOT NULL,
    listed_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT vendor_exchanges_pkey PRIMARY KEY (code),
    CONSTRAINT moments_are_readable CHECK (listed_at >= '0001-01-01 00:00:00+00' AND listed_at < '10000-01-01 00:00:00+00')
);
COMMENT ON TABLE vendor_exchanges IS 'the exchanges that the vendor has, as last listed';
COMMENT ON COLUMN vendor_exchanges.operating_mic IS 'codes of ISO 10383, with commas';
